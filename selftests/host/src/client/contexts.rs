// SPDX-License-Identifier: GPL-2.0
//! Contexts, driven as they should be, and as they should not.

use super::*;
use crate::device::program::Place;

const WITH: &str = "[device]\nwith=['VIRGL','CONTEXT_INIT','RESOURCE_BLOB']\nbit5='nothing'\n\
                    contexts=['native','test','cross-domain']\nwindow=1\n";

fn client() -> Client {
    let mut c = Client::new(WITH).unwrap();
    assert_eq!(c.context(1, Some(Type::Test)), reply::OK_NODATA);
    c.buffer(10, 0x1000, 1);
    assert_eq!(c.broken(), [""; 0]);
    c
}

fn place(at: u32) -> Place {
    Place { resource: 10, at }
}

#[test]
fn rings_are_independent_and_each_is_in_order() {
    let mut c = client();
    let slow = c.run(1, 1, &[Op::Wait(300), Op::Write(place(0), 1)], &[]);
    let behind = c.run(1, 1, &[Op::Expect(place(0), 1)], &[]);
    let fast = c.run(1, 2, &[Op::Wait(100)], &[]);
    let none = c.run(1, 3, &[], &[]);
    assert_eq!(
        (c.reply(none), c.reply(behind)),
        (Some(reply::OK_NODATA), None)
    );
    c.pass(1000);
    let times = [slow, behind, fast].map(|f| c.when(f).unwrap());
    assert_eq!(times, [300, 300, 100]);
    assert_eq!(c.reply(behind), Some(reply::OK_NODATA));
    assert_eq!(c.broken(), [""; 0]);
}

#[test]
fn memory_goes_there_and_back() {
    let mut c = client();
    let part = [0, 0, 0, 4096, 1, 1, 0, 0, 10, 0, 0, 0];
    c.ram
        .write_slice(&program::pattern(3, 0, 4096), GuestAddress(0x1000))
        .unwrap();
    let up = Client::request(cmd::TRANSFER_TO_HOST_3D, 1, &part);
    assert_eq!(c.code(&up), reply::OK_NODATA);
    let ops = [
        Op::Check(place(0), 4096, 3),
        Op::Wait(50),
        Op::Fill(place(0), 100, 9),
        Op::Add(place(200), 5),
        Op::Copy(place(200), place(400), 4),
    ];
    // Without a ring: transfers are in the same order.
    let submit = Submit {
        ctx: 1,
        stream: program::encode(&ops),
        ..Submit::default()
    };
    c.submit(&submit);
    let mut down = Client::request(cmd::TRANSFER_FROM_HOST_3D, 1, &part);
    let fence = c.fenced(&mut down, 0);
    assert_eq!(c.code(&down), 0);
    // Its pages are in use until then.
    let detach = Client::request(cmd::RESOURCE_DETACH_BACKING, 0, &[10, 0]);
    assert_eq!(c.code(&detach), 0);
    assert_eq!(c.word(0x1000), u32_at(&program::pattern(3, 0, 4), 0));
    c.pass(50);
    assert_eq!(c.reply(fence), Some(reply::OK_NODATA));
    assert_eq!(c.word(0x1000), u32_at(&program::pattern(9, 0, 4), 0));
    let five = u32_at(&program::pattern(3, 200, 4), 0).wrapping_add(5);
    assert_eq!((c.word(0x1000 + 200), c.word(0x1000 + 400)), (five, five));
    assert_eq!(c.code(&detach), reply::ERR_UNSPEC);
    assert!(c.waiting.is_empty());
}

