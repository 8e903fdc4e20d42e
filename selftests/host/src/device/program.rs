// SPDX-License-Identifier: GPL-2.0
//! The command language of the test host's contexts: 32-bit words, an operation
//! after the other. The first word of each has its number in the low half and its
//! length in words, itself included, in the high half. The page
//! Documentation/gpu/test-host.rst has the table.

use super::resource::{Resource, Result};
use crate::chain::Ram;
use crate::wire::{put32, reply, u32_at};
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Bytes that the operations of one stream may touch, all together.
const MAX_TOUCH: u64 = 1 << 28;
/// Bytes touched in one go.
const STRIP: usize = 4096;

/// Bytes of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its id.
    pub resource: u32,
    /// First byte.
    pub at: u32,
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Does nothing.
    Nop,
    /// Takes that many microseconds of the device's time.
    Wait(u32),
    /// Writes a pattern of that many bytes, made of a seed.
    Fill(Place, u32, u32),
    /// Fails where the pattern is not there.
    Check(Place, u32, u32),
    /// Writes a word.
    Write(Place, u32),
    /// Fails where another word is there.
    Expect(Place, u32),
    /// Adds to a word.
    Add(Place, u32),
    /// Copies that many bytes from the first place to the second.
    Copy(Place, Place, u32),
    /// Fails with that error reply when its turn comes.
    Fail(u32),
    /// The whole stream is refused with that error reply before anything of it is run.
    Refuse(u32),
    /// The context is lost when its turn comes.
    Lose,
    /// Never ends.
    Never,
    /// Is over when that word is there.
    Until(Place, u32),
}

impl Op {
    fn words(&self) -> Vec<u32> {
        let at = |number: u32, p: &Place, rest: &[u32]| {
            let mut w = vec![number, p.resource, p.at];
            w.extend(rest);
            w
        };
        match self {
            Op::Nop => vec![0],
            Op::Wait(us) => vec![1, *us],
            Op::Fill(p, len, seed) => at(2, p, &[*len, *seed]),
            Op::Check(p, len, seed) => at(3, p, &[*len, *seed]),
            Op::Write(p, value) => at(4, p, &[*value]),
            Op::Expect(p, value) => at(5, p, &[*value]),
            Op::Add(p, value) => at(6, p, &[*value]),
            Op::Copy(from, to, len) => at(7, from, &[to.resource, to.at, *len]),
            Op::Fail(code) => vec![8, *code],
            Op::Refuse(code) => vec![9, *code],
            Op::Lose => vec![10],
            Op::Never => vec![11],
            Op::Until(p, value) => at(12, p, &[*value]),
        }
    }

    fn parse(w: &[u32]) -> Option<Op> {
        let number = w.first()? & 0xffff;
        let place = |i: usize| {
            Some(Place {
                resource: *w.get(i)?,
                at: *w.get(i + 1)?,
            })
        };
        let (op, len) = match number {
            0 => return Some(Op::Nop),
            1 => (Op::Wait(*w.get(1)?), 2),
            2 => (Op::Fill(place(1)?, *w.get(3)?, *w.get(4)?), 5),
            3 => (Op::Check(place(1)?, *w.get(3)?, *w.get(4)?), 5),
            4 => (Op::Write(place(1)?, *w.get(3)?), 4),
            5 => (Op::Expect(place(1)?, *w.get(3)?), 4),
            6 => (Op::Add(place(1)?, *w.get(3)?), 4),
            7 => (Op::Copy(place(1)?, place(3)?, *w.get(5)?), 6),
            8 => (Op::Fail(error(*w.get(1)?)), 2),
            9 => (Op::Refuse(error(*w.get(1)?)), 2),
            10 => (Op::Lose, 1),
            11 => (Op::Never, 1),
            12 => (Op::Until(place(1)?, *w.get(3)?), 4),
            _ => return None,
        };
        (w.len() == len).then_some(op)
    }

    /// Places that it touches, and how many bytes from each.
    fn touches(&self) -> Vec<(Place, u32)> {
        match *self {
            Op::Fill(p, len, _) | Op::Check(p, len, _) => vec![(p, len)],
            Op::Write(p, _) | Op::Expect(p, _) | Op::Add(p, _) | Op::Until(p, _) => vec![(p, 4)],
            Op::Copy(from, to, len) => vec![(from, len), (to, len)],
            _ => vec![],
        }
    }

