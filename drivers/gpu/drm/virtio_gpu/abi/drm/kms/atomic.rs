// SPDX-License-Identifier: GPL-2.0

//! Views of the states in an atomic commit.
//!
//! C header: [`include/drm/drm_atomic.h`](srctree/include/drm/drm_atomic.h)

use super::{
    Crtc,
    Framebuffer,
    KmsDriver,
    Rect, //
};
use crate::abi::{
    bindings,
    drm::Device, //
};
use core::marker::PhantomData;
use kernel::{
    error::{
        code::EDEADLK,
        from_err_ptr,
        to_result, //
    },
    prelude::*, //
};

/// A plane's state.
///
/// # Invariants
///
/// `state` is a valid plane state of a device of `D`, and what is read here of it does not change
/// as long as `'a`.
pub(crate) struct PlaneState<'a, D: KmsDriver> {
    state: *const bindings::drm_plane_state,
    _lifetime: PhantomData<&'a D>,
}

impl<D: KmsDriver> Clone for PlaneState<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D: KmsDriver> Copy for PlaneState<'_, D> {}

impl<'a, D: KmsDriver> PlaneState<'a, D> {
    /// # Safety
    ///
    /// `state` must be as in the type invariants.
    pub(super) unsafe fn from_raw(state: *const bindings::drm_plane_state) -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            state,
            _lifetime: PhantomData,
        }
    }

    fn raw(&self) -> *const bindings::drm_plane_state {
        self.state
    }

    /// The framebuffer that the plane shows.
    pub(crate) fn framebuffer(&self) -> Option<&'a Framebuffer<D>> {
        // SAFETY: By the type invariants the state is valid and owns a reference to a framebuffer of
        // the device, if there is one.
        unsafe {
            let fb = (*self.raw()).fb;
            (!fb.is_null()).then(|| Framebuffer::from_raw(fb))
        }
    }

    /// The CRTC that the plane is on.
    pub(crate) fn crtc(&self) -> Option<&'a Crtc<D::Crtc>> {
        // SAFETY: By the type invariants the state is valid; the CRTC is one of the device, if there
        // is one.
        unsafe {
            let crtc = (*self.raw()).crtc;
            (!crtc.is_null()).then(|| Crtc::from_raw(crtc))
        }
    }

    /// Whether both states show the same framebuffer.
    pub(crate) fn same_framebuffer(&self, other: &Self) -> bool {
        // SAFETY: Valid by the type invariants.
        unsafe { core::ptr::eq((*self.raw()).fb, (*other.raw()).fb) }
    }

    /// The part of the framebuffer that is shown. Fractions of pixels are cut off.
    pub(crate) fn source(&self) -> Rect {
        // SAFETY: Valid by the type invariants.
        let state = unsafe { &*self.raw() };

        Rect {
            x: state.src_x >> 16,
            y: state.src_y >> 16,
            width: state.src_w >> 16,
            height: state.src_h >> 16,
        }
    }

    /// The position of the plane on its CRTC, in pixels. May be outside of it.
    pub(crate) fn position(&self) -> (i32, i32) {
        // SAFETY: Valid by the type invariants.
        unsafe { ((*self.raw()).crtc_x, (*self.raw()).crtc_y) }
    }

    /// The point of the image that is at the pointer, in pixels from the upper left corner.
    pub(crate) fn hotspot(&self) -> (i32, i32) {
        // SAFETY: Valid by the type invariants.
        unsafe { ((*self.raw()).hotspot_x, (*self.raw()).hotspot_y) }
    }
}

/// A CRTC's state.
///
/// # Invariants
///
/// `state` is a valid CRTC state, and what is read here of it does not change as long as `'a`.
#[derive(Clone, Copy)]
pub(crate) struct CrtcState<'a> {
    state: *const bindings::drm_crtc_state,
    _lifetime: PhantomData<&'a ()>,
}

impl CrtcState<'_> {
    /// # Safety
    ///
    /// `state` must be as in the type invariants, or null, which is nothing.
    pub(super) unsafe fn from_raw(state: *const bindings::drm_crtc_state) -> Option<Self> {
        // INVARIANT: By the safety requirements.
        (!state.is_null()).then_some(Self {
            state,
            _lifetime: PhantomData,
        })
    }

    /// Whether the CRTC is on.
    pub(crate) fn active(&self) -> bool {
        // SAFETY: Valid by the type invariants.
        unsafe { (*self.state).active }
    }

    /// Whether the commit that the state is in sets a mode, or switches the CRTC on or off.
    pub(crate) fn needs_modeset(&self) -> bool {
        // SAFETY: Valid by the type invariants.
        unsafe { bindings::abi_helper_atomic_crtc_needs_modeset(self.state) }
    }
}

impl<D: KmsDriver> Device<D> {
    /// Updates the planes in `planes`, a mask, with the states that they are in, all over. Blocks as
    /// commits do.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`] and those of the checks and preparations of the planes.
    pub(crate) fn update_planes(&self, planes: u32) -> Result {
        if !self.has_mode_config() {
            return Ok(());
        }
        let mut ctx = bindings::drm_modeset_acquire_ctx::default();

        // SAFETY: The device has a configuration, and its planes live as long as it does. The context
        // is ours, and the commit is put once.
        unsafe {
            bindings::drm_modeset_acquire_init(&mut ctx, 0);
            let commit = bindings::drm_atomic_commit_alloc(self.as_raw());
            let result = if commit.is_null() {
                Err(ENOMEM)
            } else {
                (*commit).acquire_ctx = &mut ctx;
                let result = loop {
                    match self.commit_planes(commit, planes) {
                        Err(EDEADLK) => {}
                        result => break result,
                    }
                    bindings::drm_atomic_commit_clear(commit);
                    if let Err(e) = to_result(bindings::drm_modeset_backoff(&mut ctx)) {
                        break Err(e);
                    }
                };
                bindings::abi_helper_atomic_commit_put(commit);
                result
            };
            bindings::drm_modeset_drop_locks(&mut ctx);
            bindings::drm_modeset_acquire_fini(&mut ctx);
            result
        }
    }

    /// # Safety
    ///
    /// `commit` must be an empty commit of the device, with a context for its locks.
    unsafe fn commit_planes(
        &self,
        commit: *mut bindings::drm_atomic_commit,
        planes: u32,
    ) -> Result {
        for index in (0..u32::BITS).filter(|index| planes & (1 << index) != 0) {
            // SAFETY: The device is valid. The state that is made is the commit's.
            unsafe {
                // CAST: At most 31.
                let plane = bindings::drm_plane_from_index(self.as_raw(), index as c_int);
                if !plane.is_null() {
                    from_err_ptr(bindings::drm_atomic_get_plane_state(commit, plane))?;
                }
            }
        }
        // SAFETY: By the safety requirements.
        to_result(unsafe { bindings::drm_atomic_commit(commit) })
    }
}
