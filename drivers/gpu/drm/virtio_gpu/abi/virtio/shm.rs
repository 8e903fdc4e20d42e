// SPDX-License-Identifier: GPL-2.0

//! Shared memory regions of a virtio device: memory of the host's that the guest can map.
//!
//! C header: [`include/linux/virtio_config.h`](srctree/include/linux/virtio_config.h)

use super::Device;
use crate::abi::bindings;
use kernel::{
    device,
    prelude::*, //
};

/// A shared memory region, which is reserved for the driver while the device is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SharedMemory {
    /// Physical address of the first byte.
    pub(crate) start: u64,
    /// Number of bytes, not 0; `start + len` does not wrap.
    pub(crate) len: u64,
}

impl Device<device::Core<'_>> {
    /// Finds the region with the id that its device type gives it, and reserves it. `None` if the
    /// device has no such region, or an empty one.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the region is not in the address space, [`EBUSY`] if somebody else has it.
    pub(crate) fn shared_memory(&self, id: u8) -> Result<Option<SharedMemory>> {
        let mut region = bindings::virtio_shm_region::default();

        // SAFETY: `as_raw()` is valid by the type invariant, `region` is valid for writes.
        if !unsafe { bindings::abi_helper_virtio_get_shm_region(self.as_raw(), &mut region, id) }
            || region.len == 0
        {
            return Ok(None);
        }
        region.addr.checked_add(region.len).ok_or(EINVAL)?;

        // SAFETY: The device is being bound, so what is reserved here is released when that fails or
        // when it is unbound. The name is that of the device, which lives as long.
        let reserved = unsafe {
            let dev = &raw mut (*self.as_raw()).dev;
            bindings::__devm_request_region(
                dev,
                &raw mut bindings::iomem_resource,
                region.addr,
                region.len,
                self.as_ref().name().as_char_ptr(),
            )
        };
        if reserved.is_null() {
            return Err(EBUSY);
        }
        Ok(Some(SharedMemory {
            start: region.addr,
            len: region.len,
        }))
    }
}
