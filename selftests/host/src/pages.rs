// SPDX-License-Identifier: GPL-2.0
//! A resource's guest pages: a scatter list, read and written where it lies.

use crate::chain::{in_ram, Ram, Segment};
use crate::wire::{u32_at, u64_at};
use vm_memory::{Bytes, GuestAddress};

/// Guest memory that a driver attached to a resource.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    segments: Vec<Segment>,
    /// Where each segment starts, so that an offset is found without a walk.
    starts: Vec<u64>,
    len: u64,
}

impl Pages {
    /// Decodes `count` entries of 16 bytes; `None` where bytes are missing, or an
    /// entry is no guest memory.
    pub fn parse(bytes: &[u8], count: u32, ram: &Ram) -> Option<Pages> {
        let count = usize::try_from(count).ok()?;
        if bytes.len() / 16 < count {
            return None;
        }
        let mut pages = Pages::default();
        for entry in bytes.chunks_exact(16).take(count) {
            let s = Segment {
                addr: u64_at(entry, 0),
                len: u32_at(entry, 8),
            };
            if !in_ram(ram, s) {
                return None;
            }
            pages.starts.push(pages.len);
            pages.segments.push(s);
            pages.len = pages.len.checked_add(u64::from(s.len))?;
        }
        Some(pages)
    }

    /// Bytes in all.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many pieces.
    pub fn count(&self) -> usize {
        self.segments.len()
    }

    /// Fills `dst` from `offset` on; false where the list ends before that.
    pub fn read(&self, ram: &Ram, offset: u64, mut dst: &mut [u8]) -> bool {
        self.pieces(offset, dst.len(), |at, n| {
            let (now, rest) = std::mem::take(&mut dst).split_at_mut(n);
            dst = rest;
            ram.read_slice(now, at).is_ok()
        })
    }

    /// Writes `src` from `offset` on; false where the list ends before that.
    pub fn write(&self, ram: &Ram, offset: u64, mut src: &[u8]) -> bool {
        self.pieces(offset, src.len(), |at, n| {
            let (now, rest) = src.split_at(n);
            src = rest;
            ram.write_slice(now, at).is_ok()
        })
    }

    /// Gives the pieces of `len` bytes from `offset` on, until `f` has enough.
    fn pieces(
        &self,
        offset: u64,
        len: usize,
        mut f: impl FnMut(GuestAddress, usize) -> bool,
    ) -> bool {
        let Some(end) = offset.checked_add(len as u64) else {
            return false;
        };
        if end > self.len {
            return false;
        }
        let mut i = self
            .starts
            .partition_point(|s| *s <= offset)
            .saturating_sub(1);
        let mut at = offset;
        while at < end {
            let (Some(s), Some(start)) = (self.segments.get(i), self.starts.get(i)) else {
                return false;
            };
            let skip = at - start;
            let n = (u64::from(s.len).saturating_sub(skip)).min(end - at);
            if n > 0 && !f(GuestAddress(s.addr.wrapping_add(skip)), n as usize) {
                return false;
            }
            (at, i) = (at + n, i + 1);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::put32;

    fn entry(out: &mut Vec<u8>, addr: u32, len: u32) {
        put32(out, &[addr, 0, len, 0]);
    }

    #[test]
    fn reads_across_segments() {
        let ram = Ram::from_ranges(&[(GuestAddress(0), 0x4000)]).unwrap();
        ram.write_slice(&[1, 2, 3, 4], GuestAddress(0x1000))
            .unwrap();
        ram.write_slice(&[5, 6], GuestAddress(0x2000)).unwrap();
        let mut b = vec![];
        entry(&mut b, 0x1000, 4);
        entry(&mut b, 0x3000, 0);
        entry(&mut b, 0x2000, 2);
        let p = Pages::parse(&b, 3, &ram).unwrap();
        let mut out = [0; 4];
        assert!(p.read(&ram, 2, &mut out));
        assert_eq!(out, [3, 4, 5, 6]);
        assert!(!p.read(&ram, 3, &mut out));
        assert!(!p.read(&ram, u64::MAX, &mut out));
        assert!(p.read(&ram, 6, &mut []));
        assert!(p.write(&ram, 3, &[7, 8]) && !p.write(&ram, 5, &[7, 8]));
        assert!(p.read(&ram, 2, &mut out));
        assert_eq!(out, [3, 7, 8, 6]);
    }

    #[test]
    fn refuses_lies() {
        let ram = Ram::from_ranges(&[(GuestAddress(0), 0x4000)]).unwrap();
        let mut b = vec![];
        entry(&mut b, 0x3fff, 2);
        assert!(Pages::parse(&b, 1, &ram).is_none());
        assert!(Pages::parse(&b, u32::MAX, &ram).is_none());
    }
}
