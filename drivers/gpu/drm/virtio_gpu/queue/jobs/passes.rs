// SPDX-License-Identifier: GPL-2.0

//! The fences that the host waits for in a job's place, see [`Shared`].
//!
//! A job waits for them here only as long as the host does not know them. When it goes on the ring,
//! those that are over meanwhile are left out, and the others are named, in one of two ways:
//! by their ids in the submission, or each by a command of its own before it.
#![forbid(unsafe_code)]

use super::super::{
    command::Meta,
    Command,
    Reply,
    ReplyBytes, //
};
use crate::{
    abi::virtio::{
        Fifo,
        Request, //
    },
    features::Generation,
    fence::Shared, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            AtomicFlag,
            Relaxed, //
        },
        Arc, //
    }, //
};
use virtio_gpu_proto as proto;

/// Most timelines that the host waits for in place of one job. The guest waits for others.
const MAX: usize = 64;

/// The fences that the host waits for in a job's place, the newest of each timeline.
pub(crate) struct Passes {
    fences: KVec<Arc<Shared>>,
    /// The commands by which it is told, where that is how, in the order of the fences.
    pub(in crate::queue) waits: Fifo<Meta>,
}

impl Passes {
    /// None so far.
    pub(crate) const fn new() -> Self {
        Self {
            fences: KVec::new(),
            waits: Fifo::new(),
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.fences.is_empty()
    }

    /// Whether these are fences and nothing else, which can be dropped anywhere.
    pub(in crate::queue) fn are_fences(&self) -> bool {
        self.waits.is_empty()
    }

    /// Has the host wait for `fence` too. Returns whether that can be had: not if there are too many.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn add(&mut self, fence: Arc<Shared>) -> Result<bool> {
        let same = self
            .fences
            .iter_mut()
            .find(|other| other.timeline() == fence.timeline());

        if let Some(other) = same {
            if other.is_before(&fence) {
                *other = fence;
            }
            return Ok(true);
        }
        if self.fences.len() >= MAX {
            return Ok(false);
        }
        self.fences.push(fence, GFP_KERNEL)?;
        Ok(true)
    }

    /// Whether the guest need not wait for any.
    pub(super) fn let_go(&self) -> bool {
        self.fences.iter().all(|fence| fence.lets_go())
    }

    /// The ids of those that have not signalled.
    pub(in crate::queue) fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.fences.iter().filter_map(|fence| fence.id())
    }

    /// Makes what is needed to tell the host, for the job `request` of context `ctx_id`.
    fn prepare(
        &mut self,
        generation: Generation,
        ctx_id: u32,
        deaf: &Arc<AtomicFlag>,
        request: &mut Request<Meta>,
    ) -> Result {
        match generation {
            Generation::Ids => {
                let len = self
                    .fences
                    .len()
                    .saturating_mul(size_of::<proto::InFence>());

                request.set_insert(KVec::from_elem(0, len, GFP_KERNEL)?);
            }
            Generation::Waits => {
                for fence in &self.fences {
                    // Which one is filled in when it goes.
                    let mut wait = Command::new(proto::WaitFence::new(ctx_id, 0))?
                        .on_reply(KBox::new(Told(deaf.clone()), GFP_KERNEL)?);

                    wait.0.data.names = Some(fence.clone());
                    self.waits.push(wait.0);
                }
            }
        }
        Ok(())
    }
}

/// Remembers that the host does not wait for who tells it.
struct Told(Arc<AtomicFlag>);

impl Reply for Told {
    fn done(&mut self, result: Result<ReplyBytes>) {
        if matches!(result, Err(EIO | EPROTO)) {
            self.0.store(true, Relaxed);
        }
    }
}

impl Command {
    /// Has the host wait for `passes` in place of the command, which is a submission of context
    /// `ctx_id`. If it refuses, it has not waited, and `deaf` is set.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn pass(
        mut self,
        mut passes: Passes,
        generation: Generation,
        ctx_id: u32,
        deaf: &Arc<AtomicFlag>,
    ) -> Result<Self> {
        passes.prepare(generation, ctx_id, deaf, &mut self.0)?;
        self.0.data.passes = Some(passes);
        Ok(self)
    }
}

#[kunit_tests(virtio_gpu_passes)]
mod tests {
    use super::*;
    use crate::fence::{
        JobFence,
        SharedFences,
        SharedMemory,
        Timeline, //
    };

