// SPDX-License-Identifier: GPL-2.0

//! The virtqueues of a bound device, from when they are found until they are deleted.
#![forbid(unsafe_code)]

use super::{
    command::Meta,
    ring::panic,
    Command,
    Credits,
    Queues, //
};
use crate::abi::{
    sync::{
        workqueue::{
            flush,
            flush_delayed, //
        },
        OwnedQueue, //
    },
    virtio::{
        self,
        virtqueue::Virtqueues,
        Fifo, //
    }, //
};
use kernel::{
    device,
    prelude::*,
    sync::Arc, //
};
use virtio_gpu_proto as proto;
use zerocopy::FromZeros;

/// The number of the control queue; the other one is the cursor's.
const CONTROL: u32 = 0;

/// Receives the interrupts.
struct Interrupts {
    queues: Arc<Queues>,
    worker: Arc<OwnedQueue>,
}

impl virtio::Handler for Interrupts {
    fn interrupt(this: &Arc<Self>, index: u32) {
        let queues = this.queues.clone();

        // Queued already is fine: the work looks at everything there is when it runs.
        let _queued = match index {
            CONTROL => this.worker.enqueue::<_, 0>(queues).is_ok(),
            _ => this.worker.enqueue::<_, 4>(queues).is_ok(),
        };
    }
}

/// The virtqueues of a bound device: puts [`Queues`] to work and takes them down again.
pub(crate) struct QueueOwner {
    queues: Arc<Queues>,
    vqs: Virtqueues<Interrupts>,
}

impl QueueOwner {
    /// Finds the virtqueues of `dev` and starts `queues` on them, which complete commands on
    /// `worker`. Commands are to be pushed once the device is ready.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`] and those of the transport.
    pub(crate) fn start(
        dev: &virtio::Device<device::Core<'_>>,
        queues: Arc<Queues>,
        worker: Arc<OwnedQueue>,
    ) -> Result<Self> {
        let handler = Arc::new(
            Interrupts {
                queues: queues.clone(),
                worker,
            },
            GFP_KERNEL,
        )?;
        for _ in 0..panic::SPARE {
            // The longest that there are.
            let request = proto::SetScanoutBlob::new_zeroed();
            queues
                .control
                .keep_spare(Command::new(request)?.unanswered().0);
        }
        let (vqs, [control, cursor]) =
            Virtqueues::find::<Meta, 2>(dev, [c"control", c"cursor"], handler)?;
        let indirect = dev.has_feature(virtio::F_RING_INDIRECT_DESC);
        match Credits::with((control.size() / 2).max(1)) {
            // A ring that was there before was as large.
            Ok(credits) => queues.ring_credits.populate(credits),
            Err(e) => {
                vqs.delete(dev, [control, cursor]);
                return Err(e);
            }
        };
        queues.reaper.start();
        queues.control.start(control, indirect);
        queues.cursor.start(cursor, indirect);
        Ok(Self { queues, vqs })
    }

    /// Resets the device, ends every command, and deletes the virtqueues. When this returns, nothing
    /// of the queues runs any more.
    pub(crate) fn stop(self, dev: &virtio::Device<device::Core<'_>>) {
        self.queues.lose();
        self.queues.empty(&dev.reset());
        self.delete(dev);
    }

    /// The same with a way back: until the queues are started again and have woken up, commands end
    /// with [`ECANCELED`], which is no failure of the device's.
    pub(crate) fn sleep(self, dev: &virtio::Device<device::Core<'_>>) {
        let queues = &self.queues;
        let mut ended = Fifo::new();

        queues.control.sleep(&mut ended);
        queues.cursor.sleep(&mut ended);
        let reset = dev.reset();
        queues.control.empty(&reset, &mut ended);
        queues.cursor.empty(&reset, &mut ended);
        queues.reaper.release();
        queues.end_all(ended, ECANCELED);
        self.delete(dev);
    }

    /// Deletes the virtqueues of a device that was reset.
    fn delete(self, dev: &virtio::Device<device::Core<'_>>) {
        let queues = &self.queues;

        if let (Some(control), Some(cursor)) = (queues.control.stop(), queues.cursor.stop()) {
            // Drops the handler, and with it the worker, after what is queued on it.
            self.vqs.delete(dev, [control, cursor]);
        }
        flush(&queues.complete_work);
        flush(&queues.cursor_work);
        flush_delayed(&queues.watch_work);
        flush(&queues.reap_work);
    }
}
