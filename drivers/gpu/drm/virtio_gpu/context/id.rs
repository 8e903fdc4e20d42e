// SPDX-License-Identifier: GPL-2.0

//! Context ids: the numbers that the guest gives to the host's contexts, from 1 on.
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

/// The ids of a device that are in use.
#[pin_data]
pub(crate) struct Ids {
    #[pin]
    used: Ida,
    /// How often the host has forgotten all of them.
    forgotten: Atomic<u32>,
}

impl Ids {
    /// Creates the ids of a device.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self { used <- Ida::new(), forgotten: Atomic::new(0) }),
            GFP_KERNEL,
        )
    }

    /// The host forgets all contexts: the system sleeps.
    pub(crate) fn forget(&self) {
        self.forgotten.fetch_add(1, Relaxed);
    }

    /// What a context remembers that the host is told of now, not 0.
    fn age(&self) -> u32 {
        self.forgotten.load(Relaxed).saturating_add(1)
    }

    /// Takes the smallest id that is not in use.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], [`ENOSPC`] if all are in use.
    pub(super) fn alloc(self: &Arc<Self>) -> Result<Arc<ContextId>> {
        let id = self.used.alloc(1..=Ida::MAX)?;

        // Made first, so that the id goes back if there is no memory.
        Ok(Arc::new(
            ContextId {
                id,
                told: Atomic::new(0),
                ids: self.clone(),
            },
            GFP_KERNEL,
        )?)
    }
}

/// An id in use. Dropping it gives it back.
pub(super) struct ContextId {
    id: u32,
    /// The [age](Ids::age) when the host was told, 0 before that.
    told: Atomic<u32>,
    ids: Arc<Ids>,
}

impl ContextId {
    /// The host is told of the context, once.
    pub(super) fn tell(&self) {
        self.told.store(self.ids.age(), Relaxed);
    }

    /// Whether the host knew it, and has forgotten it.
    pub(super) fn is_lost(&self) -> bool {
        let told = self.told.load(Relaxed);

        told != 0 && told != self.ids.age()
    }

    /// The number.
    pub(super) fn get(&self) -> u32 {
        self.id
    }
}

impl Drop for ContextId {
    fn drop(&mut self) {
        self.ids.used.free(self.id);
    }
}

#[kunit_tests(virtio_gpu_context_id)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_first() -> Result {
        let ids = Ids::new()?;
        let one = ids.alloc()?;
        let two = ids.alloc()?;

        assert_eq!((one.get(), two.get()), (1, 2));
        drop(one);
        assert_eq!(ids.alloc()?.get(), 1);
        assert_eq!(ids.alloc()?.get(), 1);
        Ok(())
    }

    #[test]
    fn what_the_host_has_forgotten() -> Result {
        let ids = Ids::new()?;
        let (one, two) = (ids.alloc()?, ids.alloc()?);

        one.tell();
        assert!(!one.is_lost() && !two.is_lost());
        ids.forget();
        assert!(one.is_lost() && !two.is_lost());
        two.tell();
        assert!(!two.is_lost());
        Ok(())
    }
}
