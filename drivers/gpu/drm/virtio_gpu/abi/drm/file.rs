// SPDX-License-Identifier: GPL-2.0

//! Open DRM files.
//!
//! C header: [`include/drm/drm_file.h`](srctree/include/drm/drm_file.h)

use super::{
    Device,
    Driver, //
};
use crate::abi::bindings;
use core::marker::PhantomData;
use kernel::{
    error::from_result,
    prelude::*,
    types::Opaque, //
};

/// What a driver keeps for each open file.
pub(crate) trait DriverFile: Sized + Send + Sync + 'static {
    /// The driver.
    type Driver: Driver<File = Self>;

    /// A client opens the device.
    fn open(dev: &Device<Self::Driver>) -> Result<Pin<KBox<Self>>>;

    /// A client has closed the device. Its object handles are gone already.
    fn close(dev: &Device<Self::Driver>, this: Pin<KBox<Self>>);
}

/// An open DRM file.
///
/// # Invariants
///
/// Instances are only ever references to a valid `struct drm_file` whose `driver_priv` is a `T` from
/// [`DriverFile::open`].
#[repr(transparent)]
pub(crate) struct File<T: DriverFile>(Opaque<bindings::drm_file>, PhantomData<T>);

impl<T: DriverFile> File<T> {
    /// # Safety
    ///
    /// `ptr` must be a valid `struct drm_file` that `open_callback()` has opened, and stay so as long
    /// as the result is used.
    pub(in crate::abi) unsafe fn from_raw<'a>(ptr: *mut bindings::drm_file) -> &'a Self {
        // SAFETY: By the safety requirements.
        unsafe { &*ptr.cast() }
    }

    pub(in crate::abi) fn as_raw(&self) -> *mut bindings::drm_file {
        self.0.get()
    }

    /// The driver's part.
    pub(crate) fn inner(&self) -> Pin<&T> {
        // SAFETY: By the type invariant `driver_priv` is a pinned `T`.
        unsafe { Pin::new_unchecked(&*(*self.as_raw()).driver_priv.cast::<T>()) }
    }

    /// Whether the file is of the node that displays are controlled by.
    pub(crate) fn is_primary(&self) -> bool {
        // SAFETY: The file is valid by the type invariant, and its minor outlives it.
        let kind = unsafe { (*(*self.as_raw()).minor).type_ };

        u32::try_from(kind) == Ok(bindings::drm_minor_type_DRM_MINOR_PRIMARY)
    }

    pub(super) extern "C" fn open_callback(
        dev: *mut bindings::drm_device,
        file: *mut bindings::drm_file,
    ) -> c_int {
        // SAFETY: The DRM core calls this with a device of this driver.
        let dev = unsafe { Device::<T::Driver>::from_raw(dev) };

        from_result(|| {
            let inner = T::open(dev)?;

            // SAFETY: `file` is valid and not yet in use; it is unpinned into a raw pointer only,
            // and `postclose_callback()` makes a pinned box of it again.
            unsafe {
                (*file).driver_priv = KBox::into_raw(Pin::into_inner_unchecked(inner)).cast();
            }
            Ok(0)
        })
    }

    pub(super) extern "C" fn postclose_callback(
        dev: *mut bindings::drm_device,
        file: *mut bindings::drm_file,
    ) {
        // SAFETY: The DRM core calls this with a device of this driver.
        let dev = unsafe { Device::<T::Driver>::from_raw(dev) };
        // SAFETY: The core calls this once for a file whose `open_callback()` succeeded, so
        // `driver_priv` is the box from there.
        let inner = unsafe { Pin::new_unchecked(KBox::from_raw((*file).driver_priv.cast::<T>())) };

        T::close(dev, inner);
    }
}
