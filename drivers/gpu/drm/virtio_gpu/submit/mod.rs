// SPDX-License-Identifier: GPL-2.0

//! Submissions: command streams of a client on their way to its context.
//!
//! All that can fail is done first: the stream is copied, memory is allocated, the objects are locked.
//! What comes before it on other timelines is not waited for here: the submission is parked until that
//! has signalled, and the caller goes on. From when the fence has its place on the timeline nothing
//! fails any more; when the submission has its place among the jobs, the fence is given to whoever is
//! to have it. Were it seen before, a job could wait for one that comes after it in an order.
#![forbid(unsafe_code)]

mod syncobjs;
mod transfer;
mod user;

pub(crate) use self::{
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
            Fence,
            Usage, //
        },
        virtio::Payload, //
    },
    device::DrmDevice,
    fence::{
        JobFence,
        Timeline, //
    },
    object::Object,
    queue::{
        Command,
        Credit,
        Waits, //
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
    /// The order that it has a place in.
    pub(crate) timeline: &'a Arc<Timeline>,
    /// The context's lane that it is in.
    pub(crate) lane: usize,
    /// What it waits for, if that is anything.
    pub(crate) waits: Option<Waits>,
    /// The stream.
    pub(crate) stream: KVVec<u8>,
    /// The objects that it uses.
    pub(crate) objects: KVVec<ARef<Object>>,
    /// Told to the client when the fence signals.
    pub(crate) event: Option<Event>,
    /// What gets the fence.
    pub(crate) after: After,
    /// The file descriptor that gets the fence.
    pub(crate) fd: Option<FileDescriptorReservation>,
    /// The client's.
    pub(crate) credit: Credit,
}

/// Has `waits` include the fences that `fence` is made of, those aside that are of `timeline`, which
/// the host keeps in order. Where there are none it stays as it is.
///
/// # Errors
///
/// [`ENOMEM`].
pub(crate) fn wait_for(
    dev: &DrmDevice,
    waits: &mut Option<Waits>,
    timeline: &Timeline,
    fence: &Fence,
) -> Result {
    fence.for_each(|fence| {
        if timeline.has(fence) {
            return Ok(());
        }
        if waits.is_none() {
            *waits = Some(Waits::new(dev.queues(), dev.worker())?);
        }
        waits.as_mut().map_or(Ok(()), |waits| waits.add(fence))
    })
}

impl Submission<'_> {
    /// Whether somebody wants to know when the host is done.
    fn is_fenced(&self) -> bool {
        self.fd.is_some()
            || self.event.is_some()
            || !self.after.is_empty()
            || !self.objects.is_empty()
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

        if let Some(waits) = self.waits {
            command = command.after(waits);
        }
        if !self.stream.is_empty() {
            let payload = Payload::new(self.stream, dev.queues().payload_limits()?)?;
            command = command.payload(payload);
        }
        if !fenced {
            dev.queues().batch().submit(self.ctx_id, self.lane, command);
            return Ok(());
        }

        if self.timeline.ring_idx().is_some() {
            command = command.on_ring();
        }
        let prepared = self.timeline.prepare()?;
        let command = command.hold_all(self.objects)?;
        let locked = match command.held() {
            [] => None,
            objects => Some(Locked::new(objects)?),
        };
        let mut job: JobFence = prepared.submit();
        let fence = ARef::from(job.fence());
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
