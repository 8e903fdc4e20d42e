// SPDX-License-Identifier: GPL-2.0

//! A plane's part of an atomic commit: its old and its new state, as the driver checks and prepares them.
//!
//! C headers: [`include/drm/drm_atomic.h`](srctree/include/drm/drm_atomic.h),
//! [`include/drm/drm_damage_helper.h`](srctree/include/drm/drm_damage_helper.h)

use super::{
    atomic::{
        CrtcState,
        PlaneState, //
    },
    crtc::Crtc,
    plane::{
        DriverPlane,
        Plane, //
    },
    KmsDriver,
    Rect, //
};
use crate::abi::bindings;
use core::marker::PhantomData;
use kernel::{
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*, //
};

/// A plane's part of a commit.
///
/// # Invariants
///
/// `commit` is a valid commit that a plane is in, `old` and `new` are its states there, and they do
/// not change as long as `'a` but by this task.
pub(super) struct Update<'a, T: DriverPlane> {
    commit: *mut bindings::drm_atomic_commit,
    old: *mut bindings::drm_plane_state,
    pub(super) new: *mut bindings::drm_plane_state,
    _plane: PhantomData<&'a Plane<T>>,
}

impl<'a, T: DriverPlane> Update<'a, T> {
    /// # Safety
    ///
    /// `commit` must be valid, have `plane` in it, and its states must be as in the invariants.
    pub(super) unsafe fn new(
        plane: &'a Plane<T>,
        commit: *mut bindings::drm_atomic_commit,
    ) -> Self {
        // SAFETY: By the safety requirements. INVARIANT: Likewise.
        unsafe {
            Self {
                commit,
                old: bindings::abi_helper_atomic_old_plane_state(commit, plane.as_raw()),
                new: bindings::abi_helper_atomic_new_plane_state(commit, plane.as_raw()),
                _plane: PhantomData,
            }
        }
    }

    pub(super) fn old_state(&self) -> PlaneState<'_, T::Driver> {
        // SAFETY: By the type invariants.
        unsafe { PlaneState::from_raw(self.old) }
    }

    pub(super) fn new_state(&self) -> PlaneState<'_, T::Driver> {
        // SAFETY: By the type invariants.
        unsafe { PlaneState::from_raw(self.new) }
    }

    /// The CRTC that the plane is on, or was if it is on none any more.
    pub(super) fn crtc(&self) -> Option<&Crtc<<T::Driver as KmsDriver>::Crtc>> {
        self.new_state().crtc().or_else(|| self.old_state().crtc())
    }

    fn old_crtc_state(&self) -> Option<CrtcState<'_>> {
        let crtc = self.crtc()?;

        // SAFETY: By the type invariants; a state that is in the commit is valid as long as that.
        unsafe {
            CrtcState::from_raw(bindings::abi_helper_atomic_old_crtc_state(
                self.commit,
                crtc.as_raw(),
            ))
        }
    }

    fn new_crtc_state(&self) -> Option<CrtcState<'_>> {
        let crtc = self.crtc()?;

        // SAFETY: As above.
        unsafe {
            CrtcState::from_raw(bindings::abi_helper_atomic_new_crtc_state(
                self.commit,
                crtc.as_raw(),
            ))
        }
    }
}

/// What [`DriverPlane::check`] looks at.
pub(crate) struct PlaneCheck<'a, T: DriverPlane>(pub(super) Update<'a, T>);

