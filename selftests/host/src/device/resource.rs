// SPDX-License-Identifier: GPL-2.0
//! Resources: classic ones with a copy of their pixels in the host, and blobs
//! of guest memory, which are never copied.

use crate::chain::Ram;
use crate::pages::Pages;
use crate::picture::Format;
use crate::wire::{reply, Rect};
use std::collections::BTreeMap;

/// The host's memory for classic resources, all together.
const MAX_PIXELS: u64 = 1 << 30;
/// The host's resources, all together.
const MAX_RESOURCES: usize = 1 << 16;

/// What a resource is.
#[derive(Debug)]
pub enum Kind {
    /// Created by RESOURCE_CREATE_2D.
    Classic {
        /// Number on the wire.
        format: u32,
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// The host's copy, four bytes a pixel.
        pixels: Vec<u8>,
    },
    /// Created by RESOURCE_CREATE_BLOB out of guest memory.
    Blob {
        /// Bytes, as the driver said.
        size: u64,
    },
}

/// One resource.
#[derive(Debug)]
pub struct Resource {
    /// What it is.
    pub kind: Kind,
    /// The guest's pages, where there are any.
    pub backing: Option<Pages>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Resources {
    map: BTreeMap<u32, Resource>,
    pixels: u64,
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

    fn check_new(&self, id: u32) -> Result<()> {
        if id == 0 || self.map.contains_key(&id) {
            return Err(reply::ERR_INVALID_RESOURCE_ID);
        }
        if self.map.len() >= MAX_RESOURCES {
            return Err(reply::ERR_OUT_OF_MEMORY);
        }
        Ok(())
    }

    /// RESOURCE_CREATE_2D.
    pub fn create_2d(&mut self, id: u32, format: u32, width: u32, height: u32) -> Result<()> {
        self.check_new(id)?;
        Format::by_code(format).ok_or(reply::ERR_INVALID_PARAMETER)?;
        let bytes = u64::from(width) * u64::from(height);
        let bytes = bytes
            .checked_mul(4)
            .filter(|b| *b > 0)
            .ok_or(reply::ERR_INVALID_PARAMETER)?;
        if self
            .pixels
            .checked_add(bytes)
            .is_none_or(|all| all > MAX_PIXELS)
        {
            return Err(reply::ERR_OUT_OF_MEMORY);
        }
        self.pixels += bytes;
        let kind = Kind::Classic {
            format,
            width,
            height,
            pixels: vec![0; bytes as usize],
        };
        self.map.insert(
            id,
            Resource {
                kind,
                backing: None,
            },
        );
        Ok(())
    }

    /// RESOURCE_CREATE_BLOB of guest memory; `None`: the pages are to be attached.
    pub fn create_blob(&mut self, id: u32, size: u64, pages: Option<Pages>) -> Result<()> {
        self.check_new(id)?;
        if size == 0 || pages.as_ref().is_some_and(|p| p.len() < size) {
            return Err(reply::ERR_INVALID_PARAMETER);
        }
        self.map.insert(
            id,
            Resource {
                kind: Kind::Blob { size },
                backing: pages,
            },
        );
        Ok(())
    }

    /// RESOURCE_UNREF.
    pub fn remove(&mut self, id: u32) -> Result<Resource> {
        let gone = self.map.remove(&id).ok_or(reply::ERR_INVALID_RESOURCE_ID)?;
        if let Kind::Classic { pixels, .. } = &gone.kind {
            self.pixels -= pixels.len() as u64;
        }
        Ok(gone)
    }

    /// Forgets all, and says how many there were.
    pub fn clear(&mut self) -> usize {
        let n = self.map.len();
        *self = Resources::default();
        n
    }
}

impl Resource {
    /// TRANSFER_TO_HOST_2D: copies a rectangle out of the guest's pages, and says
    /// how many bytes that were. A blob has no copy, so nothing moves.
    pub fn transfer(&mut self, ram: &Ram, rect: Rect, offset: u64) -> Result<u64> {
        let Kind::Classic {
            width,
            height,
            pixels,
            ..
        } = &mut self.kind
        else {
            return Ok(0);
        };
        if !rect.inside(*width, *height) {
            return Err(reply::ERR_INVALID_PARAMETER);
        }
        let pages = self.backing.as_ref().ok_or(reply::ERR_UNSPEC)?;
        let stride = u64::from(*width) * 4;
        let row_len = u64::from(rect.width) * 4;
        for row in 0..u64::from(rect.height) {
            let to = (u64::from(rect.y) + row) * stride + u64::from(rect.x) * 4;
            let dst = usize::try_from(to)
                .ok()
                .and_then(|to| pixels.get_mut(to..to.checked_add(row_len as usize)?));
            let dst = dst.ok_or(reply::ERR_INVALID_PARAMETER)?;
            let from = offset
                .checked_add(row * stride)
                .ok_or(reply::ERR_INVALID_PARAMETER)?;
            if !pages.read(ram, from, dst) {
                return Err(reply::ERR_INVALID_PARAMETER);
            }
        }
        Ok(row_len * u64::from(rect.height))
    }

    /// Reads what the host would show of it: the copy, or the guest's pages in place.
    pub fn read(&self, ram: &Ram, offset: u64, dst: &mut [u8]) -> bool {
        match &self.kind {
            Kind::Classic { pixels, .. } => {
                let Ok(at) = usize::try_from(offset) else {
                    return false;
                };
                match at
                    .checked_add(dst.len())
                    .and_then(|end| pixels.get(at..end))
                {
                    Some(src) => {
                        dst.copy_from_slice(src);
                        true
                    }
                    None => false,
                }
            }
            Kind::Blob { .. } => self
                .backing
                .as_ref()
                .is_some_and(|p| p.read(ram, offset, dst)),
        }
    }
}
