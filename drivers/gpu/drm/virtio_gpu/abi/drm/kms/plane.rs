// SPDX-License-Identifier: GPL-2.0

//! Planes.
//!
//! C header: [`include/drm/drm_plane.h`](srctree/include/drm/drm_plane.h)

use super::{
    atomic::PlaneState,
    crtc::Crtc,
    managed,
    panic,
    plane_state::State,
    plane_update::{
        PlaneCheck,
        PlanePrepare,
        Update, //
    },
    KmsDriver,
    Setup, //
};
use crate::abi::{
    bindings,
    drm::Device,
    sync::Usage, //
};
use core::ops::Deref;
use kernel::{
    error::{
        from_result,
        to_result, //
    },
    prelude::*,
    types::Opaque, //
};

/// What a plane is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlaneKind {
    /// The image of a CRTC.
    Primary,
    /// The pointer.
    Cursor,
}

/// The driver's part of a plane.
pub(crate) trait DriverPlane: Sized + Send + Sync + 'static {
    /// The driver.
    type Driver: KmsDriver;

    /// All that an update needs.
    type Prepared: Send + 'static;

    /// What planes of this type are for.
    const KIND: PlaneKind;

    /// The formats that the plane shows, codes as `DRM_FORMAT_*`.
    const FORMATS: &'static [u32];

    /// Whether an update of nothing but this plane, for a legacy cursor call, is carried out at
    /// once, beside commits of the CRTC and without waiting for its next vertical blank.
    const ASYNC: bool;

    /// Checks what is asked for. Must be free of effects, as it may be all there is.
    fn check(plane: &Plane<Self>, check: &mut PlaneCheck<'_, Self>) -> Result;

    /// Makes what the update needs, or nothing if there is nothing to be done. May sleep and fail.
    fn prepare(
        plane: &Plane<Self>,
        prepare: &PlanePrepare<'_, Self>,
    ) -> Result<Option<Self::Prepared>>;

    /// All updates of the commit are prepared, and it is known what they wait for. What others are to
    /// wait for until an update is carried out, or dropped, is put where they find it. May sleep and fail.
    fn publish(_prepared: &mut Self::Prepared) -> Result {
        Ok(())
    }

    /// Whether the plane can show why the kernel has died.
    const PANIC: bool;

    /// The kernel has died, and somebody has written into the pages of the framebuffer, all over the
    /// [source](PlaneState::source), what is to be seen. Must not sleep, take locks, allocate memory or wait
    /// without a bound.
    fn panic_flush(_plane: &Plane<Self>, _state: &PlaneState<'_, Self::Driver>) {}

    /// Carries an update out. `crtc` is the one that the plane is on, or was if it is on none any more.
    fn update(
        plane: &Plane<Self>,
        crtc: Option<&Crtc<<Self::Driver as KmsDriver>::Crtc>>,
        prepared: Self::Prepared,
    );
}

/// A plane with the driver's part `T`, which it dereferences to.
///
/// # Invariants
///
/// `plane` is a valid `struct drm_plane` of a device of `T::Driver`, lives as long as that, and its
/// states are all a `State<T>`.
#[repr(C)]
#[pin_data]
pub(crate) struct Plane<T: DriverPlane> {
    #[pin]
    plane: Opaque<bindings::drm_plane>,
    #[pin]
    inner: T,
}

// SAFETY: Planes have their own locks.
unsafe impl<T: DriverPlane> Send for Plane<T> {}
// SAFETY: As above, and `T` is `Sync`.
unsafe impl<T: DriverPlane> Sync for Plane<T> {}

impl<T: DriverPlane> Plane<T> {
    const FUNCS: bindings::drm_plane_funcs = bindings::drm_plane_funcs {
        update_plane: Some(bindings::drm_atomic_helper_update_plane),
        disable_plane: Some(bindings::drm_atomic_helper_disable_plane),
        // For planes that are not freed by whoever made them, which there are none of.
        destroy: Some(bindings::drm_plane_cleanup),
        atomic_create_state: Some(State::<T>::create_callback),
        atomic_duplicate_state: Some(State::<T>::duplicate_callback),
        atomic_destroy_state: Some(State::<T>::destroy_callback),
        ..pin_init::zeroed()
    };

    const HELPER_FUNCS: bindings::drm_plane_helper_funcs = bindings::drm_plane_helper_funcs {
        prepare_fb: Some(Self::prepare_callback),
        begin_fb_access: Some(Self::publish_callback),
        cleanup_fb: Some(Self::cleanup_callback),
        atomic_check: Some(Self::check_callback),
        atomic_update: Some(Self::update_callback),
        get_scanout_buffer: if T::PANIC {
            Some(panic::get_scanout_buffer_callback::<T>)
        } else {
            None
        },
        panic_flush: if T::PANIC {
            Some(panic::flush_callback::<T>)
        } else {
            None
        },
        atomic_async_check: if T::ASYNC {
            Some(Self::async_check_callback)
        } else {
            None
        },
        atomic_async_update: if T::ASYNC {
            Some(Self::async_update_callback)
        } else {
            None
        },
        ..pin_init::zeroed()
    };

    /// Makes a plane for the CRTCs in `crtcs`, a mask. Alpha is premultiplied. A primary plane takes
    /// damage clips.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], those of `inner` and of the DRM core.
    pub(crate) fn new<'a>(
        setup: &Setup<'a, T::Driver>,
        crtcs: u32,
        inner: impl PinInit<T, Error>,
    ) -> Result<&'a Self> {
        let dev = setup.dev();
        let this = managed::alloc(
            dev,
            try_pin_init!(Self {
                plane <- Opaque::zeroed(),
                inner <- inner,
            }? Error),
        )?;
        let kind = match T::KIND {
            PlaneKind::Primary => bindings::drm_plane_type_DRM_PLANE_TYPE_PRIMARY,
            PlaneKind::Cursor => bindings::drm_plane_type_DRM_PLANE_TYPE_CURSOR,
        };

        // INVARIANT: Initialised here, with functions for a `State<T>`.
        // SAFETY: `this` is zeroed and lives as long as the device. Functions and formats are
        // static, and the name is made by the core.
        to_result(unsafe {
            bindings::drm_universal_plane_init(
                dev.as_raw(),
                this.as_raw(),
                crtcs,
                const { &Self::FUNCS },
                T::FORMATS.as_ptr(),
                u32::try_from(T::FORMATS.len())?,
                core::ptr::null(),
                kind,
                core::ptr::null(),
            )
        })?;
        // SAFETY: The plane is initialised; it is cleaned up once, before its memory goes.
        unsafe { managed::add_action(dev, cleanup_action, this.as_raw().cast()) }?;

        // SAFETY: Nobody uses the plane yet.
        unsafe {
            (*this.as_raw()).helper_private = const { &Self::HELPER_FUNCS };
            to_result(bindings::drm_plane_create_blend_mode_property(
                this.as_raw(),
                1 << bindings::DRM_MODE_BLEND_PREMULTI,
            ))?;
            if T::KIND == PlaneKind::Primary {
                bindings::drm_plane_enable_fb_damage_clips(this.as_raw());
            }
        }
        Ok(this)
    }

    pub(super) fn as_raw(&self) -> *mut bindings::drm_plane {
        self.plane.get()
    }

    /// # Safety
    ///
    /// `plane` must be a valid plane of type `T`.
    pub(super) unsafe fn from_raw<'a>(plane: *mut bindings::drm_plane) -> &'a Self {
        // SAFETY: By the safety requirements; `plane` is the first member.
        unsafe { &*plane.cast() }
    }

    /// The bit of the plane in masks.
    pub(crate) fn mask(&self) -> u32 {
        // SAFETY: `plane` is valid by the type invariants; a device has at most 32.
        1 << unsafe { (*self.as_raw()).index }
    }

    /// The device that the plane is of.
    pub(crate) fn dev(&self) -> &Device<T::Driver> {
        // SAFETY: `plane` is valid by the type invariants, and its device outlives it.
        unsafe { Device::from_raw((*self.as_raw()).dev) }
    }

    /// # Safety
    ///
    /// For its slot in a C vtable only.
    unsafe extern "C" fn check_callback(
        plane: *mut bindings::drm_plane,
        commit: *mut bindings::drm_atomic_commit,
    ) -> c_int {
        // SAFETY: The helpers call this with a plane of this type that is in `commit`, under locks
        // that keep its states as they are.
        let (plane, mut check) = unsafe {
            let plane = Self::from_raw(plane);
            (plane, PlaneCheck(Update::new(plane, commit)))
        };

        check.no_fence_without_framebuffer();
        from_result(|| T::check(plane, &mut check).map(|()| 0))
    }

    /// # Safety
    ///
    /// For its slot in a C vtable only.
    unsafe extern "C" fn prepare_callback(
        plane: *mut bindings::drm_plane,
        state: *mut bindings::drm_plane_state,
    ) -> c_int {
        // SAFETY: The helpers call this with a plane of this type and its new state in a commit that
        // has been checked, for whose task alone the slot is.
        let (plane, prepare, slot) = unsafe {
            let plane = Self::from_raw(plane);
            (
                plane,
                PlanePrepare(Update::new(plane, (*state).state)),
                State::<T>::prepared(state),
            )
        };

        from_result(|| {
            // SAFETY: As above. Finds the fences of the framebuffer that the commit waits for.
            to_result(unsafe { bindings::drm_gem_plane_helper_prepare_fb(plane.as_raw(), state) })?;
            *slot = T::prepare(plane, &prepare)?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// For its slot in a C vtable only.
    unsafe extern "C" fn publish_callback(
        _plane: *mut bindings::drm_plane,
        state: *mut bindings::drm_plane_state,
    ) -> c_int {
        // SAFETY: The helpers call this, once all planes are prepared, with the new state of a plane of
        // this type, in the task that the commit is of, for which alone the slot is.
        let slot = unsafe { State::<T>::prepared(state) };

        from_result(|| {
            slot.as_mut().map_or(Ok(()), T::publish)?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// For its slot in a C vtable only.
    unsafe extern "C" fn cleanup_callback(
        _plane: *mut bindings::drm_plane,
        state: *mut bindings::drm_plane_state,
    ) {
        // SAFETY: The helpers call this with a state of a plane of this type that is not in use any
        // more, in the task that the commit is of. What is left was prepared for a commit that is
        // not to be.
        unsafe { *State::<T>::prepared(state) = None };
    }

    /// # Safety
    ///
    /// For its slot in a C vtable only.
    unsafe extern "C" fn update_callback(
        plane: *mut bindings::drm_plane,
        commit: *mut bindings::drm_atomic_commit,
    ) {
        // SAFETY: The helpers call this with a plane of this type that is in `commit`, whose new
        // state is not destroyed before the commit has ended, and whose task this is.
        unsafe {
            let plane = Self::from_raw(plane);
            let update = Update::new(plane, commit);

            if let Some(prepared) = State::<T>::prepared(update.new).take() {
                T::update(plane, update.crtc(), prepared);
            }
        }
    }

    /// # Safety
    ///
    /// For its slot in a C vtable only.
    unsafe extern "C" fn async_check_callback(
        plane: *mut bindings::drm_plane,
        commit: *mut bindings::drm_atomic_commit,
        flip: bool,
    ) -> c_int {
        if flip {
            return EINVAL.to_errno();
        }
        // SAFETY: The helpers call this with a plane of this type that is in `commit`.
        let update = unsafe { Update::new(Self::from_raw(plane), commit) };

        // A cursor that appears or goes away is for a commit: its plane is added or removed.
        if update.old_state().framebuffer().is_none() || update.new_state().framebuffer().is_none()
        {
            return EINVAL.to_errno();
        }
        // Nobody waits for what draws the picture, but a commit does.
        let fb = update.new_state().framebuffer();
        if fb.is_some_and(|fb| !fb.object().reservation().is_signaled(Usage::Write)) {
            return EINVAL.to_errno();
        }
        0
    }

    /// # Safety
    ///
    /// For its slot in a C vtable only.
    unsafe extern "C" fn async_update_callback(
        plane: *mut bindings::drm_plane,
        commit: *mut bindings::drm_atomic_commit,
    ) {
        // SAFETY: The helpers call this with a plane of this type that is in `commit`, under the
        // plane's lock. The commit is not swapped in: what it changes goes into the current state,
        // and the framebuffer that is replaced goes away with the commit.
        unsafe {
            let this = Self::from_raw(plane);
            let update = Update::new(this, commit);
            let (current, new) = ((*plane).state, update.new);

            core::ptr::swap(&raw mut (*current).fb, &raw mut (*new).fb);
            (*current).crtc_x = (*new).crtc_x;
            (*current).crtc_y = (*new).crtc_y;
            (*current).crtc_w = (*new).crtc_w;
            (*current).crtc_h = (*new).crtc_h;
            (*current).src_x = (*new).src_x;
            (*current).src_y = (*new).src_y;
            (*current).src_w = (*new).src_w;
            (*current).src_h = (*new).src_h;
            (*current).hotspot_x = (*new).hotspot_x;
            (*current).hotspot_y = (*new).hotspot_y;
            (*current).src = (*new).src;
            (*current).dst = (*new).dst;
            (*current).visible = (*new).visible;

            if let Some(prepared) = State::<T>::prepared(update.new).take() {
                T::update(this, update.crtc(), prepared);
                T::Driver::planes_updated(this.dev());
            }
        }
    }
}

impl<T: DriverPlane> Deref for Plane<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

/// # Safety
///
/// For [`managed::add_action`] only, with a plane.
unsafe extern "C" fn cleanup_action(_dev: *mut bindings::drm_device, data: *mut c_void) {
    // SAFETY: `data` is the plane that the action was added for.
    unsafe { bindings::drm_plane_cleanup(data.cast()) };
}
