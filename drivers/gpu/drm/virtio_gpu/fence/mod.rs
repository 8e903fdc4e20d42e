// SPDX-License-Identifier: GPL-2.0

//! Timelines: the order in which the fences of commands signal.
//!
//! A command that someone waits for gets a place on a [`Timeline`], one for each context and ring.
//! The place is taken at submission, which also numbers the fence; hosts may answer in another
//! order, errors for one come at once. A fence signals once its own command has ended and those
//! before it have, with the result of its own command.
#![forbid(unsafe_code)]

mod shared;

pub(crate) use self::shared::{
    Shared,
    SharedFences,
    SharedMemory, //
};

use self::shared::Sharing;
use crate::abi::{
    drm::Event,
    sync::{
        DriverFence,
        Fence,
        FenceContext,
        FenceMemory,
        FenceNames, //
    }, //
};
use kernel::{
    list::{
        impl_list_arc_safe,
        impl_list_item,
        List,
        ListArc,
        ListLinks, //
    },
    new_mutex,
    new_spinlock,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::AtomicFlag,
        Arc,
        Mutex,
        MutexGuard,
        SpinLock, //
    }, //
};

/// The names of the driver's fences.
struct Names;

impl FenceNames for Names {
    const DRIVER: &'static CStr = c"virtio_gpu";
    const TIMELINE: &'static CStr = c"controlq";
}

/// A timeline.
#[pin_data]
pub(crate) struct Timeline {
    context: FenceContext,
    /// The host's ring that the timeline stands for, `None` for commands outside of rings.
    ring_idx: Option<u8>,
    /// Whose turn it is to take a place and to go on with it.
    #[pin]
    turn: Mutex<()>,
    #[pin]
    places: SpinLock<Places>,
}

/// A turn on a timeline: nobody else who has one takes a place meanwhile.
pub(crate) type Turn<'a> = MutexGuard<'a, ()>;

/// The places on a timeline.
struct Places {
    /// Number of the last fence.
    seqno: u64,
    /// Places whose fence has not signalled, in order.
    pending: List<Place>,
}

/// A place on a timeline.
#[pin_data]
struct Place {
    #[pin]
    links: ListLinks,
    // Only used under the lock of the timeline, which is what orders fences.
    #[pin]
    state: SpinLock<State>,
}

/// Where the command at a place is.
enum State {
    /// Not submitted, or all over.
    Idle,
    /// The host has not answered.
    Pending(Signal),
    /// The command has ended, but not all before it.
    Ended(Signal, Result),
}

/// What happens when it is a place's turn.
struct Signal {
    fence: DriverFence,
    /// Sent to the client right after.
    event: Option<Event>,
}

impl Signal {
    fn signal(self, result: Result) {
        self.fence.signal(result);
        if let Some(event) = self.event {
            event.send();
        }
    }
}

impl_list_arc_safe! {
    impl ListArcSafe<0> for Place { untracked; }
}
impl_list_item! {
    impl ListItem<0> for Place { using ListLinks { self.links }; }
}

impl Timeline {
    /// Makes a timeline, of ring `ring_idx` of a context if that is one.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new(ring_idx: Option<u8>) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                context: FenceContext::new(),
                ring_idx,
                turn <- new_mutex!(()),
                places <- new_spinlock!(Places {
                    seqno: 0,
                    pending: List::new(),
                }),
            }),
            GFP_KERNEL,
        )
    }

    /// Takes a turn: places that are taken in turns are in the order in which their commands are
    /// queued before the turn ends, so that the host's order is that of the fences.
    pub(crate) fn turn(&self) -> Turn<'_> {
        self.turn.lock()
    }

    /// Allocates all that a fence needs, so that nothing is left to fail once it is published.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn prepare(self: &Arc<Self>) -> Result<Prepared> {
        Ok(Prepared {
            timeline: self.clone(),
            memory: FenceMemory::new(GFP_KERNEL)?,
            place: ListArc::pin_init(
                try_pin_init!(Place {
                    links <- ListLinks::new(),
                    state <- new_spinlock!(State::Idle),
                }? Error),
                GFP_KERNEL,
            )?,
        })
    }

    /// Ends the command at `place`, and signals the fences whose turn it is then.
    fn end(&self, place: &Place, result: Result) {
        // Signalling is in here too, for two callers must not signal out of order.
        let mut places = self.places.lock();

        {
            let mut state = place.state.lock();
            *state = match core::mem::replace(&mut *state, State::Idle) {
                State::Pending(signal) => State::Ended(signal, result),
                other => other,
            };
        }
        while let Some((signal, result)) = places.pop_ended() {
            signal.signal(result);
        }
    }

    /// Fails all fences that have not signalled, in order. What their commands end with is of no
    /// effect any more.
    pub(crate) fn abandon(&self) {
        let mut places = self.places.lock();

        for place in places.pending.iter() {
            let mut state = place.state.lock();
            *state = match core::mem::replace(&mut *state, State::Idle) {
                State::Pending(signal) => State::Ended(signal, Err(EIO)),
                other => other,
            };
        }
        while let Some((signal, result)) = places.pop_ended() {
            signal.signal(result);
        }
    }

    /// The host's ring that the timeline stands for.
    pub(crate) fn ring_idx(&self) -> Option<u8> {
        self.ring_idx
    }

    /// Whether `fence` has a place on the timeline.
    pub(crate) fn has(&self, fence: &Fence) -> bool {
        self.context.has(fence)
    }
}

