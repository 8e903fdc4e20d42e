// SPDX-License-Identifier: GPL-2.0

//! Resources.
#![forbid(unsafe_code)]

use crate::{
    abi::drm,
    device::DrmDevice,
    driver::VirtioGpu, //
};
use kernel::prelude::*;

/// The driver's part of a GEM object.
#[pin_data]
pub(crate) struct Resource {}

impl drm::gem::DriverObject for Resource {
    type Driver = VirtioGpu;
    type Args = ();
    fn new(_dev: &DrmDevice, _size: usize, _args: ()) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {})
    }
}
