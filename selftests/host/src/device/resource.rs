// SPDX-License-Identifier: GPL-2.0
//! Resources: pictures and buffers that the host has a copy of, blobs of guest
//! memory, which are never copied, and blobs of the host's memory.

use super::memory::Memory;
use crate::chain::Ram;
use crate::pages::Pages;
use crate::picture::Format;
use crate::wire::{reply, Rect};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The host's memory for resources, all together.
const MAX_BYTES: u64 = 1 << 30;
/// The host's resources, all together.
const MAX_RESOURCES: usize = 1 << 16;

/// Rows that one transfer copies at most.
const MAX_ROWS: u64 = 1 << 22;

/// How the host's copy is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Number on the wire.
    pub format: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Pictures behind one another.
    pub layers: u32,
    /// Bytes of a texel.
    pub texel: u32,
    /// Bytes from row to row.
    pub stride: u32,
}

impl Shape {
    /// As RESOURCE_CREATE_2D means it.
    pub fn flat(format: u32, width: u32, height: u32) -> Option<Shape> {
        Some(Shape {
            format,
            width,
            height,
            layers: 1,
            texel: 4,
            stride: width.checked_mul(4)?,
        })
    }

    /// Bytes of one layer.
    pub fn layer(&self) -> u64 {
        u64::from(self.stride) * u64::from(self.height)
    }

    /// Bytes in all.
    pub fn bytes(&self) -> Option<u64> {
        self.layer().checked_mul(u64::from(self.layers))
    }
}

/// What a resource is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Created by RESOURCE_CREATE_2D or RESOURCE_CREATE_3D.
    Classic {
        /// What is in the copy.
        shape: Shape,
        /// The host's copy.
        memory: Memory,
    },
    /// Created by RESOURCE_CREATE_BLOB out of guest memory.
    Blob {
        /// Bytes, as the driver said.
        size: u64,
    },
    /// Created by RESOURCE_CREATE_BLOB out of host memory.
    Host {
        /// Bytes, as the driver said.
        size: u64,
        /// Those of the context's object.
        memory: Memory,
        /// Where it is mapped in the window.
        mapped: Option<u64>,
    },
}

/// One resource.
#[derive(Clone, Debug)]
pub struct Resource {
    /// What it is.
    pub kind: Kind,
    /// The guest's pages, where there are any.
    pub backing: Option<Arc<Pages>>,
}

/// A box to copy between the guest's pages and the host's copy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Part {
    /// In texels.
    pub rect: Rect,
    /// First layer.
    pub z: u32,
    /// How many layers.
    pub depth: u32,
    /// Where it starts in the guest's pages.
    pub offset: u64,
    /// Bytes from row to row there; 0: as wide as the resource.
    pub stride: u32,
    /// Bytes from layer to layer there; 0: as high as the resource.
    pub layer_stride: u32,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Resources {
    map: BTreeMap<u32, Resource>,
    bytes: u64,
}

/// `Err` is the error reply's number.
pub type Result<T> = std::result::Result<T, u32>;

impl Resources {
    /// By id.
    pub fn get(&self, id: u32) -> Result<&Resource> {
        self.map.get(&id).ok_or(reply::ERR_INVALID_RESOURCE_ID)
    }

    /// By id, to change it.
    pub fn get_mut(&mut self, id: u32) -> Result<&mut Resource> {
        self.map.get_mut(&id).ok_or(reply::ERR_INVALID_RESOURCE_ID)
    }

    /// Whether a resource with that id can be made.
    pub fn check_new(&self, id: u32) -> Result<()> {
        if id == 0 || self.map.contains_key(&id) {
            return Err(reply::ERR_INVALID_RESOURCE_ID);
        }
        if self.map.len() >= MAX_RESOURCES {
            return Err(reply::ERR_OUT_OF_MEMORY);
        }
        Ok(())
    }

