// SPDX-License-Identifier: GPL-2.0

//! What a reply means: checks it, and ends the command that it belongs to.
#![forbid(unsafe_code)]

use super::command::Meta;
use crate::abi::virtio;
use kernel::{
    prelude::*, //
};
use virtio_gpu_proto as proto;
use zerocopy::FromBytes as _;

/// Why a reply is not what the command asked for.
enum Fault {
    /// The host refused, with this response type.
    Refused(u32),
    /// Fewer bytes than the reply has.
    Short(u32),
    /// A reply of this type, which the command does not expect.
    Type(u32),
    /// The fence flag or the fence id is not that of the command.
    Fence,
}

/// Ends a command that the device has used, by its reply. Returns the number of bytes written.
pub(super) fn finish_used(dev: &kernel::device::Device, request: &mut virtio::Request<Meta>) {
    let result = match check(request) {
        Ok(()) => Ok(()),
        Err(fault) => {
            log(dev, request, &fault);
            Err(EIO)
        }
    };

    finish(request, result);
}

/// Ends a command: signals its fence, tells who wants to know.
pub(super) fn finish(request: &mut virtio::Request<Meta>, result: Result) {
    if let Some(fence) = request.data.fence.take() {
        fence.complete(result);
    }
    if let Some(mut reply) = request.data.reply.take() {
        reply.done(match result {
            Ok(()) => {
                let used = usize::try_from(request.data.used).unwrap_or(usize::MAX);
                let mut bytes = request.take_reply();
                bytes.truncate(used);
                Ok(bytes)
            }
            Err(e) => Err(e),
        });
        // Dropped with the request, where freeing an object is fine.
        request.data.reply = Some(reply);
    }
}

fn command_type(request: &virtio::Request<Meta>) -> u32 {
    proto::CtrlHdr::ref_from_prefix(request.command()).map_or(0, |(hdr, _)| hdr.type_.get())
}

fn check(request: &virtio::Request<Meta>) -> Result<(), Fault> {
    if request.reply().is_empty() {
        // A cursor command: there is no reply.
        return Ok(());
    }
    let used = usize::try_from(request.data.used)
        .unwrap_or(usize::MAX)
        .min(request.reply().len());
    let bytes = request.reply().get(..used).unwrap_or_default();
    let Ok((hdr, _)) = proto::CtrlHdr::ref_from_prefix(bytes) else {
        return Err(Fault::Short(request.data.used));
    };

    let type_ = hdr.type_.get();
    if type_ >= proto::RESP_ERR_UNSPEC {
        return Err(Fault::Refused(type_));
    }
    if type_ != request.data.reply_type {
        return Err(Fault::Type(type_));
    }
    if used < request.data.reply_min {
        return Err(Fault::Short(request.data.used));
    }

    if request.data.emitted {
        let id = proto::CtrlHdr::ref_from_prefix(request.command())
            .map_or(0, |(hdr, _)| hdr.fence_id.get());
        if hdr.flags.get() & proto::FLAG_FENCE == 0 || hdr.fence_id.get() != id {
            return Err(Fault::Fence);
        }
    }
    Ok(())
}

fn log(dev: &kernel::device::Device, request: &virtio::Request<Meta>, fault: &Fault) {
    let command = command_type(request);
    let resource = request
        .data
        .objects
        .iter()
        .flatten()
        .next()
        .map_or(0, |object| object.id());

    match fault {
        Fault::Refused(type_) => dev_err!(
            dev,
            "[drm] *ERROR* response {:#x} (command {:#x}), resource {}\n",
            type_,
            command,
            resource
        ),
        Fault::Short(len) => dev_err!(
            dev,
            "[drm] *ERROR* reply of {} bytes is short (command {:#x}), resource {}\n",
            len,
            command,
            resource
        ),
        Fault::Type(type_) => dev_err!(
            dev,
            "[drm] *ERROR* unexpected response {:#x} (command {:#x}), resource {}\n",
            type_,
            command,
            resource
        ),
        Fault::Fence => dev_err!(
            dev,
            "[drm] *ERROR* reply without its fence (command {:#x}), resource {}\n",
            command,
            resource
        ),
    }
}
