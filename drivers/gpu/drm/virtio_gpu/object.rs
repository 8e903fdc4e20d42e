// SPDX-License-Identifier: GPL-2.0

//! Resources.
#![forbid(unsafe_code)]

use crate::{
    abi::drm,
    driver::VirtioGpu, //
};

/// The driver's part of a GEM object.
pub(crate) struct Resource;

impl drm::gem::DriverObject for Resource {
    type Driver = VirtioGpu;
}
