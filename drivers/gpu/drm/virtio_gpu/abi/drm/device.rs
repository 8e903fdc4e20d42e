// SPDX-License-Identifier: GPL-2.0

//! DRM devices.
//!
//! C header: [`include/drm/drm_device.h`](srctree/include/drm/drm_device.h)

use super::{
    driver::VTable,
    Driver, //
};
use crate::abi::{
    bindings,
    refs::Counted, //
};
use core::{
    alloc::Layout,
    mem::offset_of,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    device,
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*,
    sync::aref::{
        ARef,
        AlwaysRefCounted, //
    },
    types::Opaque, //
};

/// A DRM device of driver `T`, with the driver's data, which it dereferences to.
///
/// # Invariants
///
/// `dev` is a valid `struct drm_device` that [`Device::new`] has allocated, and `data` is
/// initialised.
#[repr(C)]
pub(crate) struct Device<T: Driver> {
    dev: Opaque<bindings::drm_device>,
    data: T::Data,
}

// SAFETY: A DRM device can be released from any thread.
unsafe impl<T: Driver> Send for Device<T> {}
// SAFETY: A DRM device is shared by design; `T::Data` is `Sync`.
unsafe impl<T: Driver> Sync for Device<T> {}

impl<T: Driver> Device<T> {
    /// Allocates a device with `parent`, which is the device that does DMA. It is not known to
    /// userspace until it is registered.
    ///
    /// # Errors
    ///
    /// Those of `data`, [`ENOMEM`].
    pub(crate) fn new(
        parent: &device::Device,
        data: impl PinInit<T::Data, Error>,
    ) -> Result<ARef<Self>> {
        let layout = Layout::new::<Self>().pad_to_align();
        // Without `release` until the data is there, for that callback drops it.
        let unfinished = bindings::drm_driver {
            release: None,
            ..VTable::<T>::DRIVER
        };

        // SAFETY: `parent` is a valid device, which the new one takes a reference to, and
        // `unfinished` lives until it is replaced below or the device is gone.
        let this: *mut Self = unsafe {
            bindings::__drm_dev_alloc(
                core::ptr::from_ref(parent).cast_mut().cast(),
                &unfinished,
                layout.size(),
                offset_of!(Self, dev),
            )
        }
        .cast();
        let this = NonNull::new(from_err_ptr(this)?).ok_or(ENOMEM)?;
        // SAFETY: The allocation was successful; only field addresses are taken.
        let (dev, slot) = unsafe {
            (
                Opaque::cast_into(&raw const (*this.as_ptr()).dev),
                &raw mut (*this.as_ptr()).data,
            )
        };

        // SAFETY: `slot` is uninitialised memory that does not move while the device lives.
        unsafe { pin_init::raw_try_init(slot, data) }.inspect_err(|_| {
            // SAFETY: Ours is the only reference; there is no `release` yet.
            unsafe { bindings::drm_dev_put(dev) };
        })?;
        // SAFETY: Nobody else knows the device yet.
        unsafe { (*dev).driver = const { &VTable::<T>::DRIVER } };

        // INVARIANT: Both fields are initialised.
        // SAFETY: The reference of the allocation goes to the `ARef`.
        Ok(unsafe { ARef::from_raw(this) })
    }

    pub(in crate::abi) fn as_raw(&self) -> *mut bindings::drm_device {
        self.dev.get()
    }

    /// # Safety
    ///
    /// `dev` must be a valid `struct drm_device` of driver `T`, and stay so as long as the result is
    /// used.
    pub(in crate::abi) unsafe fn from_raw<'a>(dev: *const bindings::drm_device) -> &'a Self {
        // SAFETY: By the safety requirements `dev` is the field of a `Self`.
        unsafe { &*kernel::container_of!(Opaque::cast_from(dev), Self, dev) }
    }

    /// The device that the DRM device was made for, its DMA device.
    pub(crate) fn parent(&self) -> &device::Device {
        // SAFETY: `dev` is valid by the type invariant, and holds a reference to its parent.
        unsafe { device::Device::from_raw((*self.as_raw()).dev) }
    }

    /// Makes the device known to userspace.
    ///
    /// # Errors
    ///
    /// Those of the DRM core.
    pub(crate) fn register(&self) -> Result {
        // SAFETY: `dev` is valid by the type invariant.
        to_result(unsafe { bindings::drm_dev_register(self.as_raw(), 0) })
    }

    /// Takes the device away from userspace. New calls fail with [`ENODEV`].
    pub(crate) fn unplug(&self) {
        // SAFETY: `dev` is valid by the type invariant.
        unsafe { bindings::drm_dev_unplug(self.as_raw()) };
    }

    /// Takes all pages of objects out of the address spaces of programs. Those that are touched again fault.
    pub(crate) fn take_mappings_out(&self) {
        // SAFETY: The device is valid, and has an inode as long as it is.
        unsafe { bindings::abi_helper_drm_unmap_all(self.as_raw()) };
    }

    /// Masks features of the driver that this device does not have. Only before registration.
    pub(crate) fn mask_features(&self, features: u32) {
        // SAFETY: `dev` is valid by the type invariant. The word is read by ioctls only after
        // registration.
        unsafe { (*self.as_raw()).driver_features &= !features };
    }

    pub(super) extern "C" fn release_callback(dev: *mut bindings::drm_device) {
        // SAFETY: The core calls this for a device of this driver, once, when nobody uses it.
        let this = unsafe { kernel::container_of!(Opaque::cast_from(dev), Self, dev) }.cast_mut();

        // SAFETY: As above. The memory itself is freed by the core.
        unsafe { core::ptr::drop_in_place(&raw mut (*this).data) };
    }
}

impl<T: Driver> Deref for Device<T> {
    type Target = T::Data;

    fn deref(&self) -> &T::Data {
        &self.data
    }
}

// SAFETY: `drm_dev_get()` and `drm_dev_put()` count in `ref`, and only the last put frees the device.
unsafe impl<T: Driver> Counted for Device<T> {
    fn count(&self) -> *mut bindings::refcount_t {
        // SAFETY: The device is valid.
        unsafe { &raw mut (*self.as_raw()).ref_.refcount }
    }
}

// SAFETY: DRM devices are reference-counted by `drm_dev_get()` and `drm_dev_put()`.
unsafe impl<T: Driver> AlwaysRefCounted for Device<T> {
    fn inc_ref(&self) {
        // SAFETY: A reference exists, so the count is not zero.
        unsafe { bindings::drm_dev_get(self.as_raw()) };
    }

    unsafe fn dec_ref(this: NonNull<Self>) {
        // SAFETY: The caller gives up a reference, so the device is valid until the put.
        unsafe { bindings::drm_dev_put(Opaque::cast_into(&raw const (*this.as_ptr()).dev)) };
    }
}
