// SPDX-License-Identifier: GPL-2.0

//! What the host says of its displays: sizes, and EDIDs where it has them.
#![forbid(unsafe_code)]

use super::{
    DEFAULT_SIZE,
    MAX_SIZE,
    MIN_SIZE, //
};
use crate::{
    abi::print::ratelimit,
    device::DrmDevice,
    queue::{
        Pending,
        TIMEOUT_MS, //
    }, //
};
use kernel::{
    prelude::*,
    time::{
        Instant,
        Monotonic, //
    }, //
};
use virtio_gpu_proto::{
    self as proto,
    check_reply, //
};

/// What begins the note about lines that were left out, because the host causes too many.
const LABEL: &CStr = c"virtio_gpu";

/// Bytes of a block of an EDID.
const EDID_BLOCK: usize = 128;
/// Where an EDID has the number of its blocks after the first.
const EDID_EXTENSIONS: usize = 126;

/// Number of scanouts that a device has at most.
const MAX_SCANOUTS: usize = proto::MAX_SCANOUTS as usize;

/// What the host says of one display.
pub(super) struct DisplayInfo {
    /// Whether there is a display.
    pub(super) enabled: bool,
    /// The width that the host would like, in pixels; 0 if it does not say.
    pub(super) width: u32,
    /// The height that the host would like, in pixels; 0 if it does not say.
    pub(super) height: u32,
    /// Where the host would like the display to be among the others, in pixels.
    pub(super) place: (u32, u32),
    /// The EDID, unchecked; empty if there is none.
    pub(super) edid: KVec<u8>,
}

/// What the host says of all displays.
pub(super) struct Info([DisplayInfo; MAX_SCANOUTS]);

impl Info {
    /// One display of a default size.
    pub(super) const fn new() -> Self {
        let mut displays = [const {
            DisplayInfo {
                enabled: false,
                width: 0,
                height: 0,
                place: (0, 0),
                edid: KVec::new(),
            }
        }; MAX_SCANOUTS];

        displays[0].enabled = true;
        displays[0].width = DEFAULT_SIZE.0;
        displays[0].height = DEFAULT_SIZE.1;
        Self(displays)
    }

    /// The display of scanout `index`, if there is one.
    pub(super) fn get(&self, index: u32) -> Option<&DisplayInfo> {
        self.0
            .get(usize::try_from(index).ok()?)
            .filter(|display| display.enabled)
    }
}

/// Asks for everything in one batch, and waits for the answers. What is not answered stays as it was.
pub(super) fn read(dev: &DrmDevice) {
    let scanouts = if dev.features().edid {
        dev.num_scanouts()
    } else {
        0
    };
    let mut edids = [const { None }; MAX_SCANOUTS];

    let displays = {
        let mut batch = dev.queues().batch();

        for (scanout, edid) in (0..scanouts).zip(&mut edids) {
            *edid = batch.request(proto::GetEdid::new(scanout)).ok();
        }
        batch.request(proto::GetDisplayInfo::new())
    };
    let start = Instant::<Monotonic>::now();

    match displays.and_then(|pending| wait(pending, start)) {
        Ok(reply) => apply(dev, &reply),
        Err(e) => dev_warn!(
            dev.parent(),
            "[drm] the host does not tell of its displays: {:?}\n",
            e
        ),
    }
    for (scanout, edid) in edids.into_iter().enumerate() {
        let mut reply = match edid.map(|pending| wait(pending, start)) {
            Some(Ok(reply)) => reply,
            Some(Err(ETIMEDOUT)) => {
                dev_warn!(
                    dev.parent(),
                    "[drm] the host does not tell the EDID of scanout {}\n",
                    scanout
                );
                continue;
            }
            // Refusals have been logged.
            _ => continue,
        };
        keep_edid(&mut reply);
        if !is_whole(&reply) && ratelimit(LABEL) {
            dev_warn!(
                dev.parent(),
                "[drm] the EDID of scanout {} is not whole: {} bytes\n",
                scanout,
                reply.len()
            );
        }
        let mut info = dev.display().info.lock();

        if let Some(display) = info.0.get_mut(scanout) {
            // The reply becomes the EDID; the old one is freed with `reply`, after the lock.
            core::mem::swap(&mut display.edid, &mut reply);
        }
    }
}

/// Waits for a reply until the time since `start` is up.
fn wait<R: proto::Request>(pending: Pending<R>, start: Instant<Monotonic>) -> Result<KVec<u8>> {
    let passed = u32::try_from(start.elapsed().as_millis()).unwrap_or(u32::MAX);

    pending.wait(TIMEOUT_MS.saturating_sub(passed))
}

