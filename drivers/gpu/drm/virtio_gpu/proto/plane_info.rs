// SPDX-License-Identifier: GPL-2.0

//! The reply to RESOURCE_CREATE_3D, which some hosts extend with the layout of what they made.
//!
//! There is no feature bit: a host that has the extension looks whether the reply buffer is large enough for
//! `RESP_OK_RESOURCE_PLANE_INFO` and answers `RESP_OK_NODATA` otherwise; the other hosts always do the latter.
#![forbid(unsafe_code)]

use core::mem::size_of;

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
    hdr,
    layout::{
        check_planes,
        Layout,
        Plane, //
    },
    limits::MAX_PLANES,
    CtrlHdr,
    ReplyError,
    Response, //
};

/// `RESP_OK_NODATA`, of which only the header counts, or `RESP_OK_RESOURCE_PLANE_INFO`.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct RespCreate3d {
    /// Header; its type says whether the rest counts.
    pub hdr: CtrlHdr,
    /// Entries of `strides` and `offsets` that count.
    pub count: U32,
    /// Unused.
    pub padding: U32,
    /// DRM format modifier.
    pub format_modifier: U64,
    /// Bytes a row, plane by plane.
    pub strides: [U32; MAX_PLANES],
    /// Bytes from the start of the resource, plane by plane.
    pub offsets: [U32; MAX_PLANES],
}

impl RespCreate3d {
    /// The layout, if the host told it.
    pub fn plane_info(&self) -> Option<Layout> {
        if self.hdr.type_.get() != hdr::RESP_OK_RESOURCE_PLANE_INFO {
            return None;
        }
        let planes = self.strides.iter().zip(&self.offsets);
        let planes = planes.map(|(stride, offset)| Plane {
            offset: offset.get().into(),
            size: 0,
            stride: stride.get(),
        });
        Some(Layout::new(
            self.format_modifier.get(),
            self.count.get(),
            planes,
        ))
    }
}

impl Response for RespCreate3d {
    const TYPE: u32 = hdr::RESP_OK_NODATA;
    const MIN_LEN: usize = size_of::<CtrlHdr>();

    fn accepts(type_: u32) -> bool {
        matches!(
            type_,
            hdr::RESP_OK_NODATA | hdr::RESP_OK_RESOURCE_PLANE_INFO
        )
    }

    fn validate(&self, used: usize) -> Result<(), ReplyError> {
        if self.hdr.type_.get() != hdr::RESP_OK_RESOURCE_PLANE_INFO {
            return Ok(());
        }
        let need = size_of::<Self>();
        if used < need {
            return Err(ReplyError::Short { used, need });
        }
        check_planes(self.count.get())
    }
}

wire_size! { RespCreate3d = 72; }
