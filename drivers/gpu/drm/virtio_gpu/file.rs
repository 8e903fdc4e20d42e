// SPDX-License-Identifier: GPL-2.0

//! An open file of the device.
#![forbid(unsafe_code)]

use crate::{
    abi::drm,
    device::DrmDevice,
    driver::VirtioGpu, //
};
use kernel::prelude::*;

/// An open file.
pub(crate) struct File;

impl drm::DriverFile for File {
    type Driver = VirtioGpu;

    fn open(_dev: &DrmDevice) -> Result<Pin<KBox<Self>>> {
        Ok(KBox::pin(Self, GFP_KERNEL)?)
    }

    fn close(_dev: &DrmDevice, _this: Pin<KBox<Self>>) {}
}
