// SPDX-License-Identifier: GPL-2.0
//! Bad clients: for each rule about fences at least one that breaks it, and nothing but what
//! follows from that. The group `contexts` makes a table of what is printed here.

use super::passing::{client, wait};
use super::*;
use crate::checks::{GRACE, RULES};

const SLOW: &[Op] = &[Op::Wait(1_000_000)];

/// The rules that it breaks, the one that it is about first; what bit 5 means; what it does.
type Bad = (
    &'static [&'static str],
    &'static str,
    &'static str,
    fn(&mut Client),
);

/// Context 2 submits, after those.
fn after(c: &mut Client, ids: &[u64]) {
    c.run(2, 1, &[Op::Nop], ids);
}

/// A fence of context 1 that is not over.
fn slow(c: &mut Client) -> u64 {
    c.run(1, 1, SLOW, &[])
}

/// One that has been over for longer than an id may be on its way.
fn old(c: &mut Client) -> u64 {
    let id = c.run(1, 1, &[], &[]);
    c.pass(GRACE.as_micros() as u64 + 1);
    for _ in 0..2 {
        c.run(1, 1, &[], &[]);
    }
    id
}

/// A submit for ring 1 of that context.
fn job(ctx: u32) -> Submit {
    Submit {
        ctx,
        ring: Some(1),
        stream: program::encode(SLOW),
        fenced: true,
        ..Submit::default()
    }
}

