// SPDX-License-Identifier: GPL-2.0

//! Blob resources: memory without a format, of the guest or of the host.
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
    formats::Format,
    hdr,
    limits::MAX_PLANES,
    CtrlHdr,
    OkNodata,
    Rect,
    Request,
    Response,
    WireRect, //
};

/// `blob_mem`: guest pages.
pub const BLOB_MEM_GUEST: u32 = 0x0001;
/// `blob_mem`: host memory that a context made.
pub const BLOB_MEM_HOST3D: u32 = 0x0002;
/// `blob_mem`: host memory that a context made, with guest pages as its shadow.
pub const BLOB_MEM_HOST3D_GUEST: u32 = 0x0003;

/// `blob_flags`: the guest will map it.
pub const BLOB_FLAG_USE_MAPPABLE: u32 = 0x0001;
/// `blob_flags`: other contexts and the display will use it.
pub const BLOB_FLAG_USE_SHAREABLE: u32 = 0x0002;
/// `blob_flags`: other virtio devices will use it.
pub const BLOB_FLAG_USE_CROSS_DEVICE: u32 = 0x0004;

/// What makes a blob.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blob {
    /// `BLOB_MEM_*`.
    pub blob_mem: u32,
    /// `BLOB_FLAG_*`.
    pub blob_flags: u32,
    /// Name of the memory inside the context; 0 for guest memory.
    pub blob_id: u64,
    /// Bytes.
    pub size: u64,
}

/// `VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB`; `nr_entries` [`MemEntry`](crate::MemEntry) follow.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct ResourceCreateBlob {
    /// Header.
    pub hdr: CtrlHdr,
    /// Id that the guest chose; not 0.
    pub resource_id: U32,
    /// `BLOB_MEM_*`.
    pub blob_mem: U32,
    /// `BLOB_FLAG_*`.
    pub blob_flags: U32,
    /// Number of entries that follow; 0 for pure host memory.
    pub nr_entries: U32,
    /// Name of the memory inside the context; 0 for guest memory.
    pub blob_id: U64,
    /// Bytes, a multiple of the negotiated alignment.
    pub size: U64,
}

request!(ResourceCreateBlob, CMD_RESOURCE_CREATE_BLOB -> OkNodata, hdr);

impl ResourceCreateBlob {
    /// Creates `resource_id` in context `ctx_id` (0 for guest memory), backed by the `nr_entries` entries that follow.
    #[inline]
    pub fn new(ctx_id: u32, resource_id: u32, blob: Blob, nr_entries: u32) -> Self {
        Self {
            hdr: CtrlHdr::in_context(Self::TYPE, ctx_id),
            resource_id: resource_id.into(),
            blob_mem: blob.blob_mem.into(),
            blob_flags: blob.blob_flags.into(),
            nr_entries: nr_entries.into(),
            blob_id: blob.blob_id.into(),
            size: blob.size.into(),
        }
    }
}

/// How a blob is laid out as a framebuffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobFramebuffer {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Pixel format.
    pub format: Format,
    /// Bytes a row, plane by plane.
    pub strides: [u32; MAX_PLANES],
    /// Offset of the first pixel, plane by plane.
    pub offsets: [u32; MAX_PLANES],
}

/// `VIRTIO_GPU_CMD_SET_SCANOUT_BLOB`: shows part of a blob on a scanout.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct SetScanoutBlob {
    /// Header.
    pub hdr: CtrlHdr,
    /// The part of the framebuffer that is shown.
    pub r: WireRect,
    /// The scanout.
    pub scanout_id: U32,
    /// The blob.
    pub resource_id: U32,
    /// Width of the framebuffer in pixels.
    pub width: U32,
    /// Height of the framebuffer in pixels.
    pub height: U32,
    /// A [`Format`].
    pub format: U32,
    /// Zero.
    pub padding: U32,
    /// Bytes a row, plane by plane.
    pub strides: [U32; MAX_PLANES],
    /// Offset of the first pixel, plane by plane.
    pub offsets: [U32; MAX_PLANES],
}

