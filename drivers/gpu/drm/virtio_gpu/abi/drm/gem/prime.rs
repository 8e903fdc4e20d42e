// SPDX-License-Identifier: GPL-2.0

//! Taking dma-bufs in as GEM objects.
//!
//! A dma-buf of the device itself is the object that it is of; no other can be imported.
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
        // SAFETY: The core calls this with a valid device of the driver and a valid dma-buf.
        match unsafe { Self::of_dma_buf(dev, buf) } {
            Some(obj) => {
                // SAFETY: The dma-buf has a reference to the object.
                unsafe { bindings::abi_helper_gem_object_get(obj.as_ptr()) };
                obj.as_ptr()
            }
            None => ENODEV.to_ptr(),
        }
    }
}
