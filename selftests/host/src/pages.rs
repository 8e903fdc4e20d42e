// SPDX-License-Identifier: GPL-2.0
//! A resource's guest pages: a scatter list, read where it lies.

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
        let Some(end) = offset.checked_add(dst.len() as u64) else {
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
        while !dst.is_empty() {
            let (Some(s), Some(start)) = (self.segments.get(i), self.starts.get(i)) else {
                return false;
            };
            let skip = at - start;
            let n = (u64::from(s.len) - skip).min(dst.len() as u64);
            let (now, rest) = dst.split_at_mut(n as usize);
            if ram
                .read_slice(now, GuestAddress(s.addr.wrapping_add(skip)))
                .is_err()
            {
                return false;
            }
            (dst, at, i) = (rest, at + n, i + 1);
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
