// SPDX-License-Identifier: GPL-2.0

//! `DRM_IOCTL_VIRTGPU_GET_CAPS`: a capability set, which describes what the host's 3D can do.
#![forbid(unsafe_code)]

use super::File;
use crate::{
    abi::uapi,
    device::DrmDevice, //
};
use kernel::prelude::*;

/// # Errors
///
/// [`ENOSYS`], as on every device without capability sets: they come with VIRGL, which is not
/// negotiated.
pub(super) fn get_caps(
    _dev: &DrmDevice,
    _args: &mut uapi::drm_virtgpu_get_caps,
    _file: &File,
) -> Result<u32> {
    Err(ENOSYS)
}