#[test]
fn streams_that_fail() {
    let mut c = client();
    let code = |c: &mut Client, ops: &[Op]| {
        let fence = c.run(1, 1, ops, &[]);
        c.reply(fence)
    };
    for (op, want) in [
        (Op::Fail(0x1203), 0x1203),
        (Op::Refuse(0x1201), 0x1201),
        (Op::Expect(place(0), 7), reply::ERR_UNSPEC),
        (Op::Check(place(0), 8, 7), reply::ERR_UNSPEC),
        (Op::Write(place(4095), 7), reply::ERR_INVALID_PARAMETER),
        (
            Op::Write(
                Place {
                    resource: 11,
                    at: 0,
                },
                7,
            ),
            reply::ERR_INVALID_RESOURCE_ID,
        ),
    ] {
        assert_eq!(code(&mut c, &[op]), Some(want), "{op:?}");
    }
    assert_eq!(code(&mut c, &[Op::Nop]), Some(reply::OK_NODATA));
    // A refusal overtakes work; a failure waits for its turn.
    let never = c.run(1, 1, &[Op::Never], &[]);
    assert_eq!(code(&mut c, &[Op::Refuse(0x1201)]), Some(0x1201));
    assert_eq!(code(&mut c, &[Op::Fail(0x1201)]), None);
    let other = code(&mut c, &[Op::Nop]);
    assert_eq!((c.reply(never), other), (None, None));
    // Lost: nothing is taken any more.
    let lost = c.run(1, 2, &[Op::Lose], &[]);
    assert_eq!(c.reply(lost), Some(reply::ERR_UNSPEC));
    assert_eq!(c.reply(never), Some(reply::OK_NODATA));
    assert_eq!(code(&mut c, &[Op::Nop]), Some(reply::ERR_UNSPEC));
    assert_eq!(c.broken(), [""; 0]);
}

#[test]
fn work_that_waits_for_a_word() {
    let mut c = client();
    let held = c.run(1, 1, &[Op::Until(place(0), 7), Op::Write(place(4), 1)], &[]);
    let behind = c.run(1, 1, &[Op::Expect(place(4), 1)], &[]);
    // One whose ring comes first, and that does not end with the word.
    let other = c.run(1, 0, &[Op::Until(place(4), 1)], &[]);
    c.pass(9_000_000);
    assert_eq!([held, behind, other].map(|f| c.reply(f)), [None; 3]);
    let free = c.run(1, 2, &[Op::Write(place(0), 7), Op::Wait(50)], &[]);
    let ended = [held, behind, other, free].map(|f| c.reply(f));
    let good = Some(reply::OK_NODATA);
    assert_eq!(ended, [good, good, good, None]);
    c.pass(50);
    assert_eq!(c.reply(free), good);
    assert_eq!(c.broken(), [""; 0]);
}

#[test]
fn the_end_of_a_context_ends_its_work() {
    let mut c = client();
    let never = c.run(1, 1, &[Op::Never], &[]);
    c.pass(9_000_000);
    assert_eq!(c.reply(never), None);
    let destroy = Client::request(cmd::CTX_DESTROY, 1, &[]);
    assert_eq!(c.code(&destroy), reply::OK_NODATA);
    assert_eq!(c.reply(never), Some(reply::OK_NODATA));
}

/// A native context's request.
fn request(number: u32, seqno: u32, rest: &[u8]) -> Vec<u8> {
    let mut b = Vec::new();
    put32(&mut b, &[number, 16 + rest.len() as u32, seqno, 0]);
    b.extend_from_slice(rest);
    b
}

fn words(w: &[u32]) -> Vec<u8> {
    let mut b = Vec::new();
    put32(&mut b, w);
    b
}

/// A client built as Mesa's vdrm works: capability set, context, page, then streams.
fn native(c: &mut Client) {
    let info = Client::request(cmd::GET_CAPSET_INFO, 0, &[0, 0]);
    let reply = c.send(&info).unwrap().reply;
    assert_eq!([u32_at(&reply, 24), u32_at(&reply, 28)], [6, 0]);
    let caps = Client::request(cmd::GET_CAPSET, 0, &[6, 0]);
    assert_eq!(u32_at(&c.send(&caps).unwrap().reply, 24 + 16), 0x7f);
    assert_eq!(c.context(2, Some(Type::Native)), reply::OK_NODATA);
    let page = blob(2, 20, 0, 0x4000);
    assert_eq!(c.code(&page), reply::OK_NODATA);
    let map = Client::request(cmd::RESOURCE_MAP_BLOB, 0, &[20, 0, 0x4000, 0]);
    assert_eq!(c.code(&map), reply::OK_MAP_INFO);
    // For the tests to look at the page.
    assert_eq!(c.context(3, Some(Type::Test)), reply::OK_NODATA);
    c.code(&Client::request(cmd::CTX_ATTACH_RESOURCE, 3, &[20, 0]));
}

