// SPDX-License-Identifier: GPL-2.0

//! `DRM_IOCTL_VIRTGPU_EXECBUFFER`: a command stream for the context of the file.
#![forbid(unsafe_code)]

use super::File;
use crate::{
    abi::{
        drm::Event,
        sync::sync_file,
        uapi, //
    },
    device::DrmDevice,
    object::Object,
    submit::{
        self,
        After,
        Array,
        Before,
        Dependencies,
        Submission, //
    }, //
};
use kernel::{
    fs::file::{
        flags::O_CLOEXEC,
        FileDescriptorReservation, //
    },
    prelude::*, //
};

/// The flags there are.
const FLAGS: u32 = uapi::VIRTGPU_EXECBUF_FENCE_FD_IN
    | uapi::VIRTGPU_EXECBUF_FENCE_FD_OUT
    | uapi::VIRTGPU_EXECBUF_RING_IDX
    | uapi::VIRTGPU_EXECBUF_SHARED_FENCE;

/// Queues the stream, and returns before the host has carried it out, and before what comes before it
/// by a fence or sync objects has signalled.
///
/// # Errors
///
/// [`ENOSYS`] without 3D; [`EINVAL`] for a flag that is unknown, or unknown to the context, a ring that
/// there is not, a file descriptor that is no sync file, a bad sync object; [`ENOENT`] for an unknown
/// handle; [`ENOMEM`], also if the client does not read its events; [`EIO`] if the host has refused the
/// context; [`EFAULT`], [`EMFILE`], [`E2BIG`], [`ENODEV`]; [`ERESTARTSYS`] if a signal is pending.
pub(super) fn execbuffer(
    dev: &DrmDevice,
    args: &mut uapi::drm_virtgpu_execbuffer,
    file: &File,
) -> Result<u32> {
    let inner = file.inner();
    let context = inner.context().ok_or(ENOSYS)?;
    let has = |flag| args.flags & flag != 0;
    let array = |addr, count| Array {
        addr,
        count,
        stride: args.syncobj_stride,
    };

    if args.flags & !FLAGS != 0 {
        return Err(EINVAL);
    }
    // A context that passes no fences knows no flag for it.
    let passes = context
        .created()
        .is_some_and(|created| created.passing().is_some());
    let shared = has(uapi::VIRTGPU_EXECBUF_SHARED_FENCE);
    if shared && !passes {
        return Err(EINVAL);
    }
    let ring_idx = has(uapi::VIRTGPU_EXECBUF_RING_IDX).then_some(args.ring_idx);
    // A ring is one that the context was made with.
    if let Some(ring_idx) = ring_idx {
        context
            .created()
            .and_then(|created| created.ring(ring_idx))
            .ok_or(EINVAL)?;
    }
    let created = context.ensure(dev)?;
    let timeline = match ring_idx {
        Some(ring_idx) => created.ring(ring_idx).ok_or(EINVAL)?,
        None => created.timeline(),
    };

    let after = After::read(file, &array(args.out_syncobjs, args.num_out_syncobjs))?;
    let stream = submit::bytes(args.command, args.size)?;
    let objects = match args.num_bo_handles {
        0 => None,
        count => Some(submit::words(args.bo_handles, count, |handle| {
            Object::lookup(file, handle)
        })?),
    };
    let event = match ring_idx.filter(|&ring_idx| created.is_polled(ring_idx)) {
        Some(_) => Some(Event::reserve(
            dev,
            file,
            uapi::VIRTGPU_EVENT_FENCE_SIGNALED,
        )?),
        None => None,
    };
    let fd = match has(uapi::VIRTGPU_EXECBUF_FENCE_FD_OUT) {
        true => Some(FileDescriptorReservation::get_unused_fd_flags(O_CLOEXEC)?),
        false => None,
    };
    let number = fd.as_ref().map(|fd| fd.reserved_fd());

    let before = Before::read(file, &array(args.in_syncobjs, args.num_in_syncobjs))?;
    let mut dependencies = Dependencies::new(dev, created, timeline);
    for fence in before.iter().flat_map(|before| &before.fences) {
        dependencies.add(fence)?;
    }
    if has(uapi::VIRTGPU_EXECBUF_FENCE_FD_IN) {
        dependencies.add(&*sync_file::fence(args.fence_fd)?)?;
    }

    let credit = inner.credits().take()?;
    Submission {
        ctx_id: context.id(),
        created,
        timeline,
        lane: created.lane(ring_idx),
        dependencies,
        shared,
        stream,
        objects,
        event,
        after,
        fd,
        credit,
    }
    .queue(dev)?;
    if let Some(before) = before {
        before.reset();
    }
    if let Some(number) = number {
        args.fence_fd = i32::try_from(number)?;
    }
    Ok(0)
}
