// SPDX-License-Identifier: GPL-2.0

//! The check that stands between a reply buffer and whoever reads it.
#![forbid(unsafe_code)]

use core::mem::size_of;

use zerocopy::FromBytes;

use crate::{
    hdr,
    CtrlHdr,
    Response, //
};

/// The reason a host gives for refusing a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// No reason given.
    Unspec,
    /// The host is out of memory.
    OutOfMemory,
    /// No such scanout.
    InvalidScanoutId,
    /// No such resource, or one that is in use.
    InvalidResourceId,
    /// No such context.
    InvalidContextId,
    /// A field of the command is out of range.
    InvalidParameter,
    /// A number of the error range that has no name.
    Other(u32),
}

impl ErrorCode {
    /// The error that `type_` stands for, or `None` if it lies outside the error range 0x1200..=0x12ff.
    pub const fn from_type(type_: u32) -> Option<Self> {
        Some(match type_ {
            hdr::RESP_ERR_UNSPEC => Self::Unspec,
            hdr::RESP_ERR_OUT_OF_MEMORY => Self::OutOfMemory,
            hdr::RESP_ERR_INVALID_SCANOUT_ID => Self::InvalidScanoutId,
            hdr::RESP_ERR_INVALID_RESOURCE_ID => Self::InvalidResourceId,
            hdr::RESP_ERR_INVALID_CONTEXT_ID => Self::InvalidContextId,
            hdr::RESP_ERR_INVALID_PARAMETER => Self::InvalidParameter,
            code @ 0x1206..=0x12ff => Self::Other(code),
            _ => return None,
        })
    }
}

/// What is wrong with a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyError {
    /// The device wrote `used` bytes of a reply that needs `need`.
    Short {
        /// Bytes written.
        used: usize,
        /// Bytes needed.
        need: usize,
    },
    /// Neither the expected reply nor an error.
    WrongType(u32),
    /// A count in the reply is larger than the protocol allows.
    Count {
        /// The count.
        count: u32,
        /// The largest that is allowed.
        max: u32,
    },
    /// The host refused the command.
    Host(ErrorCode),
}

/// Looks at the header of a reply, whatever its type.
///
/// `used` is the number of bytes the device says it wrote; a number beyond `buf` counts as all of `buf`.
///
/// # Errors
///
/// [`ReplyError::Short`] if not even a header was written.
#[inline]
pub fn reply_hdr(buf: &[u8], used: usize) -> Result<&CtrlHdr, ReplyError> {
    let need = size_of::<CtrlHdr>();
    let used = used.min(buf.len());
    let short = ReplyError::Short { used, need };
    if used < need {
        return Err(short);
    }
    CtrlHdr::ref_from_prefix(buf)
        .map(|(hdr, _)| hdr)
        .map_err(|_| short)
}

/// Checks the reply in `buf`, of which the device says it wrote `used` bytes, and gives a typed view of it.
///
/// `buf` is the whole reply buffer, zeroed before the device got it, so that what the device left out reads as zero. A longer
/// reply than `R` is accepted. `used` beyond `buf` counts as all of `buf`.
///
/// # Errors
///
/// [`ReplyError`] says what is wrong; a host's refusal is [`ReplyError::Host`].
#[inline]
pub fn check_reply<R: Response>(buf: &[u8], used: usize) -> Result<&R, ReplyError> {
    let used = used.min(buf.len());
    if size_of::<R>() != 0 {
        let type_ = reply_hdr(buf, used)?.type_.get();
        if !R::accepts(type_) {
            return Err(match ErrorCode::from_type(type_) {
                Some(code) => ReplyError::Host(code),
                None => ReplyError::WrongType(type_),
            });
        }
        if used < R::MIN_LEN {
            return Err(ReplyError::Short {
                used,
                need: R::MIN_LEN,
            });
        }
    }
    let (reply, _) = R::ref_from_prefix(buf).map_err(|_| ReplyError::Short {
        used: buf.len(),
        need: size_of::<R>(),
    })?;
    reply.validate(used)?;
    Ok(reply)
}

/// As [`check_reply`], but gives the checked bytes: at least `size_of::<R>()` and at most what was written beyond that.
///
/// The result passes [`check_reply`] again with its own length, so that a layer that does not know `R` can hand it on.
///
/// # Errors
///
/// Those of [`check_reply`].
#[inline]
pub fn checked_bytes<R: Response>(buf: &[u8], used: usize) -> Result<&[u8], ReplyError> {
    check_reply::<R>(buf, used)?;
    let len = used.max(size_of::<R>());
    Ok(buf.get(..len).unwrap_or(buf))
}
