// SPDX-License-Identifier: GPL-2.0

//! The EDID of a scanout.
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
    limits::EDID_LEN,
    CtrlHdr,
    ReplyError,
    Request,
    Response, //
};

/// `VIRTIO_GPU_CMD_GET_EDID`
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct GetEdid {
    /// Header.
    pub hdr: CtrlHdr,
    /// The scanout.
    pub scanout: U32,
    /// Zero.
    pub padding: U32,
}

request!(GetEdid, CMD_GET_EDID -> RespEdid, hdr);

impl GetEdid {
    /// Asks for the EDID of `scanout`.
    #[inline]
    pub fn new(scanout: u32) -> Self {
        Self {
            hdr: CtrlHdr::new(Self::TYPE),
            scanout: scanout.into(),
            padding: U32::ZERO,
        }
    }
}

/// `VIRTIO_GPU_RESP_OK_EDID`. A host may leave out what lies beyond `size`.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct RespEdid {
    /// Header.
    pub hdr: CtrlHdr,
    /// Bytes of `edid` that count.
    pub size: U32,
    /// Unused.
    pub padding: U32,
    /// The EDID; use [`bytes`](Self::bytes).
    pub edid: [u8; EDID_LEN],
}

impl RespEdid {
    const FIXED: usize = core::mem::offset_of!(RespEdid, edid);

    /// The EDID, at most 1024 bytes; nothing in it has been checked.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        let size = usize::try_from(self.size.get()).unwrap_or(usize::MAX);
        self.edid.get(..size).unwrap_or(&self.edid)
    }
}

impl Response for RespEdid {
    const TYPE: u32 = hdr::RESP_OK_EDID;
    const MIN_LEN: usize = Self::FIXED;

    fn validate(&self, used: usize) -> Result<(), ReplyError> {
        let count = self.size.get();
        if self.bytes().len() as u64 != u64::from(count) {
            return Err(ReplyError::Count {
                count,
                max: EDID_LEN as u32,
            });
        }
        let need = Self::FIXED.saturating_add(self.bytes().len());
        if used < need {
            return Err(ReplyError::Short { used, need });
        }
        Ok(())
    }
}

wire_size! {
    GetEdid = 32;
    RespEdid = 1056;
}