request!(SetScanoutBlob, CMD_SET_SCANOUT_BLOB -> OkNodata, hdr);

impl SetScanoutBlob {
    /// Shows `r` of the framebuffer `fb` in `resource_id` on `scanout_id`.
    #[inline]
    pub fn new(scanout_id: u32, resource_id: u32, r: Rect, fb: &BlobFramebuffer) -> Self {
        Self {
            hdr: CtrlHdr::new(Self::TYPE),
            r: r.into(),
            scanout_id: scanout_id.into(),
            resource_id: resource_id.into(),
            width: fb.width.into(),
            height: fb.height.into(),
            format: fb.format.number().into(),
            padding: U32::ZERO,
            strides: fb.strides.map(U32::new),
            offsets: fb.offsets.map(U32::new),
        }
    }
}

/// `VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB`: puts a host blob into the host-visible window.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct ResourceMapBlob {
    /// Header.
    pub hdr: CtrlHdr,
    /// The blob.
    pub resource_id: U32,
    /// Zero.
    pub padding: U32,
    /// Place in the window in bytes, a multiple of the negotiated alignment.
    pub offset: U64,
}

request!(ResourceMapBlob, CMD_RESOURCE_MAP_BLOB -> RespMapInfo, hdr);

impl ResourceMapBlob {
    /// Maps `resource_id` at `offset` of the window.
    #[inline]
    pub fn new(resource_id: u32, offset: u64) -> Self {
        Self {
            hdr: CtrlHdr::new(Self::TYPE),
            resource_id: resource_id.into(),
            padding: U32::ZERO,
            offset: offset.into(),
        }
    }
}

/// How the guest is to map a host blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapCache {
    /// The host does not say.
    None,
    /// Cached.
    Cached,
    /// Uncached.
    Uncached,
    /// Write-combined.
    WriteCombined,
    /// A number without meaning.
    Unknown,
}

/// Bits of `map_info` that are a cache type.
pub const MAP_CACHE_MASK: u32 = 0x0f;

/// `VIRTIO_GPU_RESP_OK_MAP_INFO`
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct RespMapInfo {
    /// Header.
    pub hdr: CtrlHdr,
    /// Cache type in the bits of [`MAP_CACHE_MASK`]; little-endian, though the C header does not say so.
    pub map_info: U32,
    /// Unused.
    pub padding: U32,
}

impl Response for RespMapInfo {
    const TYPE: u32 = hdr::RESP_OK_MAP_INFO;
}

impl RespMapInfo {
    /// The cache type.
    #[inline]
    pub fn cache(&self) -> MapCache {
        match self.map_info.get() & MAP_CACHE_MASK {
            0 => MapCache::None,
            1 => MapCache::Cached,
            2 => MapCache::Uncached,
            3 => MapCache::WriteCombined,
            _ => MapCache::Unknown,
        }
    }
}

/// `VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB`: takes a host blob out of the host-visible window.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct ResourceUnmapBlob {
    /// Header.
    pub hdr: CtrlHdr,
    /// The blob.
    pub resource_id: U32,
    /// Zero.
    pub padding: U32,
}

request!(ResourceUnmapBlob, CMD_RESOURCE_UNMAP_BLOB -> OkNodata, hdr);

impl ResourceUnmapBlob {
    /// Unmaps `resource_id`.
    #[inline]
    pub fn new(resource_id: u32) -> Self {
        Self {
            hdr: CtrlHdr::new(Self::TYPE),
            resource_id: resource_id.into(),
            padding: U32::ZERO,
        }
    }
}

wire_size! {
    ResourceCreateBlob = 56;
    SetScanoutBlob = 96;
    ResourceMapBlob = 40;
    RespMapInfo = 32;
    ResourceUnmapBlob = 32;
}
