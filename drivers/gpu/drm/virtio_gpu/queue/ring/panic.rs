// SPDX-License-Identifier: GPL-2.0

//! Sending commands when the kernel has died.
//!
//! Other CPUs stand still, perhaps with locks held, no interrupt comes and no memory can be had. So a
//! ring has a few commands in reserve, which go past everything that waits, and the host's answers
//! are polled for. Nothing is waited for without a bound. The commands have no room for a reply:
//! nobody reads it, and a single descriptor is one for which the ring needs no memory. The system may
//! live on, where this is only tried out: what the host has used meanwhile is ended later.
#![forbid(unsafe_code)]

use super::{
    Inner,
    Meta,
    Ring, //
};
use crate::abi::virtio::{
    self,
    Fifo, //
};
use kernel::{
    prelude::*,
    sync::lock::{
        spinlock::SpinLockBackend,
        Guard, //
    },
    time::{
        delay::udelay,
        Delta, //
    }, //
};

/// Commands in reserve: a picture takes a transfer, a scanout and a flush.
pub(in crate::queue) const SPARE: usize = 3;

/// How often something is tried at most, and the microseconds from one try to the next.
const TRIES: u32 = 500;
const PAUSE_US: i64 = 200;

/// What the ring keeps for the end of the kernel.
pub(super) struct Reserve {
    /// Commands to be sent.
    spare: Fifo<Meta>,
    /// Others that the host has used, found on the way.
    used: Fifo<Meta>,
}

impl Reserve {
    pub(super) const fn new() -> Self {
        Self {
            spare: Fifo::new(),
            used: Fifo::new(),
        }
    }

    /// Takes back a command that the host has used, if it is one of these.
    pub(super) fn take(
        &mut self,
        request: KBox<virtio::Request<Meta>>,
    ) -> Option<KBox<virtio::Request<Meta>>> {
        if !request.data.spare {
            return Some(request);
        }
        self.spare.push(request);
        None
    }

    /// Whether there are no others.
    pub(super) fn has_none_used(&self) -> bool {
        self.used.is_empty()
    }

    /// Moves the others to where ended commands go.
    pub(super) fn give_used(&mut self, used: &mut Fifo<Meta>) {
        while let Some(request) = self.used.pop() {
            used.push(request);
        }
    }
}

impl Ring {
    /// Adds a command to the reserve, if there is room.
    pub(in crate::queue) fn keep_spare(&self, mut request: KBox<virtio::Request<Meta>>) {
        let mut inner = self.inner.lock();

        if inner.reserve.spare.len() < SPARE {
            request.data.spare = true;
            request.data.quiet = true;
            inner.reserve.spare.push(request);
            return;
        }
        // Freed after the lock.
        drop(inner);
    }

    /// Sends `requests`, and waits a moment for the host to have used them.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if the ring is in use, [`ENOSPC`] if the host makes no room in it or there are too
    /// many, [`ENODEV`] if the device is lost, and those of the ring.
    pub(in crate::queue) fn send_in_panic(&self, requests: &[&[u8]]) -> Result {
        let mut inner = self.lock_in_panic().ok_or(EBUSY)?;

        inner.poll();
        for _ in 0..TRIES {
            if inner.has_room(requests.len()) {
                break;
            }
            // Nobody else tells the host of what fills the ring.
            let kick = inner.vq.as_mut().and_then(|vq| vq.prepare_kick());
            drop(inner);
            if let Some(kick) = kick {
                kick.ring();
            }
            udelay(Delta::from_micros(PAUSE_US));
            inner = self.lock_in_panic().ok_or(EBUSY)?;
            inner.poll();
        }
        if inner.lost || inner.vq.is_none() {
            return Err(ENODEV);
        }
        let idle = inner.reserve.spare.len();
        for bytes in requests {
            inner.add_spare(bytes)?;
        }
        let kick = inner.vq.as_mut().and_then(|vq| vq.prepare_kick());
        drop(inner);
        if let Some(kick) = kick {
            kick.ring();
        }

        for _ in 0..TRIES {
            if let Some(mut inner) = self.inner.try_lock() {
                inner.poll();
                if inner.reserve.spare.len() >= idle {
                    break;
                }
            }
            udelay(Delta::from_micros(PAUSE_US));
        }
        Ok(())
    }

    fn lock_in_panic(&self) -> Option<Guard<'_, Inner, SpinLockBackend>> {
        for _ in 0..TRIES {
            if let Some(inner) = self.inner.try_lock() {
                return Some(inner);
            }
            udelay(Delta::from_micros(PAUSE_US));
        }
        None
    }
}

impl Inner {
    /// Looks for what the host has used.
    fn poll(&mut self) {
        let Some(vq) = self.vq.as_mut().filter(|_| !self.reset) else {
            return;
        };

        while let Some((mut request, len)) = vq.get() {
            request.data.used = len;
            if let Some(fence) = &request.data.fence {
                fence.answered();
            }
            self.watch.answered(request.data.since.take());
            self.awaited = self.awaited.saturating_sub(u32::from(!request.data.quiet));
            if let Some(request) = self.reserve.take(request) {
                self.reserve.used.push(request);
            }
        }
    }

    /// Whether the ring takes as many commands of the reserve, or will not be used again.
    fn has_room(&self, commands: usize) -> bool {
        // CAST: No more than the ring has descriptors.
        self.vq
            .as_ref()
            .filter(|_| !self.reset)
            .is_none_or(|vq| vq.num_free() as usize >= commands)
    }

    /// Puts a command of the reserve on the ring.
    fn add_spare(&mut self, bytes: &[u8]) -> Result {
        let vq = self.vq.as_mut().ok_or(ENODEV)?;
        let mut request = self.reserve.spare.pop().ok_or(ENOSPC)?;
        let added = request.set_command(bytes).and_then(|()| {
            if vq.num_free() == 0 {
                return Err(ENOSPC);
            }
            Ok(())
        });
        if let Err(e) = added {
            self.reserve.spare.push(request);
            return Err(e);
        }

        match vq.add(request) {
            Ok(()) => {
                self.watch.added(false);
                Ok(())
            }
            Err((e, request)) => {
                self.reserve.spare.push(request);
                Err(e)
            }
        }
    }
}
