// SPDX-License-Identifier: GPL-2.0

//! `DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST`: the host writes an object's contents to its pages.
#![forbid(unsafe_code)]

use super::{
    transfer_to_host::transfer,
    File, //
};
use crate::{
    abi::uapi,
    device::DrmDevice,
    object::Object,
    submit, //
};
use kernel::prelude::*;

/// The object is busy until the host is done.
///
/// # Errors
///
/// [`ENOSYS`] without 3D; [`ENOENT`] for an unknown handle; [`EINVAL`] for guest memory that the host
/// has no copy of, or if lines are given of a resource of which the host knows them; [`EIO`] for an object that the host has refused; [`ENOMEM`]; [`ERESTARTSYS`] if a
/// signal is pending.
pub(super) fn transfer_from_host(
    dev: &DrmDevice,
    args: &mut uapi::drm_virtgpu_3d_transfer_from_host,
    file: &File,
) -> Result<u32> {
    let inner = file.inner();
    let context = inner.context().ok_or(ENOSYS)?;

    context.ensure(dev)?;
    let object = Object::lookup(file, args.bo_handle)?;
    if object.is_guest_blob() {
        return Err(EINVAL);
    }
    let lines = [args.stride, args.layer_stride];
    let transfer = transfer(&object, &args.box_, args.offset, args.level, lines)?;
    let credit = inner.credits().take()?;
    submit::from_host(dev, context, &object, &transfer, credit)?;
    Ok(0)
}
