// SPDX-License-Identifier: GPL-2.0

//! Where ended commands go that hold more than can be dropped anywhere: that is freed by a work item of
//! its own, and not before the device can do no more with it.
//!
//! Freeing may take locks and memory that fence signalling must not wait for, and a command may end
//! where nothing may sleep. And a device that is lost may use any memory that it was told of until
//! it is reset, so commands that end because of that are kept until then.
#![forbid(unsafe_code)]

use super::command::Meta;
use crate::abi::virtio::{
    Fifo,
    Request, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::SpinLock, //
};

/// Ended commands.
#[pin_data]
pub(super) struct Reaper {
    #[pin]
    spent: SpinLock<Spent>,
}

struct Spent {
    /// Commands that can be freed.
    free: Fifo<Meta>,
    /// Commands to be kept until the device is reset.
    kept: Fifo<Meta>,
    /// Whether there is a device that may use memory.
    device: bool,
}

impl Reaper {
    /// Creates an initializer.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            spent <- new_spinlock!(
                Spent {
                    free: Fifo::new(),
                    kept: Fifo::new(),
                    device: false,
                },
                "virtio_gpu::Reaper"
            ),
        })
    }

    /// There is a device at work from now on.
    pub(super) fn start(&self) {
        self.spent.lock().device = true;
    }

    /// Takes a command that has ended, `lost` if it is because of the loss of the device.
    pub(super) fn put(&self, request: KBox<Request<Meta>>, lost: bool) {
        let mut spent = self.spent.lock();

        if lost && spent.device {
            spent.kept.push(request);
        } else {
            spent.free.push(request);
        }
    }

    /// The device was reset: nothing need be kept any more.
    pub(super) fn release(&self) {
        let mut spent = self.spent.lock();

        spent.device = false;
        while let Some(request) = spent.kept.pop() {
            spent.free.push(request);
        }
    }

    /// Whether there is nothing to be freed.
    pub(super) fn is_idle(&self) -> bool {
        self.spent.lock().free.is_empty()
    }

    /// Frees what can be freed.
    pub(super) fn reap(&self) {
        // Taken out first: dropping a command may push another one, which may end at once.
        let free = core::mem::replace(&mut self.spent.lock().free, Fifo::new());

        drop(free);
    }
}
