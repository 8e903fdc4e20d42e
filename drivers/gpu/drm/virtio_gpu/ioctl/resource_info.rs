// SPDX-License-Identifier: GPL-2.0

//! `DRM_IOCTL_VIRTGPU_RESOURCE_INFO`: an object's size and the host's id for it.
#![forbid(unsafe_code)]

use super::File;
use crate::{
    abi::uapi,
    device::DrmDevice,
    object::Object, //
};
use kernel::prelude::*;

/// # Errors
///
/// [`ENOENT`] for an unknown handle.
pub(super) fn resource_info(
    _dev: &DrmDevice,
    args: &mut uapi::drm_virtgpu_resource_info,
    file: &File,
) -> Result<u32> {
    let object = Object::lookup(file, args.bo_handle)?;

    args.res_handle = object.id();
    // The field is too small for the largest objects.
    args.size = u32::try_from(object.size()).unwrap_or(u32::MAX);
    args.blob_mem = if object.is_imported() {
        0
    } else {
        object.blob_mem()
    };
    Ok(0)
}
