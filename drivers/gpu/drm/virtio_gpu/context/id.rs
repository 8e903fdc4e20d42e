// SPDX-License-Identifier: GPL-2.0

//! Context ids: the numbers that the guest gives to the host's contexts, from 1 on.
#![forbid(unsafe_code)]

use crate::abi::ida::Ida;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            AtomicFlag,
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
    /// How many of them the host knows.
    known: Atomic<u32>,
}

impl Ids {
    /// Creates the ids of a device.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self { used <- Ida::new(), known: Atomic::new(0) }),
            GFP_KERNEL,
        )
    }

    /// Whether the host has a context.
    pub(crate) fn any_known(&self) -> bool {
        self.known.load(Relaxed) != 0
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
                known: AtomicFlag::new(false),
                ids: self.clone(),
            },
            GFP_KERNEL,
        )?)
    }
}

/// An id in use. Dropping it gives it back.
pub(super) struct ContextId {
    id: u32,
    /// Whether the host knows it.
    known: AtomicFlag,
    ids: Arc<Ids>,
}

impl ContextId {
    /// The host is told of the context, once.
    pub(super) fn tell(&self) {
        self.known.store(true, Relaxed);
        self.ids.known.fetch_add(1, Relaxed);
    }

    /// The number.
    pub(super) fn get(&self) -> u32 {
        self.id
    }
}

impl Drop for ContextId {
    fn drop(&mut self) {
        if self.known.load(Relaxed) {
            self.ids.known.fetch_add(u32::MAX, Relaxed);
        }
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
}
