// SPDX-License-Identifier: GPL-2.0

//! Submissions: command streams of a client on their way to its context.
//!
//! All that can fail is done first: the stream is copied, memory is allocated, the objects are locked.
//! What comes before it on other timelines is not waited for here: the submission is parked until that
//! has signalled, or the host is told to wait, and the caller goes on. From when the fence has its
//! place on the timeline nothing fails any more; when the submission has its place among the jobs, the
//! fence is given to whoever is to have it. Were it seen before, a job could wait for one that comes
//! after it in an order.
#![forbid(unsafe_code)]

mod dependencies;
mod syncobjs;
mod transfer;
mod user;

pub(crate) use self::{
    dependencies::Dependencies,
    syncobjs::{
        After,
        Array,
        Before, //
    },
    transfer::{
        from_host,
        to_host, //
    },
    user::{
        bytes,
        words, //
    }, //
};

use crate::{
    abi::{
        drm::{
            gem::Locked,
            Event, //
        },
        sync::{
            sync_file,
            Usage, //
        },
        virtio::Payload, //
    },
    context::Created,
    device::DrmDevice,
    fence::{
        JobFence,
        SharedMemory,
        Timeline, //
    },
    object::Object,
    queue::{
        Command,
        Credit, //
    }, //
};
use kernel::{
    fs::file::FileDescriptorReservation,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    }, //
};
use virtio_gpu_proto as proto;

/// A submission in the making.
pub(crate) struct Submission<'a> {
    /// The context's number.
    pub(crate) ctx_id: u32,
    /// What came with the context.
    pub(crate) created: &'a Created,
    /// The order that it has a place in.
    pub(crate) timeline: &'a Arc<Timeline>,
    /// The context's lane that it is in.
    pub(crate) lane: usize,
    /// What it depends on.
    pub(crate) dependencies: Dependencies<'a>,
    /// Whether the client offers the fence, for the host to wait for.
    pub(crate) shared: bool,
    /// The stream.
    pub(crate) stream: KVVec<u8>,
    /// The objects that it uses, if there are any.
    pub(crate) objects: Option<KVVec<ARef<Object>>>,
    /// Told to the client when the fence signals.
    pub(crate) event: Option<Event>,
    /// What gets the fence.
    pub(crate) after: After,
    /// The file descriptor that gets the fence.
    pub(crate) fd: Option<FileDescriptorReservation>,
    /// The client's.
    pub(crate) credit: Credit,
}

impl Submission<'_> {
    /// Whether somebody wants to know when the host is done.
    fn is_fenced(&self) -> bool {
        self.fd.is_some()
            || self.event.is_some()
            || !self.after.is_empty()
            || self.objects.is_some()
    }

    /// Queues the submission.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], [`E2BIG`] if the queue cannot carry the stream, [`EINTR`] or [`ERESTARTSYS`] if a
    /// signal is pending, [`ENODEV`]. Nothing has happened then.
    pub(crate) fn queue(self, dev: &DrmDevice) -> Result {
        if dev.queues().is_lost() {
            return Err(ENODEV);
        }
        let fenced = self.is_fenced();
        let size = u32::try_from(self.stream.len())?;
        let mut command = Command::new(proto::Submit3d::new(self.ctx_id, size))?;
        command = command.charge(self.credit);
        let mut limits = dev.queues().payload_limits()?;

        if let Some(waits) = self.dependencies.waits {
            command = command.after(waits);
        }
        let passes = self.dependencies.passes.filter(|passes| !passes.is_empty());
        let passing = self.created.passing();
        if let (Some(passes), Some(passing)) = (passes, passing) {
            command = command.pass(passes, passing.generation, self.ctx_id, self.created.deaf())?;
            // The ids take one.
            limits.segments = limits.segments.saturating_sub(1);
        }
        if !self.stream.is_empty() {
            command = command.payload(Payload::new(self.stream, limits)?);
        }
        if !fenced {
            dev.queues().batch().submit(self.ctx_id, self.lane, command);
            return Ok(());
        }

        if self.timeline.ring_idx().is_some() {
            command = command.on_ring();
        }
        let prepared = self.timeline.prepare()?;
        // Hosts keep fences of rings only; all of them, for one may have to stand for a later one.
        let sharing = match passing.filter(|_| self.timeline.ring_idx().is_some()) {
            Some(passing) => Some((SharedMemory::new()?, passing.all || self.shared)),
            None => None,
        };
        if let Some(objects) = self.objects {
            command = command.hold_all(objects)?;
        }
        let locked = match command.held() {
            [] => None,
            objects => Some(Locked::new(objects)?),
        };
        let turn = self.timeline.turn();
        let mut job: JobFence = prepared.submit();
        let fence = ARef::from(job.fence());
        if let Some((memory, offered)) = sharing {
            job.share(memory, dev.shared_fences(), self.created.ends(), offered);
        }
        let file = match self.fd {
            // A submission that fails here leaves a place whose command has ended.
            Some(fd) => Some((fd, sync_file::new(&fence)?)),
            None => None,
        };

        if let Some(event) = self.event {
            job.announce(event);
        }
        // Whoever sees the fence and waits for it comes after the job, wherever that waits itself.
        dev.queues()
            .batch()
            .submit(self.ctx_id, self.lane, command.fence(job));
        drop(turn);
        locked
            .into_iter()
            .for_each(|locked| locked.add_fence(&fence, Usage::Write));
        self.after.give(&fence);
        if let Some((fd, file)) = file {
            fd.fd_install(file);
        }
        Ok(())
    }
}
