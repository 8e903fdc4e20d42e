// SPDX-License-Identifier: GPL-2.0

//! The commands of the cursor queue. The device does not answer them.
#![forbid(unsafe_code)]

use zerocopy::little_endian::U32;
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

use crate::{
    CtrlHdr,
    NoReply,
    Request, //
};

/// `struct virtio_gpu_cursor_pos`: where the cursor is.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct CursorPos {
    /// The scanout.
    pub scanout_id: U32,
    /// Column of the hotspot on the scanout; two's complement, since the cursor may hang out at the left.
    pub x: U32,
    /// Row of the hotspot on the scanout; two's complement.
    pub y: U32,
    /// Zero.
    pub padding: U32,
}

impl CursorPos {
    #[inline]
    fn new(scanout_id: u32, x: i32, y: i32) -> Self {
        Self {
            scanout_id: scanout_id.into(),
            x: (x as u32).into(),
            y: (y as u32).into(),
            padding: U32::ZERO,
        }
    }
}

/// `VIRTIO_GPU_CMD_UPDATE_CURSOR`: sets image, hotspot and place of a scanout's cursor.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct UpdateCursor {
    /// Header.
    pub hdr: CtrlHdr,
    /// Where it is.
    pub pos: CursorPos,
    /// A resource of 64 by 64 pixels with the image; 0 hides the cursor.
    pub resource_id: U32,
    /// Column of the hotspot in the image.
    pub hot_x: U32,
    /// Row of the hotspot in the image.
    pub hot_y: U32,
    /// Zero.
    pub padding: U32,
}

request!(UpdateCursor, CMD_UPDATE_CURSOR -> NoReply, hdr);

impl UpdateCursor {
    /// Shows `resource_id` at (`x`, `y`) of `scanout_id`, with hotspot `hot` (column, row).
    #[inline]
    pub fn new(scanout_id: u32, resource_id: u32, x: i32, y: i32, hot: (u32, u32)) -> Self {
        Self {
            hdr: CtrlHdr::new(Self::TYPE),
            pos: CursorPos::new(scanout_id, x, y),
            resource_id: resource_id.into(),
            hot_x: hot.0.into(),
            hot_y: hot.1.into(),
            padding: U32::ZERO,
        }
    }

    /// Hides the cursor of `scanout_id`.
    #[inline]
    pub fn hide(scanout_id: u32) -> Self {
        Self::new(scanout_id, 0, 0, 0, (0, 0))
    }
}

/// `VIRTIO_GPU_CMD_MOVE_CURSOR`: as [`UpdateCursor`], but only the place counts.
#[repr(transparent)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct MoveCursor(pub UpdateCursor);

request!(MoveCursor, CMD_MOVE_CURSOR -> NoReply, 0.hdr);

impl MoveCursor {
    /// Moves the cursor of `scanout_id` to (`x`, `y`).
    ///
    /// Hosts differ in whether they look at `resource_id` and the hotspot; give those of the image that is shown.
    #[inline]
    pub fn new(scanout_id: u32, resource_id: u32, x: i32, y: i32, hot: (u32, u32)) -> Self {
        let mut cmd = UpdateCursor::new(scanout_id, resource_id, x, y, hot);
        cmd.hdr.type_ = Self::TYPE.into();
        Self(cmd)
    }
}

wire_size! {
    CursorPos = 16;
    UpdateCursor = 56;
    MoveCursor = 56;
}
