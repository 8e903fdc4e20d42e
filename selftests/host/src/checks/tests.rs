// SPDX-License-Identifier: GPL-2.0
//! Each rule is kept by a good driver and broken by a bad one.

use super::model::Seen;
use super::*;
use crate::chain::{Chain, Fault, Segment};
use crate::wire::*;

fn checker() -> Checker {
    let mut c = Checker::new(u64::MAX, 2, 0, 4096);
    c.started(
        feature::VERSION_1
            | feature::EDID
            | feature::RESOURCE_UUID
            | feature::RESOURCE_BLOB
            | feature::BLOB_ALIGNMENT,
    );
    c
}

fn request(code: u32, words: &[u32]) -> Vec<u8> {
    let mut b = vec![];
    put32(&mut b, &[code, 0, 0, 0, 0, 0]);
    put32(&mut b, words);
    b
}

fn chain(room: u32) -> Chain {
    Chain {
        writable: vec![Segment { addr: 0, len: room }],
        ..Chain::default()
    }
}

fn send(c: &mut Checker, bytes: &[u8]) {
    let code = u32_at(bytes, 0);
    let queue = if code >= 0x300 {
        Queue::Cursor
    } else {
        Queue::Control
    };
    c.command(
        &Seen {
            queue,
            chain: &chain(2048),
            bytes,
        },
        64,
    );
    c.replied(bytes, reply::OK_NODATA, false);
    c.delivered(queue, bytes, &[]);
}

/// Resource 1 is a picture on scanout 0, 5 a picture without backing, 6 a blob.
fn good(c: &mut Checker) {
    send(c, &request(cmd::GET_DISPLAY_INFO, &[]));
    send(c, &request(cmd::GET_EDID, &[0, 0]));
    send(c, &request(cmd::RESOURCE_CREATE_2D, &[1, 2, 64, 64]));
    send(
        c,
        &request(cmd::RESOURCE_ATTACH_BACKING, &[1, 1, 0, 0, 16384, 0]),
    );
    send(c, &request(cmd::SET_SCANOUT, &[0, 0, 64, 64, 0, 1]));
    send(c, &request(cmd::RESOURCE_CREATE_2D, &[5, 2, 64, 64]));
    send(
        c,
        &request(
            cmd::RESOURCE_CREATE_BLOB,
            &[6, 1, 1, 1, 0, 0, 16384, 0, 0, 0, 16384, 0],
        ),
    );
}

/// SET_SCANOUT_BLOB of resource 6.
fn show_blob(format: u32, stride: u32) -> Vec<u8> {
    request(
        cmd::SET_SCANOUT_BLOB,
        &[
            0, 0, 64, 64, 0, 6, 64, 64, format, 0, stride, 0, 0, 0, 0, 0, 0, 0,
        ],
    )
}

/// After a good start, the request breaks exactly that rule.
fn breaks(id: &str, bytes: &[u8]) {
    let mut c = checker();
    good(&mut c);
    assert!(
        c.tallies.failures(&[]).is_empty(),
        "{}",
        c.tallies.report(&[])
    );
    send(&mut c, bytes);
    let weight = rule(id).unwrap().weight;
    assert_eq!(c.tallies.of(id).broken, 1, "{id}");
    let others: Vec<_> = c.tallies.failures(&[id.to_string()]);
    assert!(others.is_empty(), "{id} also broke {others:?}");
    assert_eq!(c.tallies.failures(&[]).is_empty(), weight == Weight::Should);
}

