// SPDX-License-Identifier: GPL-2.0

//! Updates that were left out because the host did not answer are made up for when it does again: a
//! picture that does not change would stay wrong otherwise.
#![forbid(unsafe_code)]

use crate::{
    abi::sync::workqueue::{
        flush_delayed,
        system_dfl, //
    },
    device::DrmDevice, //
};
use kernel::{
    impl_has_delayed_work,
    new_delayed_work,
    new_spinlock,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        SpinLock, //
    },
    time::msecs_to_jiffies,
    workqueue::{
        DelayedWork,
        WorkItem, //
    }, //
};

/// Milliseconds from one look at a host that does not answer to the next.
const PERIOD_MS: u32 = 100;

/// The planes of a device that are to be updated.
#[pin_data]
pub(super) struct Repaint {
    #[pin]
    state: SpinLock<State>,
    #[pin]
    work: DelayedWork<Self>,
}

struct State {
    /// The device, while it has a display.
    dev: Option<ARef<DrmDevice>>,
    /// A mask of planes.
    planes: u32,
}

impl_has_delayed_work! {
    impl HasDelayedWork<Self> for Repaint { self.work }
}

impl Repaint {
    /// Nothing to be done, and no device yet.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                state <- new_spinlock!(State {
                    dev: None,
                    planes: 0,
                }),
                work <- new_delayed_work!("virtio_gpu::repaint"),
            }),
            GFP_KERNEL,
        )
    }

    /// The display of `dev` is at work.
    pub(super) fn start(&self, dev: &DrmDevice) {
        self.state.lock().dev = Some(ARef::from(dev));
    }

    /// The display is not at work any more. Waits for what is being done.
    pub(super) fn stop(&self) {
        let dev = self.state.lock().dev.take();

        flush_delayed(&self.work);
        drop(dev);
    }

    /// An update of the planes in `planes`, a mask, was left out.
    pub(super) fn later(self: &Arc<Self>, planes: u32) {
        self.state.lock().planes |= planes;
        // Queued already is fine: all planes are looked at.
        let _ = system_dfl().enqueue_delayed(self.clone(), msecs_to_jiffies(PERIOD_MS));
    }
}

impl WorkItem for Repaint {
    type Pointer = Arc<Repaint>;

    fn run(this: Arc<Repaint>) {
        let Some(dev) = this.state.lock().dev.clone() else {
            return;
        };
        let queues = dev.queues();

        if queues.is_lost() {
            return;
        }
        if queues.display_congested() || queues.cursor_congested() {
            this.later(0);
            return;
        }
        let planes = core::mem::take(&mut this.state.lock().planes);
        match dev.update_planes(planes) {
            Ok(()) => {}
            // There may be memory later.
            Err(e) if e == ENOMEM => this.later(planes),
            Err(e) => dev_warn!(
                dev.parent(),
                "[drm] the display cannot be brought up to date: {:?}\n",
                e
            ),
        }
    }
}
