// SPDX-License-Identifier: GPL-2.0

//! Resources.
#![forbid(unsafe_code)]

use crate::{
    abi::drm,
    device::DrmDevice,
    driver::VirtioGpu,
    queue::Stamp, //
};
use kernel::prelude::*;

/// The driver's part of a GEM object.
pub(crate) struct Resource {
    stamp: Stamp,
    id: u32,
}

impl Resource {
    /// For the order of commands that name the object.
    pub(crate) fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// The resource id.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }
}

impl drm::gem::DriverObject for Resource {
    type Driver = VirtioGpu;
    type Args = ();
    fn new(_dev: &DrmDevice, _size: usize, _args: ()) -> impl PinInit<Self, Error> {
        Ok::<_, Error>(Self {
            stamp: Stamp::new(),
            id: 1,
        })
    }
}
