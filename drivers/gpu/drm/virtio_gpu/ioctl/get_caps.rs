// SPDX-License-Identifier: GPL-2.0

//! `DRM_IOCTL_VIRTGPU_GET_CAPS`: a capability set, which describes what the host's 3D can do.
#![forbid(unsafe_code)]

use super::File;
use crate::{
    abi::uapi,
    capset,
    device::DrmDevice, //
};
use kernel::{
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// Writes as much of the set as it has or the caller wants, whichever is less.
///
/// # Errors
///
/// [`ENOSYS`] if the device has no sets; [`EINVAL`] for a size of 0, or a set or version that it does
/// not have; [`EFAULT`], and those of [`capset::get`].
pub(super) fn get_caps(
    dev: &DrmDevice,
    args: &mut uapi::drm_virtgpu_get_caps,
    _file: &File,
) -> Result<u32> {
    if dev.capsets().is_empty() {
        return Err(ENOSYS);
    }
    if args.size == 0 {
        return Err(EINVAL);
    }
    let data = capset::get(dev, args.cap_set_id, args.cap_set_ver)?;
    let len = usize::try_from(args.size)?.min(data.len());
    let addr = usize::try_from(args.addr).map_err(|_| EFAULT)?;

    UserSlice::new(UserPtr::from_addr(addr), len)
        .writer()
        .write_slice(data.get(..len).unwrap_or_default())?;
    Ok(0)
}
