// SPDX-License-Identifier: GPL-2.0

//! `DRM_IOCTL_VIRTGPU_RESOURCE_QUERY_LAYOUT`: how an object lies in memory, or how one would.
#![forbid(unsafe_code)]

use super::File;
use crate::{
    abi::uapi,
    device::DrmDevice,
    object::{
        self,
        Object, //
    }, //
};
use kernel::prelude::*;
use virtio_gpu_proto::LayoutQuery;

/// The size of the argument in another patch that has the same number for it: all fields but the first
/// have other places, so such a call must not be taken for one of ours.
pub(super) const OTHER_SIZE: usize = 112;

const _: () = assert!(size_of::<uapi::drm_virtgpu_resource_query_layout>() != OTHER_SIZE);

/// # Errors
///
/// [`ENOENT`] for an unknown handle, and those of [`object::layout_of`] and [`object::layout_of_new`].
pub(super) fn resource_query_layout(
    dev: &DrmDevice,
    args: &mut uapi::drm_virtgpu_resource_query_layout,
    file: &File,
) -> Result<u32> {
    let layout = match args.handle {
        0 => {
            let query = LayoutQuery {
                resource_id: 0,
                width: args.width,
                height: args.height,
                format: args.format,
                bind: args.bind,
            };
            object::layout_of_new(dev, file.inner().credits(), query)?
        }
        handle => object::layout_of(dev, &Object::lookup(file, handle)?)?,
    };
    let planes = layout.planes();

    args.num_planes = u32::try_from(planes.len())?;
    args.modifier = layout.modifier;
    args.planes = Default::default();
    for (to, from) in args.planes.iter_mut().zip(planes) {
        to.offset = from.offset;
        to.stride = from.stride;
    }
    Ok(0)
}
