// SPDX-License-Identifier: GPL-2.0

//! The pace of a scanout: the host's, where it reads the guest's pages.
//!
//! Such a host is asked to answer the flush of an update when it is done with what it showed before.
//! Until then the flip is held back, and who draws into the old buffer by way of a dma-buf waits for a
//! fence. Nobody else waits. A host that takes too long is told of updates by the timer's pace, without
//! being asked anything more, until it has answered what it was asked.
#![forbid(unsafe_code)]

use super::Scanout;
use crate::{
    abi::{
        drm::kms::Crtc,
        refs::put_unless_last,
        sync::{
            DriverFence,
            FenceContext,
            FenceMemory,
            FenceNames,
            Usage, //
        }, //
    },
    device::DrmDevice,
    object::Object,
    queue::{
        Command,
        Reply,
        ReplyBytes, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        }, //
    }, //
};

/// Periods of the vertical blanks that the host may take, and nanoseconds, whichever is more.
const PERIODS: i64 = 3;
const AT_LEAST: i64 = 50_000_000;

/// How long the host may take with vertical blanks every `period` nanoseconds.
pub(super) fn longest_hold(period: i64) -> i64 {
    period.saturating_mul(PERIODS).max(AT_LEAST)
}

/// The pace of a scanout. Updates of it come one after the other.
pub(crate) struct Pace {
    /// Updates that the host was asked about, of which it has not answered so many.
    asked: Atomic<u64>,
    unanswered: Atomic<u64>,
    /// Updates that it has taken too long for.
    missed: Atomic<u64>,
    /// Whether it is to be asked nothing more until it has answered.
    behind: Atomic<bool>,
}

impl Pace {
    /// The pace of a host that was asked nothing.
    pub(super) const fn new() -> Self {
        Self {
            asked: Atomic::new(0),
            unanswered: Atomic::new(0),
            missed: Atomic::new(0),
            behind: Atomic::new(false),
        }
    }

    /// The number of an update that the host is to be asked about, or nothing if it does not keep up.
    fn ask(&self) -> Option<u64> {
        if self.unanswered.load(Relaxed) == 0 {
            self.behind.store(false, Relaxed);
        }
        if self.behind.load(Relaxed) {
            return None;
        }
        self.unanswered.fetch_add(1, Relaxed);
        Some(self.asked.fetch_add(1, Relaxed).wrapping_add(1))
    }

    /// The host has answered, or never will.
    fn answered(&self) {
        self.unanswered.fetch_add(u64::MAX, Relaxed);
    }

    /// The host has taken too long.
    pub(super) fn overdue(&self) {
        self.missed.fetch_add(1, Relaxed);
        self.behind.store(true, Relaxed);
    }

    /// Updates that the host was asked about, those that it has not answered, and those that it took
    /// too long for.
    pub(crate) fn counts(&self) -> [u64; 3] {
        [&self.asked, &self.unanswered, &self.missed].map(|count| count.load(Relaxed))
    }

    /// Whether the host sets the pace, rather than the timer.
    pub(crate) fn is_hosts(&self) -> bool {
        !self.behind.load(Relaxed) || self.unanswered.load(Relaxed) == 0
    }
}

/// The names of fences for buffers that the host reads.
struct Names;

impl FenceNames for Names {
    const DRIVER: &'static CStr = c"virtio_gpu";
    const TIMELINE: &'static CStr = c"scanout";
}

/// All that it takes to ask the host about an update.
pub(super) struct Question {
    /// Until the host is asked.
    answer: Option<KBox<Answer>>,
    /// For other devices that draw into the buffer that the host is to be done with.
    fence: Option<Room>,
}

/// Room for a fence of a buffer, and then the fence.
enum Room {
    Free(ARef<Object>, FenceMemory),
    Taken(DriverFence),
}

impl Question {
    /// The fence, if other devices know of it.
    fn take_fence(&mut self) -> Option<DriverFence> {
        match self.fence.take()? {
            Room::Taken(fence) => Some(fence),
            Room::Free(..) => None,
        }
    }
}