#[test]
fn bad_commands_are_told_apart() {
    let r = request;
    breaks("cmd.known", &r(0x4242, &[]));
    breaks("cmd.length", &r(cmd::RESOURCE_UNREF, &[1]));
    breaks("cmd.padding", &r(cmd::GET_EDID, &[0, 7]));
    breaks("cmd.feature", &r(cmd::SUBMIT_3D, &[0, 0]));
    breaks("res.id", &r(cmd::RESOURCE_CREATE_2D, &[0, 2, 4, 4]));
    breaks("res.unused", &r(cmd::RESOURCE_CREATE_2D, &[1, 2, 4, 4]));
    breaks("res.format", &r(cmd::RESOURCE_CREATE_2D, &[2, 5, 4, 4]));
    breaks("res.size", &r(cmd::RESOURCE_CREATE_2D, &[2, 2, 4, 0]));
    breaks("res.exists", &r(cmd::RESOURCE_DETACH_BACKING, &[9, 0]));
    breaks("res.hidden", &r(cmd::RESOURCE_UNREF, &[1, 0]));
    breaks(
        "backing.once",
        &r(cmd::RESOURCE_ATTACH_BACKING, &[1, 1, 0, 0, 16384, 0]),
    );
    breaks(
        "xfer.inside",
        &r(cmd::TRANSFER_TO_HOST_2D, &[1, 0, 64, 64, 0, 0, 1, 0]),
    );
    breaks(
        "xfer.offset",
        &r(cmd::TRANSFER_TO_HOST_2D, &[0, 0, 64, 64, 4, 0, 1, 0]),
    );
    breaks("scanout.id", &r(cmd::SET_SCANOUT, &[0, 0, 64, 64, 2, 1]));
    breaks(
        "scanout.inside",
        &r(cmd::SET_SCANOUT, &[0, 0, 65, 64, 0, 1]),
    );
    breaks(
        "flush.inside",
        &r(cmd::RESOURCE_FLUSH, &[0, 0, 64, 65, 1, 0]),
    );
    breaks("edid.scanout", &r(cmd::GET_EDID, &[2, 0]));
    breaks("capset.index", &r(cmd::GET_CAPSET_INFO, &[0, 0]));
    breaks(
        "blob.aligned",
        &r(
            cmd::RESOURCE_CREATE_BLOB,
            &[2, 1, 2, 1, 0, 0, 100, 0, 0, 0, 4096, 0],
        ),
    );
    breaks(
        "blob.entries",
        &r(
            cmd::RESOURCE_CREATE_BLOB,
            &[2, 1, 2, 1, 0, 0, 8192, 0, 0, 0, 4096, 0],
        ),
    );
    breaks(
        "blob.memory",
        &r(
            cmd::RESOURCE_CREATE_BLOB,
            &[2, 2, 2, 1, 0, 0, 4096, 0, 0, 0, 4096, 0],
        ),
    );
    breaks(
        "blob.flags",
        &r(
            cmd::RESOURCE_CREATE_BLOB,
            &[2, 1, 8, 1, 0, 0, 4096, 0, 0, 0, 4096, 0],
        ),
    );
    breaks(
        "backing.padding",
        &r(
            cmd::RESOURCE_CREATE_BLOB,
            &[2, 1, 2, 1, 0, 0, 4096, 0, 0, 0, 4096, 7],
        ),
    );
    breaks(
        "backing.entries",
        &r(cmd::RESOURCE_ATTACH_BACKING, &[5, 2, 0, 0, 16384, 0]),
    );
    breaks(
        "backing.covers",
        &r(cmd::RESOURCE_ATTACH_BACKING, &[5, 1, 0, 0, 4096, 0]),
    );
    breaks("backing.detach", &r(cmd::RESOURCE_DETACH_BACKING, &[5, 0]));
    breaks(
        "xfer.backed",
        &r(cmd::TRANSFER_TO_HOST_2D, &[0, 0, 64, 64, 0, 0, 5, 0]),
    );
    breaks(
        "xfer.needed",
        &r(cmd::TRANSFER_TO_HOST_2D, &[0, 0, 64, 64, 0, 0, 6, 0]),
    );
    breaks(
        "flush.shown",
        &r(cmd::RESOURCE_FLUSH, &[0, 0, 64, 64, 5, 0]),
    );
    breaks("scanout.type", &r(cmd::SET_SCANOUT, &[0, 0, 64, 64, 0, 6]));
    breaks("scanout.format", &show_blob(5, 256));
    breaks("scanout.layout", &show_blob(2, 100));
    breaks("blob.shared", &r(cmd::RESOURCE_ASSIGN_UUID, &[6, 0]));
    breaks("blob.window", &r(cmd::RESOURCE_MAP_BLOB, &[6, 0, 0, 0]));
    breaks(
        "cursor.filled",
        &r(cmd::UPDATE_CURSOR, &[0, 0, 0, 0, 1, 0, 0, 0]),
    );
    breaks(
        "cursor.scanout",
        &r(cmd::MOVE_CURSOR, &[2, 0, 0, 0, 0, 0, 0, 0]),
    );
    let mut unused = r(cmd::GET_EDID, &[0, 0]);
    unused[20] = 5;
    breaks("hdr.ring.unused", &unused);
    let mut context = r(cmd::GET_EDID, &[0, 0]);
    context[16] = 3;
    breaks("hdr.context", &context);
    let mut flags = r(cmd::GET_EDID, &[0, 0]);
    flags[4] = 4;
    breaks("hdr.flags", &flags);
    let mut padding = r(cmd::GET_EDID, &[0, 0]);
    padding[22] = 1;
    breaks("hdr.padding", &padding);
}