impl Places {
    /// Takes the first place if its command has ended.
    fn pop_ended(&mut self) -> Option<(Signal, Result)> {
        let ended = {
            let first = self.pending.iter().next()?;
            let mut state = first.state.lock();

            match core::mem::replace(&mut *state, State::Idle) {
                State::Ended(signal, result) => (signal, result),
                other => {
                    *state = other;
                    return None;
                }
            }
        };

        drop(self.pending.pop_front());
        Some(ended)
    }
}

/// The memory for a fence and its place on a timeline.
pub(crate) struct Prepared {
    timeline: Arc<Timeline>,
    memory: FenceMemory,
    place: ListArc<Place>,
}

impl Prepared {
    /// Takes the next place on the timeline. From here on the fence may be published, and everybody
    /// who waits for the timeline waits for the command too.
    pub(crate) fn submit(self) -> JobFence {
        let place = self.place.clone_arc();
        let fence = {
            let mut places = self.timeline.places.lock();

            places.seqno += 1;
            let fence = self
                .memory
                .init::<Names>(&self.timeline.context, places.seqno);
            let public = ARef::from(fence.fence());
            *place.state.lock() = State::Pending(Signal { fence, event: None });
            places.pending.push_back(self.place);
            public
        };

        JobFence {
            timeline: self.timeline,
            place,
            fence,
            wire_id: None,
            sharing: None,
        }
    }
}

/// The fence of a command. Dropping it ends the command with an error.
pub(crate) struct JobFence {
    timeline: Arc<Timeline>,
    place: Arc<Place>,
    fence: ARef<Fence>,
    /// The id that the host knows the fence by, once it has been told.
    wire_id: Option<u64>,
    /// If the host can be asked to wait for it.
    sharing: Option<Sharing>,
}

impl JobFence {
    /// What those who wait for the command get.
    pub(crate) fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Sends `event` when the fence signals.
    pub(crate) fn announce(&mut self, event: Event) {
        if let State::Pending(signal) = &mut *self.place.state.lock() {
            signal.event = Some(event);
        }
    }

    /// From now on the host can be asked to wait for the fence, by who finds it in `fences` if it is
    /// `offered`. The command's context sets `ends`.
    pub(crate) fn share(
        &mut self,
        memory: SharedMemory,
        fences: &Arc<SharedFences>,
        ends: &Arc<AtomicFlag>,
        offered: bool,
    ) {
        self.sharing = Some(memory.share(fences, &self.fence, ends, offered));
    }

    /// Whether the host can be asked to wait for the fence.
    pub(crate) fn is_shared(&self) -> bool {
        self.sharing.is_some()
    }

    /// The command has its place in the order in which commands go to the host.
    pub(crate) fn sent(&self) {
        if let Some(sharing) = &self.sharing {
            sharing.sent();
        }
    }

    /// The host has answered, and has forgotten the id, or it will never see it.
    pub(crate) fn answered(&self) {
        if let Some(sharing) = &self.sharing {
            sharing.answered();
        }
    }

    /// The host's ring that the command is for.
    pub(crate) fn ring_idx(&self) -> Option<u8> {
        self.timeline.ring_idx
    }

    /// The command goes to the host, which is to call the fence `wire_id`.
    pub(crate) fn emitted(&mut self, wire_id: u64) {
        self.wire_id = Some(wire_id);
        if let Some(sharing) = &self.sharing {
            sharing.emitted(wire_id);
        }
        self.fence.trace_emit();
    }

