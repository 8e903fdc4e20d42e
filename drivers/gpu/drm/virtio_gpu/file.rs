// SPDX-License-Identifier: GPL-2.0

//! An open file of the device.
#![forbid(unsafe_code)]

use crate::{
    abi::{
        drm,
        task, //
    },
    context::Context,
    device::DrmDevice,
    driver::VirtioGpu,
    queue::Credits, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// An open file.
#[pin_data]
pub(crate) struct File {
    credits: Arc<Credits>,
    /// What it renders in, where there is 3D.
    context: Option<Pin<KBox<Context>>>,
}

impl File {
    /// How many commands the client may have under way.
    pub(crate) fn credits(&self) -> &Arc<Credits> {
        &self.credits
    }

    /// What it renders in, where there is 3D.
    pub(crate) fn context(&self) -> Option<&Context> {
        self.context.as_deref()
    }
}

impl drm::DriverFile for File {
    type Driver = VirtioGpu;

    fn open(dev: &DrmDevice) -> Result<Pin<KBox<Self>>> {
        let credits = Credits::new()?;
        let context = match dev.features().virgl {
            true => Some(KBox::try_pin_init(
                Context::new(dev.context_ids()),
                GFP_KERNEL,
            )?),
            false => None,
        };

        Ok(KBox::pin(Self { credits, context }, GFP_KERNEL)?)
    }

    fn close(dev: &DrmDevice, this: Pin<KBox<Self>>) {
        if let Some(context) = &this.context {
            // Who is killed does not get what has not begun; who closes the file does, within bounds.
            context.destroy(dev.queues(), task::is_killed());
        }
        if dev.queues().is_lost() {
            // This may be the last file of a device that is gone, and the module go next.
            dev.queues().settle_reaper();
        }
    }
}
