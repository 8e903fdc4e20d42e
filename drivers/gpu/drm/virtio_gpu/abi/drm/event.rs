// SPDX-License-Identifier: GPL-2.0

//! Events of a driver's own that a client reads from its open file.
//!
//! C header: [`include/drm/drm_file.h`](srctree/include/drm/drm_file.h)

use super::{
    Device,
    Driver,
    File, //
};
use crate::abi::bindings;
use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

/// An event without a body, with room for the record that announces it.
#[repr(C)]
struct Memory {
    /// First, for the core frees this address.
    pending: bindings::drm_pending_event,
    event: bindings::drm_event,
}

/// An event that has a place in the file's queue, and is sent or given up.
///
/// # Invariants
///
/// `memory` is of `kmalloc()` and `drm_event_reserve_init()` has taken it; it was neither sent nor
/// cancelled. The event owns a reference to `dev`, which is the device of the file.
pub(crate) struct Event {
    memory: NonNull<Memory>,
    dev: NonNull<bindings::drm_device>,
}

// SAFETY: Events are sent from wherever the work ends.
unsafe impl Send for Event {}
// SAFETY: A shared `Event` does nothing.
unsafe impl Sync for Event {}

impl Event {
    /// Takes a place in the queue of `file` for an event `type_` that is a header only.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], also if the client does not read its events.
    pub(crate) fn reserve<T: Driver>(
        dev: &Device<T>,
        file: &File<T::File>,
        type_: u32,
    ) -> Result<Self> {
        let memory = KBox::new(
            Memory {
                pending: pin_init::zeroed(),
                event: bindings::drm_event {
                    type_,
                    // CAST: Eight bytes.
                    length: size_of::<bindings::drm_event>() as u32,
                },
            },
            GFP_KERNEL | __GFP_ZERO,
        )?;
        let memory = NonNull::from(KBox::leak(memory));

        // SAFETY: All are valid, and `memory` does not move. The event goes with the pending one.
        let ret = to_result(unsafe {
            bindings::drm_event_reserve_init(
                dev.as_raw(),
                file.as_raw(),
                &raw mut (*memory.as_ptr()).pending,
                &raw mut (*memory.as_ptr()).event,
            )
        });
        if let Err(e) = ret {
            // SAFETY: The core has not taken it; it is the box from above.
            drop(unsafe { KBox::from_raw(memory.as_ptr()) });
            return Err(e);
        }
        // SAFETY: `dev` is valid.
        unsafe { bindings::drm_dev_get(dev.as_raw()) };
        // INVARIANT: Just reserved, with a reference to the device.
        Ok(Self {
            memory,
            // SAFETY: The device is valid, so it is not NULL.
            dev: unsafe { NonNull::new_unchecked(dev.as_raw()) },
        })
    }

    /// Lets the client read the event. If it has closed the file the event is freed. Does not sleep.
    pub(crate) fn send(self) {
        let this = ManuallyDrop::new(self);

        // SAFETY: By the type invariants; the core frees the memory. The device is not used any more.
        unsafe {
            bindings::drm_send_event(this.dev.as_ptr(), &raw mut (*this.memory.as_ptr()).pending);
            bindings::drm_dev_put(this.dev.as_ptr());
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: By the type invariants; the core frees the memory.
        unsafe {
            bindings::drm_event_cancel_free(
                self.dev.as_ptr(),
                &raw mut (*self.memory.as_ptr()).pending,
            );
            bindings::drm_dev_put(self.dev.as_ptr());
        }
    }
}
