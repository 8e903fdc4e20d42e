// SPDX-License-Identifier: GPL-2.0

//! The arithmetic and the small pieces that have no vector.

use virtio_gpu_proto::{formats::Format, *};

#[test]
fn rectangles_fit() {
    assert!(Rect::new(0, 0, 640, 480).fits(640, 480));
    assert!(!Rect::new(1, 0, 640, 480).fits(640, 480));
    assert!(!Rect::new(0, 1, 640, 480).fits(640, 480));
    // The sum of the edges does not fit in 32 bits.
    assert!(!Rect::new(u32::MAX, 0, u32::MAX, 1).fits(u32::MAX, u32::MAX));
    assert_eq!(
        Rect::new(u32::MAX, 0, u32::MAX, 1).right(),
        2 * u64::from(u32::MAX)
    );
    assert!(
        Rect::sized(0, 5).is_empty()
            && Rect::sized(5, 0).is_empty()
            && !Rect::sized(1, 1).is_empty()
    );
}

#[test]
fn intersections() {
    let a = Rect::new(10, 20, 100, 50);
    assert_eq!(
        a.intersect(&Rect::new(50, 0, 1000, 30)),
        Some(Rect::new(50, 20, 60, 10))
    );
    assert_eq!(a.intersect(&a), Some(a));
    // Touching edges share no pixel.
    assert_eq!(a.intersect(&Rect::new(110, 20, 5, 5)), None);
    assert_eq!(a.intersect(&Rect::new(0, 0, 10, 500)), None);
    assert_eq!(a.intersect(&Rect::sized(0, 0)), None);
    let far = Rect::new(u32::MAX, u32::MAX, u32::MAX, u32::MAX);
    assert_eq!(far.intersect(&far), Some(far));
}

#[test]
fn unions() {
    let a = Rect::new(10, 20, 100, 50);
    assert_eq!(
        a.union(&Rect::new(0, 30, 5, 100)),
        Some(Rect::new(0, 20, 110, 110))
    );
    assert_eq!(a.union(&Rect::sized(0, 9)), Some(a));
    assert_eq!(Rect::sized(0, 9).union(&a), Some(a));
    assert_eq!(Rect::sized(1, 1).union(&Rect::new(u32::MAX, 0, 1, 1)), None);
}

#[test]
fn transfer_offsets() {
    assert_eq!(
        Rect::new(3, 2, 10, 10).offset(4, 256),
        Some(2 * 256 + 3 * 4)
    );
    assert_eq!(
        Rect::new(u32::MAX, u32::MAX, 1, 1).offset(u32::MAX, u32::MAX),
        None
    );
    assert_eq!(
        Rect::new(0, u32::MAX, 1, 1).offset(4, u32::MAX),
        Some(u64::from(u32::MAX) * u64::from(u32::MAX))
    );
    assert_eq!(Rect::sized(640, 480).extent(4, 2560), Some(640 * 480 * 4));
    // The last row ends with its pixels, not with its pitch.
    assert_eq!(Rect::sized(1, 2).extent(4, 4096), Some(4096 + 4));
    assert_eq!(Rect::sized(0, 2).extent(4, 4096), Some(0));
    assert_eq!(
        Rect::new(u32::MAX, u32::MAX, u32::MAX, u32::MAX).extent(4, u32::MAX),
        None
    );
}

/// Every pixel of a small surface, counted one by one.
#[test]
fn rectangles_pixel_by_pixel() {
    let pixels = |r: &Rect| -> Vec<(u64, u64)> {
        let rows = u64::from(r.y)..r.bottom();
        rows.flat_map(|y| (u64::from(r.x)..r.right()).map(move |x| (x, y)))
            .collect()
    };
    let all: Vec<Rect> = (0..3 * 3 * 4 * 4)
        .map(|n| Rect::new(n % 3, n / 3 % 3, n / 9 % 4, n / 36))
        .collect();
    for a in &all {
        for b in &all {
            let both: Vec<_> = pixels(a)
                .into_iter()
                .filter(|p| pixels(b).contains(p))
                .collect();
            assert_eq!(
                a.intersect(b).map_or(vec![], |r| pixels(&r)),
                both,
                "{a:?} {b:?}"
            );
            let around = pixels(&a.union(b).unwrap());
            assert!(
                pixels(a)
                    .iter()
                    .chain(&pixels(b))
                    .all(|p| around.contains(p)),
                "{a:?} {b:?}"
            );
        }
    }
}

#[test]
fn debug_names() {
    let full = [b'x'; 100];
    let cmd = CtxCreate::new(1, 0, &full);
    assert_eq!(cmd.nlen.get(), 63);
    assert_eq!(cmd.debug_name[62..], [b'x', 0]);
    let cmd = CtxCreate::new(1, 0, b"ab\0cd");
    assert_eq!(cmd.nlen.get(), 2);
    assert_eq!(cmd.debug_name[..4], [b'a', b'b', 0, 0]);
    assert_eq!(CtxCreate::new(1, 0, b"").nlen.get(), 0);
}

#[test]
fn names_for_log_lines() {
    assert_eq!(type_name(0x0103), "CMD_SET_SCANOUT");
    assert_eq!(type_name(0x1203), "RESP_ERR_INVALID_RESOURCE_ID");
    assert_eq!(type_name(0xdead), "?");
}

#[test]
fn fences_in_headers() {
    let mut hdr = CtrlHdr::new(CMD_SUBMIT_3D);
    assert_eq!(hdr.fence(), None);
    hdr.set_fence(7, None);
    assert_eq!(
        (hdr.fence(), hdr.flags.get(), hdr.ring_idx),
        (Some(7), FLAG_FENCE, 0)
    );
    hdr.set_fence(8, Some(0));
    assert_eq!(
        (hdr.fence(), hdr.flags.get()),
        (Some(8), FLAG_FENCE | FLAG_INFO_RING_IDX)
    );
}

#[test]
fn shortcuts() {
    let off = SetScanout::disable(3);
    assert_eq!((off.scanout_id.get(), off.resource_id.get()), (3, 0));
    assert_eq!(Rect::from(off.r), Rect::default());
    let hidden = UpdateCursor::hide(2);
    assert_eq!(
        (hidden.pos.scanout_id.get(), hidden.resource_id.get()),
        (2, 0)
    );
}

#[test]
fn channel_orders() {
    assert!(Format::B8G8R8A8Unorm.same_order(Format::B8G8R8X8Unorm));
    assert!(!Format::B8G8R8X8Unorm.same_order(Format::R8G8B8X8Unorm));
    assert!(!Format::B8G8R8X8Unorm.same_order(Format::X8R8G8B8Unorm));
    for (fourcc, format) in Format::TABLE {
        let bytes = fourcc.0.to_le_bytes();
        let opaque = format.opaque().fourcc().0.to_le_bytes();
        assert!(format.same_order(format.opaque()));
        // The same code but for an X where the A is.
        assert!(bytes
            .iter()
            .zip(&opaque)
            .all(|(a, b)| a == b || (*a, *b) == (b'A', b'X')));
        assert!(!opaque[..2].contains(&b'A'));
    }
}