    fn insert(&mut self, id: u32, kind: Kind, backing: Option<Pages>) {
        self.bytes += kind.bytes();
        let backing = backing.map(Arc::new);
        self.map.insert(id, Resource { kind, backing });
    }

    /// RESOURCE_CREATE_2D, RESOURCE_CREATE_3D.
    pub fn create(&mut self, id: u32, shape: Shape) -> Result<()> {
        self.check_new(id)?;
        let bytes = shape
            .bytes()
            .filter(|b| *b > 0)
            .ok_or(reply::ERR_INVALID_PARAMETER)?;
        self.room(bytes)?;
        let memory = Memory::new(bytes).ok_or(reply::ERR_OUT_OF_MEMORY)?;
        self.insert(id, Kind::Classic { shape, memory }, None);
        Ok(())
    }

    fn room(&self, bytes: u64) -> Result<()> {
        match self.bytes.checked_add(bytes) {
            Some(all) if all <= MAX_BYTES => Ok(()),
            _ => Err(reply::ERR_OUT_OF_MEMORY),
        }
    }

    /// RESOURCE_CREATE_2D.
    pub fn create_2d(&mut self, id: u32, format: u32, width: u32, height: u32) -> Result<()> {
        self.check_new(id)?;
        Format::by_code(format).ok_or(reply::ERR_INVALID_PARAMETER)?;
        if width == 0 || height == 0 {
            return Err(reply::ERR_INVALID_PARAMETER);
        }
        match Shape::flat(format, width, height) {
            Some(shape) => self.create(id, shape),
            None => Err(reply::ERR_INVALID_PARAMETER),
        }
    }

    /// RESOURCE_CREATE_BLOB of guest memory; `None`: the pages are to be attached.
    pub fn create_blob(&mut self, id: u32, size: u64, pages: Option<Pages>) -> Result<()> {
        self.check_new(id)?;
        if size == 0 || pages.as_ref().is_some_and(|p| p.len() < size) {
            return Err(reply::ERR_INVALID_PARAMETER);
        }
        self.insert(id, Kind::Blob { size }, pages);
        Ok(())
    }

    /// RESOURCE_CREATE_BLOB of host memory that a context has.
    pub fn create_host(
        &mut self,
        id: u32,
        size: u64,
        memory: Memory,
        pages: Option<Pages>,
    ) -> Result<()> {
        self.check_new(id)?;
        if size == 0 || memory.len() < size {
            return Err(reply::ERR_INVALID_PARAMETER);
        }
        self.room(size)?;
        let kind = Kind::Host {
            size,
            memory,
            mapped: None,
        };
        self.insert(id, kind, pages);
        Ok(())
    }

    /// Whether `size` bytes from `at` of the window are free.
    pub fn window_free(&self, at: u64, size: u64) -> bool {
        self.map.values().all(|r| match r.kind {
            Kind::Host {
                size: other,
                mapped: Some(start),
                ..
            } => at.saturating_add(size) <= start || start.saturating_add(other) <= at,
            _ => true,
        })
    }

    /// RESOURCE_UNREF.
    pub fn remove(&mut self, id: u32) -> Result<Resource> {
        let gone = self.map.remove(&id).ok_or(reply::ERR_INVALID_RESOURCE_ID)?;
        self.bytes -= gone.kind.bytes();
        Ok(gone)
    }

    /// Forgets all, and says how many there were.
    pub fn clear(&mut self) -> usize {
        let n = self.map.len();
        *self = Resources::default();
        n
    }
}

impl Kind {
    /// Bytes of the host's memory.
    fn bytes(&self) -> u64 {
        match self {
            Kind::Classic { memory, .. } => memory.len(),
            Kind::Host { size, .. } => *size,
            Kind::Blob { .. } => 0,
        }
    }
}

