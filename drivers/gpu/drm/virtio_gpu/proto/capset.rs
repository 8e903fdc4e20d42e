// SPDX-License-Identifier: GPL-2.0

//! Capability sets: which context types the host has, and the blob of bytes that describes each.
#![forbid(unsafe_code)]

use core::mem::size_of;

use zerocopy::little_endian::U32;
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

use crate::{
    hdr,
    limits::MAX_CAPSET_LEN,
    CtrlHdr,
    Request,
    Response, //
};

/// Virgl, first version.
pub const CAPSET_VIRGL: u32 = 1;
/// Virgl, second version.
pub const CAPSET_VIRGL2: u32 = 2;
/// Gfxstream, Vulkan.
pub const CAPSET_GFXSTREAM_VULKAN: u32 = 3;
/// Venus: Vulkan.
pub const CAPSET_VENUS: u32 = 4;
/// Cross-domain: Wayland and the like, passed through.
pub const CAPSET_CROSS_DOMAIN: u32 = 5;
/// Native contexts: the host's own DRM driver, passed through.
pub const CAPSET_DRM: u32 = 6;
/// The test host's own language (`Documentation/gpu/test-host.rst`); no host that people use has it.
pub const CAPSET_TEST: u32 = 30;

/// `VIRTIO_GPU_CMD_GET_CAPSET_INFO`
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct GetCapsetInfo {
    /// Header.
    pub hdr: CtrlHdr,
    /// Index in 0..`num_capsets`.
    pub capset_index: U32,
    /// Zero.
    pub padding: U32,
}

request!(GetCapsetInfo, CMD_GET_CAPSET_INFO -> RespCapsetInfo, hdr);

impl GetCapsetInfo {
    /// Asks for the capset at `capset_index`.
    #[inline]
    pub fn new(capset_index: u32) -> Self {
        Self {
            hdr: CtrlHdr::new(Self::TYPE),
            capset_index: capset_index.into(),
            padding: U32::ZERO,
        }
    }
}

/// `VIRTIO_GPU_RESP_OK_CAPSET_INFO`. Nothing in it has been checked.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct RespCapsetInfo {
    /// Header.
    pub hdr: CtrlHdr,
    /// `CAPSET_*`, or one that this driver does not know.
    pub capset_id: U32,
    /// Largest version the host has.
    pub capset_max_version: U32,
    /// Bytes of the largest version.
    pub capset_max_size: U32,
    /// Unused.
    pub padding: U32,
}

impl Response for RespCapsetInfo {
    const TYPE: u32 = hdr::RESP_OK_CAPSET_INFO;
}

/// `VIRTIO_GPU_CMD_GET_CAPSET`
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct GetCapset {
    /// Header.
    pub hdr: CtrlHdr,
    /// The capset.
    pub capset_id: U32,
    /// Version that is wanted, at most the host's largest.
    pub capset_version: U32,
}

request!(GetCapset, CMD_GET_CAPSET -> RespCapset, hdr);

impl GetCapset {
    /// Asks for version `capset_version` of `capset_id`.
    #[inline]
    pub fn new(capset_id: u32, capset_version: u32) -> Self {
        Self {
            hdr: CtrlHdr::new(Self::TYPE),
            capset_id: capset_id.into(),
            capset_version: capset_version.into(),
        }
    }
}

/// `VIRTIO_GPU_RESP_OK_CAPSET`: the fixed part; the capset's bytes follow.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct RespCapset {
    /// Header.
    pub hdr: CtrlHdr,
}

impl Response for RespCapset {
    const TYPE: u32 = hdr::RESP_OK_CAPSET;
}

impl RespCapset {
    /// Bytes of reply buffer for a capset of at most `max_size` bytes; `None` beyond [`MAX_CAPSET_LEN`].
    #[inline]
    pub fn buf_len(max_size: u32) -> Option<usize> {
        if max_size > MAX_CAPSET_LEN {
            return None;
        }
        size_of::<Self>().checked_add(usize::try_from(max_size).ok()?)
    }

    /// The capset's bytes in a checked reply: what the host wrote, as much as that is.
    #[inline]
    pub fn data(reply: &[u8]) -> &[u8] {
        reply.get(size_of::<Self>()..).unwrap_or_default()
    }
}

wire_size! {
    GetCapsetInfo = 32;
    RespCapsetInfo = 40;
    GetCapset = 32;
    RespCapset = 24;
}
