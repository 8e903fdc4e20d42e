// SPDX-License-Identifier: GPL-2.0

//! The mainline protocol against bytes and numbers that come from the kernel's own headers.

mod vectors;

use vectors::{v32, v64, Vectors};
use virtio_gpu_proto::{formats, *};
use zerocopy::{FromBytes, IntoBytes};

fn rect(k: u32) -> Rect {
    Rect::new(v32(k), v32(k + 1), v32(k + 2), v32(k + 3))
}

/// The command encodes to the vector, and its header says its type.
#[track_caller]
fn command<R: Request>(vectors: &Vectors, name: &str, cmd: R) {
    assert_eq!(cmd.as_bytes(), vectors.bytes(name), "{name}");
    assert_eq!(cmd.hdr().type_.get(), R::TYPE, "{name}");
    assert_ne!(type_name(R::TYPE), "?", "{name}");
}

/// The reply of that name, checked.
#[track_caller]
fn reply<'a, R: Response>(vectors: &'a Vectors, name: &str) -> &'a R {
    let bytes = vectors.bytes(name);
    check_reply(bytes, bytes.len()).unwrap_or_else(|e| panic!("{name}: {e:?}"))
}

fn commands_2d(v: &Vectors) {
    command(v, "get_display_info", GetDisplayInfo::new());
    command(
        v,
        "resource_create_2d",
        ResourceCreate2d::new(v32(1), Format::R8G8B8X8Unorm, v32(2), v32(3)),
    );
    command(v, "resource_unref", ResourceUnref::new(v32(1)));
    command(v, "set_scanout", SetScanout::new(v32(5), v32(6), rect(1)));
    command(v, "resource_flush", ResourceFlush::new(v32(5), rect(1)));
    command(
        v,
        "transfer_to_host_2d",
        TransferToHost2d::new(v32(6), v64(5), rect(1)),
    );
    command(
        v,
        "resource_attach_backing",
        ResourceAttachBacking::new(v32(1), v32(2)),
    );
    command(
        v,
        "resource_detach_backing",
        ResourceDetachBacking::new(v32(1)),
    );
    command(v, "get_edid", GetEdid::new(v32(1)));
    command(
        v,
        "update_cursor",
        UpdateCursor::new(v32(1), v32(3), v32(2) as i32, -5, (v32(4), v32(5))),
    );
    let at = (v32(2) as i32, v32(3) as i32);
    command(
        v,
        "move_cursor",
        MoveCursor::new(v32(1), v32(4), at.0, at.1, (v32(5), v32(6))),
    );
    assert_eq!(
        MemEntry::new(v64(1), v32(2)).as_bytes(),
        v.bytes("mem_entry")
    );
}

fn commands_3d(v: &Vectors) {
    command(v, "ctx_create", CtxCreate::new(v32(1), v32(2), b"renderer"));
    command(v, "ctx_destroy", CtxDestroy::new(v32(1)));
    command(
        v,
        "ctx_attach_resource",
        CtxAttachResource::new(v32(1), v32(2)),
    );
    command(
        v,
        "ctx_detach_resource",
        CtxDetachResource::new(v32(1), v32(2)),
    );
    let params = Params3d {
        target: v32(2),
        format: v32(3),
        bind: v32(4),
        width: v32(5),
        height: v32(6),
        depth: v32(7),
        array_size: v32(8),
        last_level: v32(9),
        nr_samples: v32(10),
        flags: v32(11),
    };
    command(
        v,
        "resource_create_3d",
        ResourceCreate3d::new(v32(1), &params),
    );
    let transfer = Transfer3d {
        box_: Box3d {
            x: v32(2),
            y: v32(3),
            z: v32(4),
            w: v32(5),
            h: v32(6),
            d: v32(7),
        },
        offset: v64(8),
        level: v32(10),
        stride: v32(11),
        layer_stride: v32(12),
    };
    command(
        v,
        "transfer_to_host_3d",
        TransferToHost3d::new(v32(1), v32(9), &transfer),
    );
    command(
        v,
        "transfer_from_host_3d",
        TransferFromHost3d::new(v32(1), v32(9), &transfer),
    );
    assert_eq!(Box3d::from(WireBox::from(transfer.box_)), transfer.box_);
    command(v, "submit_3d", Submit3d::new(v32(1), v32(2)));
    let mut fenced = Submit3d::new(v32(2), v32(3));
    fenced.hdr_mut().set_fence(v64(1), Some(63));
    command(v, "submit_3d_fenced", fenced);
    command(v, "get_capset_info", GetCapsetInfo::new(v32(1)));
    command(v, "get_capset", GetCapset::new(v32(1), v32(2)));
    command(v, "resource_assign_uuid", ResourceAssignUuid::new(v32(1)));
}

