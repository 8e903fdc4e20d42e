// SPDX-License-Identifier: GPL-2.0

//! The configuration space of a virtio-gpu device (virtio specification, "GPU Device", device
//! configuration layout).
#![forbid(unsafe_code)]

use crate::abi::virtio::config::Config;
use kernel::prelude::*;
use virtio_gpu_proto as proto;

/// The pending events.
pub(crate) fn events(config: &Config<'_>) -> Result<u32> {
    config.read_u32(proto::CONFIG_EVENTS_READ)
}

/// Acknowledges events.
pub(crate) fn clear_events(config: &Config<'_>, events: u32) -> Result {
    config.write_u32(proto::CONFIG_EVENTS_CLEAR, events)
}

/// Number of scanouts that the device says it has.
pub(crate) fn num_scanouts(config: &Config<'_>) -> Result<u32> {
    config.read_u32(proto::CONFIG_NUM_SCANOUTS)
}

/// Number of capability sets that the device says it has.
pub(crate) fn num_capsets(config: &Config<'_>) -> Result<u32> {
    config.read_u32(proto::CONFIG_NUM_CAPSETS)
}

/// The raw word that is the blob alignment, if the device means that by its feature bit 5.
///
/// # Errors
///
/// [`EINVAL`] if the device has no such field, as those before that feature.
pub(crate) fn blob_alignment(config: &Config<'_>) -> Result<u32> {
    config.read_u32(proto::CONFIG_BLOB_ALIGNMENT)
}