fn blob(ctx: u32, id: u32, blob_id: u32, size: u32) -> Vec<u8> {
    let words = [id, 2, 1, 0, blob_id, 0, size, 0];
    Client::request(cmd::RESOURCE_CREATE_BLOB, ctx, &words)
}

fn page_has(c: &mut Client, at: u32, value: u32) -> bool {
    let fence = c.run(3, 1, &[Op::Expect(Place { resource: 20, at }, value)], &[]);
    c.reply(fence) == Some(reply::OK_NODATA)
}

fn stream(c: &mut Client, ring: u8, stream: Vec<u8>) -> u64 {
    c.submit(&Submit {
        ctx: 2,
        ring: Some(ring),
        stream,
        fenced: true,
        ..Submit::default()
    })
}

#[test]
fn a_native_context() {
    let mut c = client();
    native(&mut c);
    // An object, made in the stream and named by the blob that comes right behind it.
    let mut make = request(2, 1, &words(&[5, 0, 8192, 0]));
    make.extend(request(4, 2, &words(&[41, 0])));
    let made = stream(&mut c, 0, make);
    assert_eq!(c.code(&blob(2, 21, 5, 8192)), reply::OK_NODATA);
    assert_eq!(c.reply(made), Some(reply::OK_NODATA));
    assert!(page_has(&mut c, 0, 2) && page_has(&mut c, 64, 8) && page_has(&mut c, 68, 42));
    c.code(&Client::request(cmd::CTX_ATTACH_RESOURCE, 2, &[21, 0]));
    let target = Place {
        resource: 21,
        at: 0,
    };
    let work = program::encode(&[Op::Wait(100), Op::Add(target, 1)]);
    let (one, two) = (
        stream(&mut c, 5, request(3, 3, &work)),
        stream(&mut c, 63, request(3, 4, &work)),
    );
    // The processor's time has seen all of it, the rings have not.
    assert!(page_has(&mut c, 0, 4) && c.reply(one).is_none());
    c.pass(100);
    assert_eq!([c.when(one), c.when(two)], [Some(100); 2]);
    assert_eq!(c.broken(), [""; 0]);
    // A mistake: the context is lost, and says so.
    let bad = stream(&mut c, 1, request(99, 5, &[]));
    assert_eq!(c.reply(bad), Some(reply::ERR_INVALID_PARAMETER));
    assert!(page_has(&mut c, 8, 1));
    let after = stream(&mut c, 1, request(1, 6, &[]));
    assert_eq!(c.reply(after), Some(reply::ERR_UNSPEC));
    assert_eq!(c.broken(), [""; 0]);
}

#[test]
fn a_native_context_whose_streams_are_out_of_order() {
    let mut c = client();
    native(&mut c);
    stream(&mut c, 1, request(1, 2, &[]));
    stream(&mut c, 2, request(1, 1, &[]));
    assert_eq!(c.broken(), ["ctx.order"]);
}

#[test]
fn an_object_that_was_not_made_yet() {
    let mut c = client();
    native(&mut c);
    assert_eq!(c.code(&blob(2, 21, 5, 4096)), reply::ERR_INVALID_PARAMETER);
    assert_eq!(c.broken(), ["reply.clean"]);
}

