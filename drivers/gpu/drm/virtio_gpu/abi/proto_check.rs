// SPDX-License-Identifier: GPL-2.0

//! The wire protocol crate against the C headers: sizes, offsets and numbers, checked when this file is compiled.
//!
//! Headers: `include/uapi/linux/virtio_gpu.h` of the kernel and `include/uapi/linux/virtio_gpu_ext.h` beside it. This
//! file makes no code.

use super::bindings;
use core::mem::{
    offset_of,
    size_of, //
};
use virtio_gpu_proto as proto;

/// `RUST = C { FIELDS }`: both have the same size, and fields of the same name the same offsets. A field whose names differ
/// is written `rust = c`.
macro_rules! same_layout {
    ($($rust:ident = $c:ident { $($field:ident $(= $c_field:ident)?),* $(,)? })*) => {
        $(
            const _: () = assert!(size_of::<proto::$rust>() == size_of::<bindings::$c>());
            $(same_layout!(@field $rust $c $field $($c_field)?);)*
        )*
    };
    (@field $rust:ident $c:ident $field:ident) => {
        same_layout!(@field $rust $c $field $field);
    };
    (@field $rust:ident $c:ident $field:ident $c_field:ident) => {
        const _: () =
            assert!(offset_of!(proto::$rust, $field) == offset_of!(bindings::$c, $c_field));
    };
}

/// `RUST => C`: both constants have the same value.
macro_rules! same_value {
    ($($rust:expr => $c:ident,)*) => {
        $(const _: () = assert!($rust as u64 == bindings::$c as u64);)*
    };
}

same_layout! {
    CtrlHdr = virtio_gpu_ctrl_hdr { type_, flags, fence_id, ctx_id, ring_idx, padding }
    CursorPos = virtio_gpu_cursor_pos { scanout_id, x, y, padding }
    UpdateCursor = virtio_gpu_update_cursor { hdr, pos, resource_id, hot_x, hot_y, padding }
    MoveCursor = virtio_gpu_update_cursor {}
    WireRect = virtio_gpu_rect { x, y, width, height }
    ResourceUnref = virtio_gpu_resource_unref { hdr, resource_id, padding }
    ResourceCreate2d = virtio_gpu_resource_create_2d { hdr, resource_id, format, width, height }
    SetScanout = virtio_gpu_set_scanout { hdr, r, scanout_id, resource_id }
    ResourceFlush = virtio_gpu_resource_flush { hdr, r, resource_id, padding }
    TransferToHost2d = virtio_gpu_transfer_to_host_2d { hdr, r, offset, resource_id, padding }
    MemEntry = virtio_gpu_mem_entry { addr, length, padding }
    ResourceAttachBacking = virtio_gpu_resource_attach_backing { hdr, resource_id, nr_entries }
    ResourceDetachBacking = virtio_gpu_resource_detach_backing { hdr, resource_id, padding }
    GetDisplayInfo = virtio_gpu_ctrl_hdr {}
    DisplayOne = virtio_gpu_resp_display_info_virtio_gpu_display_one { r, enabled, flags }
    RespDisplayInfo = virtio_gpu_resp_display_info { hdr, pmodes }
    OkNodata = virtio_gpu_ctrl_hdr {}
    WireBox = virtio_gpu_box { x, y, z, w, h, d }
    TransferToHost3d = virtio_gpu_transfer_host_3d {
        hdr, box_, offset, resource_id, level, stride, layer_stride
    }
    TransferFromHost3d = virtio_gpu_transfer_host_3d {}
    ResourceCreate3d = virtio_gpu_resource_create_3d {
        hdr, resource_id, target, format, bind, width, height, depth, array_size, last_level,
        nr_samples, flags, padding
    }
    CtxCreate = virtio_gpu_ctx_create { hdr, nlen, context_init, debug_name }
    CtxDestroy = virtio_gpu_ctx_destroy { hdr }
    CtxAttachResource = virtio_gpu_ctx_resource { hdr, resource_id, padding }
    CtxDetachResource = virtio_gpu_ctx_resource {}
    Submit3d = virtio_gpu_cmd_submit { hdr, size, num_in_fences = padding }
    GetCapsetInfo = virtio_gpu_get_capset_info { hdr, capset_index, padding }
    RespCapsetInfo = virtio_gpu_resp_capset_info {
        hdr, capset_id, capset_max_version, capset_max_size, padding
    }
    GetCapset = virtio_gpu_get_capset { hdr, capset_id, capset_version }
    RespCapset = virtio_gpu_resp_capset { hdr }
    GetEdid = virtio_gpu_cmd_get_edid { hdr, scanout, padding }
    RespEdid = virtio_gpu_resp_edid { hdr, size, padding, edid }
    Config = virtio_gpu_config { events_read, events_clear, num_scanouts, num_capsets, blob_alignment }
    ResourceAssignUuid = virtio_gpu_resource_assign_uuid { hdr, resource_id, padding }
    RespResourceUuid = virtio_gpu_resp_resource_uuid { hdr, uuid }
    ResourceCreateBlob = virtio_gpu_resource_create_blob {
        hdr, resource_id, blob_mem, blob_flags, nr_entries, blob_id, size
    }
    SetScanoutBlob = virtio_gpu_set_scanout_blob {
        hdr, r, scanout_id, resource_id, width, height, format, padding, strides, offsets
    }
    ResourceMapBlob = virtio_gpu_resource_map_blob { hdr, resource_id, padding, offset }
    RespMapInfo = virtio_gpu_resp_map_info { hdr, map_info, padding }
    ResourceUnmapBlob = virtio_gpu_resource_unmap_blob { hdr, resource_id, padding }
}

