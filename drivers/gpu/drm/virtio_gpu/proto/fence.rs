// SPDX-License-Identifier: GPL-2.0

//! The separate wait command, the older of the two generations of fence passing.
//!
//! Used only where the operator says that bit 5 means it ([`Meaning::FenceWait`](crate::Meaning)). The newer generation
//! is part of [`Submit3d`](crate::Submit3d).
#![forbid(unsafe_code)]

use zerocopy::little_endian::U64;
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

/// `VIRTIO_GPU_CMD_WAIT_FENCE` (`struct virtio_gpu_cmd_host_wait`): what a context submits after it waits for a fence.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct WaitFence {
    /// Header; `ctx_id` is the context that waits.
    pub hdr: CtrlHdr,
    /// The fence, of any context of this device. Not the `fence_id` of the header, which would be this command's own.
    pub fence_id: U64,
}

request!(WaitFence, CMD_WAIT_FENCE -> OkNodata, hdr);

impl WaitFence {
    /// Makes `ctx_id` wait for `fence_id`.
    #[inline]
    pub fn new(ctx_id: u32, fence_id: u64) -> Self {
        Self {
            hdr: CtrlHdr::in_context(Self::TYPE, ctx_id),
            fence_id: fence_id.into(),
        }
    }
}

wire_size! { WaitFence = 32; }
