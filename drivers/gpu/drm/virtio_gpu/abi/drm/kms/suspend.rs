// SPDX-License-Identifier: GPL-2.0

//! The display before and after the system sleeps.
//!
//! C header: [`include/drm/drm_modeset_helper.h`](srctree/include/drm/drm_modeset_helper.h)

use super::KmsDriver;
use crate::abi::{
    bindings,
    drm::Device, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

impl<T: KmsDriver> Device<T> {
    /// Switches everything off and keeps in mind what there was. Clients in the kernel pause; there
    /// must be no others at work. Waits for commits that are under way.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`] and those of the DRM core. The display is as it was then.
    pub(crate) fn suspend_display(&self) -> Result {
        if !self.has_mode_config() {
            return Ok(());
        }
        // SAFETY: The device is valid and has a configuration.
        to_result(unsafe { bindings::drm_mode_config_helper_suspend(self.as_raw()) })
    }

    /// Switches on again what [`Self::suspend_display`] has switched off. Does nothing if it has not.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`] and those of the DRM core. The display stays off then, for userspace to switch on.
    pub(crate) fn resume_display(&self) -> Result {
        // SAFETY: The device is valid. The field is only written by the two helpers, which the bus
        // calls one after another.
        if unsafe { (*self.as_raw()).mode_config.suspend_state.is_null() } {
            return Ok(());
        }
        // SAFETY: The device is valid and was suspended.
        to_result(unsafe { bindings::drm_mode_config_helper_resume(self.as_raw()) })
    }
}
