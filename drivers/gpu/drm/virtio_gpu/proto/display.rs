// SPDX-License-Identifier: GPL-2.0

//! What a screen needs: display info, scanout, flush.
#![forbid(unsafe_code)]

use zerocopy::little_endian::U32;
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

use crate::{
    hdr,
    limits::MAX_SCANOUTS,
    CtrlHdr,
    OkNodata,
    Rect,
    Request,
    Response,
    WireRect, //
};

/// `VIRTIO_GPU_CMD_GET_DISPLAY_INFO`: asks for the size and place of every scanout.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct GetDisplayInfo {
    /// Header.
    pub hdr: CtrlHdr,
}

request!(GetDisplayInfo, CMD_GET_DISPLAY_INFO -> RespDisplayInfo, hdr);

impl GetDisplayInfo {
    /// The command.
    #[inline]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            hdr: CtrlHdr::new(Self::TYPE),
        }
    }
}

/// `struct virtio_gpu_display_one`: what the host would like one scanout to be.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct DisplayOne {
    /// Preferred size, and place in the host's arrangement.
    pub r: WireRect,
    /// Non-zero if a display is attached.
    pub enabled: U32,
    /// Unused.
    pub flags: U32,
}

impl DisplayOne {
    /// Preferred size, and place in the host's arrangement. Unchecked: any value is possible.
    #[inline]
    pub fn rect(&self) -> Rect {
        self.r.into()
    }

    /// Whether a display is attached.
    #[inline]
    pub fn is_enabled(&self) -> bool {
        self.enabled.get() != 0
    }
}

/// `VIRTIO_GPU_RESP_OK_DISPLAY_INFO`
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct RespDisplayInfo {
    /// Header.
    pub hdr: CtrlHdr,
    /// One entry a scanout; those beyond `num_scanouts` mean nothing.
    pub pmodes: [DisplayOne; MAX_SCANOUTS as usize],
}

impl Response for RespDisplayInfo {
    const TYPE: u32 = hdr::RESP_OK_DISPLAY_INFO;
}

/// `VIRTIO_GPU_CMD_SET_SCANOUT`: shows part of a resource on a scanout.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct SetScanout {
    /// Header.
    pub hdr: CtrlHdr,
    /// The part of the resource that is shown.
    pub r: WireRect,
    /// The scanout.
    pub scanout_id: U32,
    /// The resource; 0 turns the scanout off.
    pub resource_id: U32,
}

request!(SetScanout, CMD_SET_SCANOUT -> OkNodata, hdr);

impl SetScanout {
    /// Shows `r` of `resource_id` on `scanout_id`.
    #[inline]
    pub fn new(scanout_id: u32, resource_id: u32, r: Rect) -> Self {
        Self {
            hdr: CtrlHdr::new(Self::TYPE),
            r: r.into(),
            scanout_id: scanout_id.into(),
            resource_id: resource_id.into(),
        }
    }

    /// Turns `scanout_id` off.
    #[inline]
    pub fn disable(scanout_id: u32) -> Self {
        Self::new(scanout_id, 0, Rect::default())
    }
}

/// `VIRTIO_GPU_CMD_RESOURCE_FLUSH`: part of a resource has new content; scanouts showing it are to be refreshed.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct ResourceFlush {
    /// Header.
    pub hdr: CtrlHdr,
    /// The part that changed, in coordinates of the resource.
    pub r: WireRect,
    /// The resource.
    pub resource_id: U32,
    /// Zero.
    pub padding: U32,
}

request!(ResourceFlush, CMD_RESOURCE_FLUSH -> OkNodata, hdr);

impl ResourceFlush {
    /// Flushes `r` of `resource_id`.
    #[inline]
    pub fn new(resource_id: u32, r: Rect) -> Self {
        Self {
            hdr: CtrlHdr::new(Self::TYPE),
            r: r.into(),
            resource_id: resource_id.into(),
            padding: U32::ZERO,
        }
    }
}

wire_size! {
    GetDisplayInfo = 24;
    DisplayOne = 24;
    RespDisplayInfo = 408;
    SetScanout = 48;
    ResourceFlush = 48;
}
