// SPDX-License-Identifier: GPL-2.0
//! The hostile guest's contexts: streams that are right often enough to be run,
//! and wrong in every place.

use super::Numbers;
use crate::device::program::{encode, Op, Place};
use crate::meaning::{Bit5, Bit6, Type, Unknown};
use crate::scenario::Scenario;
use crate::wire::put32;

/// What the device is.
pub(super) fn scenario(n: &mut Numbers, s: &mut Scenario) {
    s.device.contexts = Type::ALL.into();
    s.device.bit5 = [
        Some(Bit5::FencePassing),
        Some(Bit5::FenceWait),
        Some(Bit5::QueryLayout),
        None,
    ][n.below(4) as usize];
    s.device.bit6 = [Some(Bit6::QueryLayout), None][n.below(2) as usize];
    s.device.window = n.below(2);
    s.device.unknown_fences = [Unknown::Signalled, Unknown::Error][n.below(2) as usize];
    s.layout.plane_info = n.one_in(2);
    s.layout.align = n.nasty();
}

/// Makes the numbers of a command agree with each other; `set` writes one at an offset.
pub(super) fn fix(n: &mut Numbers, code: u32, id: u32, set: &mut dyn FnMut(usize, u32)) {
    let values: &[(usize, u32)] = match code {
        0x200 => &[(24, 4), (28, [0, 5, 6, 30][n.below(4) as usize])],
        0x202 | 0x203 | 0x208 | 0x209 => &[(24, id), (28, 0)],
        0x204 => {
            let width = 1 + n.below(9000) as u32;
            set(40, width);
            &[(24, id), (28, 0), (32, 64), (44, 1), (48, 1), (52, 1)]
        }
        0x205 | 0x206 => {
            let width = n.below(9000) as u32;
            set(36, width);
            set(56, id);
            &[
                (24, 0),
                (28, 0),
                (32, 0),
                (40, 1),
                (44, 1),
                (48, 0),
                (52, 0),
                (60, 0),
            ]
        }
        0x20a | 0x20b => &[(24, id), (28, 0)],
        _ => &[],
    };
    values.iter().for_each(|(at, v)| set(*at, *v));
    if code == 0x208 {
        set(32, n.below(4) as u32 * 8192);
        set(36, 0);
    }
}

/// Commands that make the contexts and resources that streams name, and bring them together.
pub(super) fn begin(n: &mut Numbers) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut add = |code, context, rest: &[u32]| {
        let mut b = Vec::new();
        put32(&mut b, &[code, 0, 0, 0, context, 0]);
        put32(&mut b, rest);
        let len = crate::wire::Command::by_code(code).map_or(0, |c| c.len);
        b.resize(len.max(b.len()), 0);
        all.push(b);
    };
    for id in 1..4 {
        add(0x200, id, &[4, [0, 5, 6, 30][n.below(4) as usize]]);
        let width = 1 + n.below(9000) as u32;
        add(0x204, 0, &[id, 0, 64, 0, width, 1, 1, 1]);
    }
    for (context, resource) in (1..4).flat_map(|c| (1..4).map(move |r| (c, r))) {
        add(0x202, context, &[resource, 0]);
    }
    all
}

fn place(n: &mut Numbers) -> Place {
    Place {
        resource: 1 + n.below(3) as u32,
        at: match n.below(3) {
            0 => n.nasty(),
            _ => n.below(1024) as u32 * 4,
        },
    }
}

fn op(n: &mut Numbers) -> Op {
    let value = n.nasty();
    let len = match n.below(8) {
        0 => n.nasty(),
        _ => n.below(4096) as u32,
    };
    match n.below(13) {
        0 => Op::Nop,
        1..4 => Op::Wait(n.below(100) as u32),
        4 => Op::Fill(place(n), len, value),
        5 => Op::Check(place(n), len, value),
        6 => Op::Write(place(n), value),
        7 => Op::Expect(place(n), 0),
        8 => Op::Add(place(n), value),
        9 => Op::Copy(place(n), place(n), len),
        10 => Op::Fail(value),
        11 => Op::Refuse(value),
        _ => [
            Op::Lose,
            Op::Never,
            Op::Wait(value),
            Op::Until(place(n), value),
        ][n.below(4) as usize],
    }
}

/// A native context's request, or a cross-domain message.
fn request(n: &mut Numbers, out: &mut Vec<u8>) {
    let rest = match n.below(3) {
        0 => encode(&[op(n), op(n)]),
        1 => {
            let mut w = Vec::new();
            put32(&mut w, &[1 + n.below(3) as u32, 0, 8192, 0]);
            w
        }
        _ => vec![0; 8],
    };
    let number = n.below(6) as u32;
    let len = 16 + rest.len() as u32;
    if n.one_in(2) {
        put32(out, &[number, len, n.nasty(), n.below(64) as u32]);
    } else {
        put32(out, &[number | (len << 16), 0, 0, 1 + n.below(3) as u32]);
    }
    out.extend(rest);
}

/// Appends ids and a stream to a submit, whose fixed part is complete.
pub(super) fn append(n: &mut Numbers, b: &mut Vec<u8>) {
    b.truncate(32);
    b.resize(32, 0);
    let ids = n.below(4) * n.below(2);
    for _ in 0..ids {
        let id = u64::from(n.nasty());
        b.extend(id.to_le_bytes());
    }
    let at = b.len();
    for _ in 0..n.below(5) {
        match n.below(3) {
            0 => request(n, b),
            _ => b.extend(encode(&[op(n)])),
        }
    }
    let size = (b.len() - at) as u32;
    if !n.one_in(10) {
        b[24..28].copy_from_slice(&size.to_le_bytes());
        b[28..32].copy_from_slice(&(ids as u32).to_le_bytes());
    }
}
