// SPDX-License-Identifier: GPL-2.0

//! Fences that the host can be asked to wait for, so that the guest need not: those of this device
//! that their clients offer, from submission until the host has answered.
//!
//! They are found by what every fence has, its timeline and its number there. So a fence that is found
//! is of this device, and not over; of anything else nothing has to be known.
//!
//! A fence stands for those before it on its timeline. Where the host has answered it ahead of them, as
//! it does with errors, the newest of them that is left stands for it. So the host keeps all of a
//! timeline, whether or not their clients offer them.
#![forbid(unsafe_code)]

use crate::abi::sync::Fence;
use core::mem::MaybeUninit;
use kernel::{
    new_spinlock,
    prelude::*,
    rbtree::{
        CursorMut,
        RBTree,
        RBTreeNodeReservation, //
    },
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            AtomicFlag,
            Relaxed, //
        },
        Arc,
        SpinLock,
        UniqueArc, //
    }, //
};

/// A fence's timeline and its number there.
type Key = (u64, u64);

/// The fences of a device that the host can be asked to wait for.
#[pin_data]
pub(crate) struct SharedFences {
    #[pin]
    all: SpinLock<RBTree<Key, Arc<Shared>>>,
}

/// A fence that the host can be asked to wait for.
pub(crate) struct Shared {
    fences: Arc<SharedFences>,
    fence: ARef<Fence>,
    /// Whether its client offers it. Otherwise it can only stand for a later one.
    offered: bool,
    /// The id that the host knows it by, 0 before it was told.
    wire_id: Atomic<u64>,
    /// Whether its command has its place on the way to the host.
    sent: AtomicFlag,
    /// Whether the host has answered, or will never see it.
    over: AtomicFlag,
    /// Whether its context ends, with which hosts forget it.
    ends: Arc<AtomicFlag>,
}

fn key(fence: &Fence) -> Key {
    (fence.context(), fence.seqno())
}

impl SharedFences {
    /// None so far.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self { all <- new_spinlock!(RBTree::new()) }),
            GFP_KERNEL,
        )
    }

    /// `fence`, if the host can be asked to wait for it.
    pub(crate) fn find(&self, fence: &Fence) -> Option<Arc<Shared>> {
        let all = self.all.lock();

        all.get(&key(fence))
            .filter(|shared| shared.offered)
            .cloned()
    }

    /// The id of the newest fence before `key` on its timeline that the host has not answered.
    fn newest_before(&self, key: Key) -> Option<u64> {
        let mut all = self.all.lock();
        let mut cursor = if all.cursor_lower_bound(&key).is_some() {
            all.cursor_lower_bound_mut(&key)
                .and_then(CursorMut::move_prev)
        } else {
            all.cursor_back_mut()
        };

        while let Some(at) = cursor {
            let (&(timeline, _), shared) = at.current();

            if timeline != key.0 {
                return None;
            }
            if let Some(id) = shared.own_id() {
                return Some(id);
            }
            cursor = at.move_prev();
        }
        None
    }
}

impl Shared {
    /// The timeline.
    pub(crate) fn timeline(&self) -> u64 {
        self.fence.context()
    }

    /// Whether `other` comes later on the same timeline.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        self.fence.seqno() < other.fence.seqno()
    }

    /// Whether what depends on the fence may go to the host: that will know it then, or the fence has
    /// signalled. In between, when the host has answered and those before it have not signalled, or its
    /// context ends, the guest waits.
    pub(crate) fn lets_go(&self) -> bool {
        let known = self.sent.load(Relaxed) && !self.over.load(Relaxed) && !self.ends.load(Relaxed);

        known || self.fence.is_signalled()
    }

    /// What the host is to be told to wait for, if that is anything: this fence, or one before it that
    /// has not been answered where this has.
    pub(crate) fn id(&self) -> Option<u64> {
        if self.fence.is_signalled() {
            return None;
        }
        self.own_id()
            .or_else(|| self.fences.newest_before(key(&self.fence)))
    }

    fn own_id(&self) -> Option<u64> {
        match self.wire_id.load(Relaxed) {
            0 => None,
            _ if self.over.load(Relaxed) => None,
            id => Some(id),
        }
    }
}

