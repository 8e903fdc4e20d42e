// SPDX-License-Identifier: GPL-2.0

//! The driver's ioctls: the table. A handler is in the file of its name.
//!
//! Numbers and arguments are those of `include/uapi/drm/virtgpu_drm.h`, and of
//! `include/uapi/drm/virtgpu_drm_ext.h` of this project.
#![forbid(unsafe_code)]

mod context_init;
mod execbuffer;
mod get_caps;
mod getparam;
mod map;
mod resource_create;
mod resource_create_blob;
mod resource_info;
mod resource_query_layout;
mod transfer_from_host;
mod transfer_to_host;
mod wait;

use crate::{
    abi::{
        drm::{
            self,
            ioctl::{
                descriptor,
                Descriptor,
                HOLE,
                RENDER_ALLOW, //
            }, //
        },
        uapi, //
    },
    driver::VirtioGpu,
    file, //
};
use kernel::prelude::*;

/// The open file of a caller.
type File = drm::File<file::File>;

/// The ioctls by number.
pub(crate) const TABLE: &[Descriptor] = &[
    HOLE,
    descriptor!(
        VirtioGpu,
        uapi::DRM_VIRTGPU_MAP,
        c"VIRTGPU_MAP",
        uapi::drm_virtgpu_map,
        RENDER_ALLOW,
        map::map
    ),
    descriptor!(
        VirtioGpu,
        uapi::DRM_VIRTGPU_EXECBUFFER,
        c"VIRTGPU_EXECBUFFER",
        uapi::drm_virtgpu_execbuffer,
        RENDER_ALLOW,
        execbuffer::execbuffer
    ),
    descriptor!(
        VirtioGpu,
        uapi::DRM_VIRTGPU_GETPARAM,
        c"VIRTGPU_GETPARAM",
        uapi::drm_virtgpu_getparam,
        RENDER_ALLOW,
        getparam::getparam
    ),
    descriptor!(
        VirtioGpu,
        uapi::DRM_VIRTGPU_RESOURCE_CREATE,
        c"VIRTGPU_RESOURCE_CREATE",
        uapi::drm_virtgpu_resource_create,
        RENDER_ALLOW,
        resource_create::resource_create
    ),
    descriptor!(
        VirtioGpu,
        uapi::DRM_VIRTGPU_RESOURCE_INFO,
        c"VIRTGPU_RESOURCE_INFO",
        uapi::drm_virtgpu_resource_info,
        RENDER_ALLOW,
        resource_info::resource_info
    ),
    descriptor!(
        VirtioGpu,
        uapi::DRM_VIRTGPU_TRANSFER_FROM_HOST,
        c"VIRTGPU_TRANSFER_FROM_HOST",
        uapi::drm_virtgpu_3d_transfer_from_host,
        RENDER_ALLOW,
        transfer_from_host::transfer_from_host
    ),
    descriptor!(
        VirtioGpu,
        uapi::DRM_VIRTGPU_TRANSFER_TO_HOST,
        c"VIRTGPU_TRANSFER_TO_HOST",
        uapi::drm_virtgpu_3d_transfer_to_host,
        RENDER_ALLOW,
        transfer_to_host::transfer_to_host
    ),
    descriptor!(
        VirtioGpu,
        uapi::DRM_VIRTGPU_WAIT,
        c"VIRTGPU_WAIT",
        uapi::drm_virtgpu_3d_wait,
        RENDER_ALLOW,
        wait::wait
    ),
    descriptor!(
        VirtioGpu,
        uapi::DRM_VIRTGPU_GET_CAPS,
        c"VIRTGPU_GET_CAPS",
        uapi::drm_virtgpu_get_caps,
        RENDER_ALLOW,
        get_caps::get_caps
    ),
    descriptor!(
        VirtioGpu,
        uapi::DRM_VIRTGPU_RESOURCE_CREATE_BLOB,
        c"VIRTGPU_RESOURCE_CREATE_BLOB",
        uapi::drm_virtgpu_resource_create_blob,
        RENDER_ALLOW,
        resource_create_blob::resource_create_blob
    ),
    descriptor!(
        VirtioGpu,
        uapi::DRM_VIRTGPU_CONTEXT_INIT,
        c"VIRTGPU_CONTEXT_INIT",
        uapi::drm_virtgpu_context_init,
        RENDER_ALLOW,
        context_init::context_init
    ),
    descriptor!(
        VirtioGpu,
        uapi::DRM_VIRTGPU_RESOURCE_QUERY_LAYOUT,
        c"VIRTGPU_RESOURCE_QUERY_LAYOUT",
        uapi::drm_virtgpu_resource_query_layout,
        RENDER_ALLOW,
        resource_query_layout::resource_query_layout
    ),
];

/// Whether calls of `nr` with an argument of `size` bytes are what the table has. The DRM core takes an
/// argument of any size for the beginning of the structure that it knows.
pub(crate) fn takes(nr: u32, size: usize) -> bool {
    nr != uapi::DRM_VIRTGPU_RESOURCE_QUERY_LAYOUT || size != resource_query_layout::OTHER_SIZE
}

#[kunit_tests(virtio_gpu_ioctl)]
mod tests {
    use super::*;

    #[test]
    fn the_other_query_layout_is_refused() {
        assert!(!takes(0x0c, 112));
        for size in [0, 8, 24, 96, 104, 120, 128] {
            assert!(takes(0x0c, size));
        }
        assert!(takes(0x0b, 112) && takes(0x0d, 112));
    }
}
