// SPDX-License-Identifier: GPL-2.0

//! Puts bytes of any kind through the reply parser and through every accessor, and compares what comes out with what the
//! protocol says about those bytes, read here by hand.

use core::mem::size_of;

use virtio_gpu_proto::*;

/// How a reply's bytes are made: the first picks the reply, the next two say how much the device claims to have written, and the
/// rest is what it did write.
pub(crate) fn exercise(data: &[u8]) {
    let [pick, used_low, used_high, wrote @ ..] = data else {
        return;
    };
    let used = usize::from(u16::from_le_bytes([*used_low, *used_high]));
    match pick % 10 {
        0 => check::<OkNodata>(used, wrote, |_, _| ()),
        1 => check::<RespDisplayInfo>(used, wrote, display_info),
        2 => check::<RespCapsetInfo>(used, wrote, |_, _| ()),
        3 => capset(used, wrote),
        4 => check::<RespEdid>(used, wrote, edid),
        5 => check::<RespResourceUuid>(used, wrote, |r, raw| assert_eq!(r.uuid, raw[24..40])),
        6 => check::<RespMapInfo>(used, wrote, map_info),
        7 => check::<RespLayoutV1>(used, wrote, |r, raw| layout(&r.layout(), raw, 24)),
        8 => check::<RespLayoutV2>(used, wrote, |r, raw| layout(&r.layout(), raw, 16)),
        _ => check::<RespCreate3d>(used, wrote, create_3d),
    }
}

fn u32_at(raw: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(raw[at..at + 4].try_into().unwrap())
}

fn u64_at(raw: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(raw[at..at + 8].try_into().unwrap())
}

/// Checks a reply `R` in a buffer of the size that the driver gives it.
fn check<R: Response>(used: usize, wrote: &[u8], accessors: impl Fn(&R, &[u8])) {
    let mut buf = vec![0; R::MAX_LEN];
    let len = wrote.len().min(buf.len());
    buf[..len].copy_from_slice(&wrote[..len]);
    check_in(&buf, used, accessors);
    // The accessors stay inside the reply even if nobody checked it.
    let mut unchecked = R::new_zeroed();
    unchecked
        .as_mut_bytes()
        .copy_from_slice(&buf[..size_of::<R>()]);
    unchecked_accessors(&unchecked);
}

fn check_in<R: Response>(buf: &[u8], used: usize, accessors: impl Fn(&R, &[u8])) {
    let wrote = used.min(buf.len());
    let type_ = u32_at(buf, 0);
    match check_reply::<R>(buf, used) {
        Ok(reply) => {
            assert!(R::accepts(type_), "type {type_:#x} passed");
            assert!(wrote >= R::MIN_LEN, "{wrote} bytes passed");
            assert_eq!(reply.as_bytes(), &buf[..size_of::<R>()]);
            // What was not written is not the host's answer.
            accessors(reply, &buf[..wrote]);

            let bytes = checked_bytes::<R>(buf, used).unwrap();
            assert!(bytes.len() >= size_of::<R>() && bytes.len() <= buf.len());
            assert!(check_reply::<R>(bytes, bytes.len()).is_ok());
        }
        Err(ReplyError::Host(_)) => assert!((0x1200..=0x12ff).contains(&type_)),
        Err(ReplyError::WrongType(t)) => {
            assert!(t == type_ && !R::accepts(t) && t & !0xff != 0x1200)
        }
        Err(ReplyError::Short { used, need }) => assert!(used <= wrote && used < need),
        Err(ReplyError::Count { count, max }) => assert!(count > max),
    }
    assert_eq!(reply_hdr(buf, used).is_ok(), wrote >= 24);
}

