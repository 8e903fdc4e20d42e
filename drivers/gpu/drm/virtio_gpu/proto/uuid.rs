// SPDX-License-Identifier: GPL-2.0

//! UUIDs, by which other virtio devices know a resource.
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
    CtrlHdr,
    Request,
    Response, //
};

/// `VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID`
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct ResourceAssignUuid {
    /// Header.
    pub hdr: CtrlHdr,
    /// The resource.
    pub resource_id: U32,
    /// Zero.
    pub padding: U32,
}

request!(ResourceAssignUuid, CMD_RESOURCE_ASSIGN_UUID -> RespResourceUuid, hdr);

impl ResourceAssignUuid {
    /// Asks for the UUID of `resource_id`.
    #[inline]
    pub fn new(resource_id: u32) -> Self {
        Self {
            hdr: CtrlHdr::new(Self::TYPE),
            resource_id: resource_id.into(),
            padding: U32::ZERO,
        }
    }
}

/// `VIRTIO_GPU_RESP_OK_RESOURCE_UUID`
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct RespResourceUuid {
    /// Header.
    pub hdr: CtrlHdr,
    /// The UUID's bytes, in the order of its text form.
    pub uuid: [u8; 16],
}

impl Response for RespResourceUuid {
    const TYPE: u32 = hdr::RESP_OK_RESOURCE_UUID;
}

wire_size! {
    ResourceAssignUuid = 32;
    RespResourceUuid = 40;
}
