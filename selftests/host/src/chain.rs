// SPDX-License-Identifier: GPL-2.0
//! Walking a descriptor chain of a split virtqueue, by ourselves: the crate's
//! iterator stops quietly at what is wrong, and what is wrong is what we are
//! here to see. Every walk is bounded, whatever the guest wrote.

use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

/// Guest memory as the transport gives it.
pub type Ram = GuestMemoryMmap<()>;

const F_NEXT: u16 = 1;
const F_WRITE: u16 = 2;
const F_INDIRECT: u16 = 4;

/// No chain is followed further than this, whatever the queue's size.
const LIMIT: usize = 65536;

/// One piece of guest memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Guest physical address.
    pub addr: u64,
    /// Bytes.
    pub len: u32,
}

/// What a chain may get wrong; each is a conformance check of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A descriptor index is not below the table's size.
    IndexOutOfRange,
    /// More descriptors than the queue has entries, or a loop.
    TooLong,
    /// A readable descriptor follows a writable one.
    ReadableAfterWritable,
    /// INDIRECT without the feature.
    IndirectNotNegotiated,
    /// INDIRECT inside an indirect table, or together with NEXT.
    IndirectMisplaced,
    /// An indirect table whose length is no multiple of 16, or empty.
    IndirectLength,
    /// A descriptor of length 0.
    ZeroLength,
    /// Memory that is not RAM.
    OutsideMemory,
    /// A flag that split rings do not have.
    UnknownFlag,
    /// More than 2^32 bytes.
    TooManyBytes,
}

/// A chain, walked.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    /// Index of the first descriptor: what the used ring wants back.
    pub head: u16,
    /// Whether it went through an indirect table.
    pub indirect: bool,
    /// What the device may read, in order.
    pub readable: Vec<Segment>,
    /// What the device may write, in order.
    pub writable: Vec<Segment>,
    /// The descriptors of the main table that it is made of.
    pub direct: Vec<u16>,
    /// What was wrong, each once.
    pub faults: Vec<Fault>,
}

/// Where a chain is to be found.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Address of the descriptor table.
    pub addr: u64,
    /// Queue size.
    pub size: u16,
    /// Whether INDIRECT_DESC was negotiated.
    pub indirect: bool,
}

struct Descriptor {
    addr: u64,
    len: u32,
    flags: u16,
    next: u16,
}

fn descriptor(ram: &Ram, table: u64, index: u16) -> Option<Descriptor> {
    let mut b = [0u8; 16];
    let at = table.checked_add(u64::from(index) * 16)?;
    ram.read_slice(&mut b, GuestAddress(at)).ok()?;
    let (addr, rest) = b.split_first_chunk::<8>()?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let (flags, next) = rest.split_first_chunk::<2>()?;
    Some(Descriptor {
        addr: u64::from_le_bytes(*addr),
        len: u32::from_le_bytes(*len),
        flags: u16::from_le_bytes(*flags),
        next: u16::from_le_bytes(*next.first_chunk::<2>()?),
    })
}

impl Chain {
    /// Follows the chain that starts at `head`.
    pub fn walk(ram: &Ram, table: Table, head: u16) -> Chain {
        let mut chain = Chain {
            head,
            ..Chain::default()
        };
        let (mut base, mut size, mut index) = (table.addr, usize::from(table.size), head);
        let (mut steps, mut bytes) = (0usize, 0u64);
        loop {
            if usize::from(index) >= size {
                chain.fault(Fault::IndexOutOfRange);
                return chain;
            }
            let Some(d) = descriptor(ram, base, index) else {
                chain.fault(Fault::OutsideMemory);
                return chain;
            };
            if !chain.indirect {
                chain.direct.push(index);
            }
            if d.flags & !(F_NEXT | F_WRITE | F_INDIRECT) != 0 {
                chain.fault(Fault::UnknownFlag);
            }
            if d.flags & F_INDIRECT != 0 {
                if chain.indirect || d.flags & F_NEXT != 0 {
                    chain.fault(Fault::IndirectMisplaced);
                }
                if !table.indirect {
                    chain.fault(Fault::IndirectNotNegotiated);
                }
                if d.len == 0 || d.len % 16 != 0 {
                    chain.fault(Fault::IndirectLength);
                }
                if chain.indirect || d.len < 16 {
                    return chain;
                }
                chain.indirect = true;
                (base, size, index) = (d.addr, (d.len / 16) as usize, 0);
                continue;
            }
            steps += 1;
            if steps > usize::from(table.size) {
                chain.fault(Fault::TooLong);
            }
            chain.push(ram, &d);
            bytes += u64::from(d.len);
            if bytes > 1 << 32 {
                chain.fault(Fault::TooManyBytes);
            }
            if d.flags & F_NEXT == 0 {
                return chain;
            }
            if steps >= size.min(LIMIT) {
                chain.fault(Fault::TooLong);
                return chain;
            }
            index = d.next;
        }
    }