    /// The command has ended. Does not sleep; callbacks of those who wait run under the lock of the
    /// timeline.
    pub(crate) fn complete(mut self, result: Result) {
        // Before whoever is woken looks.
        drop(self.sharing.take());
        self.timeline.end(&self.place, result);
    }
}

impl Drop for JobFence {
    fn drop(&mut self) {
        drop(self.sharing.take());
        // No effect after `complete()`.
        let error = if self.wire_id.is_some() {
            EIO
        } else {
            ECANCELED
        };

        self.timeline.end(&self.place, Err(error));
    }
}

#[kunit_tests(virtio_gpu_fence)]
mod tests {
    use super::*;

    fn submit(timeline: &Arc<Timeline>) -> Result<(JobFence, ARef<Fence>)> {
        let job = timeline.prepare()?.submit();
        let fence = ARef::from(job.fence());

        Ok((job, fence))
    }

    #[test]
    fn a_fence_signals_with_its_command() -> Result {
        let timeline = Timeline::new(None)?;
        let (job, fence) = submit(&timeline)?;

        assert_eq!(fence.status(), None);
        job.complete(Ok(()));
        assert_eq!(fence.status(), Some(Ok(())));
        Ok(())
    }

    #[test]
    fn answers_out_of_order_signal_in_order() -> Result {
        let timeline = Timeline::new(None)?;
        let (first, a) = submit(&timeline)?;
        let (second, b) = submit(&timeline)?;
        let (third, c) = submit(&timeline)?;

        third.complete(Ok(()));
        assert_eq!(c.status(), None);
        first.complete(Ok(()));
        assert_eq!(a.status(), Some(Ok(())));
        assert_eq!((b.status(), c.status()), (None, None));
        second.complete(Ok(()));
        assert_eq!((b.status(), c.status()), (Some(Ok(())), Some(Ok(()))));
        Ok(())
    }

    #[test]
    fn an_error_is_its_own_only() -> Result {
        let timeline = Timeline::new(None)?;
        let (first, a) = submit(&timeline)?;
        let (second, b) = submit(&timeline)?;
        let (third, c) = submit(&timeline)?;

        second.complete(Err(EIO));
        assert_eq!(b.status(), None);
        first.complete(Ok(()));
        third.complete(Ok(()));
        assert_eq!(a.status(), Some(Ok(())));
        assert_eq!(b.status(), Some(Err(EIO)));
        assert_eq!(c.status(), Some(Ok(())));
        Ok(())
    }

    #[test]
    fn a_dropped_command_fails_its_fence() -> Result {
        let timeline = Timeline::new(None)?;
        let (parked, a) = submit(&timeline)?;
        let (mut lost, b) = submit(&timeline)?;

        lost.emitted(1);
        drop(parked);
        assert_eq!(a.status(), Some(Err(ECANCELED)));
        drop(lost);
        assert_eq!(b.status(), Some(Err(EIO)));
        Ok(())
    }

    #[test]
    fn timelines_do_not_wait_for_each_other() -> Result {
        let (one, two) = (Timeline::new(None)?, Timeline::new(Some(0))?);
        let (stuck, a) = submit(&one)?;
        let (quick, b) = submit(&two)?;

        assert_eq!((stuck.ring_idx(), quick.ring_idx()), (None, Some(0)));
        quick.complete(Ok(()));
        assert_eq!(b.status(), Some(Ok(())));
        assert_eq!(a.status(), None);
        stuck.complete(Ok(()));
        Ok(())
    }

    #[test]
    fn an_abandoned_timeline() -> Result {
        let timeline = Timeline::new(Some(1))?;
        let (first, a) = submit(&timeline)?;
        let (second, b) = submit(&timeline)?;

        second.complete(Ok(()));
        timeline.abandon();
        assert_eq!((a.status(), b.status()), (Some(Err(EIO)), Some(Ok(()))));
        first.complete(Ok(()));
        assert_eq!(a.status(), Some(Err(EIO)));
        timeline.abandon();
        let (third, c) = submit(&timeline)?;
        third.complete(Ok(()));
        assert_eq!(c.status(), Some(Ok(())));
        Ok(())
    }

    #[test]
    fn a_preparation_that_is_given_up_leaves_no_gap() -> Result {
        let timeline = Timeline::new(None)?;

        drop(timeline.prepare()?);
        let (job, fence) = submit(&timeline)?;
        job.complete(Ok(()));
        assert_eq!(fence.status(), Some(Ok(())));
        Ok(())
    }
}
