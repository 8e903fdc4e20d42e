// SPDX-License-Identifier: GPL-2.0

//! The mode configuration of a device: making its objects, and the tail of atomic commits.
//!
//! C header: [`include/drm/drm_mode_config.h`](srctree/include/drm/drm_mode_config.h)

use super::{
    connector::{
        Connector,
        ConnectorProbe, //
    },
    framebuffer::Framebuffer,
    KmsDriver, //
};
use crate::abi::{
    bindings,
    drm::Device, //
};
use core::marker::PhantomData;
use kernel::{
    error::to_result,
    prelude::*,
    types::NotThreadSafe, //
};

/// What a device can do, for all its CRTCs.
pub(crate) struct Config {
    /// Smallest width and height of a mode and a framebuffer, in pixels.
    pub(crate) min: (u32, u32),
    /// Largest width and height of a mode and a framebuffer, in pixels.
    pub(crate) max: (u32, u32),
    /// Width and height of a cursor, in pixels.
    pub(crate) cursor: (u32, u32),
}

struct VTable<D>(PhantomData<D>);

impl<D: KmsDriver> VTable<D> {
    const FUNCS: bindings::drm_mode_config_funcs = bindings::drm_mode_config_funcs {
        fb_create: Some(Framebuffer::<D>::create_callback),
        atomic_check: Some(bindings::drm_atomic_helper_check),
        atomic_commit: Some(bindings::drm_atomic_helper_commit),
        ..pin_init::zeroed()
    };

    const HELPER_FUNCS: bindings::drm_mode_config_helper_funcs =
        bindings::drm_mode_config_helper_funcs {
            atomic_commit_tail: Some(Self::commit_tail_callback),
            ..pin_init::zeroed()
        };

    /// Carries a commit out. CRTCs are on before planes are updated, so that the event of a commit
    /// that switches one on comes with its first vertical blank. Old buffers are let go after the
    /// flip.
    ///
    /// # Safety
    ///
    /// For its slot in a C vtable only.
    unsafe extern "C" fn commit_tail_callback(commit: *mut bindings::drm_atomic_commit) {
        // SAFETY: The helpers call this with a commit of a device of this driver, whose states are
        // swapped in, which is what these functions ask for.
        unsafe {
            let dev = (*commit).dev;

            bindings::drm_atomic_helper_commit_modeset_disables(dev, commit);
            bindings::drm_atomic_helper_commit_modeset_enables(dev, commit);
            bindings::drm_atomic_helper_commit_planes(dev, commit, 0);
            D::planes_updated(Device::<D>::from_raw(dev));
            bindings::drm_atomic_helper_fake_vblank(commit);
            bindings::drm_atomic_helper_commit_hw_done(commit);
            bindings::drm_atomic_helper_wait_for_flip_done(dev, commit);
            bindings::drm_atomic_helper_cleanup_planes(dev, commit);
        }
    }
}

/// The making of a device's objects.
///
/// # Invariants
///
/// The mode configuration of `dev` is initialised, and the device is not registered.
pub(crate) struct Setup<'a, D: KmsDriver> {
    dev: &'a Device<D>,
    _not_send: NotThreadSafe,
}

impl<'a, D: KmsDriver> Setup<'a, D> {
    /// Starts the configuration of `dev`, which must not be known to anybody yet. Once for a device.
    ///
    /// # Errors
    ///
    /// [`EBUSY`] if the device has a configuration already or is registered, [`ENOMEM`].
    pub(crate) fn new(dev: &'a Device<D>, config: &Config) -> Result<Self> {
        let raw = dev.as_raw();

        // SAFETY: `dev` is valid.
        if unsafe { (*raw).registered || !(*raw).mode_config.funcs.is_null() } {
            return Err(EBUSY);
        }
        // SAFETY: `dev` is valid, and this is done once, as was checked above.
        to_result(unsafe { bindings::drmm_mode_config_init(raw) })?;
        // SAFETY: Nobody uses the configuration yet.
        let mode_config = unsafe { &mut (*raw).mode_config };
        mode_config.funcs = const { &VTable::<D>::FUNCS };
        mode_config.helper_private = const { &VTable::<D>::HELPER_FUNCS };
        (mode_config.min_width, mode_config.min_height) = config.min;
        (mode_config.max_width, mode_config.max_height) = config.max;
        (mode_config.cursor_width, mode_config.cursor_height) = config.cursor;
        mode_config.quirk_addfb_prefer_host_byte_order = true;
        mode_config.fb_modifiers_not_supported = true;

        // INVARIANT: As done above.
        Ok(Self {
            dev,
            _not_send: NotThreadSafe,
        })
    }

    /// The device.
    pub(crate) fn dev(&self) -> &'a Device<D> {
        self.dev
    }

    /// Ends the making of objects: their first states are made.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn finish(self) -> Result {
        let raw = self.dev.as_raw();

        // SAFETY: `dev` has a configuration.
        to_result(unsafe { bindings::drm_mode_create_suggested_offset_properties(raw) })?;
        if let Some(config) = self.dev.lock_mode_config() {
            // SAFETY: The properties were made above, and the device is not registered.
            config.for_each_connector(|probe| unsafe { probe.attach_place() });
        }
        // SAFETY: `dev` is valid; the number of CRTCs does not change any more.
        unsafe {
            let crtcs = u32::try_from((*raw).mode_config.num_crtc)?;
            to_result(bindings::drm_vblank_init(raw, crtcs))?;
            to_result(bindings::drm_mode_config_create_initial_state(raw))
        }
    }
}

/// The lock of a mode configuration, under which connectors are probed.
///
/// # Invariants
///
/// `mode_config.mutex` of `dev` is held.
pub(crate) struct ModeConfigGuard<'a, D: KmsDriver> {
    dev: &'a Device<D>,
    _not_send: NotThreadSafe,
}

impl<'a, D: KmsDriver> ModeConfigGuard<'a, D> {
    /// # Safety
    ///
    /// `dev` must have a mode configuration.
    pub(super) unsafe fn new(dev: &'a Device<D>) -> Self {
        // SAFETY: By the safety requirements the mutex is initialised.
        unsafe { bindings::abi_helper_mode_config_lock(dev.as_raw()) };
        // INVARIANT: Locked above.
        Self {
            dev,
            _not_send: NotThreadSafe,
        }
    }

    /// Calls `f` for each connector.
    pub(crate) fn for_each_connector(&self, mut f: impl FnMut(ConnectorProbe<'_, D::Connector>)) {
        let mut iter = bindings::drm_connector_list_iter::default();

        // SAFETY: The device is valid; the iterator is ours, and holds a reference to the connector
        // it is at. All connectors of the device are of this type, and the lock is held.
        unsafe {
            bindings::drm_connector_list_iter_begin(self.dev.as_raw(), &mut iter);
            loop {
                let connector = bindings::drm_connector_list_iter_next(&mut iter);
                if connector.is_null() {
                    break;
                }
                f(ConnectorProbe::new(Connector::from_raw(connector)));
            }
            bindings::drm_connector_list_iter_end(&mut iter);
        }
    }
}

impl<D: KmsDriver> Drop for ModeConfigGuard<'_, D> {
    fn drop(&mut self) {
        // SAFETY: Held by the type invariant.
        unsafe { bindings::abi_helper_mode_config_unlock(self.dev.as_raw()) };
    }
}