const BAD: &[Bad] = &[
    (
        &["fence.unique", "fence.order"],
        "nothing",
        "asks for a fence that its timeline has and that is not over",
        |c| {
            let (bytes, _) = c.bytes(&job(1));
            c.send(&bytes);
            c.send(&bytes);
        },
    ),
    (
        &["fence.order"],
        "nothing",
        "asks for fences of one timeline whose ids go down",
        |c| {
            c.fence = 9;
            c.run(1, 1, &[], &[]);
            c.fence = 4;
            c.run(1, 1, &[], &[]);
        },
    ),
    (
        &["pass.unused"],
        "nothing",
        "brings a count of ids that nobody negotiated",
        |c| {
            c.code(&Client::request(cmd::SUBMIT_3D, 1, &[4, 1, 0]));
        },
    ),
    (
        &["hdr.flags"],
        "nothing",
        "offers a fence to others where nobody negotiated that",
        |c| {
            c.submit(&Submit {
                shareable: true,
                ..job(1)
            });
        },
    ),
    (
        &["cmd.feature", "reply.clean"],
        "fence-passing",
        "sends the wait command where bit 5 means ids",
        |c| {
            let id = slow(c);
            wait(c, 2, id);
        },
    ),
    (
        &["pass.unused", "submit.size"],
        "fence-wait",
        "brings ids where bit 5 means the wait command",
        |c| {
            let id = slow(c);
            after(c, &[id]);
        },
    ),
    (
        &["submit.size", "reply.clean"],
        "fence-passing",
        "says two ids and brings one and a half",
        |c| {
            let mut bytes = Client::request(cmd::SUBMIT_3D, 2, &[4, 2]);
            bytes.extend([0; 12]);
            c.code(&bytes);
        },
    ),
    (
        &["pass.flag"],
        "fence-passing",
        "offers a fence that it does not ask for",
        |c| {
            c.submit(&Submit {
                ctx: 2,
                shareable: true,
                ..Submit::default()
            });
        },
    ),
    (
        &["pass.known"],
        "fence-passing",
        "names a fence that nobody asked for",
        |c| after(c, &[99]),
    ),
    (&["pass.known"], "fence-passing", "names fence 0", |c| {
        after(c, &[0])
    }),
    (
        &["pass.own"],
        "fence-passing",
        "names the fence of the submit itself",
        |c| {
            let own = c.fence + 1;
            after(c, &[own]);
        },
    ),
    (
        &["pass.device"],
        "fence-passing",
        "names a fence of another device",
        |c| {
            c.checker.foreign([99]);
            after(c, &[99]);
        },
    ),
    (
        &["pass.shareable"],
        "fence-passing",
        "names a fence that was not offered",
        |c| {
            let id = c.submit(&job(1));
            after(c, &[id]);
        },
    ),
    (
        &["pass.retired"],
        "fence-passing",
        "names a fence more than 100 ms after its reply",
        |c| {
            let id = old(c);
            after(c, &[id]);
        },
    ),
    (
        &["pass.duplicate"],
        "fence-passing",
        "names a fence twice in one submit",
        |c| {
            let id = slow(c);
            after(c, &[id, id]);
        },
    ),
    (
        &["pass.newest"],
        "fence-passing",
        "names two fences of one timeline",
        |c| {
            let ids = [slow(c), slow(c)];
            after(c, &ids);
        },
    ),
    (
        &["pass.own"],
        "fence-passing",
        "names a fence of the submit's own timeline",
        |c| {
            let id = c.run(2, 1, SLOW, &[]);
            after(c, &[id]);
        },
    ),
    (
        &["pass.many"],
        "fence-passing",
        "names 66 fences in one submit",
        |c| {
            for ctx in 3..5 {
                c.context(ctx, Some(Type::Test));
            }
            let ids: Vec<u64> = (0..66)
                .map(|i| c.run(3 + i / 33, (i % 33) as u8, SLOW, &[]))
                .collect();
            after(c, &ids);
        },
    ),
    (
        &["pass.capset", "reply.clean"],
        "fence-passing",
        "brings ids to a cross-domain context",
        |c| {
            c.context(3, Some(Type::CrossDomain));
            let id = slow(c);
            c.run(3, 1, &[], &[id]);
        },
    ),
    (
        &["pass.capset", "reply.clean"],
        "fence-passing",
        "brings ids to a context without a type",
        |c| {
            c.context(3, None);
            let id = slow(c);
            c.run(3, 1, &[Op::Nop], &[id]);
        },
    ),
    (
        &["wait.own"],
        "fence-wait",
        "waits for the wait command's own fence",
        |c| {
            let own = c.fence as u32 + 1;
            let mut bytes = Client::request(cmd::WAIT_FENCE, 2, &[own, 0]);
            c.fenced(&mut bytes, 0);
            c.code(&bytes);
        },
    ),
    (
        &["pass.known"],
        "fence-wait",
        "waits for a fence that nobody asked for",
        |c| {
            wait(c, 2, 99);
        },
    ),
    (
        &["pass.device"],
        "fence-wait",
        "waits for a fence of another device",
        |c| {
            c.checker.foreign([99]);
            wait(c, 2, 99);
        },
    ),
    (
        &["pass.retired"],
        "fence-wait",
        "waits for a fence more than 100 ms after its reply",
        |c| {
            let id = old(c);
            wait(c, 2, id);
        },
    ),
    (
        &["pass.duplicate"],
        "fence-wait",
        "waits twice for a fence between two submits",
        |c| {
            let id = slow(c);
            wait(c, 2, id);
            wait(c, 2, id);
        },
    ),
    (
        &["ctx.exists", "reply.clean"],
        "fence-wait",
        "has a context wait that there is not",
        |c| {
            let id = slow(c);
            wait(c, 9, id);
        },
    ),
];

#[test]
fn each_is_caught_and_each_rule_has_one() {
    for (rules, bit5, what, act) in BAD {
        let mut c = client(bit5);
        act(&mut c);
        let (mut found, mut want) = (c.broken(), rules.to_vec());
        found.sort_unstable();
        want.sort_unstable();
        assert_eq!(found, want, "{bit5}: {what}");
        println!("caught | {} | {bit5} | {what}", rules.join(", "));
    }
    let fences = RULES.iter().filter(|r| {
        ["fence.", "pass.", "wait."]
            .iter()
            .any(|p| r.id.starts_with(p))
    });
    for rule in fences {
        let has = BAD
            .iter()
            .any(|(rules, ..)| rules.first() == Some(&rule.id));
        assert!(has, "no client breaks {}", rule.id);
        println!("rule | {} | {}", rule.id, rule.text);
    }
}
