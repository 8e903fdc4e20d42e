// SPDX-License-Identifier: GPL-2.0

//! Putting commands on a ring: who may take which descriptors, and what becomes of a command that
//! does not get there. A command has its place, and with it the id of its fence, from here on.
#![forbid(unsafe_code)]

use super::{
    header,
    pass::name_fences,
    Class,
    Inner,
    Meta,
    Phase, //
};
use crate::abi::{
    trace,
    virtio::{
        self,
        Fifo, //
    }, //
};
use kernel::prelude::*;
use virtio_gpu_proto as proto;

/// Descriptors of the control ring that client commands leave to the display: two scanouts' worth
/// of transfer, scanout and flush, each three descriptors without indirect tables. Smaller rings
/// give an eighth.
const DISPLAY_RESERVE: u32 = 18;

/// How often a command that could not be put on the ring is tried again before it fails.
const MAX_ATTEMPTS: u8 = 16;

/// What became of a command that was tried to be put on the ring.
pub(super) enum Emit {
    /// The ring has it.
    Done,
    /// No room now; here it is again.
    Later(KBox<virtio::Request<Meta>>),
    /// It will never get there.
    Failed(KBox<virtio::Request<Meta>>, Error),
}

impl Inner {
    /// Puts parked commands on the ring for which there is room. Those that never get there go into
    /// `failed`.
    pub(super) fn refill(&mut self, failed: &mut Fifo<Meta>) {
        while let Some(request) = self.replay.pop() {
            match self.emit(request, Class::Replay) {
                Emit::Done => {}
                Emit::Later(request) => {
                    self.replay.push_front(request);
                    return;
                }
                Emit::Failed(request, _) => failed.push(request),
            }
        }
        if self.phase != Phase::Awake {
            return;
        }

        // Display commands first; when a client command has passed, one may have become free.
        loop {
            while self
                .display
                .front()
                .is_some_and(|request| request.data.seq <= self.passed)
            {
                let Some(request) = self.display.pop() else {
                    break;
                };
                match self.emit(request, Class::Display) {
                    Emit::Done => {}
                    Emit::Later(request) => {
                        self.display.push_front(request);
                        return;
                    }
                    Emit::Failed(request, _) => failed.push(request),
                }
            }

            let Some(request) = self.client.pop() else {
                return;
            };
            match self.emit(request, Class::Client) {
                Emit::Done => {}
                Emit::Later(request) => {
                    self.client.push_front(request);
                    return;
                }
                Emit::Failed(request, _) => failed.push(request),
            }
        }
    }

    /// Tries to put a command on the ring, after those that go before it.
    pub(super) fn emit(&mut self, request: KBox<virtio::Request<Meta>>, class: Class) -> Emit {
        self.look_at_fences(&request);
        let result = match self.emit_waits(request, class) {
            Ok(request) => self.put(request, class),
            Err(result) => result,
        };

        if let Emit::Failed(request, _) = &result {
            if class == Class::Client {
                self.passed = request.data.seq;
            }
            // The id that it was to have is another's.
            if let Some(fence) = &request.data.fence {
                fence.answered();
            }
        }
        result
    }

    /// Tries to put one command on the ring.
    pub(super) fn put(&mut self, mut request: KBox<virtio::Request<Meta>>, class: Class) -> Emit {
        let names = name_fences(&mut request);
        let Some(vq) = self.vq.as_mut() else {
            return Emit::Failed(request, ENODEV);
        };
        let segments = request.segments();
        let size = vq.size();
        if segments > size {
            return Emit::Failed(request, E2BIG);
        }

        let need = if self.indirect { 1 } else { segments };
        // A command that needs more than the reserve leaves may still have an idle ring.
        let reserve = match class {
            Class::Client => DISPLAY_RESERVE.min(size / 8).min(size - need),
            Class::Display | Class::Cursor | Class::Replay => 0,
        };
        if vq.num_free() < need.saturating_add(reserve) {
            return Emit::Later(request);
        }

        // The place on the ring is known, so the order of ids is that of commands.
        let fenced = mark_fenced(&mut request, self.fence_id + 1, self.keeps_fences);

        let seq = request.data.seq;
        let idle = vq.num_free() == size;
        let number = self.number.wrapping_add(1);
        request.data.number = number;
        // Work on a ring of a context may take its time, and so may what waits for it.
        let fence = request.data.fence.as_ref();
        let counts = names == 0 && fence.is_none_or(|fence| fence.ring_idx().is_none());
        request.data.since = counts.then(|| self.watch.since());
        // Who waits would wait for long.
        request.data.quiet &= request.data.fence.is_none()
            && request.data.reply.is_none()
            && request.data.credit.is_none();
        let awaited = u32::from(!request.data.quiet);
        let event = trace::CmdQueue::new(request.command());
        match vq.add(request) {
            Ok(()) => {
                self.number = number;
                event.emit(vq, number);
                self.dirty = true;
                self.watch.added(counts);
                self.awaited = self.awaited.saturating_add(awaited);
                self.fence_id += u64::from(fenced);
                self.passes += u64::from(names);
                if class == Class::Client {
                    self.passed = seq;
                }
                Emit::Done
            }
            Err((e, mut request)) => {
                request.data.attempts = request.data.attempts.saturating_add(1);
                if e == EIO && !self.lost {
                    self.lost = true;
                    vq.report();
                }
                // The next completion tries again; on an idle ring there is none to come.
                if e == EIO || idle || request.data.attempts > MAX_ATTEMPTS {
                    Emit::Failed(request, e)
                } else {
                    Emit::Later(request)
                }
            }
        }
    }
}

/// Has the header of a command that is to be fenced ask for that, and gives its fence the wire id.
/// Returns whether it is one. A host that `keeps` fences is asked to keep those that it is to wait for.
fn mark_fenced(request: &mut virtio::Request<Meta>, id: u64, keeps: bool) -> bool {
    if !request.data.fenced {
        return false;
    }
    let fence = request.data.fence.as_ref();
    let kept = keeps && fence.is_some_and(|fence| fence.is_shared());
    let ring_idx = request.data.fence.as_mut().and_then(|fence| {
        fence.emitted(id);
        fence.ring_idx()
    });

    if let Some(hdr) = header(request) {
        let mut flags = hdr.flags.get() | proto::FLAG_FENCE;
        hdr.fence_id.set(id);
        if let Some(ring_idx) = ring_idx {
            flags |= proto::FLAG_INFO_RING_IDX;
            hdr.ring_idx = ring_idx;
        }
        hdr.flags.set(flags);
        if kept {
            hdr.set_fence_shareable();
        }
    }
    true
}
