// SPDX-License-Identifier: GPL-2.0

//! The configuration space of a virtio-gpu device (virtio specification, "GPU Device", device
//! configuration layout).
#![forbid(unsafe_code)]

use crate::abi::virtio::config::Config;
use kernel::prelude::*;

/// Bit of `events_read` and `events_clear`: display information has changed.
pub(crate) const EVENT_DISPLAY: u32 = 1 << 0;

const EVENTS_READ: u32 = 0;
const EVENTS_CLEAR: u32 = 4;
const NUM_SCANOUTS: u32 = 8;
const NUM_CAPSETS: u32 = 12;
const BLOB_ALIGNMENT: u32 = 16;

/// The pending events.
pub(crate) fn events(config: &Config<'_>) -> Result<u32> {
    config.read_u32(EVENTS_READ)
}

/// Acknowledges events.
pub(crate) fn clear_events(config: &Config<'_>, events: u32) -> Result {
    config.write_u32(EVENTS_CLEAR, events)
}

/// Number of scanouts that the device says it has.
pub(crate) fn num_scanouts(config: &Config<'_>) -> Result<u32> {
    config.read_u32(NUM_SCANOUTS)
}

/// Number of capability sets that the device says it has.
pub(crate) fn num_capsets(config: &Config<'_>) -> Result<u32> {
    config.read_u32(NUM_CAPSETS)
}

/// The raw word that is the blob alignment, if the device means that by its feature bit 5.
///
/// # Errors
///
/// [`EINVAL`] if the device has no such field, as those before that feature.
pub(crate) fn blob_alignment(config: &Config<'_>) -> Result<u32> {
    config.read_u32(BLOB_ALIGNMENT)
}