// Our own header.
same_layout! {
    Submit3d = virtio_gpu_cmd_submit_fences { hdr, size, num_in_fences }
    WaitFence = virtio_gpu_cmd_host_wait { hdr, fence_id }
    QueryLayoutV1 = virtio_gpu_resource_query_layout_v1 { hdr, resource_id, padding }
    PlaneV1 = virtio_gpu_layout_plane_v1 { offset, size, stride, padding }
    RespLayoutV1 = virtio_gpu_resp_resource_layout_v1 { hdr, modifier, num_planes, padding, planes }
    QueryLayoutV2 = virtio_gpu_resource_query_layout_v2 {
        hdr, resource_id, width, height, format, bind, padding
    }
    PlaneV2 = virtio_gpu_layout_plane_v2 { offset, stride, padding }
    RespLayoutV2 = virtio_gpu_resp_resource_layout_v2 { hdr, modifier, num_planes, padding, planes }
    RespCreate3d = virtio_gpu_resp_resource_plane_info {
        hdr, count, padding, format_modifier, strides, offsets
    }
}

same_value! {
    proto::CMD_GET_DISPLAY_INFO => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_GET_DISPLAY_INFO,
    proto::CMD_RESOURCE_CREATE_2D => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
    proto::CMD_RESOURCE_UNREF => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_RESOURCE_UNREF,
    proto::CMD_SET_SCANOUT => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_SET_SCANOUT,
    proto::CMD_RESOURCE_FLUSH => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_RESOURCE_FLUSH,
    proto::CMD_TRANSFER_TO_HOST_2D => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
    proto::CMD_RESOURCE_ATTACH_BACKING => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
    proto::CMD_RESOURCE_DETACH_BACKING => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING,
    proto::CMD_GET_CAPSET_INFO => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_GET_CAPSET_INFO,
    proto::CMD_GET_CAPSET => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_GET_CAPSET,
    proto::CMD_GET_EDID => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_GET_EDID,
    proto::CMD_RESOURCE_ASSIGN_UUID => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID,
    proto::CMD_RESOURCE_CREATE_BLOB => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
    proto::CMD_SET_SCANOUT_BLOB => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
    proto::CMD_CTX_CREATE => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_CTX_CREATE,
    proto::CMD_CTX_DESTROY => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_CTX_DESTROY,
    proto::CMD_CTX_ATTACH_RESOURCE => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE,
    proto::CMD_CTX_DETACH_RESOURCE => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE,
    proto::CMD_RESOURCE_CREATE_3D => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_RESOURCE_CREATE_3D,
    proto::CMD_TRANSFER_TO_HOST_3D => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D,
    proto::CMD_TRANSFER_FROM_HOST_3D => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D,
    proto::CMD_SUBMIT_3D => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_SUBMIT_3D,
    proto::CMD_RESOURCE_MAP_BLOB => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB,
    proto::CMD_RESOURCE_UNMAP_BLOB => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB,
    proto::CMD_UPDATE_CURSOR => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_UPDATE_CURSOR,
    proto::CMD_MOVE_CURSOR => virtio_gpu_ctrl_type_VIRTIO_GPU_CMD_MOVE_CURSOR,
    proto::RESP_OK_NODATA => virtio_gpu_ctrl_type_VIRTIO_GPU_RESP_OK_NODATA,
    proto::RESP_OK_DISPLAY_INFO => virtio_gpu_ctrl_type_VIRTIO_GPU_RESP_OK_DISPLAY_INFO,
    proto::RESP_OK_CAPSET_INFO => virtio_gpu_ctrl_type_VIRTIO_GPU_RESP_OK_CAPSET_INFO,
    proto::RESP_OK_CAPSET => virtio_gpu_ctrl_type_VIRTIO_GPU_RESP_OK_CAPSET,
    proto::RESP_OK_EDID => virtio_gpu_ctrl_type_VIRTIO_GPU_RESP_OK_EDID,
    proto::RESP_OK_RESOURCE_UUID => virtio_gpu_ctrl_type_VIRTIO_GPU_RESP_OK_RESOURCE_UUID,
    proto::RESP_OK_MAP_INFO => virtio_gpu_ctrl_type_VIRTIO_GPU_RESP_OK_MAP_INFO,
    proto::RESP_ERR_UNSPEC => virtio_gpu_ctrl_type_VIRTIO_GPU_RESP_ERR_UNSPEC,
    proto::RESP_ERR_OUT_OF_MEMORY => virtio_gpu_ctrl_type_VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY,
    proto::RESP_ERR_INVALID_SCANOUT_ID => virtio_gpu_ctrl_type_VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID,
    proto::RESP_ERR_INVALID_RESOURCE_ID => virtio_gpu_ctrl_type_VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID,
    proto::RESP_ERR_INVALID_CONTEXT_ID => virtio_gpu_ctrl_type_VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID,
    proto::RESP_ERR_INVALID_PARAMETER => virtio_gpu_ctrl_type_VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
}

