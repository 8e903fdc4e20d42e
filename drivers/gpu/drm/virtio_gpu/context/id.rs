// SPDX-License-Identifier: GPL-2.0

//! Context ids: the numbers that the guest gives to the host's contexts, from 1 on.
#![forbid(unsafe_code)]

use crate::abi::ida::Ida;
use kernel::{
    prelude::*,
    sync::Arc, //
};

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
                ids: self.clone(),
            },
            GFP_KERNEL,
        )?)
    }
}

/// An id in use. Dropping it gives it back.
pub(super) struct ContextId {
    id: u32,
    ids: Arc<Ids>,
}

impl ContextId {
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
}
