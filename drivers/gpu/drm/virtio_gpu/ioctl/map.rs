// SPDX-License-Identifier: GPL-2.0

//! `DRM_IOCTL_VIRTGPU_MAP`: where in the device file an object can be mapped.
#![forbid(unsafe_code)]

use super::File;
use crate::{
    abi::uapi,
    device::DrmDevice,
    object::{
        self,
        Object, //
    }, //
};
use kernel::prelude::*;

/// Waits for the host where it has to bring the object in first.
///
/// # Errors
///
/// [`ENOENT`] for an unknown handle, [`EINVAL`] for an imported object, [`EIO`] for an object that
/// the host has refused, [`ERESTARTSYS`] if the task is being killed.
pub(super) fn map(dev: &DrmDevice, args: &mut uapi::drm_virtgpu_map, file: &File) -> Result<u32> {
    let object = Object::lookup(file, args.handle)?;

    if object.is_imported() {
        return Err(EINVAL);
    }
    object.check_usable()?;
    object::prepare_map(dev, &object)?;
    args.offset = object.create_mmap_offset()?;
    Ok(0)
}
