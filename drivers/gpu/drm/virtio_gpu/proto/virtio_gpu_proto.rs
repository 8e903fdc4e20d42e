// SPDX-License-Identifier: GPL-2.0

//! The virtio-gpu wire protocol: place holder for the crate's root until its modules land.

#![cfg_attr(not(CONFIG_RUST), no_std)]
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

/// Header of every command on the control queue and of every reply.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, Immutable, IntoBytes, KnownLayout)]
pub struct CtrlHdr {
    /// Type of the command or reply.
    pub type_: U32,
    /// `FLAG_*`.
    pub flags: U32,
    /// Fence id, if `FLAG_FENCE` is set.
    pub fence_id: U64,
    /// Context.
    pub ctx_id: U32,
    /// Ring, if `FLAG_INFO_RING_IDX` is set.
    pub ring_idx: u8,
    /// Zero.
    pub padding: [u8; 3],
}

/// A command.
pub trait Request: zerocopy::IntoBytes + zerocopy::Immutable {
    /// Its type.
    const TYPE: u32;
    /// Its reply.
    type Response: Response;
}

/// A reply.
pub trait Response {
    /// Its type.
    const TYPE: u32;
    /// Fewest bytes of it.
    const MIN_LEN: usize;
    /// Most bytes of it.
    const MAX_LEN: usize;
}

/// EDID.
pub const F_EDID: u32 = 1;
/// Blob resources.
pub const F_RESOURCE_BLOB: u32 = 3;
/// Alignment of blobs.
pub const F_BLOB_ALIGNMENT: u32 = 5;
/// The reply is to wait for the work, and signals a fence.
pub const FLAG_FENCE: u32 = 1;
/// The fence is on a ring of its context.
pub const FLAG_INFO_RING_IDX: u32 = 2;
/// The first error reply.
pub const RESP_ERR_UNSPEC: u32 = 0x1200;
/// Most scanouts of a device.
pub const MAX_SCANOUTS: u32 = 16;
