// SPDX-License-Identifier: GPL-2.0

//! Bounds that the protocol sets.
#![forbid(unsafe_code)]

/// Scanouts of a device (`VIRTIO_GPU_MAX_SCANOUTS`).
pub const MAX_SCANOUTS: u32 = 16;
/// Largest capset id that the uapi's 64-bit masks can name.
pub const MAX_CAPSET_ID: u32 = 63;
/// Timelines of a context: `ring_idx` is 0..=63.
pub const MAX_RINGS: u32 = 64;
/// Bytes of a context's debug name on the wire.
pub const DEBUG_NAME_LEN: usize = 64;
/// Bytes of the largest capability set that is asked for; known hosts' are a few KiB, and the number comes from the host.
pub const MAX_CAPSET_LEN: u32 = 64 * 1024;
/// Bytes of EDID in a reply.
pub const EDID_LEN: usize = 1024;
/// Planes of a framebuffer or of a layout reply.
pub const MAX_PLANES: usize = 4;
/// Fence ids that are sent with one submit; more dependencies are waited for in the guest.
pub const MAX_IN_FENCES: usize = 64;
/// Id of the shared memory region that host blobs are mapped into (`VIRTIO_GPU_SHM_ID_HOST_VISIBLE`).
pub const SHM_ID_HOST_VISIBLE: u8 = 1;