#[test]
fn a_cross_domain_channel() {
    let mut c = client();
    assert_eq!(c.context(4, Some(Type::CrossDomain)), reply::OK_NODATA);
    c.code(&Client::request(cmd::CTX_ATTACH_RESOURCE, 4, &[10, 0]));
    let message = |c: &mut Client, ring, w: &[u32]| {
        c.submit(&Submit {
            ctx: 4,
            ring: Some(ring),
            stream: words(w),
            fenced: true,
            ..Submit::default()
        })
    };
    let init = message(&mut c, 0, &[1 | (20 << 16), 0, 10, 10, 0]);
    assert_eq!(c.reply(init), Some(reply::OK_NODATA));
    let poll = message(&mut c, 1, &[3 | (16 << 16), 0, 0, 0]);
    c.pass(60_000_000);
    assert_eq!(c.reply(poll), None);
    let send = message(&mut c, 0, &[4 | (20 << 16), 0, 0, 4, 77]);
    let both = [send, poll].map(|f| c.reply(f));
    assert_eq!(both, [Some(reply::OK_NODATA); 2]);
    let check = [Op::Expect(place(0), 5), Op::Expect(place(8), 77)];
    let seen = c.run(1, 1, &check, &[]);
    assert_eq!(c.reply(seen), Some(reply::OK_NODATA));
    let again = message(&mut c, 1, &[3 | (16 << 16), 0, 0, 0]);
    assert_eq!(c.reply(again), None);
    assert_eq!(c.broken(), [""; 0]);
}

/// After a good start, the command breaks exactly these rules.
fn breaks(rules: &[&str], bytes: &[u8]) {
    let mut c = client();
    c.code(bytes);
    let mut found = c.broken();
    found.retain(|r| *r != "reply.clean");
    assert_eq!(found, rules, "{bytes:?}");
}

#[test]
fn bad_commands_are_told_apart() {
    let r = Client::request;
    let create = |init: u32, len: u32| {
        let mut w = vec![0; 18];
        (w[0], w[1]) = (len, init);
        w
    };
    breaks(&["ctx.id"], &r(cmd::CTX_CREATE, 1, &create(0, 0)));
    breaks(&["ctx.id"], &r(cmd::CTX_CREATE, 0, &create(0, 0)));
    breaks(&["ctx.init"], &r(cmd::CTX_CREATE, 5, &create(4, 0)));
    breaks(&["ctx.init"], &r(cmd::CTX_CREATE, 5, &create(0x106, 0)));
    breaks(&["ctx.name"], &r(cmd::CTX_CREATE, 5, &create(6, 65)));
    breaks(&["ctx.exists"], &r(cmd::CTX_DESTROY, 9, &[]));
    breaks(&["ctx.exists"], &r(cmd::SUBMIT_3D, 9, &[0, 0]));
    breaks(&["ctx.attach"], &r(cmd::CTX_ATTACH_RESOURCE, 1, &[10, 0]));
    breaks(&["ctx.detach"], &r(cmd::CTX_DETACH_RESOURCE, 1, &[11, 0]));
    breaks(&["submit.size"], &r(cmd::SUBMIT_3D, 1, &[8, 0, 0]));
    breaks(&["pass.unused"], &r(cmd::SUBMIT_3D, 1, &[4, 1, 0]));
    breaks(&["capset.id"], &r(cmd::GET_CAPSET, 0, &[6, 1]));
    breaks(&["capset.id"], &r(cmd::GET_CAPSET, 0, &[4, 0]));
    let bare = [12, 0, 64, 0, 4096, 1, 1, 1, 0, 0, 0, 0];
    let mut c = client();
    c.code(&r(cmd::RESOURCE_CREATE_3D, 0, &bare));
    c.code(&r(cmd::CTX_ATTACH_RESOURCE, 1, &[12, 0]));
    let part = [0, 0, 0, 4096, 1, 1, 0, 0, 12, 0, 0, 0];
    c.code(&r(cmd::TRANSFER_TO_HOST_3D, 1, &part));
    assert!(c.broken().contains(&"xfer.backed"));
}
