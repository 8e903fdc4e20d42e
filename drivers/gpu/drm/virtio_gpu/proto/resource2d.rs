// SPDX-License-Identifier: GPL-2.0

//! Classic two-dimensional resources: creation, backing pages, upload, destruction.
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
    CtrlHdr,
    OkNodata,
    Rect,
    Request,
    WireRect, //
};

/// `VIRTIO_GPU_CMD_RESOURCE_CREATE_2D`: makes a host resource without content.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct ResourceCreate2d {
    /// Header.
    pub hdr: CtrlHdr,
    /// Id that the guest chose; not 0.
    pub resource_id: U32,
    /// A [`Format`].
    pub format: U32,
    /// Width in pixels.
    pub width: U32,
    /// Height in pixels.
    pub height: U32,
}

request!(ResourceCreate2d, CMD_RESOURCE_CREATE_2D -> OkNodata, hdr);

impl ResourceCreate2d {
    /// Creates `resource_id` with `width` by `height` pixels of `format`.
    #[inline]
    pub fn new(resource_id: u32, format: Format, width: u32, height: u32) -> Self {
        Self {
            hdr: CtrlHdr::new(Self::TYPE),
            resource_id: resource_id.into(),
            format: format.number().into(),
            width: width.into(),
            height: height.into(),
        }
    }
}

/// `VIRTIO_GPU_CMD_RESOURCE_UNREF`: drops the guest's reference to a resource of any kind.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct ResourceUnref {
    /// Header.
    pub hdr: CtrlHdr,
    /// The resource.
    pub resource_id: U32,
    /// Zero.
    pub padding: U32,
}

request!(ResourceUnref, CMD_RESOURCE_UNREF -> OkNodata, hdr);

impl ResourceUnref {
    /// Drops `resource_id`.
    #[inline]
    pub fn new(resource_id: u32) -> Self {
        Self {
            hdr: CtrlHdr::new(Self::TYPE),
            resource_id: resource_id.into(),
            padding: U32::ZERO,
        }
    }
}

/// `VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D`: copies part of the backing pages into the host resource.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct TransferToHost2d {
    /// Header.
    pub hdr: CtrlHdr,
    /// The part, in coordinates of the resource.
    pub r: WireRect,
    /// Byte offset of the part's first pixel in the backing; see [`Rect::offset`].
    pub offset: U64,
    /// The resource.
    pub resource_id: U32,
    /// Zero.
    pub padding: U32,
}

request!(TransferToHost2d, CMD_TRANSFER_TO_HOST_2D -> OkNodata, hdr);

impl TransferToHost2d {
    /// Copies `r` of `resource_id`, whose first pixel lies `offset` bytes into the backing.
    #[inline]
    pub fn new(resource_id: u32, offset: u64, r: Rect) -> Self {
        Self {
            hdr: CtrlHdr::new(Self::TYPE),
            r: r.into(),
            offset: offset.into(),
            resource_id: resource_id.into(),
            padding: U32::ZERO,
        }
    }
}

/// `struct virtio_gpu_mem_entry`: one physically contiguous run of backing memory.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct MemEntry {
    /// Address as the device sees it (guest physical, or DMA address behind an IOMMU).
    pub addr: U64,
    /// Length in bytes.
    pub length: U32,
    /// Zero.
    pub padding: U32,
}

impl MemEntry {
    /// `length` bytes at `addr`.
    #[inline]
    pub fn new(addr: u64, length: u32) -> Self {
        Self {
            addr: addr.into(),
            length: length.into(),
            padding: U32::ZERO,
        }
    }
}

/// `VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING`: gives a resource its pages; `nr_entries` [`MemEntry`] follow.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct ResourceAttachBacking {
    /// Header.
    pub hdr: CtrlHdr,
    /// The resource.
    pub resource_id: U32,
    /// Number of entries that follow.
    pub nr_entries: U32,
}

request!(ResourceAttachBacking, CMD_RESOURCE_ATTACH_BACKING -> OkNodata, hdr);

impl ResourceAttachBacking {
    /// Attaches the `nr_entries` entries that follow to `resource_id`.
    #[inline]
    pub fn new(resource_id: u32, nr_entries: u32) -> Self {
        Self {
            hdr: CtrlHdr::new(Self::TYPE),
            resource_id: resource_id.into(),
            nr_entries: nr_entries.into(),
        }
    }
}

/// `VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING`: takes a resource's pages back.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct ResourceDetachBacking {
    /// Header.
    pub hdr: CtrlHdr,
    /// The resource.
    pub resource_id: U32,
    /// Zero.
    pub padding: U32,
}

request!(ResourceDetachBacking, CMD_RESOURCE_DETACH_BACKING -> OkNodata, hdr);

impl ResourceDetachBacking {
    /// Detaches the pages of `resource_id`.
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
    ResourceCreate2d = 40;
    ResourceUnref = 32;
    TransferToHost2d = 56;
    MemEntry = 16;
    ResourceAttachBacking = 32;
    ResourceDetachBacking = 32;
}
