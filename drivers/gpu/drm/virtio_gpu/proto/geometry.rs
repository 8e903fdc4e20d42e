// SPDX-License-Identifier: GPL-2.0

//! Rectangles and boxes, host-endian and on the wire, and the arithmetic on them. Units are pixels (texels).
#![forbid(unsafe_code)]

use zerocopy::little_endian::U32;
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

/// A rectangle, host-endian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rect {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

impl Rect {
    /// A rectangle.
    #[inline]
    pub const fn new(x: u32, y: u32, width: u32, height: u32) -> Self {
        Self {
            x,
            y,
            width,
            height,
        }
    }

    /// The rectangle of that size at the origin.
    #[inline]
    pub const fn sized(width: u32, height: u32) -> Self {
        Self::new(0, 0, width, height)
    }

    /// Whether it covers no pixel.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// Column after the last; u64 because the sum of two u32 needs it.
    #[inline]
    pub const fn right(&self) -> u64 {
        self.x as u64 + self.width as u64
    }

    /// Row after the last.
    #[inline]
    pub const fn bottom(&self) -> u64 {
        self.y as u64 + self.height as u64
    }

    /// Whether it lies inside a surface of `width` by `height`.
    #[inline]
    pub const fn fits(&self, width: u32, height: u32) -> bool {
        self.right() <= width as u64 && self.bottom() <= height as u64
    }

    /// What it shares with `other`, or `None` if that is no pixel.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let x = self.x.max(other.x);
        let y = self.y.max(other.y);
        let width = self.right().min(other.right()).checked_sub(u64::from(x))?;
        let height = self
            .bottom()
            .min(other.bottom())
            .checked_sub(u64::from(y))?;
        let rect = Self::new(
            x,
            y,
            u32::try_from(width).ok()?,
            u32::try_from(height).ok()?,
        );
        (!rect.is_empty()).then_some(rect)
    }

    /// The smallest rectangle around both; an empty one adds nothing. `None` if its size does not fit in 32 bits.
    pub fn union(&self, other: &Self) -> Option<Self> {
        if self.is_empty() {
            return Some(*other);
        }
        if other.is_empty() {
            return Some(*self);
        }
        let x = self.x.min(other.x);
        let y = self.y.min(other.y);
        let width = self.right().max(other.right()).checked_sub(u64::from(x))?;
        let height = self
            .bottom()
            .max(other.bottom())
            .checked_sub(u64::from(y))?;
        Some(Self::new(
            x,
            y,
            u32::try_from(width).ok()?,
            u32::try_from(height).ok()?,
        ))
    }

    /// Byte offset of its first pixel in a buffer of `pitch` bytes a row and `cpp` bytes a pixel.
    ///
    /// This is the `offset` of a transfer. `None` on overflow.
    #[inline]
    pub fn offset(&self, cpp: u32, pitch: u32) -> Option<u64> {
        let rows = u64::from(self.y).checked_mul(u64::from(pitch))?;
        rows.checked_add(u64::from(self.x).checked_mul(u64::from(cpp))?)
    }

    /// Bytes of a buffer that must exist for all its pixels to be inside: the offset after the last one.
    ///
    /// 0 for an empty rectangle, `None` on overflow.
    pub fn extent(&self, cpp: u32, pitch: u32) -> Option<u64> {
        if self.is_empty() {
            return Some(0);
        }
        let last_row = self.bottom().checked_sub(1)?;
        let row = last_row.checked_mul(u64::from(pitch))?;
        row.checked_add(self.right().checked_mul(u64::from(cpp))?)
    }
}

/// `struct virtio_gpu_rect`: a rectangle on the wire.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, Default)]
pub struct WireRect {
    /// Left edge.
    pub x: U32,
    /// Top edge.
    pub y: U32,
    /// Width.
    pub width: U32,
    /// Height.
    pub height: U32,
}

impl From<Rect> for WireRect {
    #[inline]
    fn from(r: Rect) -> Self {
        Self {
            x: r.x.into(),
            y: r.y.into(),
            width: r.width.into(),
            height: r.height.into(),
        }
    }
}

impl From<WireRect> for Rect {
    #[inline]
    fn from(r: WireRect) -> Self {
        Self::new(r.x.get(), r.y.get(), r.width.get(), r.height.get())
    }
}

/// A box in a three-dimensional resource, host-endian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Box3d {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// First slice or layer.
    pub z: u32,
    /// Width.
    pub w: u32,
    /// Height.
    pub h: u32,
    /// Depth.
    pub d: u32,
}

/// `struct virtio_gpu_box`: a box on the wire.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, Default)]
pub struct WireBox {
    /// Left edge.
    pub x: U32,
    /// Top edge.
    pub y: U32,
    /// First slice or layer.
    pub z: U32,
    /// Width.
    pub w: U32,
    /// Height.
    pub h: U32,
    /// Depth.
    pub d: U32,
}

impl From<Box3d> for WireBox {
    #[inline]
    fn from(b: Box3d) -> Self {
        Self {
            x: b.x.into(),
            y: b.y.into(),
            z: b.z.into(),
            w: b.w.into(),
            h: b.h.into(),
            d: b.d.into(),
        }
    }
}

impl From<WireBox> for Box3d {
    #[inline]
    fn from(b: WireBox) -> Self {
        Self {
            x: b.x.get(),
            y: b.y.get(),
            z: b.z.get(),
            w: b.w.get(),
            h: b.h.get(),
            d: b.d.get(),
        }
    }
}

wire_size! {
    WireRect = 16;
    WireBox = 24;
}
