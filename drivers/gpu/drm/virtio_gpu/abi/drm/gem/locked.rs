// SPDX-License-Identifier: GPL-2.0

//! Several objects locked at once, for a fence that they all get.

use super::{
    DriverObject,
    Object, //
};
use crate::abi::{
    bindings,
    sync::{
        Fence,
        Usage, //
    }, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::aref::ARef,
    types::{
        NotThreadSafe,
        Opaque, //
    }, //
};

/// The reservation objects of some GEM objects, locked, each with room for a fence.
///
/// # Invariants
///
/// The locks of `raw` are held in the acquire context `ctx`; no two of them share one. The objects
/// are among `_objects`.
pub(crate) struct Locked<T: DriverObject> {
    raw: KVVec<*mut bindings::drm_gem_object>,
    ctx: KBox<Opaque<bindings::ww_acquire_ctx>>,
    _objects: KVVec<ARef<Object<T>>>,
    _not_send: NotThreadSafe,
}

impl<T: DriverObject> Locked<T> {
    /// Locks `objects`, each once.
    ///
    /// # Errors
    ///
    /// [`EINTR`] if a signal is pending, [`ENOMEM`].
    pub(crate) fn new(objects: &[ARef<Object<T>>]) -> Result<Self> {
        let mut raw = KVVec::with_capacity(objects.len(), GFP_KERNEL | __GFP_NOWARN)?;
        let mut held = KVVec::with_capacity(objects.len(), GFP_KERNEL | __GFP_NOWARN)?;

        for object in objects {
            raw.push(object.as_raw(), GFP_KERNEL)?;
            held.push(object.clone(), GFP_KERNEL)?;
        }
        // Two objects can share a lock: an imported one has that of its exporter.
        // SAFETY: The objects are valid, and which reservation object they have does not change.
        let resv = |obj: *mut bindings::drm_gem_object| unsafe { (*obj).resv };
        raw.sort_unstable_by_key(|&obj| resv(obj).addr());
        let mut last = core::ptr::null_mut();
        raw.retain(|&mut obj| core::mem::replace(&mut last, resv(obj)) != resv(obj));

        let count = i32::try_from(raw.len())?;
        let ctx = KBox::new(Opaque::<bindings::ww_acquire_ctx>::uninit(), GFP_KERNEL)?;
        // SAFETY: The objects are valid, no two share a lock, and `ctx` is for the call to initialise.
        to_result(unsafe {
            bindings::drm_gem_lock_reservations(raw.as_mut_ptr(), count, ctx.get())
        })?;
        // INVARIANT: Locked just now.
        let this = Self {
            raw,
            ctx,
            _objects: held,
            _not_send: NotThreadSafe,
        };

        for &obj in &this.raw {
            // SAFETY: The object is valid and its reservation object locked.
            to_result(unsafe { bindings::dma_resv_reserve_fences((*obj).resv, 1) })?;
        }
        Ok(this)
    }

    /// Gives `fence` to all of them, and unlocks them.
    pub(crate) fn add_fence(self, fence: &Fence, usage: Usage) {
        for &obj in &self.raw {
            // SAFETY: The reservation object is locked and has room; it takes a reference of its own
            // to the fence.
            unsafe {
                bindings::dma_resv_add_fence(
                    (*obj).resv,
                    fence.as_raw(),
                    usage as bindings::dma_resv_usage,
                )
            };
        }
    }
}

impl<T: DriverObject> Drop for Locked<T> {
    fn drop(&mut self) {
        // CAST: It fitted when they were locked.
        let count = self.raw.len() as i32;

        // SAFETY: By the type invariants, the locks are held in `ctx`.
        unsafe {
            bindings::drm_gem_unlock_reservations(self.raw.as_mut_ptr(), count, self.ctx.get())
        };
    }
}
