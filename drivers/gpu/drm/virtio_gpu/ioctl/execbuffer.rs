// SPDX-License-Identifier: GPL-2.0

//! `DRM_IOCTL_VIRTGPU_EXECBUFFER`: commands of a 3D context.
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
pub(super) fn execbuffer(
    _dev: &DrmDevice,
    _args: &mut uapi::drm_virtgpu_execbuffer,
    _file: &File,
) -> Result<u32> {
    Err(ENOSYS)
}