/// Takes over the answer to [`proto::GetDisplayInfo`].
fn apply(dev: &DrmDevice, reply: &[u8]) {
    let Ok(reply) = check_reply::<proto::RespDisplayInfo>(reply, reply.len()) else {
        return;
    };
    let scanouts = usize::try_from(dev.num_scanouts()).unwrap_or(MAX_SCANOUTS);

    for (scanout, mode) in reply.pmodes.iter().enumerate().take(scanouts) {
        let proto::Rect { width, height, .. } = mode.rect();

        // No size at all is fine.
        let told = width != 0 || height != 0;
        if mode.is_enabled() && told && !is_usable(width, height) && ratelimit(LABEL) {
            dev_warn!(
                dev.parent(),
                "[drm] the host's size of scanout {} makes no mode: {}x{}\n",
                scanout,
                width,
                height
            );
        }
    }

    let mut info = dev.display().info.lock();
    for (display, mode) in info.0.iter_mut().zip(&reply.pmodes).take(scanouts) {
        display.enabled = mode.is_enabled();
        display.width = mode.rect().width;
        display.height = mode.rect().height;
        display.place = (mode.rect().x, mode.rect().y);
    }
}

/// Cuts the EDID out of an answer to [`proto::GetEdid`].
fn keep_edid(reply: &mut KVec<u8>) {
    let len = match check_reply::<proto::RespEdid>(reply, reply.len()) {
        Ok(edid) => edid.bytes().len(),
        Err(_) => 0,
    };
    let from = core::mem::offset_of!(proto::RespEdid, edid);

    if reply.get(from..).is_some_and(|bytes| bytes.len() >= len) {
        reply.copy_within(from..from + len, 0);
        reply.truncate(len);
    } else {
        reply.clear();
    }
}

/// Whether a display of that size, in pixels, can be driven.
pub(super) fn is_usable(width: u32, height: u32) -> bool {
    let usable = |size: u32| (MIN_SIZE..=MAX_SIZE).contains(&size);

    usable(width) && usable(height)
}

/// Whether an EDID has blocks, and all of those that it says it has.
fn is_whole(edid: &[u8]) -> bool {
    let missing = |&extensions: &u8| edid.len() < (usize::from(extensions) + 1) * EDID_BLOCK;

    edid.len() % EDID_BLOCK == 0 && !edid.get(EDID_EXTENSIONS).is_none_or(missing)
}

#[kunit_tests(virtio_gpu_display_info)]
mod tests {
    use super::*;

    /// An answer with an EDID of `len` bytes that count from 1.
    fn answer(type_: u32, len: usize) -> Result<KVec<u8>> {
        let mut reply = KVec::new();

        reply.extend_from_slice(&type_.to_le_bytes(), GFP_KERNEL)?;
        reply.resize(24, 0, GFP_KERNEL)?;
        reply.extend_from_slice(&u32::try_from(len)?.to_le_bytes(), GFP_KERNEL)?;
        reply.resize(32, 0, GFP_KERNEL)?;
        for byte in 0..proto::EDID_LEN {
            // CAST: Wraps.
            reply.push((byte as u8).wrapping_add(1), GFP_KERNEL)?;
        }
        Ok(reply)
    }

    #[test]
    fn edid_is_cut_out() -> Result {
        for len in [0, 128, 256, proto::EDID_LEN] {
            let mut reply = answer(proto::RESP_OK_EDID, len)?;

            keep_edid(&mut reply);
            assert_eq!(reply.len(), len);
            assert!(reply.iter().zip(1u8..).take(128).all(|(&a, b)| a == b));
        }
        Ok(())
    }

    #[test]
    fn whole_edids() -> Result {
        let mut edid = KVec::<u8>::new();

        assert!(!is_whole(&edid));
        edid.resize(128, 0, GFP_KERNEL)?;
        assert!(is_whole(&edid));
        if let Some(extensions) = edid.get_mut(EDID_EXTENSIONS) {
            *extensions = 1;
        }
        assert!(!is_whole(&edid));
        edid.resize(255, 0, GFP_KERNEL)?;
        assert!(!is_whole(&edid));
        edid.resize(256, 0, GFP_KERNEL)?;
        assert!(is_whole(&edid));
        // Room that is not used.
        edid.resize(1024, 0, GFP_KERNEL)?;
        assert!(is_whole(&edid));
        Ok(())
    }

    #[test]
    fn nonsense_is_no_edid() -> Result {
        let mut wrong_type = answer(proto::RESP_OK_NODATA, 128)?;
        let mut too_long = answer(proto::RESP_OK_EDID, proto::EDID_LEN + 1)?;
        let mut short = KVec::new();

        keep_edid(&mut wrong_type);
        keep_edid(&mut too_long);
        keep_edid(&mut short);
        assert!(wrong_type.is_empty() && too_long.is_empty() && short.is_empty());
        Ok(())
    }

    #[test]
    fn there_is_one_display_at_first() {
        let info = Info::new();

        assert!(info
            .get(0)
            .is_some_and(|d| (d.width, d.height) == DEFAULT_SIZE));
        assert!((1..=16).all(|index| info.get(index).is_none()));
    }
}