/// What is safe to call on bytes that no one has looked at; typed by hand, since `Response` has no accessors.
fn unchecked_accessors<R: Response>(reply: &R) {
    let bytes = reply.as_bytes();
    if let Ok(r) = zerocopy::FromBytes::read_from_bytes(bytes) {
        assert!(RespEdid::bytes(&r).len() <= 1024);
    }
    if let Ok(r) = zerocopy::FromBytes::read_from_bytes(bytes) {
        assert!(RespLayoutV1::layout(&r).planes().len() <= 4);
    }
    if let Ok(r) = zerocopy::FromBytes::read_from_bytes(bytes) {
        assert!(RespLayoutV2::layout(&r).planes().len() <= 4);
    }
    if let Ok(r) = zerocopy::FromBytes::read_from_bytes(bytes) {
        assert!(RespCreate3d::plane_info(&r).is_none_or(|l| l.planes().len() <= 4));
    }
}

fn display_info(reply: &RespDisplayInfo, raw: &[u8]) {
    for (i, one) in reply.pmodes.iter().enumerate() {
        let at = 24 + 24 * i;
        let r = one.rect();
        assert_eq!((r.x, r.y), (u32_at(raw, at), u32_at(raw, at + 4)));
        assert_eq!(one.is_enabled(), u32_at(raw, at + 16) != 0);
        // Hosts' numbers go into this arithmetic.
        let bounds = Rect::sized(4096, 4096);
        let _ = (
            r.offset(4, 16384),
            r.extent(4, 16384),
            r.intersect(&bounds),
            r.union(&bounds),
        );
        assert!(!r.fits(4096, 4096) || r.extent(4, 16384).unwrap() <= 4096 * 16384);
    }
}

fn edid(reply: &RespEdid, raw: &[u8]) {
    let size = u32_at(raw, 24) as usize;
    assert!(size <= 1024, "EDID of {size} bytes passed");
    assert_eq!(reply.bytes(), &raw[32..32 + size]);
}

fn map_info(reply: &RespMapInfo, raw: &[u8]) {
    let known = u32_at(raw, 24) & 0xf <= 3;
    assert_eq!(reply.cache() != MapCache::Unknown, known);
}

/// A reply of either shape: planes of `step` bytes from 40 on.
fn layout(layout: &Layout, raw: &[u8], step: usize) {
    let count = u32_at(raw, 32) as usize;
    assert!(count <= 4, "{count} planes passed");
    assert_eq!(layout.planes().len(), count);
    assert_eq!(layout.modifier, u64_at(raw, 24));
    for (i, plane) in layout.planes().iter().enumerate() {
        let at = 40 + step * i;
        assert_eq!(plane.offset, u64_at(raw, at));
        assert_eq!(plane.stride, u32_at(raw, at + step - 8));
    }
}

fn create_3d(reply: &RespCreate3d, raw: &[u8]) {
    let Some(layout) = reply.plane_info() else {
        assert_eq!(u32_at(raw, 0), 0x1100);
        return;
    };
    assert!(raw.len() >= 72, "plane info of {} bytes passed", raw.len());
    let count = u32_at(raw, 24) as usize;
    assert!(count <= 4, "{count} planes passed");
    assert_eq!(layout.planes().len(), count);
    for (i, plane) in layout.planes().iter().enumerate() {
        assert_eq!(plane.stride, u32_at(raw, 40 + 4 * i));
        assert_eq!(plane.offset, u64::from(u32_at(raw, 56 + 4 * i)));
    }
}

/// The one reply whose buffer has no fixed size.
fn capset(used: usize, wrote: &[u8]) {
    let max_size = u32::try_from(wrote.len().saturating_sub(24)).unwrap();
    let Some(len) = RespCapset::buf_len(max_size) else {
        assert!(max_size > MAX_CAPSET_LEN);
        return;
    };
    let mut buf = vec![0; len];
    let n = wrote.len().min(len);
    buf[..n].copy_from_slice(&wrote[..n]);
    check_in::<RespCapset>(&buf, used, |_, _| ());
    if let Ok(bytes) = checked_bytes::<RespCapset>(&buf, used) {
        assert_eq!(RespCapset::data(bytes), &buf[24..used.min(len)]);
    }
}
