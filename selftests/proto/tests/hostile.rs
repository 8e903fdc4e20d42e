// SPDX-License-Identifier: GPL-2.0

//! Replies that a host should not send: each kind by name, and many by chance.

#[path = "../fuzz/src/exercise.rs"]
mod exercise;

use virtio_gpu_proto::*;
use zerocopy::IntoBytes;

/// A reply of that type, zero but for its header.
fn reply<R: Response>(type_: u32) -> R {
    let mut reply = R::new_zeroed();
    reply.as_mut_bytes()[..4].copy_from_slice(&type_.to_le_bytes());
    reply
}

fn checked<R: Response>(reply: &R, used: usize) -> Result<(), ReplyError> {
    check_reply::<R>(reply.as_bytes(), used).map(|_| ())
}

#[test]
fn short_replies() {
    let info = reply::<RespDisplayInfo>(RESP_OK_DISPLAY_INFO);
    assert_eq!(
        checked(&info, 0),
        Err(ReplyError::Short { used: 0, need: 24 })
    );
    assert_eq!(
        checked(&info, 23),
        Err(ReplyError::Short { used: 23, need: 24 })
    );
    assert_eq!(
        checked(&info, 24),
        Err(ReplyError::Short {
            used: 24,
            need: 408
        })
    );
    assert_eq!(
        checked(&info, 407),
        Err(ReplyError::Short {
            used: 407,
            need: 408
        })
    );
    assert_eq!(checked(&info, 408), Ok(()));
    // What does not fit cannot have been written.
    assert_eq!(checked(&info, usize::MAX), Ok(()));
    assert_eq!(
        check_reply::<OkNodata>(&[], 24).map(|_| ()),
        Err(ReplyError::Short { used: 0, need: 24 })
    );
    // A buffer too small for the reply, which a driver does not make, is an error too.
    let part = &info.as_bytes()[..100];
    assert_eq!(
        check_reply::<RespDisplayInfo>(part, 100).map(|_| ()),
        Err(ReplyError::Short {
            used: 100,
            need: 408
        })
    );
}

#[test]
fn long_replies() {
    let mut buf = [0xee; 64];
    buf[..24].copy_from_slice(reply::<OkNodata>(RESP_OK_NODATA).as_bytes());
    assert!(check_reply::<OkNodata>(&buf, 64).is_ok());
    assert_eq!(checked_bytes::<OkNodata>(&buf, 30).unwrap().len(), 30);
    assert_eq!(checked_bytes::<OkNodata>(&buf, 1000).unwrap().len(), 64);
}

#[test]
fn wrong_types() {
    for type_ in [
        0,
        CMD_GET_EDID,
        RESP_OK_EDID,
        RESP_OK_RESOURCE_PLANE_INFO,
        0x11fe,
        0x1300,
        u32::MAX,
    ] {
        assert_eq!(
            checked(&reply::<OkNodata>(type_), 24),
            Err(ReplyError::WrongType(type_))
        );
    }
    for code in [0x1206, 0x12ff] {
        assert_eq!(
            checked(&reply::<OkNodata>(code), 24),
            Err(ReplyError::Host(ErrorCode::Other(code)))
        );
    }
    // A refusal has no more than a header, whatever was asked.
    let refused = Err(ReplyError::Host(ErrorCode::OutOfMemory));
    assert_eq!(
        checked(&reply::<RespDisplayInfo>(RESP_ERR_OUT_OF_MEMORY), 24),
        refused
    );
}

#[test]
fn edid_sizes() {
    let mut edid = reply::<RespEdid>(RESP_OK_EDID);
    edid.edid = core::array::from_fn(|i| i as u8);
    for (size, used, expected) in [
        (0, 32, Ok(())),
        (128, 160, Ok(())),
        (
            128,
            159,
            Err(ReplyError::Short {
                used: 159,
                need: 160,
            }),
        ),
        (1024, 1056, Ok(())),
        (
            1024,
            1055,
            Err(ReplyError::Short {
                used: 1055,
                need: 1056,
            }),
        ),
        (
            1025,
            1056,
            Err(ReplyError::Count {
                count: 1025,
                max: 1024,
            }),
        ),
        (
            u32::MAX,
            1056,
            Err(ReplyError::Count {
                count: u32::MAX,
                max: 1024,
            }),
        ),
        (0, 31, Err(ReplyError::Short { used: 31, need: 32 })),
    ] {
        edid.size = size.into();
        assert_eq!(
            checked(&edid, used),
            expected,
            "size {size}, {used} written"
        );
        assert_eq!(edid.bytes().len(), (size as usize).min(1024));
    }
}

