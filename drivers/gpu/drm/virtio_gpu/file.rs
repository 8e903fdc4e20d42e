// SPDX-License-Identifier: GPL-2.0

//! An open file of the device.
#![forbid(unsafe_code)]

use crate::{
    abi::drm,
    device::DrmDevice,
    driver::VirtioGpu,
    queue::Credits, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// An open file.
pub(crate) struct File {
    credits: Arc<Credits>,
}

impl File {
    /// How many commands the client may have under way.
    pub(crate) fn credits(&self) -> &Arc<Credits> {
        &self.credits
    }
}

impl drm::DriverFile for File {
    type Driver = VirtioGpu;

    fn open(_dev: &DrmDevice) -> Result<Pin<KBox<Self>>> {
        let credits = Credits::new()?;

        Ok(KBox::pin(Self { credits }, GFP_KERNEL)?)
    }

    fn close(_dev: &DrmDevice, _this: Pin<KBox<Self>>) {}
}
