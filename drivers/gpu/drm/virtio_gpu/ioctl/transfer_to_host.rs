// SPDX-License-Identifier: GPL-2.0

//! `DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST`: the host takes part of an object's pages into its copy.
#![forbid(unsafe_code)]

use super::File;
use crate::{
    abi::uapi,
    device::DrmDevice,
    object::Object,
    queue::Command, //
};
use kernel::prelude::*;
use virtio_gpu_proto as proto;

/// Without 3D there is no fence for it, only a width and a height of the box count, and the host
/// checks them.
///
/// # Errors
///
/// [`ENOENT`] for an unknown handle, [`EIO`] for an object that the host has refused, [`ENOMEM`],
/// [`ERESTARTSYS`] if a signal is pending.
pub(super) fn transfer_to_host(
    dev: &DrmDevice,
    args: &mut uapi::drm_virtgpu_3d_transfer_to_host,
    file: &File,
) -> Result<u32> {
    let object = Object::lookup(file, args.bo_handle)?;
    let area = proto::Rect::new(args.box_.x, args.box_.y, args.box_.w, args.box_.h);
    let request = proto::TransferToHost2d::new(object.id(), args.offset.into(), area);

    object.check_usable()?;
    let credit = file.inner().credits().take()?;
    let command = Command::new(request)?.hold(object.clone()).charge(credit);
    object.copies().forget();
    object.sync_for_device();
    dev.queues().batch().push(command);
    Ok(0)
}
