// SPDX-License-Identifier: GPL-2.0

//! What Rust for Linux lacks and this driver needs: virtio, DRM with KMS, dma-fence and a few
//! synchronisation primitives.
//!
//! The modules are laid out and written as `rust/kernel` would have them and know nothing of
//! virtio-gpu, so that moving one upstream is moving a file. All `unsafe`, all `extern "C"` and all
//! raw bindings of the driver are in here.

pub(crate) mod bindings;
pub(crate) mod drm;
pub(crate) mod ida;
pub(crate) mod module_param;
pub(crate) mod print;
mod proto_check;
pub(crate) mod refs;
pub(crate) mod sg;
pub(crate) mod sync;
pub(crate) mod task;
pub(crate) mod trace;
pub(crate) mod uapi;
pub(crate) mod vgaarb;
pub(crate) mod virtio;
