// SPDX-License-Identifier: GPL-2.0

//! `DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB`: objects that are plain memory to the host.
#![forbid(unsafe_code)]

use super::File;
use crate::{
    abi::uapi,
    device::DrmDevice, //
};
use kernel::prelude::*;

/// # Errors
///
/// [`EINVAL`], as on every device without blobs: RESOURCE_BLOB is not negotiated.
pub(super) fn resource_create_blob(
    _dev: &DrmDevice,
    _args: &mut uapi::drm_virtgpu_resource_create_blob,
    _file: &File,
) -> Result<u32> {
    Err(EINVAL)
}
