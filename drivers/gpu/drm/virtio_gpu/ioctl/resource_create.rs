// SPDX-License-Identifier: GPL-2.0

//! `DRM_IOCTL_VIRTGPU_RESOURCE_CREATE`: an object with a classic resource.
#![forbid(unsafe_code)]

use super::File;
use crate::{
    abi::uapi,
    device::DrmDevice,
    object::{
        self,
        Image,
        Origin, //
    }, //
};
use kernel::{
    page::PAGE_SIZE,
    prelude::*, //
};
use virtio_gpu_proto as proto;

/// The target of a two-dimensional picture (`PIPE_TEXTURE_2D`), the only one without 3D.
const TARGET_2D: u32 = 2;

/// # Errors
///
/// [`EINVAL`] for anything but a plain two-dimensional picture where there is no 3D, and those of
/// [`object::create`], of contexts and of handles.
pub(super) fn resource_create(
    dev: &DrmDevice,
    args: &mut uapi::drm_virtgpu_resource_create,
    file: &File,
) -> Result<u32> {
    let inner = file.inner();
    let params = match inner.context() {
        Some(context) => {
            context.ensure(dev)?;
            Some(params(args))
        }
        None => None,
    };

    if params.is_none() && !is_flat(args) {
        return Err(EINVAL);
    }

    let size = match args.size {
        0 => PAGE_SIZE,
        size => usize::try_from(size)?,
    };
    let image = Image {
        format: args.format,
        width: args.width,
        height: args.height,
    };
    let credit = inner.credits().take()?;
    let object = object::create(dev, size, image, Origin::ResourceCreate(params), credit)?;

    args.bo_handle = object.create_handle(file)?;
    args.res_handle = object.id();
    Ok(0)
}

/// Whether what is asked for is a plain two-dimensional picture.
fn is_flat(args: &uapi::drm_virtgpu_resource_create) -> bool {
    args.target == TARGET_2D
        && args.depth <= 1
        && args.nr_samples <= 1
        && args.last_level <= 1
        && args.array_size <= 1
}

/// What is asked for, for the host's 3D to judge.
fn params(args: &uapi::drm_virtgpu_resource_create) -> proto::Params3d {
    proto::Params3d {
        target: args.target,
        format: args.format,
        bind: args.bind,
        width: args.width,
        height: args.height,
        depth: args.depth,
        array_size: args.array_size,
        last_level: args.last_level,
        nr_samples: args.nr_samples,
        flags: args.flags,
    }
}