    /// Carries it out on memory; what takes time is nothing to do here.
    pub fn run(&self, objects: &BTreeMap<u32, Resource>, ram: &Ram) -> Result<()> {
        let bad = reply::ERR_INVALID_PARAMETER;
        let object = |p: &Place| objects.get(&p.resource).ok_or(bad);
        let read = |p: &Place, at: u64, dst: &mut [u8]| match object(p)?.read(ram, at, dst) {
            true => Ok(()),
            false => Err(bad),
        };
        let write = |p: &Place, at: u64, src: &[u8]| match object(p)?.write(ram, at, src) {
            true => Ok(()),
            false => Err(bad),
        };
        let word = |p: &Place| {
            let mut b = [0; 4];
            read(p, p.at.into(), &mut b)?;
            Ok::<u32, u32>(u32::from_le_bytes(b))
        };
        match self {
            Op::Fill(p, len, seed) => each(*len, |at, n| {
                write(p, u64::from(p.at) + at, &pattern(*seed, at, n))
            }),
            Op::Check(p, len, seed) => each(*len, |at, n| {
                let mut have = vec![0; n];
                read(p, u64::from(p.at) + at, &mut have)?;
                match have == pattern(*seed, at, n) {
                    true => Ok(()),
                    false => Err(reply::ERR_UNSPEC),
                }
            }),
            Op::Write(p, value) => write(p, p.at.into(), &value.to_le_bytes()),
            Op::Expect(p, value) => match word(p)? == *value {
                true => Ok(()),
                false => Err(reply::ERR_UNSPEC),
            },
            Op::Add(p, value) => {
                let sum = word(p)?.wrapping_add(*value);
                write(p, p.at.into(), &sum.to_le_bytes())
            }
            Op::Copy(from, to, len) => each(*len, |at, n| {
                let mut bytes = vec![0; n];
                read(from, u64::from(from.at) + at, &mut bytes)?;
                write(to, u64::from(to.at) + at, &bytes)
            }),
            Op::Fail(code) => Err(*code),
            _ => Ok(()),
        }
    }
}

/// A number that is an error reply, whatever was asked for.
fn error(code: u32) -> u32 {
    if (reply::ERR_UNSPEC..=0x12ff).contains(&code) {
        code
    } else {
        reply::ERR_UNSPEC
    }
}

fn each(len: u32, mut f: impl FnMut(u64, usize) -> Result<()>) -> Result<()> {
    let mut at = 0u64;
    while at < u64::from(len) {
        let n = (u64::from(len) - at).min(STRIP as u64);
        f(at, n as usize)?;
        at += n;
    }
    Ok(())
}

/// The bytes of a pattern from `at`, which is a multiple of four.
pub fn pattern(seed: u32, at: u64, len: usize) -> Vec<u8> {
    let first = (at / 4) as u32;
    let words = (0..len.div_ceil(4) as u32).map(|i| {
        let i = first.wrapping_add(i);
        (i ^ seed).wrapping_mul(2_654_435_761).wrapping_add(seed)
    });
    let mut out: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
    out.truncate(len);
    out
}

/// Reads a stream; `Err` is the reply that refuses it.
pub fn parse(bytes: &[u8]) -> Result<Vec<Op>> {
    let bad = reply::ERR_INVALID_PARAMETER;
    if bytes.len() % 4 != 0 {
        return Err(bad);
    }
    let words: Vec<u32> = bytes.chunks_exact(4).map(|w| u32_at(w, 0)).collect();
    let (mut ops, mut i, mut touched) = (Vec::new(), 0, 0u64);
    while let Some(head) = words.get(i) {
        let len = (*head >> 16) as usize;
        let end = i.checked_add(len.max(1)).ok_or(bad)?;
        let op = Op::parse(words.get(i..end).ok_or(bad)?).ok_or(bad)?;
        if let Op::Refuse(code) = op {
            return Err(code);
        }
        touched += op.touches().iter().map(|t| u64::from(t.1)).sum::<u64>();
        if touched > MAX_TOUCH {
            return Err(bad);
        }
        ops.push(op);
        i = end;
    }
    Ok(ops)
}

/// The resources that operations name.
pub fn resources(ops: &[Op]) -> BTreeSet<u32> {
    let touched = ops.iter().flat_map(Op::touches);
    touched.map(|(p, _)| p.resource).collect()
}

/// The bytes of a stream.
pub fn encode(ops: &[Op]) -> Vec<u8> {
    let mut out = Vec::new();
    for op in ops {
        let mut words = op.words();
        let len = words.len() as u32;
        words[0] |= len << 16;
        put32(&mut out, &words);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let (p, q) = (
            Place { resource: 7, at: 8 },
            Place {
                resource: 9,
                at: 12,
            },
        );
        let ops = [
            Op::Nop,
            Op::Wait(5),
            Op::Fill(p, 6, 1),
            Op::Check(q, 6, 1),
            Op::Write(p, 2),
            Op::Expect(p, 3),
            Op::Add(q, 4),
            Op::Copy(p, q, 32),
            Op::Fail(reply::ERR_OUT_OF_MEMORY),
            Op::Lose,
            Op::Never,
            Op::Until(p, 6),
        ];
        assert_eq!(parse(&encode(&ops)).unwrap(), ops);
        assert_eq!(resources(&ops), [7, 9].into());
        assert_eq!(parse(&encode(&[Op::Refuse(0x1203)])), Err(0x1203));
        assert_eq!(parse(&encode(&[Op::Refuse(1)])), Err(reply::ERR_UNSPEC));
    }

    #[test]
    fn nonsense_is_refused() {
        let words = |w: &[u32]| {
            let mut b = vec![];
            put32(&mut b, w);
            b
        };
        for bad in [
            &words(&[99])[..],
            &words(&[1 | (2 << 16)]),
            &words(&[1 | (3 << 16), 1, 1]),
            &words(&[2 | (5 << 16), 1, 0, u32::MAX, 1]),
            &words(&[0xffff << 16]),
            &[1, 2, 3],
        ] {
            assert_eq!(parse(bad), Err(reply::ERR_INVALID_PARAMETER), "{bad:?}");
        }
    }

    #[test]
    fn a_pattern_is_the_same_from_anywhere() {
        assert_eq!(pattern(7, 0, 32)[8..], pattern(7, 8, 24));
        assert_eq!(pattern(7, 0, 5).len(), 5);
    }
}
