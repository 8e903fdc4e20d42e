// SPDX-License-Identifier: GPL-2.0

//! The uapi structures and constants that the driver uses, from the kernel's header and from the one
//! beside it of what is added.
//!
//! Headers: [`include/uapi/drm/virtgpu_drm.h`](srctree/include/uapi/drm/virtgpu_drm.h),
//! `include/uapi/drm/virtgpu_drm_ext.h`

use super::{
    bindings,
    drm::ioctl::Argument, //
};

pub(crate) use bindings::{
    drm_virtgpu_3d_box,
    drm_virtgpu_3d_transfer_from_host,
    drm_virtgpu_3d_transfer_to_host,
    drm_virtgpu_3d_wait,
    drm_virtgpu_context_init,
    drm_virtgpu_execbuffer,
    drm_virtgpu_execbuffer_syncobj,
    drm_virtgpu_get_caps,
    drm_virtgpu_getparam,
    drm_virtgpu_map,
    drm_virtgpu_resource_create,
    drm_virtgpu_resource_create_blob,
    drm_virtgpu_resource_info,
    drm_virtgpu_resource_query_layout,
    VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs,
    DRM_VIRTGPU_BLOB_FLAG_HINT_DEFER_MAPPING,
    DRM_VIRTGPU_CONTEXT_INIT,
    DRM_VIRTGPU_EXECBUFFER,
    DRM_VIRTGPU_GETPARAM,
    DRM_VIRTGPU_GET_CAPS,
    DRM_VIRTGPU_MAP,
    DRM_VIRTGPU_RESOURCE_CREATE,
    DRM_VIRTGPU_RESOURCE_CREATE_BLOB,
    DRM_VIRTGPU_RESOURCE_INFO,
    DRM_VIRTGPU_RESOURCE_QUERY_LAYOUT,
    DRM_VIRTGPU_TRANSFER_FROM_HOST,
    DRM_VIRTGPU_TRANSFER_TO_HOST,
    DRM_VIRTGPU_WAIT,
    VIRTGPU_CONTEXT_PARAM_CAPSET_ID,
    VIRTGPU_CONTEXT_PARAM_DEBUG_NAME,
    VIRTGPU_CONTEXT_PARAM_FENCE_PASSING,
    VIRTGPU_CONTEXT_PARAM_NUM_RINGS,
    VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK,
    VIRTGPU_EVENT_FENCE_SIGNALED,
    VIRTGPU_EXECBUF_FENCE_FD_IN,
    VIRTGPU_EXECBUF_FENCE_FD_OUT,
    VIRTGPU_EXECBUF_RING_IDX,
    VIRTGPU_EXECBUF_SHARED_FENCE,
    VIRTGPU_EXECBUF_SYNCOBJ_RESET,
    VIRTGPU_PARAM_3D_FEATURES,
    VIRTGPU_PARAM_BLOB_ALIGNMENT,
    VIRTGPU_PARAM_CAPSET_QUERY_FIX,
    VIRTGPU_PARAM_CONTEXT_INIT,
    VIRTGPU_PARAM_CROSS_DEVICE,
    VIRTGPU_PARAM_EXPLICIT_DEBUG_NAME,
    VIRTGPU_PARAM_HOST_VISIBLE,
    VIRTGPU_PARAM_RESOURCE_BLOB,
    VIRTGPU_WAIT_NOWAIT, //
};

macro_rules! arguments {
    ($($name:ident),* $(,)?) => {
        $(
            // SAFETY: A C structure of integers without padding.
            unsafe impl Argument for $name {}
        )*
    };
}

arguments! {
    drm_virtgpu_3d_transfer_from_host,
    drm_virtgpu_3d_transfer_to_host,
    drm_virtgpu_3d_wait,
    drm_virtgpu_context_init,
    drm_virtgpu_execbuffer,
    drm_virtgpu_get_caps,
    drm_virtgpu_getparam,
    drm_virtgpu_map,
    drm_virtgpu_resource_create,
    drm_virtgpu_resource_create_blob,
    drm_virtgpu_resource_info,
    drm_virtgpu_resource_query_layout,
}

/// The description of a sync object in these bytes of a caller.
pub(crate) fn execbuffer_syncobj(
    bytes: [u8; size_of::<drm_virtgpu_execbuffer_syncobj>()],
) -> drm_virtgpu_execbuffer_syncobj {
    // SAFETY: A C structure of integers without padding, of which every bit pattern is a value.
    unsafe { core::mem::transmute(bytes) }
}
