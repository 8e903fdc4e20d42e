// SPDX-License-Identifier: GPL-2.0

//! Memory that lives as long as a DRM device.
//!
//! C header: [`include/drm/drm_managed.h`](srctree/include/drm/drm_managed.h)

use crate::abi::{
    bindings,
    drm::{
        Device,
        Driver, //
    }, //
};
use core::mem::{
    align_of,
    size_of, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

/// The type of a release action.
pub(super) type Action = unsafe extern "C" fn(*mut bindings::drm_device, *mut c_void);

/// Allocates a `T` that is dropped and freed after the last reference to `dev` is gone, after what is
/// added later, and after the driver's data of the device.
///
/// # Errors
///
/// [`ENOMEM`] and those of `init`.
pub(super) fn alloc<'a, D: Driver, T: Send + Sync + 'static>(
    dev: &'a Device<D>,
    init: impl PinInit<T, Error>,
) -> Result<&'a T> {
    const {
        assert!(align_of::<T>() <= align_of::<u64>());
    }
    // SAFETY: `dev` is a valid device.
    let ptr = unsafe { bindings::drmm_kmalloc(dev.as_raw(), size_of::<T>(), bindings::GFP_KERNEL) }
        .cast::<T>();

    if ptr.is_null() {
        return Err(ENOMEM);
    }
    // SAFETY: `ptr` is memory for a `T`, which does not move until it is freed.
    unsafe { pin_init::raw_try_init(ptr, init) }.inspect_err(|_| {
        // SAFETY: Allocated above, and nobody uses it.
        unsafe { bindings::drmm_kfree(dev.as_raw(), ptr.cast()) };
    })?;
    // SAFETY: `ptr` is initialised; if this fails it is dropped, and its memory stays with `dev`.
    unsafe { add_action(dev, drop_action::<T>, ptr.cast()) }?;

    // SAFETY: `ptr` stays valid as long as the device, and only shared references are made.
    Ok(unsafe { &*ptr })
}

/// Has `action` called with `data` when `dev` is released, or at once if this fails.
///
/// # Safety
///
/// It must be sound to call `action` with `data` once, then or at once.
pub(super) unsafe fn add_action<D: Driver>(
    dev: &Device<D>,
    action: Action,
    data: *mut c_void,
) -> Result {
    // SAFETY: `dev` is a valid device; the name is static.
    to_result(unsafe {
        bindings::__drmm_add_action_or_reset(
            dev.as_raw(),
            Some(action),
            data,
            c"abi::drm::kms".as_char_ptr(),
        )
    })
}

/// # Safety
///
/// For [`add_action`] only, with what it is given there.
unsafe extern "C" fn drop_action<T>(_dev: *mut bindings::drm_device, data: *mut c_void) {
    // SAFETY: `data` is the `T` that `alloc()` has made, and is not used any more.
    unsafe { core::ptr::drop_in_place(data.cast::<T>()) };
}
