// SPDX-License-Identifier: GPL-2.0

//! RESOURCE_QUERY_LAYOUT, in both shapes that were published, and what an answer comes down to.
//!
//! Used only where the operator says which shape the device's bit means ([`Meaning`](crate::Meaning)).
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
    hdr,
    limits::MAX_PLANES,
    CtrlHdr,
    ReplyError,
    Request,
    Response, //
};

/// Where one plane lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plane {
    /// Bytes from the start of the resource.
    pub offset: u64,
    /// Bytes of the plane; 0 where the answer does not say.
    pub size: u64,
    /// Bytes a row.
    pub stride: u32,
}

/// Rows one after the other (`DRM_FORMAT_MOD_LINEAR`).
pub const MOD_LINEAR: u64 = 0;
/// There is no modifier that would say how pixels lie (`DRM_FORMAT_MOD_INVALID`).
pub const MOD_INVALID: u64 = (1 << 56) - 1;

/// Whether `modifier` may be one. Those of a vendor are for who knows that vendor to judge; the vendor 0 has the two
/// above and no others, and all ones is what a device reads as that is not there.
const fn is_modifier(modifier: u64) -> bool {
    match modifier {
        MOD_LINEAR | MOD_INVALID => true,
        u64::MAX => false,
        _ => modifier >> 56 != 0,
    }
}

/// The layout of a resource, whoever told it. Only the number of planes has been checked, the others by
/// [`Layout::makes_sense`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// DRM format modifier.
    pub modifier: u64,
    planes: [Plane; MAX_PLANES],
    num_planes: usize,
}

impl Layout {
    /// Collects a layout; `num_planes` beyond what `planes` gives or [`MAX_PLANES`] counts for nothing.
    pub fn new(modifier: u64, num_planes: u32, planes: impl Iterator<Item = Plane>) -> Self {
        let mut layout = Self {
            modifier,
            planes: [Plane::default(); MAX_PLANES],
            num_planes: 0,
        };
        let wanted = usize::try_from(num_planes).unwrap_or(usize::MAX);
        for (to, from) in layout.planes.iter_mut().take(wanted).zip(planes) {
            *to = from;
            layout.num_planes = layout.num_planes.saturating_add(1);
        }
        layout
    }

    /// Whether this can be a layout at all, of `size` bytes of memory where that is known: it has planes, each has rows
    /// and does not reach beyond the memory, and the modifier can be one.
    pub fn makes_sense(&self, size: Option<u64>) -> bool {
        let fits = |plane: &Plane| {
            let least = plane.size.max(plane.stride.into());
            let end = plane.offset.checked_add(least);

            plane.stride != 0 && end.is_some_and(|end| end <= size.unwrap_or(u64::MAX))
        };
        let planes = self.planes();

        is_modifier(self.modifier) && !planes.is_empty() && planes.iter().all(fits)
    }

    /// The planes, at most [`MAX_PLANES`].
    pub fn planes(&self) -> &[Plane] {
        self.planes.get(..self.num_planes).unwrap_or(&self.planes)
    }
}

/// Refuses a plane count beyond the arrays.
pub(crate) fn check_planes(count: u32) -> Result<(), ReplyError> {
    let max = MAX_PLANES as u32;
    if count > max {
        return Err(ReplyError::Count { count, max });
    }
    Ok(())
}

/// Request of the first shape.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct QueryLayoutV1 {
    /// Header.
    pub hdr: CtrlHdr,
    /// The resource.
    pub resource_id: U32,
    /// Zero.
    pub padding: U32,
}

request!(QueryLayoutV1, CMD_RESOURCE_QUERY_LAYOUT_V1 -> RespLayoutV1, hdr);

impl QueryLayoutV1 {
    /// Asks for the layout of `resource_id`.
    #[inline]
    pub fn new(resource_id: u32) -> Self {
        Self {
            hdr: CtrlHdr::new(Self::TYPE),
            resource_id: resource_id.into(),
            padding: U32::ZERO,
        }
    }
}

