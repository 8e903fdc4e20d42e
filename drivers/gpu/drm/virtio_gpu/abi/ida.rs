// SPDX-License-Identifier: GPL-2.0

//! Allocators of small numbers.
//!
//! C header: [`include/linux/idr.h`](srctree/include/linux/idr.h)

use super::bindings;
use core::ops::RangeInclusive;
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// A set of numbers in use.
#[pin_data(PinnedDrop)]
pub(crate) struct Ida {
    #[pin]
    inner: Opaque<bindings::ida>,
}

// SAFETY: An allocator may be used from any task.
unsafe impl Send for Ida {}
// SAFETY: An allocator has its own lock.
unsafe impl Sync for Ida {}

impl Ida {
    /// The largest number there is.
    pub(crate) const MAX: u32 = i32::MAX as u32;

    /// Creates an initializer for an allocator without numbers in use.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            inner <- Opaque::ffi_init(|slot: *mut bindings::ida| {
                // SAFETY: `slot` is valid for writes.
                unsafe { bindings::abi_helper_ida_init(slot) };
            }),
        })
    }

    /// Takes the least number of `range` that is not in use.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`] if all are, [`ENOMEM`].
    pub(crate) fn alloc(&self, range: RangeInclusive<u32>) -> Result<u32> {
        // SAFETY: `inner` is initialised and pinned.
        let id = unsafe {
            bindings::ida_alloc_range(
                self.inner.get(),
                *range.start(),
                *range.end(),
                bindings::GFP_KERNEL,
            )
        };

        u32::try_from(id).map_err(|_| Error::from_errno(id))
    }

    /// Gives `id` back, which must be in use.
    pub(crate) fn free(&self, id: u32) {
        // SAFETY: `inner` is initialised and pinned. A number that is not in use only makes a
        // warning.
        unsafe { bindings::ida_free(self.inner.get(), id) };
    }
}

#[pinned_drop]
impl PinnedDrop for Ida {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: `inner` is initialised, and not used any more.
        unsafe { bindings::ida_destroy(self.inner.get()) };
    }
}
