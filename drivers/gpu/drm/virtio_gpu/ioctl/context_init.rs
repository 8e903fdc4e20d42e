// SPDX-License-Identifier: GPL-2.0

//! `DRM_IOCTL_VIRTGPU_CONTEXT_INIT`: the type and the rings of a 3D context.
#![forbid(unsafe_code)]

use super::File;
use crate::{
    abi::uapi,
    device::DrmDevice, //
};
use kernel::prelude::*;

/// # Errors
///
/// [`EINVAL`], as on every device without context types: CONTEXT_INIT is not negotiated.
pub(super) fn context_init(
    _dev: &DrmDevice,
    _args: &mut uapi::drm_virtgpu_context_init,
    _file: &File,
) -> Result<u32> {
    Err(EINVAL)
}
