// SPDX-License-Identifier: GPL-2.0

//! Planes that show why the kernel has died.
//!
//! The core calls these hooks with everything else at a standstill, and draws into the pages of the
//! framebuffer that is shown. Nothing here sleeps, locks or allocates.
//!
//! C header: [`include/drm/drm_panic.h`](srctree/include/drm/drm_panic.h)

use super::{
    atomic::PlaneState,
    plane::{
        DriverPlane,
        Plane, //
    }, //
};
use crate::abi::{
    bindings,
    drm::{
        gem,
        Driver, //
    }, //
};
use kernel::{
    page::PAGE_SIZE,
    prelude::*, //
};

/// Bytes of a pixel.
const PIXEL: usize = 4;

/// Where the pixels are that a plane shows.
struct Picture {
    pages: *mut *mut bindings::page,
    len: usize,
    /// The byte of the first pixel.
    start: usize,
    pitch: usize,
}

impl Picture {
    /// # Safety
    ///
    /// The states of `plane` must not change as long as the result is used.
    unsafe fn new<T: DriverPlane>(plane: &Plane<T>) -> Option<(Self, PlaneState<'_, T::Driver>)> {
        // SAFETY: By the safety requirements.
        let state = unsafe {
            let state = (*plane.as_raw()).state;
            if state.is_null() || !(*state).visible {
                return None;
            }
            PlaneState::from_raw(state)
        };
        let fb = state.framebuffer()?;
        let object: &gem::Object<<T::Driver as Driver>::Object> = fb.object();
        let source = state.source();
        let (x, y) = (
            usize::try_from(source.x).ok()?,
            usize::try_from(source.y).ok()?,
        );
        let pitch = usize::try_from(fb.pitch()).ok()?;
        let start = y
            .checked_mul(pitch)?
            .checked_add(x.checked_mul(PIXEL)?)?
            .checked_add(usize::try_from(fb.offset()).ok()?)?;

        // So that no pixel lies across pages.
        if start % PIXEL != 0 || pitch % PIXEL != 0 || !fb.has_pixels_of(PIXEL) {
            return None;
        }
        let picture = Self {
            pages: object.pages()?.as_ptr(),
            len: object.size(),
            start,
            pitch,
        };
        Some((picture, state))
    }

    /// Writes a pixel, unless it is outside of the object or cannot be reached.
    ///
    /// # Safety
    ///
    /// The pages must be those of an object of `len` bytes, pinned.
    unsafe fn set(&self, x: usize, y: usize, colour: u32) {
        let place = y
            .checked_mul(self.pitch)
            .and_then(|line| line.checked_add(x.checked_mul(PIXEL)?))
            .and_then(|pixel| pixel.checked_add(self.start))
            .filter(|&pixel| pixel.checked_add(PIXEL).is_some_and(|end| end <= self.len));
        let Some(place) = place else {
            return;
        };

        // SAFETY: By the safety requirements there is a page for each of the object's bytes. The pixel
        // lies in one page, as start and pitch are multiples of its size.
        unsafe {
            let page = *self.pages.add(place / PAGE_SIZE);
            let address = bindings::abi_helper_page_address_in_panic(page);
            if !address.is_null() {
                address
                    .cast::<u8>()
                    .add(place % PAGE_SIZE)
                    .cast::<u32>()
                    .write_volatile(colour);
            }
        }
    }
}

/// # Safety
///
/// For its slot in a C vtable only.
pub(super) unsafe extern "C" fn get_scanout_buffer_callback<T: DriverPlane>(
    plane: *mut bindings::drm_plane,
    buffer: *mut bindings::drm_scanout_buffer,
) -> c_int {
    // SAFETY: The core calls this with a plane of this type, under a lock that keeps its state as it
    // is, and with a zeroed buffer.
    unsafe {
        let Some((picture, state)) = Picture::new(Plane::<T>::from_raw(plane)) else {
            return ENODEV.to_errno();
        };
        let Some(fb) = state.framebuffer() else {
            return ENODEV.to_errno();
        };
        let source = state.source();

        (*buffer).format = fb.raw_format();
        (*buffer).width = source.width;
        (*buffer).height = source.height;
        (*buffer).pitch[0] = fb.pitch();
        if picture.start % PAGE_SIZE == 0 {
            (*buffer).pages = picture.pages.add(picture.start / PAGE_SIZE);
        } else {
            (*buffer).set_pixel = Some(set_pixel_callback::<T>);
            (*buffer).private = plane.cast();
        }
    }
    0
}

/// # Safety
///
/// For the slot in a `struct drm_scanout_buffer` only, with its plane there.
unsafe extern "C" fn set_pixel_callback<T: DriverPlane>(
    buffer: *mut bindings::drm_scanout_buffer,
    x: c_uint,
    y: c_uint,
    colour: u32,
) {
    // SAFETY: As in `get_scanout_buffer_callback()`, which has made the buffer; the lock is still held.
    unsafe {
        let plane = Plane::<T>::from_raw((*buffer).private.cast());

        if let (Some((picture, _)), Ok(x), Ok(y)) =
            (Picture::new(plane), usize::try_from(x), usize::try_from(y))
        {
            picture.set(x, y, colour);
        }
    }
}

/// # Safety
///
/// For its slot in a C vtable only.
pub(super) unsafe extern "C" fn flush_callback<T: DriverPlane>(plane: *mut bindings::drm_plane) {
    // SAFETY: As in `get_scanout_buffer_callback()`.
    unsafe {
        let plane = Plane::<T>::from_raw(plane);

        if let Some((_, state)) = Picture::new(plane) {
            T::panic_flush(plane, &state);
        }
    }
}
