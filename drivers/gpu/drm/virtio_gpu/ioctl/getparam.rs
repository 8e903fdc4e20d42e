// SPDX-License-Identifier: GPL-2.0

//! `DRM_IOCTL_VIRTGPU_GETPARAM`: what the device and the driver can do.
#![forbid(unsafe_code)]

use super::File;
use crate::{
    abi::uapi,
    device::DrmDevice,
    features::Features, //
};
use kernel::{
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// Writes the value of a parameter to where `args` says. That is four bytes for every parameter
/// there is, although the field has room for more: userspace passes pointers to 32-bit variables.
///
/// # Errors
///
/// [`EINVAL`] for an unknown parameter, [`ENOENT`] for one that this device has no value for,
/// [`EFAULT`] for a bad pointer.
pub(super) fn getparam(
    dev: &DrmDevice,
    args: &mut uapi::drm_virtgpu_getparam,
    _file: &File,
) -> Result<u32> {
    let bytes = value(dev.features(), dev.capsets().mask(), args.param)?.to_ne_bytes();
    let addr = usize::try_from(args.value).map_err(|_| EFAULT)?;

    UserSlice::new(UserPtr::from_addr(addr), bytes.len())
        .writer()
        .write_slice(&bytes)?;
    Ok(0)
}

/// The value of `param` on a device with `features` and the capability sets in the mask `capsets`.
fn value(features: &Features, capsets: u64, param: u64) -> Result<u32> {
    let param = u32::try_from(param).map_err(|_| EINVAL)?;

    Ok(match param {
        uapi::VIRTGPU_PARAM_3D_FEATURES => features.virgl.into(),
        uapi::VIRTGPU_PARAM_CAPSET_QUERY_FIX => 1,
        uapi::VIRTGPU_PARAM_RESOURCE_BLOB => features.resource_blob.into(),
        uapi::VIRTGPU_PARAM_HOST_VISIBLE => features.host_visible.into(),
        uapi::VIRTGPU_PARAM_CROSS_DEVICE => features.resource_uuid.into(),
        uapi::VIRTGPU_PARAM_CONTEXT_INIT | uapi::VIRTGPU_PARAM_EXPLICIT_DEBUG_NAME => {
            features.context_init.into()
        }
        // CAST: What fits of the mask.
        uapi::VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs => capsets as u32,
        uapi::VIRTGPU_PARAM_BLOB_ALIGNMENT => features.blob_alignment.ok_or(ENOENT)?,
        _ => return Err(EINVAL),
    })
}

#[kunit_tests(virtio_gpu_getparam)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_device() {
        let features = Features::default();

        assert_eq!(value(&features, 0, 2), Ok(1));
        for param in [1, 3, 4, 5, 6, 7, 8] {
            assert_eq!(value(&features, 0, param), Ok(0));
        }
        assert_eq!(value(&features, 0, 9), Err(ENOENT));
    }

    #[test]
    fn the_alignment_where_there_is_one() {
        let features = Features {
            blob_alignment: Some(4096),
            ..Features::default()
        };

        assert_eq!(value(&features, 0, 9), Ok(4096));
    }

    #[test]
    fn capability_sets() {
        assert_eq!(value(&Features::default(), 1 << 33 | 0b110, 7), Ok(0b110));
    }

    #[test]
    fn unknown_parameters() {
        for param in [0, 10, 11, 1 << 32, (1 << 32) + 1, u64::MAX] {
            assert_eq!(value(&Features::default(), 0, param), Err(EINVAL));
        }
    }
}
