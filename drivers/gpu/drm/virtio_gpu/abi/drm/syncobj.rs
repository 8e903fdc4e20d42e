// SPDX-License-Identifier: GPL-2.0

//! Sync objects: handles of an open file that hold a fence, or a timeline of them.
//!
//! C header: [`include/drm/drm_syncobj.h`](srctree/include/drm/drm_syncobj.h)

use super::{
    DriverFile,
    File, //
};
use crate::abi::{
    bindings,
    sync::Fence, //
};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::aref::ARef, //
};

/// A reference to a sync object.
///
/// # Invariants
///
/// `syncobj` is a valid `struct drm_syncobj`, of which this owns a reference.
pub(crate) struct Syncobj {
    syncobj: NonNull<bindings::drm_syncobj>,
}

// SAFETY: Sync objects are shared between tasks, and have their own lock.
unsafe impl Send for Syncobj {}
// SAFETY: As above.
unsafe impl Sync for Syncobj {}

impl Syncobj {
    /// The sync object that `handle` is of in `file`.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if there is none.
    pub(crate) fn find<T: DriverFile>(file: &File<T>, handle: u32) -> Result<Self> {
        // SAFETY: `file` is valid.
        let syncobj = unsafe { bindings::drm_syncobj_find(file.as_raw(), handle) };

        // INVARIANT: The reference that was taken is ours.
        Ok(Self {
            syncobj: NonNull::new(syncobj).ok_or(ENOENT)?,
        })
    }

    /// The fence that the sync object `handle` has in `file`, that of `point` if it is a timeline.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if there is no such object, [`EINVAL`] if it has no such fence.
    pub(crate) fn find_fence<T: DriverFile>(
        file: &File<T>,
        handle: u32,
        point: u64,
    ) -> Result<ARef<Fence>> {
        let mut fence = core::ptr::null_mut();

        // SAFETY: `file` is valid. Without flags this does not wait.
        to_result(unsafe {
            bindings::drm_syncobj_find_fence(file.as_raw(), handle, point, 0, &mut fence)
        })?;
        // SAFETY: The reference that was taken goes to the `ARef`.
        Ok(unsafe { ARef::from_raw(NonNull::new(fence).ok_or(EINVAL)?.cast()) })
    }

    /// Puts `fence` in the place of what the object holds.
    pub(crate) fn replace(&self, fence: Option<&Fence>) {
        let fence = fence.map_or(core::ptr::null_mut(), Fence::as_raw);

        // SAFETY: Both are valid; the object takes a reference of its own.
        unsafe { bindings::drm_syncobj_replace_fence(self.syncobj.as_ptr(), fence) };
    }

    /// Makes `fence` the point `point` of the timeline.
    pub(crate) fn add_point(&self, link: Link, fence: &Fence, point: u64) {
        let link = ManuallyDrop::new(link);

        // SAFETY: All are valid. The object takes the link, and a reference of its own to the fence.
        unsafe {
            bindings::drm_syncobj_add_point(
                self.syncobj.as_ptr(),
                link.chain.as_ptr(),
                fence.as_raw(),
                point,
            )
        };
    }
}

impl Drop for Syncobj {
    fn drop(&mut self) {
        // SAFETY: The reference is ours by the type invariant.
        unsafe { bindings::abi_helper_syncobj_put(self.syncobj.as_ptr()) };
    }
}

/// The memory for a point of a timeline.
///
/// # Invariants
///
/// `chain` is allocated and not initialised.
pub(crate) struct Link {
    chain: NonNull<bindings::dma_fence_chain>,
}

// SAFETY: Memory is not tied to a task.
unsafe impl Send for Link {}

impl Link {
    /// Allocates the memory.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: No requirements.
        let chain = unsafe { bindings::abi_helper_dma_fence_chain_alloc() };

        // INVARIANT: Just allocated.
        Ok(Self {
            chain: NonNull::new(chain).ok_or(ENOMEM)?,
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // SAFETY: By the type invariant nobody has got it.
        unsafe { bindings::abi_helper_dma_fence_chain_free(self.chain.as_ptr()) };
    }
}