fn commands_blob(v: &Vectors) {
    let blob = Blob {
        blob_mem: BLOB_MEM_HOST3D_GUEST,
        blob_flags: BLOB_FLAG_USE_MAPPABLE | BLOB_FLAG_USE_CROSS_DEVICE,
        blob_id: v64(4),
        size: v64(5),
    };
    command(
        v,
        "resource_create_blob",
        ResourceCreateBlob::new(v32(1), v32(2), blob, v32(3)),
    );
    let fb = BlobFramebuffer {
        width: v32(7),
        height: v32(8),
        format: Format::B8G8R8A8Unorm,
        strides: [v32(9), v32(10), v32(11), v32(12)],
        offsets: [0x100, 0x101, 0x102, 0x103],
    };
    command(
        v,
        "set_scanout_blob",
        SetScanoutBlob::new(v32(5), v32(6), rect(1), &fb),
    );
    command(v, "resource_map_blob", ResourceMapBlob::new(v32(1), v64(2)));
    command(v, "resource_unmap_blob", ResourceUnmapBlob::new(v32(1)));
}

fn replies(v: &Vectors) {
    assert_eq!(reply::<OkNodata>(v, "resp_ok_nodata").hdr.fence(), None);
    assert_eq!(
        reply::<OkNodata>(v, "resp_ok_nodata_fenced").hdr.fence(),
        Some(v64(1))
    );
    // The same bytes answer RESOURCE_CREATE_3D on a host that has no plane info.
    let mut created = [0; 72];
    created[..24].copy_from_slice(v.bytes("resp_ok_nodata"));
    assert_eq!(
        check_reply::<RespCreate3d>(&created, 24)
            .unwrap()
            .plane_info(),
        None
    );

    let info: &RespDisplayInfo = reply(v, "resp_ok_display_info");
    for (i, one) in info.pmodes.iter().enumerate() {
        let i = i as u32;
        assert_eq!(
            one.rect(),
            Rect::new(0x1000 + i, 0x2000 + i, 0x3000 + i, 0x4000 + i)
        );
        assert_eq!(one.is_enabled(), i % 2 == 1);
        assert_eq!(one.flags.get(), 0x5000 + i);
    }

    let info: &RespCapsetInfo = reply(v, "resp_ok_capset_info");
    let numbers = [
        info.capset_id,
        info.capset_max_version,
        info.capset_max_size,
    ];
    assert_eq!(numbers.map(|n| n.get()), [v32(1), v32(2), v32(3)]);

    reply::<RespCapset>(v, "resp_ok_capset");
    let bytes = v.bytes("resp_ok_capset");
    assert_eq!(bytes.len(), RespCapset::buf_len(8).unwrap());
    let checked = checked_bytes::<RespCapset>(bytes, bytes.len()).unwrap();
    assert_eq!(
        RespCapset::data(checked),
        [0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7]
    );

    let edid: Vec<u8> = (0..=255).map(|i| i ^ 0x5a).collect();
    assert_eq!(reply::<RespEdid>(v, "resp_ok_edid").bytes(), edid);

    let uuid = reply::<RespResourceUuid>(v, "resp_ok_resource_uuid").uuid;
    assert_eq!(uuid, core::array::from_fn(|i| 0xf0 + i as u8));

    let map = reply::<RespMapInfo>(v, "resp_ok_map_info");
    assert_eq!(map.cache(), MapCache::WriteCombined);

    for (name, code) in [
        ("resp_err_unspec", ErrorCode::Unspec),
        ("resp_err_out_of_memory", ErrorCode::OutOfMemory),
        ("resp_err_invalid_scanout_id", ErrorCode::InvalidScanoutId),
        ("resp_err_invalid_resource_id", ErrorCode::InvalidResourceId),
        ("resp_err_invalid_context_id", ErrorCode::InvalidContextId),
        ("resp_err_invalid_parameter", ErrorCode::InvalidParameter),
    ] {
        let bytes = v.bytes(name);
        let refused = Err(ReplyError::Host(code));
        assert_eq!(
            check_reply::<OkNodata>(bytes, bytes.len()).map(|_| ()),
            refused,
            "{name}"
        );
        assert_eq!(
            check_reply::<RespEdid>(bytes, bytes.len()).map(|_| ()),
            refused,
            "{name}"
        );
    }

    let config = Config::ref_from_bytes(v.bytes("config")).unwrap();
    for (k, offset) in [
        CONFIG_EVENTS_READ,
        CONFIG_EVENTS_CLEAR,
        CONFIG_NUM_SCANOUTS,
        CONFIG_NUM_CAPSETS,
        CONFIG_BLOB_ALIGNMENT,
    ]
    .into_iter()
    .enumerate()
    {
        let at = offset as usize;
        let bytes = config.as_bytes()[at..at + 4].try_into().unwrap();
        assert_eq!(u32::from_le_bytes(bytes), v32(k as u32 + 1));
    }
}

