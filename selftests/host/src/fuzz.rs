// SPDX-License-Identifier: GPL-2.0
//! A hostile guest: rings and commands made of numbers that like to be wrong,
//! through the same entry that doorbells take. Deterministic by its seed, and
//! needs nothing but a stable compiler; a panic or a loop is the finding.

mod streams;

use crate::control::Order;
use crate::host::{Host, Memory, Options};
use crate::scenario::Scenario;
use crate::wire::{feature, put32, Queue, COMMANDS};
use vhost_user_backend::{VringMutex, VringT};
use vm_memory::{Bytes, GuestAddress, GuestMemoryAtomic, GuestMemoryMmap};

/// Guest memory of a case.
const RAM: usize = 1 << 20;
/// Ring size of a case.
const RING: u16 = 64;
/// Doorbells of a case.
const STEPS: usize = 24;

/// A small generator; the same numbers for the same seed, everywhere.
pub struct Numbers(u64);

impl Numbers {
    /// From a seed.
    pub fn new(seed: u64) -> Numbers {
        Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n.max(1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// A number of the kind that breaks things.
    fn nasty(&mut self) -> u32 {
        const EDGES: [u32; 14] = [
            0,
            1,
            2,
            3,
            4,
            16,
            24,
            63,
            64,
            65,
            4096,
            0x7fff_ffff,
            0xffff_fffc,
            u32::MAX,
        ];
        match self.below(8) {
            0 => self.next() as u32,
            1 => self.below(300) as u32,
            _ => EDGES[self.below(EDGES.len() as u64) as usize],
        }
    }
}

/// Where the parts of a ring lie.
struct Ring {
    desc: u64,
    avail: u64,
    used: u64,
    idx: u16,
}

impl Ring {
    /// The descriptor that the next chain begins at.
    fn head(&self) -> u16 {
        (self.idx * 3) % RING
    }

    /// Offers the chain at `head`; the index is the caller's to write.
    fn offer(&mut self, ram: &GuestMemoryMmap, head: u16) {
        let slot = self.avail + 4 + u64::from(self.idx % RING) * 2;
        let _ = ram.write_obj(head, GuestAddress(slot));
        self.idx = self.idx.wrapping_add(1);
    }
}

/// Memory at the top that commands and entries use.
const DATA: u64 = 0x40000;

fn command(n: &mut Numbers) -> Vec<u8> {
    let mut b = Vec::new();
    let known = &COMMANDS[n.below(COMMANDS.len() as u64) as usize];
    // Mostly what makes pictures: that is where the code is.
    let code = match n.below(20) {
        0 => n.nasty(),
        1..=4 => known.code,
        k @ 5..12 => [0x101, 0x106, 0x105, 0x103, 0x104, 0x10c, 0x10d][(k - 5) as usize],
        k => [0x200, 0x202, 0x204, 0x206, 0x207, 0x207, 0x207, 0x208][(k - 12) as usize],
    };
    let flags = if n.one_in(8) {
        n.nasty()
    } else {
        n.below(4) as u32
    };
    put32(
        &mut b,
        &[
            code,
            flags,
            n.nasty(),
            0,
            match n.below(8) {
                0 => n.nasty(),
                1..4 => 0,
                _ => 1 + n.below(3) as u32,
            },
            n.below(70) as u32,
        ],
    );
    let len = crate::wire::Command::by_code(code).map_or(40, |c| c.len);
    while b.len() < len {
        let v = match n.below(4) {
            0 => n.nasty(),
            _ => n.below(5) as u32,
        };
        put32(&mut b, &[v]);
    }
    // Ids and sizes that agree now and then, or nothing is ever reached.
    let fix = |b: &mut Vec<u8>, at: usize, v: u32| {
        if let Some(dst) = b.get_mut(at..at + 4) {
            dst.copy_from_slice(&v.to_le_bytes());
        }
    };
    let id = 1 + n.below(3) as u32;
    if !n.one_in(10) {
        match code {
            0x101 => {
                let size = 1 + n.below(80) as u32;
                [(24, id), (28, 2), (32, size), (36, size)]
                    .iter()
                    .for_each(|(at, v)| fix(&mut b, *at, *v));
            }
            0x106 => [(24, id), (28, 2)]
                .iter()
                .for_each(|(at, v)| fix(&mut b, *at, *v)),
            0x105 => fix(&mut b, 48, id),
            0x103 | 0x10d => [(40, 0), (44, id)]
                .iter()
                .for_each(|(at, v)| fix(&mut b, *at, *v)),
            0x104 => fix(&mut b, 40, id),
            0x10c => {
                let mem = 1 + n.below(2) as u32;
                [
                    (24, id),
                    (28, mem),
                    (36, 2),
                    (40, 0),
                    (44, 0),
                    (48, 8192),
                    (52, 0),
                ]
                .iter()
                .for_each(|(at, v)| fix(&mut b, *at, *v));
            }
            _ => streams::fix(n, code, id, &mut |at, v| fix(&mut b, at, v)),
        }
    }
    if code == 0x207 {
        streams::append(n, &mut b);
    }
    for _ in 0..n.below(4) {
        let (addr, len) = if n.one_in(4) {
            (n.nasty(), n.nasty())
        } else {
            (DATA as u32 * 2, 16384)
        };
        put32(&mut b, &[addr, 0, len, 0]);
    }
    if n.one_in(10) {
        b.truncate(n.below(b.len() as u64) as usize);
    }
    b
}

fn put_descriptor(ram: &GuestMemoryMmap, at: u64, addr: u64, len: u32, flags: u16, next: u16) {
    let mut b = addr.to_le_bytes().to_vec();
    b.extend(len.to_le_bytes());
    b.extend(flags.to_le_bytes());
    b.extend(next.to_le_bytes());
    let _ = ram.write_slice(&b, GuestAddress(at));
}

/// Puts a command into memory, and a chain for it, whose first part ends at `cut`, at `head`.
fn put(ram: &GuestMemoryMmap, ring: &Ring, head: u16, bytes: &[u8], cut: u32) {
    let _ = ram.write_slice(bytes, GuestAddress(DATA));
    let table = ring.desc;
    let next = (head + 1) % RING;
    let rest = bytes.len() as u32 - cut;
    let third = (head + 2) % RING;
    put_descriptor(ram, table + u64::from(head) * 16, DATA, cut, 1, next);
    put_descriptor(
        ram,
        table + u64::from(next) * 16,
        DATA + u64::from(cut),
        rest,
        1,
        third,
    );
    put_descriptor(
        ram,
        table + u64::from(third) * 16,
        DATA + 0x8000,
        1056,
        2,
        0,
    );
}

/// The same with a command that may be wrong, as the chain may be.
fn put_chain(n: &mut Numbers, ram: &GuestMemoryMmap, ring: &Ring, head: u16) {
    let bytes = command(n);
    let cut = if n.one_in(3) {
        n.below(bytes.len() as u64 + 1) as u32
    } else {
        bytes.len() as u32
    };
    put(ram, ring, head, &bytes, cut);
    let table = ring.desc;
    if n.one_in(6) {
        // An indirect table of such descriptors.
        let at = DATA + 0x10000;
        put_descriptor(ram, at, DATA, bytes.len() as u32, 1, 1);
        put_descriptor(ram, at + 16, DATA + 0x8000, 2048, 2, 0);
        let len = if n.one_in(4) { n.nasty() } else { 32 };
        put_descriptor(ram, table + u64::from(head) * 16, at, len, 4, 0);
    }
    if n.one_in(5) {
        // Something somewhere in the table is wrong.
        let at = table + n.below(u64::from(RING) * 16);
        let _ = ram.write_obj(n.nasty(), GuestAddress(at));
    }
}

fn scenario(n: &mut Numbers) -> Scenario {
    let mut s = Scenario::default();
    s.device.scanouts = [0, 1, 2, 16, 17, u32::MAX][n.below(6) as usize];
    s.device.blob_alignment = n.nasty();
    s.device.with = vec![
        "RESOURCE_BLOB".into(),
        "VIRGL".into(),
        "CONTEXT_INIT".into(),
    ];
    streams::scenario(n, &mut s);
    s
}

/// One case: a guest that does its worst with one device.
pub fn case(seed: u64) {
    let mut n = Numbers::new(seed);
    let _ = Order::parse(&String::from_utf8_lossy(&n.next().to_le_bytes()));
    let ranges = [(GuestAddress(0), RAM)];
    let memory: Memory =
        GuestMemoryAtomic::new(GuestMemoryMmap::from_ranges(&ranges).expect("memory"));
    let ram = GuestMemoryMmap::clone(&vm_memory::GuestAddressSpace::memory(&memory));
    let options = Options {
        scenario: scenario(&mut n),
        crc: true,
        ..Options::default()
    };
    let host = Host::new(options).expect("host");
    host.set_memory(memory.clone());
    host.set_features(
        feature::VERSION_1
            | feature::RESOURCE_BLOB
            | feature::EDID
            | (n.next() & 0xff)
            | if n.one_in(4) {
                0
            } else {
                feature::VIRGL | feature::CONTEXT_INIT
            }
            | feature::INDIRECT_DESC,
    );
    let mut rings = Vec::new();
    let mut vrings = Vec::new();
    for q in 0..2u64 {
        let base = q * 0x10000;
        let ring = Ring {
            desc: base,
            avail: base + 0x4000,
            used: base + 0x8000,
            idx: 0,
        };
        let vring = VringMutex::new(memory.clone(), RING).expect("ring");
        vring.set_queue_size(RING);
        vring
            .set_queue_info(ring.desc, ring.avail, ring.used)
            .expect("ring addresses");
        vring.set_queue_event_idx(n.one_in(2));
        vring.set_queue_ready(true);
        vring.set_enabled(true);
        rings.push(ring);
        vrings.push(vring);
    }
    // Half of them begin as honest guests do, and have something to do their worst with.
    let begin = if n.one_in(2) {
        streams::begin(&mut n)
    } else {
        vec![]
    };
    for bytes in begin {
        let ring = &mut rings[0];
        let head = ring.head();
        put(&ram, ring, head, &bytes, bytes.len() as u32);
        ring.offer(&ram, head);
        let _ = ram.write_obj(ring.idx, GuestAddress(ring.avail + 2));
        host.kicked(Queue::Control, &vrings);
    }
    for _ in 0..STEPS {
        let q = usize::from(n.one_in(8));
        let ring = &mut rings[q];
        for _ in 0..1 + n.below(3) {
            let head = ring.head();
            put_chain(&mut n, &ram, ring, head);
            let head = if n.one_in(30) { n.nasty() as u16 } else { head };
            ring.offer(&ram, head);
        }
        let idx = if n.one_in(40) {
            n.nasty() as u16
        } else {
            ring.idx
        };
        let _ = ram.write_obj(idx, GuestAddress(ring.avail + 2));
        let queue = Queue::from_index(q).expect("two queues");
        host.kicked(queue, &vrings);
        if n.one_in(20) {
            host.write_config(n.nasty(), &n.nasty().to_le_bytes());
        }
        if n.one_in(30) {
            host.stopped(queue);
        }
        if n.one_in(10) {
            // Waits are short: something ends late.
            std::thread::sleep(std::time::Duration::from_micros(50));
        }
    }
    let _ = host.order(&Order::Crc(n.below(20) as usize));
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_few_cases() {
        for seed in 1..300 {
            super::case(seed);
        }
    }
}