#[test]
fn rings_and_fences() {
    let mut c = checker();
    let bytes = request(cmd::GET_DISPLAY_INFO, &[]);
    let bad = Chain {
        faults: vec![Fault::TooLong],
        ..chain(407)
    };
    c.command(
        &Seen {
            queue: Queue::Cursor,
            chain: &bad,
            bytes: &bytes,
        },
        64,
    );
    assert_eq!(
        c.tallies.failures(&[]),
        ["ring.length", "cmd.queue", "cmd.reply-room"]
    );
    let mut c = checker();
    let mut fenced = bytes.clone();
    (fenced[4], fenced[8]) = (1, 9);
    for _ in 0..2 {
        c.command(
            &Seen {
                queue: Queue::Control,
                chain: &chain(408),
                bytes: &fenced,
            },
            64,
        );
    }
    assert_eq!(c.tallies.failures(&[]), ["fence.unique"]);
    c.delivered(Queue::Control, &fenced, &[]);
    fenced[8] = 10;
    c.command(
        &Seen {
            queue: Queue::Control,
            chain: &chain(408),
            bytes: &fenced,
        },
        64,
    );
    assert_eq!(c.tallies.of("fence.unique").broken, 1);
}

#[test]
fn events_must_be_answered() {
    let mut c = checker();
    c.patience = std::time::Duration::ZERO;
    c.display_event();
    c.config_write(1, 1, false);
    c.config_write(2, 0, false);
    c.config_write(0, 0, true);
    c.finish();
    assert_eq!(c.tallies.failures(&[]), ["config.where"]);
    assert_eq!(c.tallies.notes(), ["config.bits", "config.asked"]);
}

#[test]
fn a_cursor_needs_a_fence() {
    let mut c = checker();
    good(&mut c);
    let mut fill = request(cmd::TRANSFER_TO_HOST_2D, &[0, 0, 64, 64, 0, 0, 1, 0]);
    let show = request(cmd::UPDATE_CURSOR, &[0, 0, 0, 0, 1, 0, 0, 0]);
    send(&mut c, &fill);
    send(&mut c, &show);
    assert_eq!(c.tallies.failures(&[]), ["cursor.fenced"]);
    (fill[4], fill[8]) = (1, 1);
    send(&mut c, &fill);
    send(&mut c, &show);
    assert_eq!(c.tallies.of("cursor.fenced").broken, 1);
}

