// SPDX-License-Identifier: GPL-2.0

//! A completion whose waits end: by a bound, and by the death of the waiting task.
//!
//! C header: [`include/linux/completion.h`](srctree/include/linux/completion.h)

use crate::abi::bindings;
use kernel::{
    prelude::*,
    time::Jiffies,
    types::Opaque, //
};

/// Something that happens once, and that tasks wait for.
#[pin_data]
pub(crate) struct Completion {
    #[pin]
    inner: Opaque<bindings::completion>,
}

// SAFETY: A `struct completion` may be used from any task.
unsafe impl Send for Completion {}
// SAFETY: A `struct completion` has its own lock.
unsafe impl Sync for Completion {}

impl Completion {
    /// Creates an initializer for a new [`Completion`].
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            inner <- Opaque::ffi_init(|slot: *mut bindings::completion| {
                // SAFETY: `slot` is valid for writes.
                unsafe { bindings::init_completion(slot) };
            }),
        })
    }

    /// Wakes every task that waits, and lets every later wait return at once.
    pub(crate) fn complete_all(&self) {
        // SAFETY: `inner` is initialised and pinned.
        unsafe { bindings::complete_all(self.inner.get()) };
    }

    /// Waits, but not longer than `timeout`, and not when the task is being killed.
    ///
    /// # Errors
    ///
    /// [`ETIMEDOUT`], or [`ERESTARTSYS`] if a fatal signal is pending.
    pub(crate) fn wait_killable_timeout(&self, timeout: Jiffies) -> Result {
        // SAFETY: `inner` is initialised and pinned.
        let left =
            unsafe { bindings::wait_for_completion_killable_timeout(self.inner.get(), timeout) };

        match left {
            0 => Err(ETIMEDOUT),
            n if n < 0 => Err(ERESTARTSYS),
            _ => Ok(()),
        }
    }
}
