// SPDX-License-Identifier: GPL-2.0

//! Handling of configuration changes where sleeping is fine, and only while the driver is bound.

use super::Device;
use crate::abi::sync::workqueue;
use core::ptr::NonNull;
use kernel::{
    device,
    impl_has_work,
    new_mutex,
    new_work,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    workqueue::{
        Work,
        WorkItem, //
    }, //
};

/// Handles configuration changes of a device.
pub(crate) trait ConfigHandler: Send + Sync + 'static {
    /// The configuration has changed, once or several times. May sleep.
    fn config_changed(&self, dev: &Device<device::Bound>);
}

/// A work item that calls a [`ConfigHandler`].
///
/// To be owned by the driver's data of the bound device. Dropping it, or [`ConfigWork::stop`], waits
/// for a call that is under way, and no other follows.
pub(crate) struct ConfigWork<H: ConfigHandler>(Arc<Inner<H>>);

/// # Invariants
///
/// While `active` holds `true`, `dev` is a device whose driver is bound.
#[pin_data]
struct Inner<H: ConfigHandler> {
    handler: H,
    dev: NonNull<Device>,
    #[pin]
    active: Mutex<bool>,
    #[pin]
    work: Work<Self>,
}

// SAFETY: `dev` is only used under the lock of `active`, and a device may be used from any task.
unsafe impl<H: ConfigHandler> Send for Inner<H> {}
// SAFETY: As above.
unsafe impl<H: ConfigHandler> Sync for Inner<H> {}

impl_has_work! {
    impl{H: ConfigHandler} HasWork<Self> for Inner<H> { self.work }
}

impl<H: ConfigHandler> WorkItem for Inner<H> {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let active = this.active.lock();

        if *active {
            // SAFETY: By the type invariant the driver is bound, and it stays so while the lock is
            // held, for `stop()` takes it before the driver's data is dropped.
            let dev = unsafe { this.dev.cast::<Device<device::Bound>>().as_ref() };
            this.handler.config_changed(dev);
        }
    }
}

impl<H: ConfigHandler> ConfigWork<H> {
    /// Creates the work item for `dev`.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new(dev: &Device<device::Core<'_>>, handler: H) -> Result<Self> {
        // INVARIANT: `Core` is a bus callback, here the probe: the driver is being bound, and the
        // object made here is dropped with the driver's data at the latest.
        Ok(Self(Arc::pin_init(
            pin_init!(Inner {
                handler,
                dev: NonNull::from(dev).cast(),
                active <- new_mutex!(true),
                work <- new_work!("virtio::ConfigWork"),
            }),
            GFP_KERNEL,
        )?))
    }

    /// Has the handler called soon. May be called in interrupt context.
    pub(crate) fn schedule(&self) {
        // Queued already is fine: the handler has not looked yet.
        let _ = workqueue::system_dfl().enqueue(self.0.clone());
    }

    /// Waits for a call that is under way; no other follows, unless after [`Self::resume`]. May sleep.
    pub(crate) fn stop(&self) {
        *self.0.active.lock() = false;
        workqueue::flush(&self.0.work);
    }

    /// Lets the handler be called again, after [`Self::stop`]. What was to be handled in between is
    /// forgotten. May sleep.
    pub(crate) fn resume(&self, _dev: &Device<device::Core<'_>>) {
        // INVARIANT: `Core` is a bus callback of the device, whose driver is bound: the driver's data
        // owns this object, and dropping it stops it.
        *self.0.active.lock() = true;
    }
}

impl<H: ConfigHandler> Drop for ConfigWork<H> {
    fn drop(&mut self) {
        self.stop();
    }
}
