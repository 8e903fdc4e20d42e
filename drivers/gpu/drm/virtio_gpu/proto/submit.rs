// SPDX-License-Identifier: GPL-2.0

//! SUBMIT_3D, with the fence ids that the newer generation of fence passing puts in front of the commands.
#![forbid(unsafe_code)]

use zerocopy::little_endian::{
    U32,
    U64, //
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

use crate::{
    CtrlHdr,
    OkNodata,
    Request, //
};

/// One fence id in front of the commands.
pub type InFence = U64;

/// `VIRTIO_GPU_CMD_SUBMIT_3D`; `num_in_fences` [`InFence`] follow, then `size` bytes of commands.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct Submit3d {
    /// Header; `ctx_id` is the context.
    pub hdr: CtrlHdr,
    /// Bytes of commands, the ids not counted.
    pub size: U32,
    /// Number of ids, `padding` in the mainline header. Must be zero unless bit 5 is used as fence passing.
    pub num_in_fences: U32,
}

request!(Submit3d, CMD_SUBMIT_3D -> OkNodata, hdr);

impl Submit3d {
    /// Submits the `size` bytes that follow to `ctx_id`.
    #[inline]
    pub fn new(ctx_id: u32, size: u32) -> Self {
        Self::with_in_fences(ctx_id, size, 0)
    }

    /// Submits to `ctx_id`: `num_in_fences` ids follow, then `size` bytes, which the host holds back until it has
    /// seen all of those fences.
    #[inline]
    pub fn with_in_fences(ctx_id: u32, size: u32, num_in_fences: u32) -> Self {
        Self {
            hdr: CtrlHdr::in_context(Self::TYPE, ctx_id),
            size: size.into(),
            num_in_fences: num_in_fences.into(),
        }
    }
}

wire_size! {
    Submit3d = 32;
    InFence = 8;
}