impl<T: DriverPlane> PlaneCheck<'_, T> {
    /// The state before.
    pub(crate) fn old_state(&self) -> PlaneState<'_, T::Driver> {
        self.0.old_state()
    }

    /// The state that is asked for.
    pub(crate) fn new_state(&self) -> PlaneState<'_, T::Driver> {
        self.0.new_state()
    }

    /// Forgets a fence to wait for that came with no framebuffer. There is nothing to wait with, and the
    /// helper that waits takes it for a kernel's fault, though userspace may ask for it.
    pub(super) fn no_fence_without_framebuffer(&mut self) {
        // SAFETY: By the invariants of `Update` the state is valid and ours; it has a reference to its
        // fence.
        unsafe {
            let new = self.0.new;

            if (*new).fb.is_null() && !(*new).fence.is_null() {
                bindings::abi_helper_dma_fence_put((*new).fence);
                (*new).fence = core::ptr::null_mut();
            }
        }
    }

    /// Checks that the plane is not scaled and, unless `can_position`, that it covers its CRTC; finds
    /// out which part is visible. A plane may be updated while its CRTC is off.
    ///
    /// # Errors
    ///
    /// [`EINVAL`], [`ERANGE`], and those of taking locks, to be returned as they are.
    pub(crate) fn unscaled(&mut self, can_position: bool) -> Result {
        let Some(crtc) = self.new_state().crtc() else {
            return Ok(());
        };

        // CAST: A constant that fits.
        let scale = bindings::DRM_PLANE_NO_SCALING as i32;
        // SAFETY: By the invariants of `Update` all of it is valid, and the state is ours.
        unsafe {
            let crtc_state = from_err_ptr(bindings::drm_atomic_get_crtc_state(
                self.0.commit,
                crtc.as_raw(),
            ))?;
            to_result(bindings::drm_atomic_helper_check_plane_state(
                self.0.new,
                crtc_state,
                scale,
                scale,
                can_position,
                true,
            ))
        }
    }
}

/// What [`DriverPlane::prepare`] looks at.
pub(crate) struct PlanePrepare<'a, T: DriverPlane>(pub(super) Update<'a, T>);

impl<T: DriverPlane> PlanePrepare<'_, T> {
    /// The state that is there.
    pub(crate) fn old_state(&self) -> PlaneState<'_, T::Driver> {
        self.0.old_state()
    }

    /// The state that is to be.
    pub(crate) fn new_state(&self) -> PlaneState<'_, T::Driver> {
        self.0.new_state()
    }

    /// The CRTC that the plane is on, or was if it is on none any more.
    pub(crate) fn crtc(&self) -> Option<&Crtc<<T::Driver as KmsDriver>::Crtc>> {
        self.0.crtc()
    }

    /// The state of [`Self::crtc`] that is there, if it is part of the commit.
    pub(crate) fn old_crtc_state(&self) -> Option<CrtcState<'_>> {
        self.0.old_crtc_state()
    }

    /// The state of [`Self::crtc`] that is to be, if it is part of the commit.
    pub(crate) fn new_crtc_state(&self) -> Option<CrtcState<'_>> {
        self.0.new_crtc_state()
    }

    /// Calls `f` for each rectangle of the framebuffer where the picture of the plane is another one
    /// than before, as far as it is visible, whichever framebuffer was shown then. They may overlap.
    pub(crate) fn for_each_damage(&self, mut f: impl FnMut(Rect)) {
        let mut iter = bindings::drm_atomic_helper_damage_iter::default();
        let mut rect = bindings::drm_rect::default();

        // SAFETY: By the invariants of `Update` the states are valid, and have been checked.
        unsafe {
            bindings::drm_atomic_helper_damage_iter_init(&mut iter, self.0.old, self.0.new);
        }
        // SAFETY: The iterator is initialised, and refers to the states.
        while unsafe { bindings::drm_atomic_helper_damage_iter_next(&mut iter, &mut rect) } {
            if let Some(rect) = whole(&rect) {
                f(rect);
            }
        }
    }
}

/// A rectangle of whole pixels, if it has none that are negative.
fn whole(rect: &bindings::drm_rect) -> Option<Rect> {
    Some(Rect {
        x: rect.x1.try_into().ok()?,
        y: rect.y1.try_into().ok()?,
        width: rect.x2.checked_sub(rect.x1)?.try_into().ok()?,
        height: rect.y2.checked_sub(rect.y1)?.try_into().ok()?,
    })
}
