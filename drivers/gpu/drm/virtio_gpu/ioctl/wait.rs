// SPDX-License-Identifier: GPL-2.0

//! `DRM_IOCTL_VIRTGPU_WAIT`: waits until the host is done with an object.
#![forbid(unsafe_code)]

use super::File;
use crate::{
    abi::{
        sync::Usage,
        uapi, //
    },
    device::DrmDevice,
    object::Object, //
};
use kernel::{
    prelude::*,
    time::msecs_to_jiffies, //
};

/// The longest that a caller waits.
const TIMEOUT_MS: u32 = 15_000;

/// # Errors
///
/// [`ENOENT`] for an unknown handle, [`EBUSY`] if the host is not done after 15 seconds, or now if
/// the caller does not want to wait, [`ERESTARTSYS`] if a signal is pending.
pub(super) fn wait(
    _dev: &DrmDevice,
    args: &mut uapi::drm_virtgpu_3d_wait,
    file: &File,
) -> Result<u32> {
    let object = Object::lookup(file, args.handle)?;
    let fences = object.reservation();

    if args.flags & uapi::VIRTGPU_WAIT_NOWAIT == 0 {
        fences
            .wait_interruptible(Usage::Read, msecs_to_jiffies(TIMEOUT_MS))
            .map_err(|e| if e == ETIMEDOUT { EBUSY } else { e })?;
    } else if !fences.is_signaled(Usage::Read) {
        return Err(EBUSY);
    }
    Ok(0)
}
