// SPDX-License-Identifier: GPL-2.0

//! The VGA arbiter: who may use the legacy VGA ports and memory, of which a machine has one set.
//!
//! C header: [`include/linux/vgaarb.h`](srctree/include/linux/vgaarb.h)

use crate::abi::bindings;
use core::ptr::NonNull;
use kernel::{
    error::from_err_ptr,
    prelude::*, //
};

/// The legacy VGA resources, held for a PCI function until this is dropped.
///
/// # Invariants
///
/// The pointer is a PCI function that `abi_helper_vga_get()` has returned.
pub(crate) struct LegacyVga(NonNull<bindings::pci_dev>);

impl LegacyVga {
    /// Takes them for the first PCI function with these ids. `None` if there is none or it is not a
    /// VGA one.
    ///
    /// # Errors
    ///
    /// Those of the arbiter, among them that a signal has arrived while others had the resources.
    pub(crate) fn take(vendor: u32, device: u32) -> Result<Option<Self>> {
        // SAFETY: No requirements but to be called in a task.
        let pdev = from_err_ptr(unsafe { bindings::abi_helper_vga_get(vendor, device) })?;

        // INVARIANT: The pointer is from that function.
        Ok(NonNull::new(pdev).map(Self))
    }
}

impl Drop for LegacyVga {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; this is the only put.
        unsafe { bindings::abi_helper_vga_put(self.0.as_ptr()) };
    }
}
