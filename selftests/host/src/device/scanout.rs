// SPDX-License-Identifier: GPL-2.0
//! Scanouts and cursors: which part of which resource each shows.

use super::resource::{Kind, Resources, Result};
use crate::chain::Ram;
use crate::picture::{self, Format, Layout};
use crate::wire::{reply, u32_at, Rect};
use std::io;
use std::path::Path;

/// Pixels of the largest picture that is looked at: a guest may name one page a million times.
const MAX_LOOK: u64 = 1 << 26;

/// What a scanout shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The resource.
    pub resource: u32,
    /// The part of it, in its own pixels.
    pub rect: Rect,
    /// Byte order, number on the wire.
    pub format: u32,
    /// Bytes from row to row.
    pub stride: u32,
    /// Byte offset of the picture's first pixel.
    pub offset: u32,
}

/// A scanout's cursor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    /// The resource, 0 for none.
    pub resource: u32,
    /// Position.
    pub x: u32,
    /// Position.
    pub y: u32,
    /// Hot spot.
    pub hot: (u32, u32),
}

/// One scanout.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scanout {
    /// The picture, or dark.
    pub shown: Option<Shown>,
    /// The cursor.
    pub cursor: Cursor,
}

/// A frame as it was when the driver said that it is complete.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Which scanout.
    pub scanout: usize,
    /// Which resource.
    pub resource: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// See [`picture::crc`]; `None` where the memory ended before the picture.
    pub crc: Option<u32>,
    /// Whether guest memory was read in place.
    pub in_place: bool,
}

impl Shown {
    /// SET_SCANOUT of a classic resource.
    pub fn classic(resources: &Resources, id: u32, rect: Rect) -> Result<Shown> {
        match resources.get(id)?.kind {
            Kind::Classic { shape, .. }
                if rect.inside(shape.width, shape.height)
                    && rect.width > 0
                    && rect.height > 0
                    && Format::by_code(shape.format).is_some() =>
            {
                Ok(Shown {
                    resource: id,
                    rect,
                    format: shape.format,
                    stride: shape.stride,
                    offset: 0,
                })
            }
            _ => Err(reply::ERR_INVALID_PARAMETER),
        }
    }

    /// SET_SCANOUT_BLOB.
    pub fn blob(resources: &Resources, id: u32, rect: Rect, command: &[u8]) -> Result<Shown> {
        let resource = resources.get(id)?;
        let (width, height, format) = (
            u32_at(command, 48),
            u32_at(command, 52),
            u32_at(command, 56),
        );
        let (stride, offset) = (u32_at(command, 64), u32_at(command, 80));
        let (Kind::Blob { size } | Kind::Host { size, .. }) = resource.kind else {
            return Err(reply::ERR_INVALID_PARAMETER);
        };
        if Format::by_code(format).is_none()
            || !rect.inside(width, height)
            || rect.width == 0
            || rect.height == 0
        {
            return Err(reply::ERR_INVALID_PARAMETER);
        }
        let last_row = u64::from(stride) * u64::from(height - 1) + u64::from(width) * 4;
        if u64::from(stride) < u64::from(width) * 4 || u64::from(offset) + last_row > size {
            return Err(reply::ERR_INVALID_PARAMETER);
        }
        Ok(Shown {
            resource: id,
            rect,
            format,
            stride,
            offset,
        })
    }

    /// Where its pixels lie; `None` for a picture beyond what the host wants to look at.
    fn layout(&self) -> Option<Layout> {
        if u64::from(self.rect.width) * u64::from(self.rect.height) > MAX_LOOK {
            return None;
        }
        let at = u64::from(self.rect.y) * u64::from(self.stride) + u64::from(self.rect.x) * 4;
        Some(Layout {
            format: Format::by_code(self.format)?,
            width: self.rect.width,
            height: self.rect.height,
            stride: self.stride,
            offset: u64::from(self.offset) + at,
        })
    }

    /// The frame that this scanout shows now.
    pub fn frame(&self, scanout: usize, resources: &Resources, ram: &Ram, with_crc: bool) -> Frame {
        let resource = resources.get(self.resource).ok();
        let crc = match (with_crc, resource, self.layout()) {
            (true, Some(r), Some(l)) => picture::crc(&l, &|at, dst| r.read(ram, at, dst)),
            _ => None,
        };
        Frame {
            scanout,
            resource: self.resource,
            width: self.rect.width,
            height: self.rect.height,
            crc,
            in_place: resource.is_some_and(|r| matches!(r.kind, Kind::Blob { .. })),
        }
    }

    /// Writes what this scanout shows now as a PNG.
    pub fn png(&self, path: &Path, resources: &Resources, ram: &Ram) -> io::Result<()> {
        let gone = || io::Error::other("the resource is gone");
        let resource = resources.get(self.resource).map_err(|_| gone())?;
        let layout = self.layout().ok_or_else(gone)?;
        picture::write_png(path, &layout, &|at, dst| resource.read(ram, at, dst))
    }
}
