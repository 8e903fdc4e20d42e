// SPDX-License-Identifier: GPL-2.0

//! The configuration space of a virtio device.
//!
//! Accessors take byte offsets, values are little-endian on the wire and in the CPU's order here.
//! Nothing is read or written past the end where the length is known.
//!
//! C header: [`include/linux/virtio_config.h`](srctree/include/linux/virtio_config.h)

use super::{
    Device,
    Negotiation, //
};
use crate::abi::bindings;
use core::marker::PhantomData;
use kernel::{
    device,
    error::to_result,
    prelude::*, //
};

/// The configuration space of a device that is bound, or about to be.
///
/// # Invariants
///
/// `vdev` is valid, and its transport in reach, for `'a`.
pub(crate) struct Config<'a> {
    vdev: *mut bindings::virtio_device,
    len: Option<u32>,
    _dev: PhantomData<&'a Device>,
}

impl Device<device::Core<'_>> {
    /// Gives access to the configuration space.
    pub(crate) fn config(&self) -> Config<'_> {
        // SAFETY: The device is in a bus callback of its driver for as long as it is borrowed.
        unsafe { Config::new(self.as_raw()) }
    }
}

impl Device<device::Bound> {
    /// Gives access to the configuration space.
    pub(crate) fn config(&self) -> Config<'_> {
        // SAFETY: The device is bound for as long as it is borrowed.
        unsafe { Config::new(self.as_raw()) }
    }
}

impl Negotiation<'_> {
    /// Gives access to the configuration space.
    pub(crate) fn config(&self) -> Config<'_> {
        // SAFETY: The device is in a bus callback of its driver for as long as it is borrowed.
        unsafe { Config::new(self.device().as_raw()) }
    }
}

impl Config<'_> {
    /// # Safety
    ///
    /// `vdev` must be valid, and its transport in reach, for the lifetime of the result.
    unsafe fn new(vdev: *mut bindings::virtio_device) -> Self {
        // SAFETY: By the safety requirements.
        let len = unsafe { bindings::abi_helper_virtio_pci_config_len(vdev) };

        // Another transport does not tell. A PCI device that does not say how much configuration it
        // has has none.
        let len = match to_result(len) {
            Err(e) if e == ENODEV => None,
            _ => Some(u32::try_from(len).unwrap_or(0)),
        };

        // INVARIANT: By the safety requirements.
        Config {
            vdev,
            len,
            _dev: PhantomData,
        }
    }

    /// Whether four bytes at `offset` are inside the configuration space, as far as is known: only
    /// the PCI transport states a length.
    fn has_u32(&self, offset: u32) -> bool {
        match (self.len, offset.checked_add(4)) {
            (_, None) => false,
            (Some(len), Some(end)) => end <= len,
            (None, Some(_)) => true,
        }
    }

    /// Reads a 32-bit field at byte `offset`. May sleep.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the field is not inside the configuration space.
    pub(crate) fn read_u32(&self, offset: u32) -> Result<u32> {
        if !self.has_u32(offset) {
            return Err(EINVAL);
        }
        // SAFETY: `vdev` is valid by the type invariant, the range was checked.
        Ok(unsafe { bindings::abi_helper_virtio_cread32(self.vdev, offset) })
    }

    /// Writes a 32-bit field at byte `offset`. May sleep.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the field is not inside the configuration space.
    pub(crate) fn write_u32(&self, offset: u32, value: u32) -> Result {
        if !self.has_u32(offset) {
            return Err(EINVAL);
        }
        // SAFETY: `vdev` is valid by the type invariant, the range was checked.
        unsafe { bindings::abi_helper_virtio_cwrite32(self.vdev, offset, value) };
        Ok(())
    }
}