    struct Device {
        fences: Arc<SharedFences>,
        ends: Arc<AtomicFlag>,
    }

    impl Device {
        fn new() -> Result<Self> {
            Ok(Self {
                fences: SharedFences::new()?,
                ends: Arc::new(AtomicFlag::new(false), GFP_KERNEL)?,
            })
        }

        /// A job that the host knows by `id`, unless that is 0.
        fn submit(&self, timeline: &Arc<Timeline>, id: u64) -> Result<(JobFence, Arc<Shared>)> {
            let mut job = timeline.prepare()?.submit();

            job.share(SharedMemory::new()?, &self.fences, &self.ends, true);
            if id != 0 {
                job.sent();
                job.emitted(id);
            }
            let shared = self.fences.find(job.fence()).ok_or(ENOENT)?;
            Ok((job, shared))
        }
    }

    fn ids(passes: &Passes) -> [u64; 3] {
        let mut ids = passes.ids();

        core::array::from_fn(|_| ids.next().unwrap_or(0))
    }

    #[test]
    fn the_newest_of_each_timeline() -> Result {
        let device = Device::new()?;
        let (one, two) = (Timeline::new(Some(1))?, Timeline::new(Some(2))?);
        let (a, first) = device.submit(&one, 1)?;
        let (b, second) = device.submit(&one, 2)?;
        let (c, other) = device.submit(&two, 3)?;
        let mut passes = Passes::new();

        for fence in [&second, &first, &other, &second] {
            assert!(passes.add(fence.clone())?);
        }
        assert_eq!(ids(&passes), [2, 3, 0]);
        drop((a, b));
        assert_eq!(ids(&passes), [3, 0, 0]);
        drop(c);
        assert_eq!(ids(&passes), [0; 3]);
        assert!(passes.let_go());
        Ok(())
    }

    #[test]
    fn one_that_is_not_sent_holds_back() -> Result {
        let device = Device::new()?;
        let (one, two) = (Timeline::new(Some(1))?, Timeline::new(Some(2))?);
        let (a, sent) = device.submit(&one, 1)?;
        let (b, parked) = device.submit(&two, 0)?;
        let mut passes = Passes::new();

        passes.add(sent)?;
        assert!(passes.let_go());
        passes.add(parked)?;
        assert!(!passes.let_go());
        b.sent();
        assert!(passes.let_go());
        // It has failed before it got on the ring.
        drop(b);
        assert_eq!(ids(&passes), [1, 0, 0]);
        drop(a);
        Ok(())
    }

    #[test]
    fn not_too_many() -> Result {
        let device = Device::new()?;
        let mut passes = Passes::new();
        let mut jobs = KVec::new();

        for i in 0..MAX {
            let (job, shared) = device.submit(&Timeline::new(Some(0))?, 1 + i as u64)?;
            jobs.push(job, GFP_KERNEL)?;
            assert!(passes.add(shared)?);
        }
        let timeline = Timeline::new(Some(0))?;
        let (job, shared) = device.submit(&timeline, 1000)?;
        assert!(!passes.add(shared)?);
        assert_eq!(passes.ids().count(), MAX);
        drop((job, jobs));
        Ok(())
    }

    #[test]
    fn ways_to_tell() -> Result {
        let device = Device::new()?;
        let (one, two) = (Timeline::new(Some(1))?, Timeline::new(Some(2))?);
        let (a, first) = device.submit(&one, 1)?;
        let (b, second) = device.submit(&two, 2)?;
        let both = || {
            let mut passes = Passes::new();
            passes.add(first.clone())?;
            passes.add(second.clone())?;
            Ok::<_, Error>(passes)
        };
        let submit = || Command::new(proto::Submit3d::new(5, 0));

        let by_ids = submit()?.pass(both()?, Generation::Ids, 5, &device.ends)?;
        assert_eq!(by_ids.0.segments(), 3);
        let mut by_waits = submit()?.pass(both()?, Generation::Waits, 5, &device.ends)?;
        assert_eq!(by_waits.0.segments(), 2);
        let waits = by_waits.0.data.passes.as_mut().map(|passes| {
            let mut ids = [0; 2];
            for id in &mut ids {
                let wait = passes.waits.pop();
                *id = wait.and_then(|w| w.data.names.as_ref()?.id()).unwrap_or(0);
            }
            ids
        });
        assert_eq!(waits, Some([1, 2]));
        drop((a, b));
        Ok(())
    }
}