/// One plane of the first shape.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct PlaneV1 {
    /// Bytes from the start of the resource.
    pub offset: U64,
    /// Bytes of the plane.
    pub size: U64,
    /// Bytes a row.
    pub stride: U32,
    /// Unused.
    pub padding: U32,
}

/// Reply of the first shape.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct RespLayoutV1 {
    /// Header.
    pub hdr: CtrlHdr,
    /// DRM format modifier.
    pub modifier: U64,
    /// Entries of `planes` that count.
    pub num_planes: U32,
    /// Unused.
    pub padding: U32,
    /// The planes.
    pub planes: [PlaneV1; MAX_PLANES],
}

impl Response for RespLayoutV1 {
    const TYPE: u32 = hdr::RESP_OK_RESOURCE_LAYOUT;

    fn validate(&self, _used: usize) -> Result<(), ReplyError> {
        check_planes(self.num_planes.get())
    }
}

impl RespLayoutV1 {
    /// The layout.
    pub fn layout(&self) -> Layout {
        let planes = self.planes.iter().map(|p| Plane {
            offset: p.offset.get(),
            size: p.size.get(),
            stride: p.stride.get(),
        });
        Layout::new(self.modifier.get(), self.num_planes.get(), planes)
    }
}

/// What the second shape asks about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayoutQuery {
    /// The resource; 0 asks what one with the other fields would get.
    pub resource_id: u32,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Virgl format number.
    pub format: u32,
    /// Virgl bind flags.
    pub bind: u32,
}

/// Request of the second shape.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct QueryLayoutV2 {
    /// Header.
    pub hdr: CtrlHdr,
    /// The resource, or 0.
    pub resource_id: U32,
    /// Width in pixels.
    pub width: U32,
    /// Height in pixels.
    pub height: U32,
    /// Virgl format number.
    pub format: U32,
    /// Virgl bind flags.
    pub bind: U32,
    /// Zero; the C struct has it as tail padding.
    pub padding: U32,
}

request!(QueryLayoutV2, CMD_RESOURCE_QUERY_LAYOUT_V2 -> RespLayoutV2, hdr);

impl QueryLayoutV2 {
    /// Asks for the layout that `query` describes.
    #[inline]
    pub fn new(query: LayoutQuery) -> Self {
        Self {
            hdr: CtrlHdr::new(Self::TYPE),
            resource_id: query.resource_id.into(),
            width: query.width.into(),
            height: query.height.into(),
            format: query.format.into(),
            bind: query.bind.into(),
            padding: U32::ZERO,
        }
    }
}

/// One plane of the second shape.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct PlaneV2 {
    /// Bytes from the start of the resource.
    pub offset: U64,
    /// Bytes a row.
    pub stride: U32,
    /// Unused; the C struct has it as tail padding.
    pub padding: U32,
}

/// Reply of the second shape.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct RespLayoutV2 {
    /// Header.
    pub hdr: CtrlHdr,
    /// DRM format modifier.
    pub modifier: U64,
    /// Entries of `planes` that count.
    pub num_planes: U32,
    /// Unused; the C struct has it as a hole.
    pub padding: U32,
    /// The planes.
    pub planes: [PlaneV2; MAX_PLANES],
}

impl Response for RespLayoutV2 {
    const TYPE: u32 = hdr::RESP_OK_RESOURCE_LAYOUT;

    fn validate(&self, _used: usize) -> Result<(), ReplyError> {
        check_planes(self.num_planes.get())
    }
}

impl RespLayoutV2 {
    /// The layout, without sizes.
    pub fn layout(&self) -> Layout {
        let planes = self.planes.iter().map(|p| Plane {
            offset: p.offset.get(),
            size: 0,
            stride: p.stride.get(),
        });
        Layout::new(self.modifier.get(), self.num_planes.get(), planes)
    }
}

wire_size! {
    QueryLayoutV1 = 32;
    PlaneV1 = 24;
    RespLayoutV1 = 136;
    QueryLayoutV2 = 48;
    PlaneV2 = 16;
    RespLayoutV2 = 104;
}
