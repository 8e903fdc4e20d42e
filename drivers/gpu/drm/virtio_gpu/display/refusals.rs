// SPDX-License-Identifier: GPL-2.0

//! Scanouts that the host refuses to set: it goes on to show what it showed before. So the plane's next
//! update says everything again, and there is one soon even if nothing changes.
#![forbid(unsafe_code)]

use crate::device::DrmDevice;
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        SpinLock, //
    }, //
};

/// What is known of that.
#[pin_data]
pub(super) struct Refusals {
    /// Whether there is anything in `planes`.
    any: Atomic<bool>,
    #[pin]
    planes: SpinLock<Planes>,
}

/// Masks of planes.
struct Planes {
    /// Of which the scanout was refused since it was set last.
    refused: u32,
    /// That were to be updated because of that, since another buffer is shown. Once is enough for a
    /// host that refuses for good.
    asked: u32,
}

impl Refusals {
    /// Creates an initializer for none.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            any: Atomic::new(false),
            planes <- new_spinlock!(Planes {
                refused: 0,
                asked: 0,
            }),
        })
    }

    /// Whether the host shows something older on `plane`, a mask.
    pub(super) fn has(&self, plane: u32) -> bool {
        self.any.load(Relaxed) && self.planes.lock().refused & plane != 0
    }

    /// The scanout of `plane`, a mask, is about to be set, to `another` buffer or not.
    pub(super) fn setting(&self, plane: u32, another: bool) {
        if !self.any.load(Relaxed) {
            return;
        }
        let mut planes = self.planes.lock();

        planes.refused &= !plane;
        if another {
            planes.asked &= !plane;
        }
        self.any.store(planes.refused | planes.asked != 0, Relaxed);
    }
}

impl DrmDevice {
    /// The host has refused to set the scanout of `plane`, a mask.
    pub(crate) fn scanout_refused(&self, plane: u32) {
        let display = self.display();
        let mut planes = display.refusals.planes.lock();
        let again = planes.asked & plane == 0;

        planes.refused |= plane;
        planes.asked |= plane;
        display.refusals.any.store(true, Relaxed);
        drop(planes);
        if again {
            display.repaint.later(plane);
        }
    }
}