impl Resource {
    /// TRANSFER_TO_HOST_2D: copies a rectangle out of the guest's pages, and says
    /// how many bytes that were. A blob has no copy, so nothing moves.
    pub fn transfer(&self, ram: &Ram, rect: Rect, offset: u64) -> Result<u64> {
        let part = Part {
            rect,
            depth: 1,
            offset,
            ..Part::default()
        };
        match self.kind {
            Kind::Classic { shape, .. } if shape.texel == 4 => self.copy(ram, &part, true),
            Kind::Classic { .. } => Err(reply::ERR_INVALID_PARAMETER),
            _ => Ok(0),
        }
    }

    /// Copies a part to the host's copy, or from it. Says how many bytes that were.
    pub fn copy(&self, ram: &Ram, part: &Part, to_host: bool) -> Result<u64> {
        let (shape, memory) = match &self.kind {
            Kind::Classic { shape, memory } => (*shape, memory),
            // A blob is a row of bytes.
            Kind::Host { size, memory, .. } => (line(*size), memory),
            Kind::Blob { .. } => return Ok(0),
        };
        let bad = reply::ERR_INVALID_PARAMETER;
        let layers = part.z.checked_add(part.depth);
        if !part.rect.inside(shape.width, shape.height) || layers.is_none_or(|n| n > shape.layers) {
            return Err(bad);
        }
        let pages = self.backing.as_ref().ok_or(reply::ERR_UNSPEC)?;
        let rows = u64::from(part.rect.height) * u64::from(part.depth);
        if rows > MAX_ROWS {
            return Err(bad);
        }
        let stride = match part.stride {
            0 => u64::from(shape.width) * u64::from(shape.texel),
            given => u64::from(given),
        };
        let layer_stride = match part.layer_stride {
            0 => stride * u64::from(shape.height),
            given => u64::from(given),
        };
        let len = u64::from(part.rect.width) * u64::from(shape.texel);
        let mut row = vec![0; usize::try_from(len).map_err(|_| bad)?];
        for z in 0..u64::from(part.depth) {
            for y in 0..u64::from(part.rect.height) {
                let here = (u64::from(part.z) + z) * shape.layer()
                    + (u64::from(part.rect.y) + y) * u64::from(shape.stride)
                    + u64::from(part.rect.x) * u64::from(shape.texel);
                let inside = z.checked_mul(layer_stride);
                let inside = inside.and_then(|at| at.checked_add(y.checked_mul(stride)?));
                let there = inside.and_then(|at| at.checked_add(part.offset));
                let there = there.ok_or(bad)?;
                let done = if to_host {
                    pages.read(ram, there, &mut row) && memory.write(here, &row)
                } else {
                    memory.read(here, &mut row) && pages.write(ram, there, &row)
                };
                if !done {
                    return Err(bad);
                }
            }
        }
        Ok(len * u64::from(part.rect.height) * u64::from(part.depth))
    }

    /// Reads what the host would show of it: its memory, or the guest's pages in place.
    pub fn read(&self, ram: &Ram, offset: u64, dst: &mut [u8]) -> bool {
        match &self.kind {
            Kind::Classic { memory, .. } | Kind::Host { memory, .. } => memory.read(offset, dst),
            Kind::Blob { .. } => self
                .backing
                .as_ref()
                .is_some_and(|p| p.read(ram, offset, dst)),
        }
    }

    /// Writes to the same.
    pub fn write(&self, ram: &Ram, offset: u64, src: &[u8]) -> bool {
        match &self.kind {
            Kind::Classic { memory, .. } | Kind::Host { memory, .. } => memory.write(offset, src),
            Kind::Blob { .. } => self
                .backing
                .as_ref()
                .is_some_and(|p| p.write(ram, offset, src)),
        }
    }
}

/// A blob as a transfer sees it.
fn line(size: u64) -> Shape {
    let width = u32::try_from(size).unwrap_or(u32::MAX);
    Shape {
        format: 0,
        width,
        height: 1,
        layers: 1,
        texel: 1,
        stride: width,
    }
}
