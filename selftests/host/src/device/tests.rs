// SPDX-License-Identifier: GPL-2.0
//! The device, driven with bytes.

use super::*;
use vm_memory::{Bytes, GuestAddress};

/// Guest memory and a device with the usual features and blobs.
fn device() -> (Device, Ram) {
    let s = Scenario::parse("[device]\nwith=['RESOURCE_BLOB']\nscanouts=2").unwrap();
    let mut d = Device::new(&s, true);
    d.set_features(s.features().unwrap());
    (d, Ram::from_ranges(&[(GuestAddress(0), 0x100000)]).unwrap())
}

fn bytes(code: u32, words: &[u32]) -> Vec<u8> {
    let mut b = Header {
        code,
        ..Header::default()
    }
    .reply(code);
    put32(&mut b, words);
    b
}

fn run(d: &mut Device, ram: &Ram, code: u32, words: &[u32]) -> u32 {
    let queue = if code >= 0x300 {
        Queue::Cursor
    } else {
        Queue::Control
    };
    d.execute(queue, &bytes(code, words), ram).code
}

#[test]
fn a_picture_by_transfer() {
    let (mut d, ram) = device();
    ram.write_slice(&[0x30, 0x20, 0x10, 0].repeat(16), GuestAddress(0x2000))
        .unwrap();
    assert_eq!(
        run(&mut d, &ram, cmd::RESOURCE_CREATE_2D, &[1, 2, 4, 4]),
        reply::OK_NODATA
    );
    assert_eq!(
        run(
            &mut d,
            &ram,
            cmd::TRANSFER_TO_HOST_2D,
            &[0, 0, 4, 4, 0, 0, 1, 0]
        ),
        reply::ERR_UNSPEC
    );
    assert_eq!(
        run(
            &mut d,
            &ram,
            cmd::RESOURCE_ATTACH_BACKING,
            &[1, 1, 0x2000, 0, 64, 0]
        ),
        reply::OK_NODATA
    );
    assert_eq!(
        run(&mut d, &ram, cmd::SET_SCANOUT, &[0, 0, 4, 4, 0, 1]),
        reply::OK_NODATA
    );
    let dark = d.look(0, &ram).unwrap().crc;
    assert_eq!(
        run(
            &mut d,
            &ram,
            cmd::TRANSFER_TO_HOST_2D,
            &[0, 0, 4, 4, 0, 0, 1, 0]
        ),
        reply::OK_NODATA
    );
    assert_eq!(d.copied, 64);
    let frames = d
        .execute(
            Queue::Control,
            &bytes(cmd::RESOURCE_FLUSH, &[0, 0, 4, 4, 1, 0]),
            &ram,
        )
        .frames;
    assert_eq!((frames.len(), frames[0].in_place), (1, false));
    assert_ne!(frames[0].crc, dark);
    let path = std::env::temp_dir().join(format!("gpuhost-{}.png", std::process::id()));
    d.shot(0, &path, &ram).unwrap();
    let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
    let mut png = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; 4 * 4 * 3];
    png.next_frame(&mut pixels).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!((png.info().width, png.info().height), (4, 4));
    assert_eq!(pixels, [0x10, 0x20, 0x30].repeat(16));
    assert_eq!(
        run(&mut d, &ram, cmd::RESOURCE_UNREF, &[1, 0]),
        reply::OK_NODATA
    );
    assert!(d.look(0, &ram).is_none());
    assert!(d.shot(0, &path, &ram).is_err());
}

