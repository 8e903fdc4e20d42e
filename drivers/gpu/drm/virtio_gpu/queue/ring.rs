// SPDX-License-Identifier: GPL-2.0

//! A ring with a software queue in front of it.
//!
//! Pushing never waits: what the ring has no room for is parked, and goes on the ring when the
//! device has used older commands. Commands of clients keep their order. Those of the display have
//! some descriptors to themselves and overtake parked client commands, except one that names the
//! same object.
#![forbid(unsafe_code)]

mod emit;
pub(super) mod panic;
mod pass;
mod used;

use self::{
    emit::Emit,
    panic::Reserve, //
};
use super::{
    command::{
        header,
        Meta, //
    },
    watch::{
        Sight,
        Watch, //
    }, //
};
use crate::abi::virtio::{
    self,
    virtqueue::Kick,
    Fifo,
    Virtqueue, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        SpinLock, //
    }, //
};

/// The last client command that named an object, for the order of display commands after it.
pub(crate) struct Stamp(Atomic<u64>);

impl Stamp {
    /// A stamp that no command has used.
    pub(crate) const fn new() -> Self {
        Self(Atomic::new(0))
    }
}

/// Who a command is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// A client: keeps order, leaves the display's descriptors alone.
    Client,
    /// The display: may use every descriptor.
    Display,
    /// The cursor queue, whose commands keep order among themselves only.
    Cursor,
    /// What the device is to know again after a sleep, before anything else.
    Replay,
}

/// What becomes of commands that are pushed, while the device is not lost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// They go to the device.
    Awake,
    /// They end at once, with [`ECANCELED`]: the device forgets everything.
    Asleep,
    /// They are parked, but for [`Class::Replay`].
    Waking,
}

/// Where the commands of a ring are, for debugging.
pub(crate) struct State {
    /// Whether a command takes one descriptor, whatever its segments.
    pub(crate) indirect: bool,
    /// Number of descriptors, and of those that are free.
    pub(crate) size: u32,
    pub(crate) free: u32,
    /// Commands that the device has, and that it has answered.
    pub(crate) in_flight: u32,
    pub(crate) answered: u64,
    /// Commands that wait for room, of clients and of the display.
    pub(crate) parked_client: usize,
    pub(crate) parked_display: usize,
    /// The fence id given out last, and the one that the device has answered last.
    pub(crate) fence_id: u64,
    pub(crate) fence_done: u64,
    /// Fences that the host was told to wait for.
    pub(crate) passes: u64,
    /// Whether the host does not answer.
    pub(crate) silent: bool,
    /// Whether nothing is accepted any more.
    pub(crate) lost: bool,
}

/// A ring.
#[pin_data]
pub(crate) struct Ring {
    #[pin]
    inner: SpinLock<Inner>,
}

struct Inner {
    /// The virtqueue, while the device can be used.
    vq: Option<Virtqueue<Meta>>,
    /// Whether a command takes one descriptor, whatever its segments.
    indirect: bool,
    /// What commands are limited to, once there was a virtqueue.
    limits: Option<virtio::Limits>,
    /// Whether nothing is accepted any more.
    lost: bool,
    phase: Phase,
    /// Whether the device was reset, so that there is nothing in the ring.
    reset: bool,
    /// Whether something was added that no doorbell was rung for.
    dirty: bool,
    /// Parked commands of a replay.
    replay: Fifo<Meta>,
    /// Parked commands of clients.
    client: Fifo<Meta>,
    /// Parked commands of the display.
    display: Fifo<Meta>,
    /// Client commands pushed, and client commands that have left the software queue.
    pushed: u64,
    passed: u64,
    /// The fence id given out last.
    fence_id: u64,
    /// The fence id that the device has answered last.
    fence_done: u64,
    /// Whether the host has to be asked to keep a fence that it is to wait for later.
    keeps_fences: bool,
    /// How often it was told to wait for one.
    passes: u64,
    /// Commands that the device has of which somebody waits for the end.
    awaited: u32,
    /// Whether the device was asked for no interrupts, because there are none of those.
    quiet: bool,
    /// Commands that were taken off the ring early, and are yet to be ended.
    early: Fifo<Meta>,
    /// The number of the last command.
    number: u32,
    watch: Watch,
    reserve: Reserve,
}

