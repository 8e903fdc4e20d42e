// SPDX-License-Identifier: GPL-2.0

//! Kernel mode setting.
//!
//! A driver implements [`KmsDriver`] and makes its objects with a [`Setup`]: planes, CRTCs and
//! connectors, each with a part of the driver's, which live as long as the device. The DRM core then
//! calls the hooks of [`DriverPlane`] and [`DriverConnector`] with views of the atomic commit that is
//! being checked, prepared or carried out.
//!
//! What an update needs is made in [`DriverPlane::prepare`], which may fail, and is handed to
//! [`DriverPlane::update`], which may not. Vertical blanks come from a timer, and a plane's hooks see
//! whether its CRTC is switched on or off. A flip is over at the next vertical blank, unless the driver
//! [holds it back](Crtc::hold).
//!
//! C header: [`include/drm/drm_mode_config.h`](srctree/include/drm/drm_mode_config.h)

mod atomic;
mod connector;
mod crtc;
mod flip;
mod framebuffer;
mod managed;
mod mode_config;
mod panic;
mod plane;
mod plane_state;
mod plane_update;
mod suspend;

pub(crate) use self::{
    atomic::{
        CrtcState,
        PlaneState, //
    },
    connector::{
        Connector,
        ConnectorProbe,
        DriverConnector,
        Mode, //
    },
    crtc::{
        Crtc,
        DriverCrtc, //
    },
    framebuffer::{
        Framebuffer,
        FramebufferRequest, //
    },
    mode_config::{
        Config,
        ModeConfigGuard,
        Setup, //
    },
    plane::{
        DriverPlane,
        Plane,
        PlaneKind, //
    },
    plane_update::{
        PlaneCheck,
        PlanePrepare, //
    },
};

use super::{
    gem,
    Device,
    Driver,
    File, //
};
use crate::abi::bindings;
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

/// A DRM driver that sets modes.
pub(crate) trait KmsDriver: Driver {
    /// The driver's part of a CRTC.
    type Crtc: DriverCrtc<Driver = Self>;

    /// The driver's part of a connector.
    type Connector: DriverConnector<Driver = Self>;

    /// `file` makes a framebuffer of `object`, which is large enough for it. Its format may be one
    /// that no plane has, so that it can never be shown.
    fn check_framebuffer(
        dev: &Device<Self>,
        file: &File<Self::File>,
        object: &ARef<gem::Object<Self::Object>>,
        request: &FramebufferRequest,
    ) -> Result;

    /// All planes of a commit have been updated.
    fn planes_updated(dev: &Device<Self>);
}

/// A rectangle in whole pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rect {
    /// Left edge.
    pub(crate) x: u32,
    /// Upper edge.
    pub(crate) y: u32,
    /// Width.
    pub(crate) width: u32,
    /// Height.
    pub(crate) height: u32,
}

impl<T: KmsDriver> Device<T> {
    /// Whether a [`Setup`] was made for the device.
    fn has_mode_config(&self) -> bool {
        // SAFETY: The device is valid; the pointer is set once, before anybody knows the device.
        unsafe { !(*self.as_raw()).mode_config.funcs.is_null() }
    }

    /// Locks the configuration, if there is one: connectors are not probed by others until the guard
    /// is dropped.
    pub(crate) fn lock_mode_config(&self) -> Option<ModeConfigGuard<'_, T>> {
        self.has_mode_config().then(|| {
            // SAFETY: There is a configuration.
            unsafe { ModeConfigGuard::new(self) }
        })
    }

    /// Tells userspace and clients in the kernel that connectors have changed.
    pub(crate) fn hotplug_event(&self) {
        if self.has_mode_config() {
            // SAFETY: The device is valid and has a configuration.
            unsafe { bindings::drm_kms_helper_hotplug_event(self.as_raw()) };
        }
    }

    /// Switches all CRTCs off.
    pub(crate) fn atomic_shutdown(&self) {
        if self.has_mode_config() {
            // SAFETY: The device is valid and has a configuration.
            unsafe { bindings::drm_atomic_helper_shutdown(self.as_raw()) };
        }
    }

    /// Starts clients in the kernel, such as the console. The device must be registered.
    pub(crate) fn setup_clients(&self) {
        if self.has_mode_config() {
            // SAFETY: The device is valid and has a configuration.
            unsafe { bindings::abi_helper_client_setup(self.as_raw()) };
        }
    }
}
