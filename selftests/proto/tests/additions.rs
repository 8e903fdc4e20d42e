// SPDX-License-Identifier: GPL-2.0

//! What this project adds to the protocol against bytes written by hand from the published offsets.

mod vectors;

use vectors::{v32, v64, Vectors};
use virtio_gpu_proto::*;
use zerocopy::IntoBytes;

#[track_caller]
fn planes(layout: Layout, modifier: u64, expected: &[(u64, u64, u32)]) {
    assert_eq!(layout.modifier, modifier);
    let planes: Vec<_> = layout
        .planes()
        .iter()
        .map(|p| (p.offset, p.size, p.stride))
        .collect();
    assert_eq!(planes, expected);
}

fn commands(v: &Vectors) {
    let mut producer = Submit3d::new(v32(2), v32(3));
    producer.hdr_mut().set_fence(v64(1), Some(5));
    producer.hdr_mut().set_fence_shareable();
    assert_eq!(producer.as_bytes(), v.bytes("submit_3d_shareable"));

    let mut consumer = Submit3d::with_in_fences(v32(1), 8, 2).as_bytes().to_vec();
    for id in [v64(2), v64(3)] {
        consumer.extend(InFence::new(id).as_bytes());
    }
    consumer.extend([0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4]);
    assert_eq!(consumer, v.bytes("submit_3d_in_fences"));

    assert_eq!(
        WaitFence::new(v32(1), v64(2)).as_bytes(),
        v.bytes("wait_fence")
    );
    assert_eq!(
        QueryLayoutV1::new(v32(1)).as_bytes(),
        v.bytes("query_layout_v1")
    );
    let query = LayoutQuery {
        resource_id: v32(1),
        width: v32(2),
        height: v32(3),
        format: v32(4),
        bind: v32(5),
    };
    assert_eq!(
        QueryLayoutV2::new(query).as_bytes(),
        v.bytes("query_layout_v2")
    );
}

fn replies(v: &Vectors) {
    let bytes = v.bytes("resp_layout_v1");
    let reply = check_reply::<RespLayoutV1>(bytes, bytes.len()).unwrap();
    planes(
        reply.layout(),
        v64(1),
        &[(v64(2), v64(3), v32(4)), (v64(5), v64(6), v32(7))],
    );

    let bytes = v.bytes("resp_layout_v2");
    let reply = check_reply::<RespLayoutV2>(bytes, bytes.len()).unwrap();
    planes(
        reply.layout(),
        v64(1),
        &[
            (v64(2), 0, v32(3)),
            (v64(4), 0, v32(5)),
            (v64(6), 0, v32(7)),
        ],
    );

    let bytes = v.bytes("resp_plane_info");
    let reply = check_reply::<RespCreate3d>(bytes, bytes.len()).unwrap();
    let expected = [2, 3, 4, 5].map(|k| (u64::from(v32(k + 4)), 0, v32(k)));
    planes(reply.plane_info().unwrap(), v64(1), &expected);
}

#[test]
fn addition_vectors() {
    let v = Vectors::parse(include_str!("../vectors/additions.txt"));
    commands(&v);
    replies(&v);
    v.assert_all_used();
}

/// 0x020a has two meanings, which is why a driver acts on one of them a boot.
#[test]
fn contested_numbers() {
    assert_eq!(WaitFence::TYPE, QueryLayoutV2::TYPE);
    assert_eq!(Meaning::FenceWait.bit(), Meaning::QueryLayoutV2.bit());
    assert_eq!(Meaning::FencePassing.bit(), Meaning::BlobAlignment.bit());
    assert_eq!(
        Meaning::QueryLayoutV1.bit(),
        Meaning::CreateGuestHandle.bit()
    );
    for meaning in [
        Meaning::BlobAlignment,
        Meaning::QueryLayoutV1,
        Meaning::BlobCtxIdFix,
    ] {
        assert!((F_CONTESTED_FIRST..=F_CONTESTED_LAST).contains(&meaning.bit()));
    }
}

/// What a host says of a layout is bounded by the parser in the number of planes alone; this is the rest.
#[test]
fn layouts_that_make_no_sense() {
    let plane = |offset, size, stride| Plane {
        offset,
        size,
        stride,
    };
    let layout = |modifier, planes: &[Plane]| {
        Layout::new(modifier, planes.len() as u32, planes.iter().copied())
    };
    let good = plane(0, 0, 512);

    for modifier in [MOD_LINEAR, MOD_INVALID, (1 << 56) | 1, 0xdeadbeefdeadbeef] {
        assert!(layout(modifier, &[good]).makes_sense(None), "{modifier:#x}");
    }
    for modifier in [1, 5, MOD_INVALID - 1, u64::MAX] {
        assert!(
            !layout(modifier, &[good]).makes_sense(None),
            "{modifier:#x}"
        );
    }
    assert!(!layout(MOD_LINEAR, &[]).makes_sense(None));
    assert!(layout(MOD_LINEAR, &[good; 4]).makes_sense(None));
    // A plane without rows, also behind good ones.
    assert!(!layout(MOD_LINEAR, &[good, plane(0, 4096, 0)]).makes_sense(None));
    // Beyond the end of 64 bits, and beyond that of the memory.
    assert!(!layout(MOD_LINEAR, &[plane(u64::MAX - 511, 0, 512)]).makes_sense(None));
    assert!(!layout(MOD_LINEAR, &[plane(1, u64::MAX, 512)]).makes_sense(None));
    let last = layout(MOD_LINEAR, &[good, plane(3584, 0, 512)]);
    assert!(last.makes_sense(Some(4096)) && !last.makes_sense(Some(4095)));
    let sized = layout(MOD_LINEAR, &[plane(0, 4096, 512)]);
    assert!(sized.makes_sense(Some(4096)) && !sized.makes_sense(Some(4095)));
}