    fn push(&mut self, ram: &Ram, d: &Descriptor) {
        let segment = Segment {
            addr: d.addr,
            len: d.len,
        };
        if d.len == 0 {
            self.fault(Fault::ZeroLength);
        } else if !in_ram(ram, segment) {
            self.fault(Fault::OutsideMemory);
            return;
        }
        if d.flags & F_WRITE != 0 {
            self.writable.push(segment);
        } else {
            if !self.writable.is_empty() {
                self.fault(Fault::ReadableAfterWritable);
            }
            self.readable.push(segment);
        }
    }

    fn fault(&mut self, fault: Fault) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Bytes that the device may read.
    pub fn readable_len(&self) -> u64 {
        self.readable.iter().map(|s| u64::from(s.len)).sum()
    }

    /// Bytes that the device may write.
    pub fn writable_len(&self) -> u64 {
        self.writable.iter().map(|s| u64::from(s.len)).sum()
    }

    /// The request: what is readable, but at most `max` bytes of it.
    pub fn read(&self, ram: &Ram, max: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for s in &self.readable {
            let n = (s.len as usize).min(max - out.len());
            let at = out.len();
            out.resize(at + n, 0);
            if ram
                .read_slice(&mut out[at..], GuestAddress(s.addr))
                .is_err()
            {
                out.truncate(at);
                break;
            }
            if out.len() == max {
                break;
            }
        }
        out
    }

    /// Writes the reply as far as there is room, and says how much was written.
    pub fn write(&self, ram: &Ram, mut bytes: &[u8]) -> u32 {
        let mut written = 0;
        for s in &self.writable {
            let n = bytes.len().min(s.len as usize);
            if ram.write_slice(&bytes[..n], GuestAddress(s.addr)).is_err() {
                break;
            }
            written += n as u32;
            bytes = &bytes[n..];
            if bytes.is_empty() {
                break;
            }
        }
        written
    }
}

/// Whether all of a segment is guest memory.
pub fn in_ram(ram: &Ram, s: Segment) -> bool {
    use vm_memory::{GuestMemory, Permissions};
    s.addr.checked_add(u64::from(s.len)).is_some()
        && ram.check_range(GuestAddress(s.addr), s.len as usize, Permissions::ReadWrite)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ram() -> Ram {
        Ram::from_ranges(&[(GuestAddress(0), 0x10000)]).unwrap()
    }

    fn put(ram: &Ram, table: u64, i: u64, (addr, len, flags, next): (u64, u32, u16, u16)) {
        let mut b = addr.to_le_bytes().to_vec();
        b.extend(len.to_le_bytes());
        b.extend(flags.to_le_bytes());
        b.extend(next.to_le_bytes());
        ram.write_slice(&b, GuestAddress(table + i * 16)).unwrap();
    }

    const T: Table = Table {
        addr: 0,
        size: 8,
        indirect: true,
    };

    #[test]
    fn plain_chain() {
        let m = ram();
        put(&m, 0, 3, (0x1000, 24, F_NEXT, 5));
        put(&m, 0, 5, (0x2000, 24, F_WRITE, 0));
        m.write_slice(&[7; 24], GuestAddress(0x1000)).unwrap();
        let c = Chain::walk(&m, T, 3);
        assert_eq!(
            (c.faults.len(), c.readable_len(), c.writable_len()),
            (0, 24, 24)
        );
        assert_eq!(c.read(&m, 1000), [7; 24]);
        assert_eq!(c.read(&m, 3), [7; 3]);
        assert_eq!(c.write(&m, &[1; 40]), 24);
    }

    #[test]
    fn loops_end() {
        let m = ram();
        put(&m, 0, 0, (0x1000, 24, F_NEXT, 0));
        let c = Chain::walk(&m, T, 0);
        assert_eq!(c.faults, [Fault::TooLong]);
    }

    #[test]
    fn wrong_order_and_wild_addresses() {
        let m = ram();
        put(&m, 0, 0, (0x1000, 24, F_NEXT | F_WRITE, 1));
        put(&m, 0, 1, (0x1000, 24, F_NEXT, 2));
        put(&m, 0, 2, (u64::MAX - 3, 24, 0, 0));
        let c = Chain::walk(&m, T, 0);
        assert_eq!(
            c.faults,
            [Fault::ReadableAfterWritable, Fault::OutsideMemory]
        );
        assert_eq!(Chain::walk(&m, T, 8).faults, [Fault::IndexOutOfRange]);
    }

    #[test]
    fn indirect_rules() {
        let m = ram();
        put(&m, 0, 0, (0x800, 32, F_INDIRECT, 0));
        put(&m, 0x800, 0, (0x1000, 24, F_NEXT, 1));
        put(&m, 0x800, 1, (0x2000, 24, F_WRITE, 0));
        let c = Chain::walk(&m, T, 0);
        assert!(c.indirect && c.faults.is_empty());
        let c = Chain::walk(
            &m,
            Table {
                indirect: false,
                ..T
            },
            0,
        );
        assert_eq!(c.faults, [Fault::IndirectNotNegotiated]);
        put(&m, 0x800, 1, (0x800, 32, F_INDIRECT, 0));
        assert_eq!(Chain::walk(&m, T, 0).faults, [Fault::IndirectMisplaced]);
        put(&m, 0, 0, (0x800, 31, F_INDIRECT, 0));
        assert!(Chain::walk(&m, T, 0)
            .faults
            .contains(&Fault::IndirectLength));
    }
}
