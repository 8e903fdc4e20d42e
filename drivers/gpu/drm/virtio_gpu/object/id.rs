// SPDX-License-Identifier: GPL-2.0

//! Resource ids: the numbers that the guest gives to the host's resources.
//!
//! They count upwards for as long as the module is loaded and start again after the largest one,
//! with those left out that are in use. An id is in use until the host has let go of the resource.
//! With the module parameter `virglhack=0` it is the smallest free one of the device, as with the C driver.
#![forbid(unsafe_code)]

use crate::abi::ida::Ida;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};

/// The id to try next, less one, modulo [`Ida::MAX`]. Userspace and hosts have come to see 2 first.
static NEXT: Atomic<u32> = Atomic::new(1);

/// The ids of a device that are in use.
#[pin_data]
pub(crate) struct Ids {
    #[pin]
    used: Ida,
}

impl Ids {
    /// Creates the ids of a device.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(pin_init!(Self { used <- Ida::new() }), GFP_KERNEL)
    }

    /// Takes an id, which is not 0.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], [`ENOSPC`] if all are in use.
    pub(super) fn alloc(self: &Arc<Self>) -> Result<ResourceId> {
        if crate::module_parameters::virglhack.value() == 0 {
            return self.alloc_after(0);
        }
        self.alloc_after(NEXT.fetch_add(1, Relaxed))
    }

    /// Takes the first free id after `last`, where [`Ida::MAX`] is followed by 1.
    fn alloc_after(self: &Arc<Self>, last: u32) -> Result<ResourceId> {
        let first = last % Ida::MAX + 1;
        let id = match self.used.alloc(first..=Ida::MAX) {
            Err(e) if e == ENOSPC => self.used.alloc(1..=Ida::MAX)?,
            result => result?,
        };

        Ok(ResourceId {
            id,
            ids: self.clone(),
        })
    }
}

/// An id in use. Dropping it gives it back.
pub(super) struct ResourceId {
    id: u32,
    ids: Arc<Ids>,
}

impl ResourceId {
    /// The number.
    pub(super) fn get(&self) -> u32 {
        self.id
    }
}

impl Drop for ResourceId {
    fn drop(&mut self) {
        self.ids.used.free(self.id);
    }
}

#[kunit_tests(virtio_gpu_resource_id)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_not_reused_at_once() -> Result {
        let ids = Ids::new()?;
        let first = ids.alloc()?.get();
        let second = ids.alloc()?.get();

        assert!(first != 0);
        assert!(second > first);
        Ok(())
    }

    #[test]
    fn devices_share_the_counter() -> Result {
        let first = Ids::new()?.alloc()?.get();
        assert!(Ids::new()?.alloc()?.get() > first);
        Ok(())
    }

    #[test]
    fn the_count_wraps_past_zero() -> Result {
        let ids = Ids::new()?;

        assert_eq!(ids.alloc_after(Ida::MAX - 1)?.get(), Ida::MAX);
        assert_eq!(ids.alloc_after(Ida::MAX)?.get(), 1);
        assert_eq!(ids.alloc_after(Ida::MAX + 1)?.get(), 2);
        assert_eq!(ids.alloc_after(u32::MAX)?.get(), 2);
        Ok(())
    }

    #[test]
    fn live_ids_are_skipped() -> Result {
        let ids = Ids::new()?;
        let one = ids.alloc_after(0)?;
        let last = ids.alloc_after(Ida::MAX - 1)?;
        let two = ids.alloc_after(Ida::MAX - 1)?;

        assert_eq!((one.get(), last.get(), two.get()), (1, Ida::MAX, 2));
        drop(one);
        assert_eq!(ids.alloc_after(Ida::MAX - 1)?.get(), 1);
        Ok(())
    }
}
