// SPDX-License-Identifier: GPL-2.0

//! The state of a device.
#![forbid(unsafe_code)]

use crate::{
    abi::drm,
    driver::VirtioGpu, //
};
use kernel::prelude::*;

/// The DRM device, which dereferences to [`Gpu`].
pub(crate) type DrmDevice = drm::Device<VirtioGpu>;

/// The state of a device.
#[pin_data]
pub(crate) struct Gpu {}

impl Gpu {
    /// Creates an initializer.
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {})
    }
}
