// SPDX-License-Identifier: GPL-2.0

//! `DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB`: objects that are plain memory to the host.
#![forbid(unsafe_code)]

use super::File;
use crate::{
    abi::{
        uapi,
        virtio::Payload, //
    },
    device::DrmDevice,
    features::Features,
    object::{
        self,
        NewBlob, //
    },
    queue::Command,
    submit, //
};
use kernel::prelude::*;
use virtio_gpu_proto as proto;

/// The flags there are.
const FLAGS: u32 = proto::BLOB_FLAG_USE_MAPPABLE
    | proto::BLOB_FLAG_USE_SHAREABLE
    | proto::BLOB_FLAG_USE_CROSS_DEVICE;

/// Hints that are not known are ignored.
///
/// # Errors
///
/// [`EINVAL`] for anything that the device or the protocol does not have, and those of
/// [`object::create_blob`], of contexts and of handles; [`EFAULT`]; [`ERESTARTSYS`] if a signal is
/// pending.
pub(super) fn resource_create_blob(
    dev: &DrmDevice,
    args: &mut uapi::drm_virtgpu_resource_create_blob,
    file: &File,
) -> Result<u32> {
    let inner = file.inner();

    check(dev.features(), args)?;
    let context = inner.context();
    if let Some(context) = context {
        context.ensure(dev)?;
    }
    let ctx_id = context
        .filter(|_| args.blob_mem != proto::BLOB_MEM_GUEST)
        .map_or(0, |context| context.id());
    let before = match args.cmd_size {
        0 => None,
        size => {
            let stream = submit::bytes(args.cmd, size)?;
            let payload = Payload::new(stream, dev.queues().payload_limits()?)?;
            Some(Command::new(proto::Submit3d::new(ctx_id, size))?.payload(payload))
        }
    };
    let new = NewBlob {
        blob: proto::Blob {
            blob_mem: args.blob_mem,
            blob_flags: args.blob_flags,
            blob_id: args.blob_id,
            size: args.size,
        },
        ctx_id,
        before,
        deferred: args.blob_hints & uapi::DRM_VIRTGPU_BLOB_FLAG_HINT_DEFER_MAPPING != 0,
        dumb: None,
    };
    let credit = inner.credits().take()?;
    let object = object::create_blob(dev, new, credit)?;

    args.bo_handle = object.create_handle(file)?;
    args.res_handle = object.id();
    Ok(0)
}

/// Checks what is asked for against what a device with `features` has.
fn check(features: &Features, args: &uapi::drm_virtgpu_resource_create_blob) -> Result {
    let cross_device = args.blob_flags & proto::BLOB_FLAG_USE_CROSS_DEVICE != 0;
    // A power of two.
    let unaligned = u64::from(features.blob_alignment.unwrap_or(1)).saturating_sub(1);

    let good = features.resource_blob
        && args.blob_flags & !FLAGS == 0
        && (!cross_device || features.resource_uuid)
        && match args.blob_mem {
            proto::BLOB_MEM_GUEST => args.blob_id == 0 && args.cmd_size == 0,
            proto::BLOB_MEM_HOST3D | proto::BLOB_MEM_HOST3D_GUEST => {
                features.virgl && args.cmd_size % 4 == 0
            }
            _ => false,
        }
        && args.size & unaligned == 0;

    if good {
        Ok(())
    } else {
        Err(EINVAL)
    }
}

#[kunit_tests(virtio_gpu_create_blob)]
mod tests {
    use super::*;

    fn features() -> Features {
        Features {
            virgl: true,
            resource_uuid: true,
            resource_blob: true,
            ..Features::default()
        }
    }

    fn guest() -> uapi::drm_virtgpu_resource_create_blob {
        uapi::drm_virtgpu_resource_create_blob {
            blob_mem: 1,
            size: 4096,
            ..Default::default()
        }
    }

    #[test]
    fn what_the_device_lacks() {
        let mut args = guest();

        assert_eq!(check(&features(), &args), Ok(()));
        assert_eq!(check(&Features::default(), &args), Err(EINVAL));
        args.blob_mem = 2;
        assert_eq!(check(&features(), &args), Ok(()));
        let flat = Features {
            virgl: false,
            ..features()
        };
        assert_eq!(check(&flat, &args), Err(EINVAL));
        args.blob_flags = 4;
        assert_eq!(check(&features(), &args), Ok(()));
        let alone = Features {
            resource_uuid: false,
            ..features()
        };
        assert_eq!(check(&alone, &args), Err(EINVAL));
    }

    #[test]
    fn what_there_is_not() {
        for blob_mem in [0, 4, u32::MAX] {
            let args = uapi::drm_virtgpu_resource_create_blob {
                blob_mem,
                ..guest()
            };
            assert_eq!(check(&features(), &args), Err(EINVAL));
        }
        for blob_flags in [8, 16, u32::MAX] {
            let args = uapi::drm_virtgpu_resource_create_blob {
                blob_flags,
                ..guest()
            };
            assert_eq!(check(&features(), &args), Err(EINVAL));
        }
    }

    #[test]
    fn commands_and_names_are_for_the_host() {
        let named = uapi::drm_virtgpu_resource_create_blob {
            blob_id: 1,
            ..guest()
        };
        let mut command = uapi::drm_virtgpu_resource_create_blob {
            cmd_size: 4,
            ..guest()
        };

        assert_eq!(check(&features(), &named), Err(EINVAL));
        assert_eq!(check(&features(), &command), Err(EINVAL));
        command.blob_mem = 3;
        assert_eq!(check(&features(), &command), Ok(()));
        command.cmd_size = 6;
        assert_eq!(check(&features(), &command), Err(EINVAL));
    }

    #[test]
    fn sizes_are_aligned() {
        let aligned = Features {
            blob_alignment: Some(65536),
            ..features()
        };
        let mut args = guest();

        assert_eq!(check(&aligned, &args), Err(EINVAL));
        args.size = 3 * 65536;
        assert_eq!(check(&aligned, &args), Ok(()));
        args.size = 1;
        assert_eq!(check(&features(), &args), Ok(()));
    }
}
