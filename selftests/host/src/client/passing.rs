// SPDX-License-Identifier: GPL-2.0
//! Fence passing, both generations: a good client whose consumers are held back, and
//! what the host does with ids that it should not have got. Bad clients: `bad`.

use super::*;
use crate::checks::GRACE;
use crate::device::program::Place;

fn scenario(bit5: &str, unknown: &str) -> String {
    format!(
        "[device]\nwith=['VIRGL','CONTEXT_INIT']\nbit5='{bit5}'\n\
         contexts=['native','test','cross-domain']\nunknown-fences='{unknown}'\n"
    )
}

/// Contexts 1 and 2 share buffer 10.
pub(super) fn client(bit5: &str) -> Client {
    let mut c = Client::new(&scenario(bit5, "signalled")).unwrap();
    c.context(1, Some(Type::Test));
    c.context(2, Some(Type::Test));
    c.buffer(10, 0x1000, 1);
    c.code(&Client::request(cmd::CTX_ATTACH_RESOURCE, 2, &[10, 0]));
    assert_eq!(c.broken(), [""; 0]);
    c
}

fn word(value: u32) -> (Op, Op) {
    let place = Place {
        resource: 10,
        at: 0,
    };
    (Op::Write(place, value), Op::Expect(place, value))
}

#[test]
fn a_consumer_is_held_back() {
    let mut c = client("fence-passing");
    let (write, expect) = word(7);
    let producer = c.run(1, 1, &[Op::Wait(500), write], &[]);
    let free = c.run(2, 2, &[Op::Wait(10)], &[]);
    let consumer = c.run(2, 1, &[expect, Op::Wait(10)], &[producer]);
    // Nobody names it, and nothing holds it back.
    let early = c.run(2, 3, &[expect], &[]);
    assert_eq!(c.reply(early), Some(reply::ERR_UNSPEC));
    c.pass(1000);
    assert_eq!(c.reply(consumer), Some(reply::OK_NODATA));
    let times = [producer, free, consumer].map(|f| c.when(f).unwrap());
    assert_eq!(times, [500, 10, 510]);
    assert_eq!(c.broken(), [""; 0]);
}

#[test]
fn several_producers_and_a_chain() {
    let mut c = client("fence-passing");
    let a = c.run(1, 1, &[Op::Wait(300)], &[]);
    let b = c.run(1, 2, &[Op::Wait(700)], &[]);
    let both = c.run(2, 1, &[Op::Wait(1)], &[a, b]);
    let third = c.run(1, 3, &[Op::Wait(1)], &[both]);
    c.pass(2000);
    let times = [a, b, both, third].map(|f| c.when(f).unwrap());
    assert_eq!(times, [300, 700, 701, 702]);
    // A fence that was answered on the way is no mistake.
    let late = c.run(2, 1, &[], &[third]);
    assert_eq!(c.reply(late), Some(reply::OK_NODATA));
    assert_eq!(c.broken(), [""; 0]);
}

#[test]
fn a_producer_that_failed_holds_nobody() {
    let mut c = client("fence-passing");
    let refused = c.run(1, 1, &[Op::Refuse(0x1201)], &[]);
    let next = c.run(2, 1, &[], &[refused]);
    assert_eq!(c.reply(next), Some(reply::OK_NODATA));
    let fails = c.run(1, 1, &[Op::Wait(100), Op::Fail(0x1201)], &[]);
    let next = c.run(2, 1, &[], &[fails]);
    c.pass(200);
    assert_eq!([c.when(fails), c.when(next)], [Some(100); 2]);
    assert_eq!(c.reply(next), Some(reply::OK_NODATA));
    assert_eq!(c.broken(), [""; 0]);
}

#[test]
fn an_answer_of_a_moment_ago_is_no_mistake() {
    let mut c = client("fence-passing");
    let id = c.run(1, 1, &[], &[]);
    c.pass(GRACE.as_micros() as u64);
    c.run(2, 1, &[Op::Nop], &[id]);
    assert_eq!(c.broken(), [""; 0]);
}

#[test]
fn a_guest_without_time_makes_no_mistake() {
    let mut c = client("fence-passing");
    let id = c.run(1, 1, &[], &[]);
    c.pass(60_000_000);
    // Nothing has come since, or what had been made before.
    c.run(2, 1, &[Op::Nop], &[id]);
    c.run(2, 1, &[Op::Nop], &[id]);
    assert_eq!(c.broken(), [""; 0]);
    c.run(2, 1, &[Op::Nop], &[id]);
    assert_eq!(c.broken(), ["pass.retired"]);
}

#[test]
fn what_becomes_of_ids_that_lie() {
    // A context that takes none loses the submit, and so does one that brings fewer than it says.
    let mut c = client("fence-passing");
    c.context(3, Some(Type::CrossDomain));
    let id = c.run(1, 1, &[Op::Wait(100)], &[]);
    let lost = c.run(3, 1, &[], &[id]);
    assert_eq!(c.reply(lost), Some(reply::ERR_INVALID_PARAMETER));
    let mut more = Client::request(cmd::SUBMIT_3D, 2, &[4, 2]);
    more.extend([0; 12]);
    assert_eq!(c.code(&more), reply::ERR_INVALID_PARAMETER);
}

#[test]
fn ids_where_nobody_negotiated_them() {
    // Upstream hosts do not look at the count, and take the ids for commands.
    let mut c = client("nothing");
    let (write, _) = word(7);
    let producer = c.run(1, 1, &[write], &[]);
    let taken = c.run(2, 1, &[], &[producer]);
    assert_eq!(c.reply(taken), Some(reply::OK_NODATA));
    assert_eq!(c.broken(), ["submit.size", "pass.unused"]);
}

#[test]
fn a_host_that_refuses_what_it_does_not_know() {
    let mut c = Client::new(&scenario("fence-passing", "error")).unwrap();
    c.context(1, Some(Type::Test));
    let bad = c.run(1, 1, &[], &[42]);
    assert_eq!(c.reply(bad), Some(reply::ERR_UNSPEC));
    assert_eq!(c.broken(), ["pass.known", "reply.clean"]);
}

pub(super) fn wait(c: &mut Client, ctx: u32, id: u64) -> u32 {
    let mut bytes = Client::request(cmd::WAIT_FENCE, ctx, &[]);
    bytes.extend_from_slice(&id.to_le_bytes());
    c.code(&bytes)
}

#[test]
fn the_wait_command_holds_a_context_back() {
    let mut c = client("fence-wait");
    let (write, expect) = word(7);
    let producer = c.run(1, 1, &[Op::Wait(500), write], &[]);
    let before = c.run(2, 1, &[], &[]);
    assert_eq!(wait(&mut c, 2, producer), reply::OK_NODATA);
    // Every ring of the context, and every submit from here on.
    let after = [
        c.run(2, 1, &[expect], &[]),
        c.run(2, 2, &[expect], &[]),
        c.run(2, 1, &[Op::Wait(5)], &[]),
    ];
    let other = c.run(1, 2, &[], &[]);
    c.pass(1000);
    assert_eq!([before, other].map(|f| c.when(f)), [Some(0); 2]);
    let times = after.map(|f| c.when(f).unwrap());
    assert_eq!(times, [500, 500, 505]);
    assert_eq!(c.broken(), [""; 0]);
}
