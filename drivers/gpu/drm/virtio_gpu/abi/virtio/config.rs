// SPDX-License-Identifier: GPL-2.0

//! The configuration space of a virtio device.
//!
//! Accessors take byte offsets, values are little-endian on the wire and in the CPU's order here.
//! Nothing is read or written past the end where the length is known.
//!
//! C header: [`include/linux/virtio_config.h`](srctree/include/linux/virtio_config.h)

use super::Device;
use crate::abi::bindings;
use kernel::{
    device,
    prelude::*, //
};

/// The configuration space of a device.
pub(crate) struct Config<'a, Ctx: device::DeviceContext = device::Normal> {
    dev: &'a Device<Ctx>,
    len: Option<u32>,
}

impl<Ctx: device::DeviceContext> Device<Ctx> {
    /// Gives access to the configuration space.
    pub(crate) fn config(&self) -> Config<'_, Ctx> {
        // SAFETY: `as_raw()` is valid by the type invariant of `Device`.
        let len = unsafe { bindings::abi_helper_virtio_pci_config_len(self.as_raw()) };

        // -ENODEV is another transport. Any other error is a PCI device that does not say how much
        // configuration it has, so it has none.
        let len = if len == -i64::from(bindings::ENODEV) as isize {
            None
        } else {
            Some(u32::try_from(len).unwrap_or(0))
        };

        Config { dev: self, len }
    }
}

impl<Ctx: device::DeviceContext> Config<'_, Ctx> {
    /// Whether four bytes at `offset` are inside the configuration space, as far as is known: only
    /// the PCI transport states a length.
    pub(crate) fn has_u32(&self, offset: u32) -> bool {
        match (self.len, offset.checked_add(4)) {
            (_, None) => false,
            (Some(len), Some(end)) => end <= len,
            (None, Some(_)) => true,
        }
    }

    /// Reads a 32-bit field at byte `offset`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the field is not inside the configuration space. May sleep.
    pub(crate) fn read_u32(&self, offset: u32) -> Result<u32> {
        if !self.has_u32(offset) {
            return Err(EINVAL);
        }
        // SAFETY: `as_raw()` is valid by the type invariant of `Device`, the range was checked.
        Ok(unsafe { bindings::abi_helper_virtio_cread32(self.dev.as_raw(), offset) })
    }

    /// Writes a 32-bit field at byte `offset`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the field is not inside the configuration space. May sleep.
    pub(crate) fn write_u32(&self, offset: u32, value: u32) -> Result {
        if !self.has_u32(offset) {
            return Err(EINVAL);
        }
        // SAFETY: `as_raw()` is valid by the type invariant of `Device`, the range was checked.
        unsafe { bindings::abi_helper_virtio_cwrite32(self.dev.as_raw(), offset, value) };
        Ok(())
    }
}