/// Nothing of an update that is not carried out is read.
impl Drop for Question {
    fn drop(&mut self) {
        if let Some(fence) = self.take_fence() {
            fence.signal(Ok(()));
        }
    }
}

/// Hears when the host is done with what it showed before.
struct Answer {
    /// Until the end.
    dev: Option<ARef<DrmDevice>>,
    scanout: u32,
    number: u64,
}

impl Question {
    /// Makes a question about an update of a scanout, after which the host is done with `object` as it
    /// was before: what was shown, if something else is shown now.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn new(dev: &DrmDevice, scanout: u32, object: &Object) -> Result<Self> {
        let answer = KBox::new(
            Answer {
                dev: Some(ARef::from(dev)),
                scanout,
                number: 0,
            },
            GFP_KERNEL,
        )?;
        let fence = match object.is_shared() {
            true => Some(Room::Free(
                ARef::from(object),
                FenceMemory::new(GFP_KERNEL)?,
            )),
            false => None,
        };

        Ok(Self {
            answer: Some(answer),
            fence,
        })
    }

    /// Other devices that draw into the buffer wait from here on. What the commit waits for is known
    /// by then, of all its planes: they come after it.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], [`EINTR`] if a signal is pending.
    pub(super) fn publish(&mut self) -> Result {
        let Some(Room::Free(object, memory)) = self.fence.take() else {
            return Ok(());
        };
        let room = object.reservation().lock_for_fence()?;
        // A timeline of its own: an update that is not carried out ends before others.
        let fence = memory.init::<Names>(&FenceContext::new(), 1);

        room.add_fence(fence.fence(), Usage::Read);
        self.fence = Some(Room::Taken(fence));
        Ok(())
    }

    /// Asks the host by `flush`, which is pushed next, unless it does not keep up. The flip of `crtc`
    /// is held back.
    pub(super) fn ask(mut self, crtc: &Crtc<Scanout>, flush: Command) -> Command {
        let fence = self.take_fence();
        let (Some(number), Some(mut answer)) = (crtc.pace.ask(), self.answer.take()) else {
            if let Some(fence) = fence {
                fence.signal(Ok(()));
            }
            return flush.quietly();
        };

        answer.number = number;
        crtc.hold(number, fence);
        flush.when_done().on_reply(answer)
    }
}

impl Reply for Answer {
    fn done(&mut self, _result: Result<ReplyBytes>) {
        if let Some(crtc) = self.dev.as_ref().and_then(|dev| dev.crtc(self.scanout)) {
            crtc.pace.answered();
            crtc.release(self.number);
        }
    }

    fn let_go(&mut self) -> bool {
        put_unless_last(&mut self.dev)
    }
}

#[kunit_tests(virtio_gpu_pace)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_host() {
        let pace = Pace::new();

        assert_eq!(pace.ask(), Some(1));
        assert_eq!(pace.counts(), [1, 1, 0]);
        pace.answered();
        assert_eq!(pace.ask(), Some(2));
        assert_eq!(pace.ask(), Some(3));
        assert!(pace.is_hosts());
    }

    #[test]
    fn a_host_that_does_not_keep_up() {
        let pace = Pace::new();

        assert_eq!((pace.ask(), pace.ask()), (Some(1), Some(2)));
        pace.overdue();
        assert_eq!(pace.ask(), None);
        pace.answered();
        // One is still to come.
        assert_eq!(pace.ask(), None);
        assert!(!pace.is_hosts());
        pace.answered();
        assert!(pace.is_hosts());
        assert_eq!(pace.ask(), Some(3));
        assert_eq!(pace.counts(), [3, 1, 1]);
    }

    #[test]
    fn how_long() {
        assert_eq!(longest_hold(0), 50_000_000);
        assert_eq!(longest_hold(16_666_667), 50_000_001);
        assert_eq!(longest_hold(8_333_333), 50_000_000);
        assert_eq!(longest_hold(i64::MAX), i64::MAX);
    }
}
