// SPDX-License-Identifier: GPL-2.0

//! The device's configuration space.
#![forbid(unsafe_code)]

use core::mem::offset_of;

use zerocopy::little_endian::U32;
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

/// `events_read`: the display info or an EDID changed.
pub const EVENT_DISPLAY: u32 = 1 << 0;

/// `struct virtio_gpu_config`
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct Config {
    /// Pending `EVENT_*`.
    pub events_read: U32,
    /// Writing an event's bit here clears it in `events_read`.
    pub events_clear: U32,
    /// Scanouts, 1 to 16. Unchecked.
    pub num_scanouts: U32,
    /// Capability sets. Unchecked.
    pub num_capsets: U32,
    /// Blob alignment in bytes. Exists only where bit 5 means that; many hosts end before it.
    pub blob_alignment: U32,
}

/// Offset of [`Config::events_read`].
pub const CONFIG_EVENTS_READ: u32 = offset_of!(Config, events_read) as u32;
/// Offset of [`Config::events_clear`].
pub const CONFIG_EVENTS_CLEAR: u32 = offset_of!(Config, events_clear) as u32;
/// Offset of [`Config::num_scanouts`].
pub const CONFIG_NUM_SCANOUTS: u32 = offset_of!(Config, num_scanouts) as u32;
/// Offset of [`Config::num_capsets`].
pub const CONFIG_NUM_CAPSETS: u32 = offset_of!(Config, num_capsets) as u32;
/// Offset of [`Config::blob_alignment`].
pub const CONFIG_BLOB_ALIGNMENT: u32 = offset_of!(Config, blob_alignment) as u32;

wire_size! { Config = 20; }