impl Ring {
    /// Creates an initializer for a ring that has no virtqueue yet.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            inner <- new_spinlock!(
                Inner {
                    vq: None,
                    indirect: false,
                    limits: None,
                    lost: false,
                    phase: Phase::Awake,
                    reset: false,
                    dirty: false,
                    replay: Fifo::new(),
                    client: Fifo::new(),
                    display: Fifo::new(),
                    pushed: 0,
                    passed: 0,
                    fence_id: 0,
                    fence_done: 0,
                    keeps_fences: false,
                    passes: 0,
                    awaited: 0,
                    quiet: false,
                    early: Fifo::new(),
                    number: 0,
                    watch: Watch::default(),
                    reserve: Reserve::new(),
                },
                "virtio_gpu::Ring"
            ),
        })
    }

    /// Has the host asked to keep the fences that it may be told to wait for.
    pub(super) fn keep_fences(&self) {
        self.inner.lock().keeps_fences = true;
    }

    /// Puts the ring to work.
    pub(super) fn start(&self, vq: Virtqueue<Meta>, indirect: bool) {
        let mut inner = self.inner.lock();

        inner.limits = Some(vq.limits());
        inner.vq = Some(vq);
        inner.indirect = indirect;
        inner.reset = false;
        inner.dirty = false;
        inner.awaited = 0;
        inner.quiet = false;
    }

    /// Accepts no more commands. Those that are parked go into `ended`.
    pub(super) fn lose(&self, ended: &mut Fifo<Meta>) {
        let mut inner = self.inner.lock();

        inner.lost = true;
        inner.watch.forget();
        inner.take_parked(ended);
    }

    /// Ends commands at once from now on. Those that are parked go into `ended`.
    pub(super) fn sleep(&self, ended: &mut Fifo<Meta>) {
        let mut inner = self.inner.lock();

        inner.phase = Phase::Asleep;
        inner.take_parked(ended);
    }

    /// Goes on to wake up: commands but those of a replay are parked.
    pub(super) fn begin_replay(&self) {
        self.inner.lock().phase = Phase::Waking;
    }

    /// Commands go to the device again, those that are parked too. Those that never get there go into
    /// `failed`.
    pub(super) fn wake(&self, failed: &mut Fifo<Meta>) {
        let mut inner = self.inner.lock();

        inner.phase = Phase::Awake;
        inner.refill(failed);
    }

    /// Number of commands that have not ended.
    pub(super) fn outstanding(&self) -> usize {
        let inner = self.inner.lock();
        let parked = inner.parked();

        // CAST: No more than the ring has descriptors.
        parked.saturating_add(inner.watch.in_flight() as usize)
    }

    /// The same without those that wait for the end of a replay.
    pub(super) fn outstanding_replay(&self) -> usize {
        let inner = self.inner.lock();

        // CAST: As above.
        inner
            .replay
            .len()
            .saturating_add(inner.watch.in_flight() as usize)
    }

    /// Puts what the device has not used into `ended`. The virtqueue is not used again.
    pub(super) fn empty(&self, reset: &virtio::Reset, ended: &mut Fifo<Meta>) {
        let mut inner = self.inner.lock();

        inner.reset = true;
        inner.awaited = 0;
        inner.watch.forget();
        inner.give_early(ended);
        inner.reserve.give_used(ended);
        if let Some(vq) = inner.vq.as_mut() {
            while let Some(request) = vq.detach_unused(reset) {
                ended.push(request);
            }
        }
    }

    /// Takes the virtqueue away.
    pub(super) fn stop(&self) -> Option<Virtqueue<Meta>> {
        self.inner.lock().vq.take()
    }

    /// Whether the ring has broken under us.
    pub(super) fn is_broken(&self) -> bool {
        self.inner
            .lock()
            .vq
            .as_ref()
            .is_some_and(Virtqueue::is_broken)
    }

    /// Where its commands are.
    pub(super) fn state(&self) -> State {
        let inner = self.inner.lock();

        State {
            indirect: inner.indirect,
            size: inner.vq.as_ref().map_or(0, Virtqueue::size),
            free: inner.vq.as_ref().map_or(0, Virtqueue::num_free),
            in_flight: inner.watch.in_flight(),
            answered: inner.watch.answers(),
            parked_client: inner.client.len(),
            parked_display: inner.display.len(),
            fence_id: inner.fence_id,
            fence_done: inner.fence_done,
            passes: inner.passes,
            silent: inner.watch.is_silent(),
            lost: inner.lost,
        }
    }

    /// Whether nothing is accepted any more.
    pub(super) fn is_lost(&self) -> bool {
        self.inner.lock().lost
    }

    /// Number of commands of the display that are parked.
    pub(super) fn display_backlog(&self) -> usize {
        self.inner.lock().display.len()
    }

    /// What a command can carry, unless the ring was never at work.
    pub(super) fn limits(&self) -> Option<virtio::Limits> {
        self.inner.lock().limits
    }

    /// Number of descriptors that a command of so many segments takes.
    pub(super) fn descriptors(&self, segments: u32) -> u32 {
        if self.inner.lock().indirect {
            1
        } else {
            segments
        }
    }

    /// Queues a command. If the device is lost or asleep, or the command can never get on the ring,
    /// it comes back with the reason, to be ended by the caller.
    pub(super) fn push(
        &self,
        mut request: KBox<virtio::Request<Meta>>,
        class: Class,
    ) -> Result<(), (Error, KBox<virtio::Request<Meta>>)> {
        let mut inner = self.inner.lock();

        if inner.lost {
            return Err((ENODEV, request));
        }
        if inner.phase == Phase::Asleep {
            return Err((ECANCELED, request));
        }
        if inner.vq.is_none() {
            return Err((ENODEV, request));
        }

        let waking = inner.phase == Phase::Waking;
        let waits = match class {
            Class::Client => {
                inner.pushed += 1;
                request.data.seq = inner.pushed;
                for stamp in request.data.stamps() {
                    stamp.0.store(inner.pushed, Relaxed);
                }
                waking || !inner.client.is_empty()
            }
            Class::Display => {
                // Mostly there is no parked command to come after.
                if inner.pushed != inner.passed {
                    let stamps = request.data.stamps().map(|stamp| stamp.0.load(Relaxed));
                    request.data.seq = stamps.max().unwrap_or(0);
                }
                waking || !inner.display.is_empty() || request.data.seq > inner.passed
            }
            // Stamps count the commands of the control queue.
            Class::Cursor => waking || !inner.display.is_empty(),
            Class::Replay => !inner.replay.is_empty(),
        };

        let request = if waits {
            request
        } else {
            match inner.emit(request, class) {
                Emit::Done => return Ok(()),
                Emit::Later(request) => request,
                // A ring that breaks is the loss of the device.
                Emit::Failed(request, EIO) => return Err((ENODEV, request)),
                Emit::Failed(request, e) => return Err((e, request)),
            }
        };
        match class {
            Class::Client => inner.client.push(request),
            Class::Display | Class::Cursor => inner.display.push(request),
            Class::Replay => inner.replay.push(request),
        }
        Ok(())
    }

    /// Tells the device of what was added since the last time, unless it does not want to know.
    /// `arm` is called if somebody has to have a [look](Self::look).
    pub(super) fn kick(&self, arm: impl FnOnce()) {
        let kick = {
            let mut inner = self.inner.lock();

            inner.call_for_taken();
            inner.prepare_kick(arm)
        };

        if let Some(kick) = kick {
            kick.ring();
        }
    }

    /// Has the completion worker look at the ring, and at what waits for room in it.
    pub(super) fn call_worker(&self) {
        if let Some(vq) = &self.inner.lock().vq {
            vq.call_handler();
        }
    }

    /// Looks whether the device answers, [`PERIOD_MS`](super::watch::PERIOD_MS) after that was asked
    /// for, and has it asked for again by `arm` if need be. Returns what there is to be seen, and how
    /// many commands are parked.
    pub(super) fn look(&self, arm: impl FnOnce()) -> (Sight, usize) {
        let mut inner = self.inner.lock();
        let parked = inner.parked();
        let sight = inner.watch.look();

        inner.call_for_taken();
        if inner.watch.arm() {
            arm();
        }
        (sight, parked)
    }

    /// Takes what the device has used into `used`, and puts parked commands in its place. Those that
    /// never get there go into `failed`. Returns what they have failed with.
    pub(super) fn drain(
        &self,
        used: &mut Fifo<Meta>,
        failed: &mut Fifo<Meta>,
        arm: impl FnOnce(),
    ) -> Error {
        let (kick, error) = {
            let mut inner = self.inner.lock();

            inner.give_early(used);
            inner.take_used(used);
            inner.refill(failed);
            inner.give_early(used);
            (
                inner.prepare_kick(arm),
                if inner.lost { ENODEV } else { ENOMEM },
            )
        };

        if let Some(kick) = kick {
            kick.ring();
        }
        error
    }
}

impl Inner {
    /// Number of commands that are parked.
    fn parked(&self) -> usize {
        self.replay
            .len()
            .saturating_add(self.client.len())
            .saturating_add(self.display.len())
    }

    /// Puts all parked commands into `ended`.
    fn take_parked(&mut self, ended: &mut Fifo<Meta>) {
        self.passed = self.pushed;
        for parked in [&mut self.replay, &mut self.client, &mut self.display] {
            while let Some(request) = parked.pop() {
                ended.push(request);
            }
        }
    }

    fn prepare_kick(&mut self, arm: impl FnOnce()) -> Option<Kick> {
        self.choose_interrupts();
        if !core::mem::take(&mut self.dirty) || self.lost {
            return None;
        }
        // With the lock held, so that nobody is to look at a ring that has been lost since.
        if self.watch.arm() {
            arm();
        }
        self.vq.as_mut()?.prepare_kick()
    }
}
