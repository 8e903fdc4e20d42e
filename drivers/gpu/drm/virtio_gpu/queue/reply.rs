// SPDX-License-Identifier: GPL-2.0

//! What a reply means: checks it, and ends the command that it belongs to.
#![forbid(unsafe_code)]

use super::command::Meta;
use crate::abi::virtio;
use kernel::{
    device,
    prelude::*, //
};
use virtio_gpu_proto as proto;

/// Why a command has failed that the device has used.
enum Fault {
    /// The reply is an error, or makes no sense.
    Reply(proto::ReplyError),
    /// The reply does not have the fence of the command.
    Fence,
}

/// Ends a command that the device has used, by its reply. `lost` says that the device is being taken
/// down: a reset may take resources away before the commands that name them, so errors mean nothing.
pub(super) fn finish_used(dev: &device::Device, request: &mut virtio::Request<Meta>, lost: bool) {
    let result = check(dev, request).map_err(|fault| {
        if lost {
            return ENODEV;
        }
        let error = match fault {
            Fault::Reply(proto::ReplyError::Host(_)) => EIO,
            _ => EPROTO,
        };
        if error != EIO || !request.data.may_fail {
            log(dev, request, &fault);
        }
        error
    });

    end(request, result);
}

/// Ends a command that the device will not answer.
pub(super) fn fail(request: &mut virtio::Request<Meta>, e: Error) {
    end(request, Err(e));
}

/// Ends a command with a reply of so many bytes or an error: tells who wants to know, and signals its
/// fence, so that who is woken by that finds everything done.
fn end(request: &mut virtio::Request<Meta>, result: Result<usize>) {
    drop(request.data.credit.take());
    drop(request.data.ring_credit.take());
    if let (Some(which), Some(Some(object))) = (request.data.copies, request.data.objects.first()) {
        object.copies().answered(which, result.is_ok());
    }
    if let (Err(EIO | EPROTO), Some(Some(object))) = (&result, request.data.objects.first()) {
        if request.data.plane != 0 {
            object.dev().scanout_refused(request.data.plane);
        }
    }
    // Stays with the request, to be dropped with it, where freeing an object is fine.
    if request.data.reply.is_some() {
        let bytes = result.map(|len| {
            let mut bytes = request.take_reply();
            bytes.truncate(len);
            bytes
        });
        if let Some(reply) = request.data.reply.as_mut() {
            reply.done(bytes);
        }
    }
    if let Some(fence) = request.data.fence.take() {
        fence.complete(result.map(|_| ()).map_err(for_userspace));
    }
}

/// The error of a command as userspace knows it: a host that talks nonsense is one that has failed.
pub(super) fn for_userspace(e: Error) -> Error {
    match e {
        EPROTO => EIO,
        e => e,
    }
}

fn check(dev: &device::Device, request: &virtio::Request<Meta>) -> Result<usize, Fault> {
    let used = usize::try_from(request.data.used).unwrap_or(usize::MAX);
    let len = (request.data.check)(request.reply(), used).map_err(Fault::Reply)?;

    // What is there is a reply all the same.
    if used > request.reply().len() && crate::abi::print::ratelimit(c"virtio_gpu") {
        dev_warn!(
            dev,
            "[drm] the host says it wrote {} bytes of reply to {}\n",
            used,
            request.reply().len()
        );
    }

    if request.data.fenced {
        let sent = proto::CtrlHdr::ref_from_prefix(request.command()).map(|(hdr, _)| *hdr);
        let reply = proto::reply_hdr(request.reply(), len);
        let same = sent.is_ok_and(|sent| {
            reply.is_ok_and(|reply| {
                reply.flags.get() & proto::FLAG_FENCE != 0
                    && reply.fence_id.get() == sent.fence_id.get()
            })
        });
        if !same {
            return Err(Fault::Fence);
        }
    }
    Ok(len)
}

/// Logs a fault, at a bounded rate: a host may refuse a great many commands.
fn log(dev: &device::Device, request: &virtio::Request<Meta>, fault: &Fault) {
    if !crate::abi::print::ratelimit(c"virtio_gpu") {
        return;
    }
    let command =
        proto::CtrlHdr::ref_from_prefix(request.command()).map_or(0, |(hdr, _)| hdr.type_.get());
    let response =
        proto::reply_hdr(request.reply(), request.reply().len()).map_or(0, |hdr| hdr.type_.get());
    let resource = request
        .data
        .objects
        .iter()
        .flatten()
        .next()
        .map_or(0, |object| object.id());

    match fault {
        Fault::Reply(proto::ReplyError::Host(_)) => dev_err!(
            dev,
            "[drm] *ERROR* response {:#x} (command {:#x}), resource {}\n",
            response,
            command,
            resource
        ),
        Fault::Reply(e) => dev_err!(
            dev,
            "[drm] *ERROR* bad response {:#x} (command {:#x}), resource {}: {:?}\n",
            response,
            command,
            resource,
            e
        ),
        Fault::Fence => dev_err!(
            dev,
            "[drm] *ERROR* response {:#x} without its fence (command {:#x}), resource {}\n",
            response,
            command,
            resource
        ),
    }
}