fn numbers(v: &Vectors) {
    for (name, value) in [
        ("F_VIRGL", F_VIRGL),
        ("F_EDID", F_EDID),
        ("F_RESOURCE_UUID", F_RESOURCE_UUID),
        ("F_RESOURCE_BLOB", F_RESOURCE_BLOB),
        ("F_CONTEXT_INIT", F_CONTEXT_INIT),
        ("F_BLOB_ALIGNMENT", F_BLOB_ALIGNMENT),
        ("F_BLOB_ALIGNMENT", Meaning::BlobAlignment.bit()),
        ("EVENT_DISPLAY", EVENT_DISPLAY),
        ("MAX_SCANOUTS", MAX_SCANOUTS),
        ("SHM_ID_HOST_VISIBLE", SHM_ID_HOST_VISIBLE.into()),
        ("CONTEXT_INIT_CAPSET_ID_MASK", CONTEXT_INIT_CAPSET_ID_MASK),
        ("RESOURCE_FLAG_Y_0_TOP", RESOURCE_FLAG_Y_0_TOP),
        ("CAPSET_VIRGL", CAPSET_VIRGL),
        ("CAPSET_VIRGL2", CAPSET_VIRGL2),
        ("CAPSET_GFXSTREAM_VULKAN", CAPSET_GFXSTREAM_VULKAN),
        ("CAPSET_VENUS", CAPSET_VENUS),
        ("CAPSET_CROSS_DOMAIN", CAPSET_CROSS_DOMAIN),
        ("CAPSET_DRM", CAPSET_DRM),
        ("BLOB_MEM_GUEST", BLOB_MEM_GUEST),
        ("BLOB_MEM_HOST3D", BLOB_MEM_HOST3D),
        ("BLOB_MEM_HOST3D_GUEST", BLOB_MEM_HOST3D_GUEST),
        ("BLOB_FLAG_USE_MAPPABLE", BLOB_FLAG_USE_MAPPABLE),
        ("BLOB_FLAG_USE_SHAREABLE", BLOB_FLAG_USE_SHAREABLE),
        ("BLOB_FLAG_USE_CROSS_DEVICE", BLOB_FLAG_USE_CROSS_DEVICE),
    ] {
        assert_eq!(value, v.number(&format!("VIRTIO_GPU_{name}")), "{name}");
    }
}

/// Names a fourcc by the bytes of a pixel in memory: DRM names are a little-endian word, most significant first.
///
/// The result is as the device names formats: `B8G8R8X8` for `XRGB`.
fn memory_order(fourcc_name: &str) -> String {
    fourcc_name.chars().rev().flat_map(|c| [c, '8']).collect()
}

fn pixel_formats(v: &Vectors) {
    let fourccs = [
        "XRGB", "ARGB", "XBGR", "ABGR", "RGBX", "RGBA", "BGRX", "BGRA",
    ];
    for name in fourccs {
        let fourcc = Fourcc(v.number(&format!("DRM_FORMAT_{name}8888")));
        let order = memory_order(name);
        let number = v.number(&format!("VIRTIO_GPU_FORMAT_{order}_UNORM"));
        let format = Format::from_fourcc(fourcc).unwrap();
        assert_eq!(format.number(), number, "{name}");
        assert_eq!(format.fourcc(), fourcc, "{name}");
        assert_eq!(Format::from_number(number), Some(format), "{name}");
    }
    assert_eq!(Format::TABLE.len(), fourccs.len());
    assert_eq!(
        Format::from_fourcc(Fourcc(u32::from_le_bytes(*b"NV12"))),
        None
    );
    assert_eq!(Format::from_number(0), None);

    // A native word 0xXXRRGGBB has blue first in memory on a little-endian machine, and last on a big-endian one.
    let native = |name: &str| Fourcc(v.number(&format!("DRM_FORMAT_{name}8888")));
    assert_eq!(formats::host_xrgb8888(false), native("XRGB"));
    assert_eq!(formats::host_xrgb8888(true), native("BGRX"));
    assert_eq!(formats::host_argb8888(false), native("ARGB"));
    assert_eq!(formats::host_argb8888(true), native("BGRA"));
    assert_eq!(formats::host_xbgr8888(false), native("XBGR"));
    assert_eq!(formats::host_xbgr8888(true), native("RGBX"));
    assert_eq!(formats::host_abgr8888(false), native("ABGR"));
    assert_eq!(formats::host_abgr8888(true), native("RGBA"));
    assert_eq!(
        formats::HOST_XRGB8888,
        formats::host_xrgb8888(cfg!(target_endian = "big"))
    );
    assert_eq!(
        formats::HOST_ARGB8888,
        formats::host_argb8888(cfg!(target_endian = "big"))
    );
}

#[test]
fn mainline_vectors() {
    let v = Vectors::parse(include_str!("../vectors/mainline.txt"));
    commands_2d(&v);
    commands_3d(&v);
    commands_blob(&v);
    replies(&v);
    numbers(&v);
    pixel_formats(&v);
    v.assert_all_used();
}
