// SPDX-License-Identifier: GPL-2.0

//! Reservation objects: the fences that a piece of shared memory has to wait for.
//!
//! C header: [`include/linux/dma-resv.h`](srctree/include/linux/dma-resv.h)

use super::Fence;
use crate::abi::bindings;
use kernel::{
    error::to_result,
    prelude::*,
    time::Jiffies,
    types::{
        NotThreadSafe,
        Opaque, //
    }, //
};

/// What a fence in a reservation object stands for. Waiting for one includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Usage {
    /// The kernel moves or clears the memory.
    Kernel = bindings::dma_resv_usage_DMA_RESV_USAGE_KERNEL,
    /// The memory is written to.
    Write = bindings::dma_resv_usage_DMA_RESV_USAGE_WRITE,
    /// The memory is read.
    Read = bindings::dma_resv_usage_DMA_RESV_USAGE_READ,
}

/// A reservation object.
///
/// # Invariants
///
/// Instances are only ever references to a valid `struct dma_resv`.
#[repr(transparent)]
pub(crate) struct Reservation(Opaque<bindings::dma_resv>);

// SAFETY: A reservation object may be used from any task; it has a lock.
unsafe impl Sync for Reservation {}

impl Reservation {
    /// # Safety
    ///
    /// `resv` must be a valid `struct dma_resv`, and stay so as long as the result is used.
    pub(in crate::abi) unsafe fn from_raw<'a>(resv: *mut bindings::dma_resv) -> &'a Self {
        // SAFETY: By the safety requirements; the type is transparent.
        unsafe { &*resv.cast() }
    }

    /// Locks the object with room for one more fence.
    ///
    /// # Errors
    ///
    /// [`EINTR`] if a signal is pending, [`ENOMEM`].
    pub(crate) fn lock_for_fence(&self) -> Result<ReservationGuard<'_>> {
        // SAFETY: The object is valid by the type invariant.
        to_result(unsafe { bindings::abi_helper_dma_resv_lock_interruptible(self.0.get()) })?;
        // INVARIANT: Locked just now.
        let guard = ReservationGuard {
            resv: self,
            _not_send: NotThreadSafe,
        };

        // SAFETY: The object is valid, and locked by us.
        to_result(unsafe { bindings::dma_resv_reserve_fences(self.0.get(), 1) })?;
        Ok(guard)
    }

    /// Whether all fences of `usage` and those before it have signalled.
    pub(crate) fn is_signaled(&self, usage: Usage) -> bool {
        // SAFETY: The object is valid by the type invariant.
        unsafe { bindings::dma_resv_test_signaled(self.0.get(), usage as bindings::dma_resv_usage) }
    }

    /// Waits for all fences of `usage` and those before it.
    ///
    /// # Errors
    ///
    /// [`ETIMEDOUT`] after `timeout`, [`ERESTARTSYS`] if a signal is pending.
    pub(crate) fn wait_interruptible(&self, usage: Usage, timeout: Jiffies) -> Result {
        // SAFETY: The object is valid by the type invariant.
        let left = unsafe {
            bindings::dma_resv_wait_timeout(
                self.0.get(),
                usage as bindings::dma_resv_usage,
                true,
                timeout,
            )
        };

        match left {
            0 => Err(ETIMEDOUT),
            // CAST: An errno fits.
            left if left < 0 => Err(Error::from_errno(left as i32)),
            _ => Ok(()),
        }
    }
}

/// A locked reservation object with room for a fence. Unlocked when dropped.
///
/// # Invariants
///
/// The lock of `resv` is held, and there is room for a fence.
pub(crate) struct ReservationGuard<'a> {
    resv: &'a Reservation,
    _not_send: NotThreadSafe,
}

impl ReservationGuard<'_> {
    /// Adds `fence`, in place of an earlier one of its timeline.
    pub(crate) fn add_fence(self, fence: &Fence, usage: Usage) {
        // SAFETY: By the type invariant the object is locked and has room; it takes a reference of
        // its own to the fence.
        unsafe {
            bindings::dma_resv_add_fence(
                self.resv.0.get(),
                fence.as_raw(),
                usage as bindings::dma_resv_usage,
            )
        };
    }
}

impl Drop for ReservationGuard<'_> {
    fn drop(&mut self) {
        // SAFETY: The lock is held by the type invariant.
        unsafe { bindings::abi_helper_dma_resv_unlock(self.resv.0.get()) };
    }
}
