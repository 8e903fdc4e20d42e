// SPDX-License-Identifier: GPL-2.0

//! The traits that tie a command to its number and to the reply it expects.
#![forbid(unsafe_code)]

use zerocopy::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

use crate::{
    hdr,
    CtrlHdr,
    ReplyError, //
};

/// The fixed part of a command, as it goes into the first device-readable bytes of the descriptor chain.
///
/// Constructors fill `hdr.type`; fence and context are set through [`hdr_mut`](Self::hdr_mut) when the command is emitted.
pub trait Request: IntoBytes + Immutable + Copy {
    /// What the constructor puts into `hdr.type`.
    const TYPE: u32;
    /// What the device answers on success.
    type Response: Response;

    /// The header.
    fn hdr(&self) -> &CtrlHdr;
    /// The header, to be filled in.
    fn hdr_mut(&mut self) -> &mut CtrlHdr;
}

/// The reply to a command, as the device writes it into the device-writable bytes of the descriptor chain.
///
/// The reply buffer has [`MAX_LEN`](Self::MAX_LEN) bytes (more for [`RespCapset`](crate::RespCapset)) and is zero when it
/// is handed to the device.
pub trait Response: FromBytes + IntoBytes + Immutable + KnownLayout + Copy {
    /// What `hdr.type` of a successful reply says.
    const TYPE: u32;
    /// Bytes that a successful reply has at least.
    const MIN_LEN: usize = core::mem::size_of::<Self>();
    /// Bytes of the reply buffer.
    const MAX_LEN: usize = core::mem::size_of::<Self>();

    /// Whether `type_` is a success for the command.
    #[inline]
    fn accepts(type_: u32) -> bool {
        type_ == Self::TYPE
    }

    /// Checks the counts inside a reply of which the device wrote `used` bytes, at least [`MIN_LEN`](Self::MIN_LEN).
    ///
    /// # Errors
    ///
    /// [`ReplyError::Count`] for a count beyond its array, [`ReplyError::Short`] for one beyond `used`.
    #[inline]
    fn validate(&self, used: usize) -> Result<(), ReplyError> {
        let _ = used;
        Ok(())
    }
}

/// `VIRTIO_GPU_RESP_OK_NODATA`: success and nothing else.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct OkNodata {
    /// Header.
    pub hdr: CtrlHdr,
}

wire_size! { OkNodata = 24; }

impl Response for OkNodata {
    const TYPE: u32 = hdr::RESP_OK_NODATA;
}

/// The reply to a command of the cursor queue: there is none, the chain has no device-writable bytes.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct NoReply {}

wire_size! { NoReply = 0; }

impl Response for NoReply {
    const TYPE: u32 = hdr::UNDEFINED;
}
