// SPDX-License-Identifier: GPL-2.0

//! `DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST`: the host writes an object's contents to its pages.
#![forbid(unsafe_code)]

use super::File;
use crate::{
    abi::uapi,
    device::DrmDevice, //
};
use kernel::prelude::*;

/// # Errors
///
/// [`ENOSYS`], as on every device without 3D: VIRGL is not negotiated.
pub(super) fn transfer_from_host(
    _dev: &DrmDevice,
    _args: &mut uapi::drm_virtgpu_3d_transfer_from_host,
    _file: &File,
) -> Result<u32> {
    Err(ENOSYS)
}
