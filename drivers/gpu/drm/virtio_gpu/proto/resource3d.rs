// SPDX-License-Identifier: GPL-2.0

//! Typed three-dimensional resources: creation and transfers.
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
    Box3d,
    CtrlHdr,
    OkNodata,
    Request,
    RespCreate3d,
    WireBox, //
};

/// `flags` of a 3D resource: row 0 is the top one.
pub const RESOURCE_FLAG_Y_0_TOP: u32 = 1 << 0;

/// What makes a 3D resource. The numbers are virgl's and go to the host as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params3d {
    /// Texture target.
    pub target: u32,
    /// Pixel format, virgl's number.
    pub format: u32,
    /// Bind flags.
    pub bind: u32,
    /// Width in texels.
    pub width: u32,
    /// Height in texels.
    pub height: u32,
    /// Depth in texels.
    pub depth: u32,
    /// Layers.
    pub array_size: u32,
    /// Last mipmap level.
    pub last_level: u32,
    /// Samples a texel.
    pub nr_samples: u32,
    /// `RESOURCE_FLAG_*`.
    pub flags: u32,
}

/// `VIRTIO_GPU_CMD_RESOURCE_CREATE_3D`
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct ResourceCreate3d {
    /// Header.
    pub hdr: CtrlHdr,
    /// Id that the guest chose; not 0.
    pub resource_id: U32,
    /// Texture target.
    pub target: U32,
    /// Pixel format, virgl's number.
    pub format: U32,
    /// Bind flags.
    pub bind: U32,
    /// Width in texels.
    pub width: U32,
    /// Height in texels.
    pub height: U32,
    /// Depth in texels.
    pub depth: U32,
    /// Layers.
    pub array_size: U32,
    /// Last mipmap level.
    pub last_level: U32,
    /// Samples a texel.
    pub nr_samples: U32,
    /// `RESOURCE_FLAG_*`.
    pub flags: U32,
    /// Zero.
    pub padding: U32,
}

request!(ResourceCreate3d, CMD_RESOURCE_CREATE_3D -> RespCreate3d, hdr);

impl ResourceCreate3d {
    /// Creates `resource_id`.
    #[inline]
    pub fn new(resource_id: u32, params: &Params3d) -> Self {
        Self {
            hdr: CtrlHdr::new(Self::TYPE),
            resource_id: resource_id.into(),
            target: params.target.into(),
            format: params.format.into(),
            bind: params.bind.into(),
            width: params.width.into(),
            height: params.height.into(),
            depth: params.depth.into(),
            array_size: params.array_size.into(),
            last_level: params.last_level.into(),
            nr_samples: params.nr_samples.into(),
            flags: params.flags.into(),
            padding: U32::ZERO,
        }
    }
}

/// What a 3D transfer copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transfer3d {
    /// Part of the resource.
    pub box_: Box3d,
    /// Byte offset of the part's first texel in the guest's memory.
    pub offset: u64,
    /// Mipmap level.
    pub level: u32,
    /// Bytes a row; 0 for the host's own idea.
    pub stride: u32,
    /// Bytes a layer; 0 for the host's own idea.
    pub layer_stride: u32,
}

/// `VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D`: copies guest memory into the host resource.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct TransferToHost3d {
    /// Header; `ctx_id` is the context.
    pub hdr: CtrlHdr,
    /// Part of the resource; `box` in C.
    pub box_: WireBox,
    /// Byte offset of the part's first texel in the guest's memory.
    pub offset: U64,
    /// The resource.
    pub resource_id: U32,
    /// Mipmap level.
    pub level: U32,
    /// Bytes a row.
    pub stride: U32,
    /// Bytes a layer.
    pub layer_stride: U32,
}

request!(TransferToHost3d, CMD_TRANSFER_TO_HOST_3D -> OkNodata, hdr);

impl TransferToHost3d {
    /// Copies `transfer` of `resource_id` to the host, in context `ctx_id`.
    #[inline]
    pub fn new(ctx_id: u32, resource_id: u32, transfer: &Transfer3d) -> Self {
        Self {
            hdr: CtrlHdr::in_context(Self::TYPE, ctx_id),
            box_: transfer.box_.into(),
            offset: transfer.offset.into(),
            resource_id: resource_id.into(),
            level: transfer.level.into(),
            stride: transfer.stride.into(),
            layer_stride: transfer.layer_stride.into(),
        }
    }
}

/// `VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D`: copies the host resource into guest memory.
#[repr(transparent)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct TransferFromHost3d(pub TransferToHost3d);

request!(TransferFromHost3d, CMD_TRANSFER_FROM_HOST_3D -> OkNodata, 0.hdr);

impl TransferFromHost3d {
    /// Copies `transfer` of `resource_id` from the host, in context `ctx_id`.
    #[inline]
    pub fn new(ctx_id: u32, resource_id: u32, transfer: &Transfer3d) -> Self {
        let mut cmd = TransferToHost3d::new(ctx_id, resource_id, transfer);
        cmd.hdr.type_ = Self::TYPE.into();
        Self(cmd)
    }
}

wire_size! {
    ResourceCreate3d = 72;
    TransferToHost3d = 72;
    TransferFromHost3d = 72;
}
