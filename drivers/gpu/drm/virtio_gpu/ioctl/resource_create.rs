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

/// The target of a two-dimensional picture (`PIPE_TEXTURE_2D`), the only one without 3D.
const TARGET_2D: u32 = 2;

/// # Errors
///
/// [`EINVAL`] for anything but a plain two-dimensional picture, and those of [`object::create`] and
/// of handles.
pub(super) fn resource_create(
    dev: &DrmDevice,
    args: &mut uapi::drm_virtgpu_resource_create,
    file: &File,
) -> Result<u32> {
    if args.target != TARGET_2D
        || args.depth > 1
        || args.nr_samples > 1
        || args.last_level > 1
        || args.array_size > 1
    {
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
    let credit = file.inner().credits().take()?;
    let object = object::create(dev, size, image, Origin::ResourceCreate, credit)?;

    args.bo_handle = object.create_handle(file)?;
    args.res_handle = object.id();
    Ok(0)
}