same_value! {
    proto::SHM_ID_HOST_VISIBLE => virtio_gpu_shm_id_VIRTIO_GPU_SHM_ID_HOST_VISIBLE,
    proto::MAX_SCANOUTS => VIRTIO_GPU_MAX_SCANOUTS,
    proto::EVENT_DISPLAY => VIRTIO_GPU_EVENT_DISPLAY,
    proto::RESOURCE_FLAG_Y_0_TOP => VIRTIO_GPU_RESOURCE_FLAG_Y_0_TOP,
    proto::CONTEXT_INIT_CAPSET_ID_MASK => VIRTIO_GPU_CONTEXT_INIT_CAPSET_ID_MASK,
    proto::MAP_CACHE_MASK => VIRTIO_GPU_MAP_CACHE_MASK,
    proto::MAX_PLANES => VIRTIO_GPU_EXT_MAX_PLANES,
    proto::F_VIRGL => VIRTIO_GPU_F_VIRGL,
    proto::F_EDID => VIRTIO_GPU_F_EDID,
    proto::F_RESOURCE_UUID => VIRTIO_GPU_F_RESOURCE_UUID,
    proto::F_RESOURCE_BLOB => VIRTIO_GPU_F_RESOURCE_BLOB,
    proto::F_CONTEXT_INIT => VIRTIO_GPU_F_CONTEXT_INIT,
    proto::F_BLOB_ALIGNMENT => VIRTIO_GPU_F_BLOB_ALIGNMENT,
    proto::FLAG_FENCE => VIRTIO_GPU_FLAG_FENCE,
    proto::FLAG_INFO_RING_IDX => VIRTIO_GPU_FLAG_INFO_RING_IDX,
    proto::FLAG_FENCE_SHAREABLE => VIRTIO_GPU_FLAG_FENCE_SHAREABLE,
    proto::CAPSET_VIRGL => VIRTIO_GPU_CAPSET_VIRGL,
    proto::CAPSET_VIRGL2 => VIRTIO_GPU_CAPSET_VIRGL2,
    proto::CAPSET_GFXSTREAM_VULKAN => VIRTIO_GPU_CAPSET_GFXSTREAM_VULKAN,
    proto::CAPSET_VENUS => VIRTIO_GPU_CAPSET_VENUS,
    proto::CAPSET_CROSS_DOMAIN => VIRTIO_GPU_CAPSET_CROSS_DOMAIN,
    proto::CAPSET_DRM => VIRTIO_GPU_CAPSET_DRM,
    proto::BLOB_MEM_GUEST => VIRTIO_GPU_BLOB_MEM_GUEST,
    proto::BLOB_MEM_HOST3D => VIRTIO_GPU_BLOB_MEM_HOST3D,
    proto::BLOB_MEM_HOST3D_GUEST => VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST,
    proto::BLOB_FLAG_USE_MAPPABLE => VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
    proto::BLOB_FLAG_USE_SHAREABLE => VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE,
    proto::BLOB_FLAG_USE_CROSS_DEVICE => VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE,
    proto::CMD_WAIT_FENCE => VIRTIO_GPU_CMD_WAIT_FENCE,
    proto::CMD_RESOURCE_QUERY_LAYOUT_V1 => VIRTIO_GPU_CMD_RESOURCE_QUERY_LAYOUT_V1,
    proto::CMD_RESOURCE_QUERY_LAYOUT_V2 => VIRTIO_GPU_CMD_RESOURCE_QUERY_LAYOUT_V2,
    proto::RESP_OK_RESOURCE_LAYOUT => VIRTIO_GPU_RESP_OK_RESOURCE_LAYOUT,
    proto::RESP_OK_RESOURCE_PLANE_INFO => VIRTIO_GPU_RESP_OK_RESOURCE_PLANE_INFO,
    proto::Meaning::FencePassing.bit() => VIRTIO_GPU_F_FENCE_PASSING,
    proto::Meaning::FenceWait.bit() => VIRTIO_GPU_F_CONTEXT_FENCE_WAIT,
    proto::Meaning::QueryLayoutV1.bit() => VIRTIO_GPU_F_RESOURCE_QUERY_LAYOUT_V1,
    proto::Meaning::QueryLayoutV2.bit() => VIRTIO_GPU_F_RESOURCE_QUERY_LAYOUT_V2,
    proto::Meaning::BlobAlignment.bit() => VIRTIO_GPU_F_BLOB_ALIGNMENT,
    proto::Format::B8G8R8A8Unorm => virtio_gpu_formats_VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM,
    proto::Format::B8G8R8X8Unorm => virtio_gpu_formats_VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
    proto::Format::A8R8G8B8Unorm => virtio_gpu_formats_VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM,
    proto::Format::X8R8G8B8Unorm => virtio_gpu_formats_VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM,
    proto::Format::R8G8B8A8Unorm => virtio_gpu_formats_VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM,
    proto::Format::X8B8G8R8Unorm => virtio_gpu_formats_VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM,
    proto::Format::A8B8G8R8Unorm => virtio_gpu_formats_VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM,
    proto::Format::R8G8B8X8Unorm => virtio_gpu_formats_VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM,
}