#[test]
fn plane_counts() {
    for count in [0, 1, 4, 5, 256, 0x8000_0000, u32::MAX] {
        let expected = if count <= 4 {
            Ok(())
        } else {
            Err(ReplyError::Count { count, max: 4 })
        };

        let mut v1 = reply::<RespLayoutV1>(RESP_OK_RESOURCE_LAYOUT);
        v1.num_planes = count.into();
        assert_eq!(checked(&v1, 136), expected);
        assert_eq!(v1.layout().planes().len(), count.min(4) as usize);

        let mut v2 = reply::<RespLayoutV2>(RESP_OK_RESOURCE_LAYOUT);
        v2.num_planes = count.into();
        assert_eq!(checked(&v2, 104), expected);
        assert_eq!(v2.layout().planes().len(), count.min(4) as usize);

        let mut info = reply::<RespCreate3d>(RESP_OK_RESOURCE_PLANE_INFO);
        info.count = count.into();
        assert_eq!(checked(&info, 72), expected);
        assert_eq!(
            info.plane_info().unwrap().planes().len(),
            count.min(4) as usize
        );
        assert_eq!(
            checked(&info, 71),
            Err(ReplyError::Short { used: 71, need: 72 })
        );

        // Behind RESP_OK_NODATA the count is nothing.
        info.hdr.type_ = RESP_OK_NODATA.into();
        assert_eq!(checked(&info, 72), Ok(()));
        assert_eq!(info.plane_info(), None);
    }
}

#[test]
fn cursor_commands_have_no_reply() {
    assert_eq!(
        <<UpdateCursor as Request>::Response as Response>::MAX_LEN,
        0
    );
    assert!(check_reply::<NoReply>(&[], 0).is_ok());
    assert!(check_reply::<NoReply>(&[], usize::MAX).is_ok());
}

#[test]
fn capset_sizes() {
    assert_eq!(RespCapset::buf_len(0), Some(24));
    assert_eq!(RespCapset::buf_len(MAX_CAPSET_LEN), Some(24 + 65536));
    assert_eq!(RespCapset::buf_len(MAX_CAPSET_LEN + 1), None);
    assert_eq!(RespCapset::buf_len(u32::MAX), None);
    assert!(RespCapset::data(&[]).is_empty());
}

/// A small generator of its own, so that a failure comes back with every run.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % below
    }
}

/// Good replies with some bytes changed, and some of them cut.
#[test]
fn many_by_chance() {
    let seeds: Vec<(u8, Vec<u8>)> = [
        (0, reply::<OkNodata>(RESP_OK_NODATA).as_bytes().to_vec()),
        (
            1,
            reply::<RespDisplayInfo>(RESP_OK_DISPLAY_INFO)
                .as_bytes()
                .to_vec(),
        ),
        (
            2,
            reply::<RespCapsetInfo>(RESP_OK_CAPSET_INFO)
                .as_bytes()
                .to_vec(),
        ),
        (
            3,
            [reply::<RespCapset>(RESP_OK_CAPSET).as_bytes(), &[7; 300]].concat(),
        ),
        (4, reply::<RespEdid>(RESP_OK_EDID).as_bytes().to_vec()),
        (
            5,
            reply::<RespResourceUuid>(RESP_OK_RESOURCE_UUID)
                .as_bytes()
                .to_vec(),
        ),
        (
            6,
            reply::<RespMapInfo>(RESP_OK_MAP_INFO).as_bytes().to_vec(),
        ),
        (
            7,
            reply::<RespLayoutV1>(RESP_OK_RESOURCE_LAYOUT)
                .as_bytes()
                .to_vec(),
        ),
        (
            8,
            reply::<RespLayoutV2>(RESP_OK_RESOURCE_LAYOUT)
                .as_bytes()
                .to_vec(),
        ),
        (
            9,
            reply::<RespCreate3d>(RESP_OK_RESOURCE_PLANE_INFO)
                .as_bytes()
                .to_vec(),
        ),
    ]
    .into();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for _ in 0..200_000 {
        let (pick, seed) = &seeds[random.next(seeds.len())];
        let mut data = vec![*pick, 0, 0];
        let used = match random.next(4) {
            0 => random.next(0x10000),
            1 => random.next(seed.len() + 2),
            _ => seed.len(),
        };
        data[1..].copy_from_slice(&(used as u16).to_le_bytes());
        data.extend(seed);
        for _ in 0..random.next(6) {
            // Mostly in the first words, where types and counts are.
            let reach = if random.next(2) == 0 {
                40.min(data.len())
            } else {
                data.len()
            };
            let at = random.next(reach);
            data[at] = if at == 0 {
                data[0]
            } else {
                random.next(256) as u8
            };
        }
        if random.next(8) == 0 {
            data.truncate(3 + random.next(seed.len()));
        }
        exercise::exercise(&data);
    }
}
