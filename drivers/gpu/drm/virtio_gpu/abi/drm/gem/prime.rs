// SPDX-License-Identifier: GPL-2.0

//! Sharing GEM objects as dma-bufs.
//!
//! Objects are exported by the helpers of the DRM core. A dma-buf of the device itself is imported
//! as the object that it is of; no other can be imported.
//!
//! C header: [`include/drm/drm_prime.h`](srctree/include/drm/drm_prime.h)

use super::{
    DriverObject,
    Object, //
};
use crate::abi::bindings;
use kernel::prelude::*;

impl<T: DriverObject> Object<T> {
    /// The `gem_prime_import` hook of a driver.
    pub(in crate::abi::drm) extern "C" fn prime_import_callback(
        dev: *mut bindings::drm_device,
        buf: *mut bindings::dma_buf,
    ) -> *mut bindings::drm_gem_object {
        // SAFETY: The core calls this with a valid device and a valid dma-buf.
        if !unsafe { bindings::drm_gem_is_prime_exported_dma_buf(dev, buf) } {
            return ENODEV.to_ptr();
        }
        // SAFETY: As above. Takes a reference to the object behind `buf`, which is of `dev`.
        unsafe { bindings::drm_gem_prime_import(dev, buf) }
    }
}
