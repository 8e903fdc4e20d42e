// SPDX-License-Identifier: GPL-2.0
//! Questions about layouts, and the contested bits in each meaning.

use super::*;

fn client(device: &str, layout: &str) -> Client {
    let text = format!("[device]\nwith=['VIRGL','RESOURCE_BLOB']\n{device}\n[layout]\n{layout}");
    Client::new(&text).unwrap()
}

/// A picture of 100x50 in format 1.
fn picture() -> Vec<u8> {
    let words = [7, 2, 1, 10, 100, 50, 1, 1, 0, 0, 0, 0];
    Client::request(cmd::RESOURCE_CREATE_3D, 0, &words)
}

#[test]
fn the_reply_to_a_creation() {
    let mut c = client("", "plane-info=true\nmodifier=5");
    let out = c.send(&picture()).unwrap();
    assert_eq!((out.code, out.reply.len()), (0x11ff, 72));
    assert_eq!([u32_at(&out.reply, 24), u32_at(&out.reply, 40)], [1, 512]);
    assert_eq!(u64_at(&out.reply, 32), 5);
    // No room, no information.
    let mut c = client("", "plane-info=true");
    let out = c.device.execute_in(Queue::Control, &picture(), &c.ram, 71);
    assert_eq!((out.code, out.reply.len()), (reply::OK_NODATA, 24));
    assert_eq!(client("", "").code(&picture()), reply::OK_NODATA);
}

#[test]
fn the_first_version() {
    let mut c = client("bit6='query-layout'", "");
    c.code(&picture());
    let ask = Client::request(0x020b, 0, &[7, 0]);
    let out = c.send(&ask).unwrap();
    assert_eq!((out.code, out.reply.len()), (0x1107, 136));
    assert_eq!(u32_at(&out.reply, 32), 1);
    assert_eq!([u64_at(&out.reply, 40), u64_at(&out.reply, 48)], [0, 25600]);
    assert_eq!(u32_at(&out.reply, 56), 512);
    assert_eq!(c.broken(), [""; 0]);
    let gone = Client::request(0x020b, 0, &[8, 0]);
    assert_eq!(c.code(&gone), reply::ERR_INVALID_RESOURCE_ID);
}

#[test]
fn the_second_version() {
    let mut c = client("bit5='query-layout'", "align=64");
    c.code(&picture());
    let ask = |words: &[u32]| Client::request(0x020a, 0, words);
    let out = c.send(&ask(&[7, 0, 0, 0, 0, 0])).unwrap();
    assert_eq!((out.code, out.reply.len()), (0x1107, 104));
    assert_eq!(u32_at(&out.reply, 48), 448);
    // Resource 0: what would it be?
    let out = c.send(&ask(&[0, 17, 3, 1, 0, 0])).unwrap();
    assert_eq!(u32_at(&out.reply, 48), 128);
    assert_eq!(c.broken(), [""; 0]);
}

#[test]
fn a_host_that_lies_about_planes() {
    let mut c = client("bit6='query-layout'", "planes=5\nplane-info=true");
    let made = c.send(&picture()).unwrap();
    let asked = c.send(&Client::request(0x020b, 0, &[7, 0])).unwrap();
    assert_eq!([u32_at(&made.reply, 24), u32_at(&asked.reply, 32)], [5, 5]);
}

#[test]
fn a_command_of_another_meaning_is_caught() {
    for (device, bytes) in [
        ("bit5='fence-wait'", Client::request(0x020a, 0, &[0; 6])),
        ("bit5='query-layout'", Client::request(0x020a, 0, &[1, 0])),
        ("bit5='fence-passing'", Client::request(0x020a, 0, &[1, 0])),
        ("bit5='nothing'", Client::request(0x020a, 0, &[0; 6])),
        ("bit6='guest-handle'", Client::request(0x020b, 0, &[1, 0])),
        ("", Client::request(0x020b, 0, &[1, 0])),
    ] {
        let mut c = client(device, "");
        assert!(c.code(&bytes) >= reply::ERR_UNSPEC, "{device}");
        assert!(c.broken().contains(&"cmd.feature"), "{device}");
    }
}

#[test]
fn what_a_driver_may_accept() {
    let broken = |device: &str| {
        let c = client(device, "");
        c.broken()
    };
    assert_eq!(broken("bit5='fence-passing'"), [""; 0]);
    assert_eq!(broken("bit5='blob-alignment'"), [""; 0]);
    assert_eq!(broken("bit6='query-layout'\nbit7='ctx-id-fix'"), [""; 0]);
    assert_eq!(broken("bit6='nothing'"), ["init.undefined"]);
    assert_eq!(broken("bit7='nothing'"), ["init.undefined"]);
    // A size that is no multiple matters only where the bit means that.
    let blob = [2, 1, 2, 1, 0, 0, 100, 0, 0, 0, 4096, 0];
    let blob = Client::request(cmd::RESOURCE_CREATE_BLOB, 0, &blob);
    let mut aligned = client("bit5='blob-alignment'", "");
    assert!(aligned.code(&blob) >= reply::ERR_UNSPEC);
    assert!(aligned.broken().contains(&"blob.aligned"));
    let mut other = client("bit5='fence-passing'", "");
    assert_eq!(other.code(&blob), reply::OK_NODATA);
    assert_eq!(other.broken(), [""; 0]);
    // A flag that asks for a guest handle, likewise.
    let handle = [2, 1, 8, 1, 0, 0, 4096, 0, 0, 0, 4096, 0];
    let handle = Client::request(cmd::RESOURCE_CREATE_BLOB, 0, &handle);
    for (device, kept) in [("bit6='guest-handle'", true), ("bit5='nothing'", false)] {
        let mut c = client(device, "");
        c.code(&handle);
        assert_eq!(c.broken().is_empty(), kept, "{device}");
    }
}