#[test]
fn a_cursor_is_made_before() {
    let mut c = checker();
    good(&mut c);
    let show = |resource| request(cmd::UPDATE_CURSOR, &[0, 0, 0, 0, resource, 0, 0, 0]);
    send(&mut c, &show(6));
    assert!(c.tallies.failures(&[]).is_empty());
    let create = [2, 1, 1, 1, 0, 0, 16384, 0, 0, 0, 16384, 0];
    let create = request(cmd::RESOURCE_CREATE_BLOB, &create);
    c.command(
        &Seen {
            queue: Queue::Control,
            chain: &chain(2048),
            bytes: &create,
        },
        64,
    );
    c.replied(&create, reply::OK_NODATA, false);
    send(&mut c, &show(2));
    assert_eq!(c.tallies.failures(&[]), ["cursor.made"]);
}

#[test]
fn a_blob_may_get_its_backing_later() {
    let mut c = checker();
    good(&mut c);
    let create = [2, 1, 1, 0, 0, 0, 4096, 0];
    send(&mut c, &request(cmd::RESOURCE_CREATE_BLOB, &create));
    send(
        &mut c,
        &request(cmd::RESOURCE_ATTACH_BACKING, &[2, 1, 0, 0, 4096, 0]),
    );
    send(&mut c, &request(cmd::RESOURCE_DETACH_BACKING, &[2, 0]));
    let t = &c.tallies;
    assert!(
        t.failures(&[]).is_empty() && t.notes().is_empty(),
        "{}",
        t.report(&[])
    );
}

#[test]
fn features_that_nobody_should_accept() {
    let broken = |offered, accepted| {
        let mut c = Checker::new(offered, 1, 0, 4096);
        c.started(accepted);
        c.tallies.failures(&[])
    };
    let v1 = feature::VERSION_1;
    assert!(broken(u64::MAX, v1).is_empty());
    assert_eq!(broken(u64::MAX, 0), ["init.version"]);
    assert_eq!(broken(v1, v1 | feature::EDID), ["init.features"]);
    assert_eq!(broken(u64::MAX, v1 | (1 << 6)), ["init.undefined"]);
    assert_eq!(
        broken(u64::MAX, v1 | feature::BLOB_ALIGNMENT),
        ["init.depends"]
    );
}

#[test]
fn descriptors_and_flags() {
    let mut c = checker();
    let bytes = request(cmd::GET_DISPLAY_INFO, &[]);
    let chain = Chain {
        direct: vec![3, 4],
        ..chain(408)
    };
    let take = |c: &mut Checker, queue| {
        c.command(
            &Seen {
                queue,
                chain: &chain,
                bytes: &bytes,
            },
            64,
        )
    };
    take(&mut c, Queue::Control);
    c.delivered(Queue::Control, &bytes, &[3, 4]);
    take(&mut c, Queue::Control);
    assert!(c.tallies.failures(&[]).is_empty());
    take(&mut c, Queue::Control);
    assert_eq!(c.tallies.failures(&[]), ["ring.reuse"]);
    c.suppression(1);
    assert_eq!(c.tallies.of("ring.suppression").broken, 0);
    c.suppression(2);
    assert_eq!(c.tallies.of("ring.suppression").broken, 1);
    c.started(feature::VERSION_1 | feature::EVENT_IDX);
    c.suppression(1);
    assert_eq!(c.tallies.of("ring.suppression").broken, 2);
}

#[test]
fn a_refused_create_makes_no_later_blame() {
    let mut c = checker();
    let create = request(cmd::RESOURCE_CREATE_2D, &[1, 2, 64, 64]);
    c.command(
        &Seen {
            queue: Queue::Control,
            chain: &chain(64),
            bytes: &create,
        },
        64,
    );
    c.replied(&create, reply::ERR_UNSPEC, true);
    let attach = request(cmd::RESOURCE_ATTACH_BACKING, &[1, 1, 0, 0, 16384, 0]);
    c.command(
        &Seen {
            queue: Queue::Control,
            chain: &chain(64),
            bytes: &attach,
        },
        64,
    );
    c.replied(&attach, reply::ERR_INVALID_RESOURCE_ID, false);
    assert!(
        c.tallies.failures(&[]).is_empty(),
        "{}",
        c.tallies.report(&[])
    );
}