#[test]
fn a_picture_in_place() {
    let (mut d, ram) = device();
    let create = [1, 1, 2, 1, 0, 0, 4096, 0, 0x3000, 0, 4096, 0];
    assert_eq!(
        run(&mut d, &ram, cmd::RESOURCE_CREATE_BLOB, &create),
        reply::OK_NODATA
    );
    let mut show = vec![0, 0, 4, 4, 1, 1, 4, 4, 2, 0, 256, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(
        run(&mut d, &ram, cmd::SET_SCANOUT_BLOB, &show),
        reply::OK_NODATA
    );
    let before = d.look(1, &ram).unwrap();
    ram.write_slice(&[9], GuestAddress(0x3100)).unwrap();
    let after = d.look(1, &ram).unwrap();
    assert!(after.in_place && after.crc != before.crc && d.copied == 0);
    show[10] = 2048;
    assert_eq!(
        run(&mut d, &ram, cmd::SET_SCANOUT_BLOB, &show),
        reply::ERR_INVALID_PARAMETER
    );
}

#[test]
fn wrong_commands_get_errors() {
    let (mut d, ram) = device();
    let bad: [(u32, &[u32], u32); 9] = [
        (0x4242, &[], reply::ERR_UNSPEC),
        (cmd::RESOURCE_CREATE_2D, &[1, 2], reply::ERR_UNSPEC),
        (
            cmd::RESOURCE_CREATE_2D,
            &[0, 2, 4, 4],
            reply::ERR_INVALID_RESOURCE_ID,
        ),
        (
            cmd::RESOURCE_CREATE_2D,
            &[1, 99, 4, 4],
            reply::ERR_INVALID_PARAMETER,
        ),
        (
            cmd::RESOURCE_CREATE_2D,
            &[1, 2, u32::MAX, u32::MAX],
            reply::ERR_INVALID_PARAMETER,
        ),
        (
            cmd::RESOURCE_CREATE_2D,
            &[1, 2, 65536, 65536],
            reply::ERR_OUT_OF_MEMORY,
        ),
        (cmd::RESOURCE_UNREF, &[5, 0], reply::ERR_INVALID_RESOURCE_ID),
        (
            cmd::SET_SCANOUT,
            &[0, 0, 4, 4, 2, 1],
            reply::ERR_INVALID_SCANOUT_ID,
        ),
        (cmd::GET_EDID, &[2, 0], reply::ERR_INVALID_SCANOUT_ID),
    ];
    for (code, words, want) in bad {
        assert_eq!(run(&mut d, &ram, code, words), want, "{code:#x} {words:?}");
    }
    let wrong_queue = d.execute(Queue::Cursor, &bytes(cmd::GET_DISPLAY_INFO, &[]), &ram);
    assert_eq!(wrong_queue.code, reply::ERR_UNSPEC);
}

#[test]
fn replies_have_the_right_length() {
    let (mut d, ram) = device();
    for c in crate::wire::COMMANDS {
        let out = d.execute(c.queue, &bytes(c.code, &[0; 32]), &ram);
        if out.code < reply::ERR_UNSPEC {
            assert_eq!(out.reply.len(), c.reply_len, "{}", c.name);
        }
    }
}

#[test]
fn a_blob_whose_pages_come_later() {
    let (mut d, ram) = device();
    let create = [7, 1, 1, 0, 0, 0, 4096, 0];
    let attach = [7, 1, 0x2000, 0, 4096, 0];
    assert_eq!(
        run(&mut d, &ram, cmd::RESOURCE_CREATE_BLOB, &create),
        reply::OK_NODATA
    );
    assert_eq!(
        run(&mut d, &ram, cmd::RESOURCE_ATTACH_BACKING, &attach),
        reply::OK_NODATA
    );
    assert_eq!(
        run(&mut d, &ram, cmd::RESOURCE_ATTACH_BACKING, &attach),
        reply::ERR_UNSPEC
    );
    assert_eq!(
        run(&mut d, &ram, cmd::RESOURCE_DETACH_BACKING, &[7, 0]),
        reply::OK_NODATA
    );
}

#[test]
fn a_device_that_was_told_to_behave() {
    let s = Scenario::parse(
        "[device]\nscanouts=17\nmonitors=[]\ncapsets=9\nblob-alignment=5\n\
         [edid]\ngarbage='huge'\n[display-info]\ngarbage='ones'",
    );
    let mut d = Display::new(&s.unwrap());
    d.behave();
    let numbers = [d.scanouts(), d.capsets(), d.blob_alignment()];
    assert_eq!(numbers, [1, 0, 4096]);
    let info = d.info();
    assert_eq!([u32_at(&info, 8), u32_at(&info, 16)], [1024, 1]);
    assert_eq!(u32_at(&d.edid(0).unwrap(), 0), 128);
}
