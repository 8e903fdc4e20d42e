// SPDX-License-Identifier: GPL-2.0

//! Plane states with what the driver has prepared for an update.
//!
//! C header: [`include/drm/drm_atomic_state_helper.h`](srctree/include/drm/drm_atomic_state_helper.h)

use super::plane::DriverPlane;
use crate::abi::bindings;
use core::cell::UnsafeCell;
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// A plane state of plane type `T`.
///
/// # Invariants
///
/// - `base` is a valid `struct drm_plane_state`.
/// - `prepared` is accessed by one task at a time: that which prepares, carries out or destroys the
///   commit that the state is new in. Other tasks may read `base` only.
#[repr(C)]
pub(super) struct State<T: DriverPlane> {
    base: Opaque<bindings::drm_plane_state>,
    prepared: UnsafeCell<Option<T::Prepared>>,
}

impl<T: DriverPlane> State<T> {
    /// Allocates a state and has `init` initialise its zeroed base.
    fn alloc(
        init: impl FnOnce(*mut bindings::drm_plane_state),
    ) -> Result<*mut bindings::drm_plane_state> {
        let this = KBox::new(
            Self {
                base: Opaque::new(bindings::drm_plane_state::default()),
                prepared: UnsafeCell::new(None),
            },
            GFP_KERNEL,
        )?;

        init(this.base.get());
        // The base is the first member. Freed in `destroy_callback()`.
        Ok(KBox::into_raw(this).cast())
    }

    /// The slot for what is prepared.
    ///
    /// # Safety
    ///
    /// `state` must be a valid state of plane type `T`, and the caller must have the exclusive
    /// access of the type invariants as long as the result is used.
    pub(super) unsafe fn prepared<'a>(
        state: *mut bindings::drm_plane_state,
    ) -> &'a mut Option<T::Prepared> {
        // SAFETY: By the safety requirements; `base` is the first member.
        unsafe { &mut *UnsafeCell::raw_get(&raw const (*state.cast::<Self>()).prepared) }
    }

    /// # Safety
    ///
    /// For its slot in a C vtable only.
    pub(super) unsafe extern "C" fn create_callback(
        plane: *mut bindings::drm_plane,
    ) -> *mut bindings::drm_plane_state {
        Self::alloc(|state| {
            // SAFETY: The core calls this with a valid plane; `state` is zeroed.
            unsafe { bindings::__drm_atomic_helper_plane_state_init(state, plane) };
        })
        .unwrap_or_else(|e| e.to_ptr())
    }

    /// # Safety
    ///
    /// For its slot in a C vtable only.
    pub(super) unsafe extern "C" fn duplicate_callback(
        plane: *mut bindings::drm_plane,
    ) -> *mut bindings::drm_plane_state {
        Self::alloc(|state| {
            // SAFETY: The core calls this with a valid plane that has a state, under its lock.
            unsafe {
                bindings::__drm_atomic_helper_plane_duplicate_state(plane, state);
                // The helper copies it, but it was for the commit that the old state is from.
                (*state).ignore_damage_clips = false;
            }
        })
        .unwrap_or(core::ptr::null_mut())
    }

    /// # Safety
    ///
    /// For its slot in a C vtable only.
    pub(super) unsafe extern "C" fn destroy_callback(
        _plane: *mut bindings::drm_plane,
        state: *mut bindings::drm_plane_state,
    ) {
        // SAFETY: The core calls this once for a state that `alloc()` has made, and that nobody
        // uses any more.
        unsafe {
            bindings::__drm_atomic_helper_plane_destroy_state(state);
            drop(KBox::from_raw(state.cast::<Self>()));
        }
    }
}
