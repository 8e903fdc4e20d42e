// SPDX-License-Identifier: GPL-2.0

//! Whether the host shows guest memory where contexts can name buffers, so that a dumb buffer is a
//! picture that the host has a copy of, and has a blob for the display beside it.
//!
//! Not every such host can show a blob of guest memory, and none says so. So one is asked when there
//! is something to be shown: it is told to show the blob, and right after it the picture, which is what
//! is to be seen until it has answered. A host that has said that it can is believed until it refuses.
#![forbid(unsafe_code)]

use super::Display;
use crate::{
    device::DrmDevice,
    queue::Reply, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        }, //
    }, //
};

/// What is known of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// It was not asked, or has not answered.
    Unknown,
    /// It shows guest memory.
    InPlace,
    /// It does not.
    Copies,
}

/// The host's answer.
pub(super) struct InPlace(Atomic<u32>);

impl InPlace {
    /// A host that was not asked.
    pub(super) const fn new() -> Self {
        Self(Atomic::new(0))
    }

    pub(super) fn get(&self) -> Sight {
        of(self.0.load(Relaxed))
    }

    /// Sets it, and returns what it was.
    fn set(&self, sight: Sight) -> Sight {
        let number = match sight {
            Sight::Unknown => 0,
            Sight::InPlace => 1,
            Sight::Copies => 2,
        };

        of(self.0.xchg(number, Relaxed))
    }
}

fn of(number: u32) -> Sight {
    match number {
        0 => Sight::Unknown,
        1 => Sight::InPlace,
        _ => Sight::Copies,
    }
}

impl Display {
    /// The host has said that it does not show guest memory. Returns what was known before.
    pub(super) fn copies_from_now_on(&self, dev: &DrmDevice) -> Sight {
        let before = self.in_place.set(Sight::Copies);

        if before != Sight::Copies {
            dev_info!(
                dev.parent(),
                "[drm] the host does not show guest memory, what is shown is copied\n"
            );
        }
        before
    }
}

impl DrmDevice {
    /// Whether dumb buffers are shown in place by way of blobs beside them, `None` where they have none.
    pub(crate) fn shows_in_place(&self) -> Option<Sight> {
        let features = self.features();

        (features.resource_blob && features.virgl).then(|| self.display().in_place.get())
    }
}

/// Hears whether a blob is shown.
pub(super) struct Shown {
    dev: ARef<DrmDevice>,
    /// The plane that it is on, as a mask.
    plane: u32,
}

impl Shown {
    /// For a plane of `dev`.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn new(dev: &DrmDevice, plane: u32) -> Result<KBox<Self>> {
        Ok(KBox::new(
            Self {
                dev: ARef::from(dev),
                plane,
            },
            GFP_KERNEL,
        )?)
    }
}

impl Reply for Shown {
    fn done(&mut self, result: Result<KVec<u8>>) {
        let display = self.dev.display();

        match result {
            Ok(_) if display.in_place.get() == Sight::Unknown => {
                display.in_place.set(Sight::InPlace);
            }
            Ok(_) => {}
            Err(EIO | EPROTO) => {
                if display.copies_from_now_on(&self.dev) == Sight::InPlace {
                    // It shows something older.
                    display.repaint.later(self.plane);
                }
            }
            // The host was not asked, or is gone.
            Err(_) => {}
        }
    }
}