/// The memory for a fence's being shared, so that it cannot fail.
pub(crate) struct SharedMemory {
    node: RBTreeNodeReservation<Key, Arc<Shared>>,
    shared: UniqueArc<MaybeUninit<Shared>>,
}

impl SharedMemory {
    /// Allocates the memory.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            node: RBTreeNodeReservation::new(GFP_KERNEL)?,
            shared: UniqueArc::new_uninit(GFP_KERNEL)?,
        })
    }

    /// Adds `fence` to `fences`, until the result is dropped. Its context sets `ends`; `offered` is
    /// whether its client offers it.
    pub(super) fn share(
        self,
        fences: &Arc<SharedFences>,
        fence: &Fence,
        ends: &Arc<AtomicFlag>,
        offered: bool,
    ) -> Sharing {
        let shared = self.shared.write(Shared {
            fences: fences.clone(),
            fence: fence.into(),
            offered,
            wire_id: Atomic::new(0),
            sent: AtomicFlag::new(false),
            over: AtomicFlag::new(false),
            ends: ends.clone(),
        });
        let shared = Arc::from(shared);
        let node = self.node.into_node(key(fence), shared.clone());
        let before = fences.all.lock().insert(node);

        // A number is given once.
        drop(before);
        Sharing { shared }
    }
}

/// A fence's being shared. It is over when this is dropped.
pub(super) struct Sharing {
    shared: Arc<Shared>,
}

impl Sharing {
    /// The command has its place on the way to the host: what is sent after it comes after it.
    pub(super) fn sent(&self) {
        self.shared.sent.store(true, Relaxed);
    }

    /// The host knows the fence by that id.
    pub(super) fn emitted(&self, wire_id: u64) {
        self.shared.wire_id.store(wire_id, Relaxed);
    }

    /// The host has answered.
    pub(super) fn answered(&self) {
        self.shared.over.store(true, Relaxed);
    }
}

impl Drop for Sharing {
    fn drop(&mut self) {
        self.answered();
        let shared = &self.shared;
        let node = shared.fences.all.lock().remove_node(&key(&shared.fence));

        // Without the lock.
        drop(node);
    }
}

#[kunit_tests(virtio_gpu_shared_fence)]
mod tests {
    use super::*;
    use crate::fence::{
        JobFence,
        Timeline, //
    };

    struct Given {
        job: JobFence,
        fence: ARef<Fence>,
        ends: Arc<AtomicFlag>,
    }

    fn submit(fences: &Arc<SharedFences>, timeline: &Arc<Timeline>) -> Result<Given> {
        let mut job = timeline.prepare()?.submit();
        let ends = Arc::new(AtomicFlag::new(false), GFP_KERNEL)?;
        let fence = ARef::from(job.fence());

        job.share(SharedMemory::new()?, fences, &ends, true);
        Ok(Given { job, fence, ends })
    }

    fn find(fences: &SharedFences, fence: &Fence) -> Result<Arc<Shared>> {
        fences.find(fence).ok_or(ENOENT)
    }

    #[test]
    fn a_fence_is_found_on_its_device_only() -> Result {
        let (one, two) = (SharedFences::new()?, SharedFences::new()?);
        let timeline = Timeline::new(Some(1))?;
        let given = submit(&one, &timeline)?;
        let own = timeline.prepare()?.submit();

        assert!(one.find(&given.fence).is_some());
        assert!(two.find(&given.fence).is_none());
        // Nobody has offered this one.
        assert!(one.find(own.fence()).is_none());
        given.job.complete(Ok(()));
        assert!(one.find(&given.fence).is_none());
        own.complete(Ok(()));
        Ok(())
    }

