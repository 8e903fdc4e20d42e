// SPDX-License-Identifier: GPL-2.0

//! `DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST`: the host takes part of an object's pages into its copy.
#![forbid(unsafe_code)]

use super::File;
use crate::{
    abi::uapi,
    device::DrmDevice,
    object::Object,
    queue::Command,
    submit, //
};
use kernel::prelude::*;
use virtio_gpu_proto as proto;

/// Without 3D there is no fence for it, only a width and a height of the box count, and the host
/// checks them.
///
/// # Errors
///
/// [`ENOENT`] for an unknown handle; [`EINVAL`] for guest memory that the host has no copy of, or if
/// lines are given of a resource of which the host knows them;
/// [`EIO`] for an object that the host has refused; [`ENOMEM`]; [`ERESTARTSYS`] if a signal is pending.
pub(super) fn transfer_to_host(
    dev: &DrmDevice,
    args: &mut uapi::drm_virtgpu_3d_transfer_to_host,
    file: &File,
) -> Result<u32> {
    let object = Object::lookup(file, args.bo_handle)?;
    let inner = file.inner();

    if object.is_guest_blob() {
        return Err(EINVAL);
    }
    object.check_usable()?;
    if let Some(context) = inner.context() {
        context.ensure(dev)?;
        let lines = [args.stride, args.layer_stride];
        let transfer = transfer(&object, &args.box_, args.offset, args.level, lines)?;
        let credit = inner.credits().take()?;
        submit::to_host(dev, context, &object, &transfer, credit)?;
        return Ok(0);
    }

    let area = proto::Rect::new(args.box_.x, args.box_.y, args.box_.w, args.box_.h);
    let request = proto::TransferToHost2d::new(object.id(), args.offset.into(), area);
    let credit = inner.credits().take()?;
    let command = Command::new(request)?.hold(object.clone()).charge(credit);
    object.copies().forget();
    object.sync_for_device();
    dev.queues().batch().push(command);
    Ok(0)
}

/// The part `area` of an object as the wire has it, with bytes from one line and from one layer to the
/// next. The host checks it.
///
/// # Errors
///
/// [`EINVAL`] if `lines` are given and the object is not memory of the host's.
pub(super) fn transfer(
    object: &Object,
    area: &uapi::drm_virtgpu_3d_box,
    offset: u32,
    level: u32,
    lines: [u32; 2],
) -> Result<proto::Transfer3d> {
    let [stride, layer_stride] = lines;

    // The host knows the lines of a resource that it keeps itself.
    if lines != [0, 0] && object.blob().is_none() {
        return Err(EINVAL);
    }
    Ok(proto::Transfer3d {
        box_: proto::Box3d {
            x: area.x,
            y: area.y,
            z: area.z,
            w: area.w,
            h: area.h,
            d: area.d,
        },
        offset: offset.into(),
        level,
        stride,
        layer_stride,
    })
}