    #[test]
    fn what_depends_on_it_goes_when_it_has_gone() -> Result {
        let fences = SharedFences::new()?;
        let timeline = Timeline::new(Some(1))?;
        let mut given = submit(&fences, &timeline)?;
        let shared = find(&fences, &given.fence)?;

        assert!(!shared.lets_go());
        given.job.sent();
        assert!(shared.lets_go());
        assert_eq!(shared.id(), None);
        given.job.emitted(7);
        assert_eq!(shared.id(), Some(7));
        given.job.complete(Ok(()));
        assert!(shared.lets_go());
        assert_eq!(shared.id(), None);
        Ok(())
    }

    #[test]
    fn an_answer_ahead_of_others_is_waited_for() -> Result {
        let fences = SharedFences::new()?;
        let timeline = Timeline::new(Some(1))?;
        let first = timeline.prepare()?.submit();
        let mut given = submit(&fences, &timeline)?;
        let shared = find(&fences, &given.fence)?;

        given.job.sent();
        given.job.emitted(8);
        given.job.answered();
        assert_eq!(shared.id(), None);
        assert!(!shared.lets_go());
        given.job.complete(Err(EIO));
        assert!(!shared.lets_go());
        first.complete(Ok(()));
        assert!(shared.lets_go());
        Ok(())
    }

    #[test]
    fn one_before_stands_for_what_was_answered_early() -> Result {
        let fences = SharedFences::new()?;
        let (timeline, other) = (Timeline::new(Some(1))?, Timeline::new(Some(2))?);
        let ends = Arc::new(AtomicFlag::new(false), GFP_KERNEL)?;
        let mut foreign = submit(&fences, &other)?;
        // Its client does not offer it.
        let mut first = timeline.prepare()?.submit();
        first.share(SharedMemory::new()?, &fences, &ends, false);
        let mut second = submit(&fences, &timeline)?;
        let mut third = submit(&fences, &timeline)?;
        let mut later = submit(&fences, &timeline)?;
        let shared = find(&fences, &third.fence)?;

        assert!(fences.find(first.fence()).is_none());
        foreign.job.emitted(9);
        first.emitted(10);
        second.job.emitted(11);
        third.job.emitted(12);
        later.job.emitted(13);
        assert_eq!(shared.id(), Some(12));
        third.job.answered();
        assert_eq!(shared.id(), Some(11));
        second.job.answered();
        assert_eq!(shared.id(), Some(10));
        // It has ended, and its fence has not signalled.
        third.job.complete(Err(EIO));
        assert_eq!(shared.id(), Some(10));
        drop(later);
        assert_eq!(shared.id(), Some(10));
        first.answered();
        assert_eq!(shared.id(), None);
        first.complete(Ok(()));
        second.job.complete(Ok(()));
        assert!(shared.lets_go());
        drop(foreign);
        Ok(())
    }

    #[test]
    fn a_context_that_ends_takes_its_fences_along() -> Result {
        let fences = SharedFences::new()?;
        let timeline = Timeline::new(Some(1))?;
        let mut given = submit(&fences, &timeline)?;
        let shared = find(&fences, &given.fence)?;

        given.job.sent();
        given.job.emitted(9);
        given.ends.store(true, Relaxed);
        assert!(!shared.lets_go());
        timeline.abandon();
        assert!(shared.lets_go());
        assert_eq!(shared.id(), None);
        drop(given.job);
        assert!(fences.find(&given.fence).is_none());
        Ok(())
    }

    #[test]
    fn a_job_that_never_goes_holds_nobody() -> Result {
        let fences = SharedFences::new()?;
        let timeline = Timeline::new(Some(1))?;
        let given = submit(&fences, &timeline)?;
        let shared = find(&fences, &given.fence)?;

        drop(given.job);
        assert!(shared.lets_go());
        assert_eq!(shared.id(), None);
        Ok(())
    }
}
