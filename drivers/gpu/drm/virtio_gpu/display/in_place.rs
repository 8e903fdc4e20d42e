// SPDX-License-Identifier: GPL-2.0

//! Whether the host shows guest memory where contexts can name buffers, so that a dumb buffer is a
//! picture that the host has a copy of, and has a blob for the display beside it.
//!
//! Not every such host can show a blob of guest memory, and none says so. So one is asked when there
//! is something to be shown: it is told to show the blob, and right after it the picture, which is what
//! is to be seen until it has answered. What a host refuses that has said that it can is that buffer's.
#![forbid(unsafe_code)]

use super::Display;
use crate::{
    abi::refs::put_unless_last,
    device::DrmDevice,
    object::Object,
    queue::{
        Reply,
        ReplyBytes, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            AtomicFlag,
            Full,
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
pub(super) struct InPlace {
    answer: Atomic<u32>,
    /// Whether a refusal after that was told of.
    told: AtomicFlag,
}

const UNKNOWN: u32 = 0;
const IN_PLACE: u32 = 1;
const COPIES: u32 = 2;

impl InPlace {
    /// A host that was not asked.
    pub(super) const fn new() -> Self {
        Self {
            answer: Atomic::new(UNKNOWN),
            told: AtomicFlag::new(false),
        }
    }

    pub(super) fn get(&self) -> Sight {
        match self.answer.load(Relaxed) {
            UNKNOWN => Sight::Unknown,
            IN_PLACE => Sight::InPlace,
            _ => Sight::Copies,
        }
    }

    /// The first answer, which is the host's. Returns whether it is that.
    fn decide(&self, number: u32) -> bool {
        self.answer.cmpxchg(UNKNOWN, number, Relaxed).is_ok()
    }
}

impl Display {
    /// The host has refused to make or to show a blob of guest memory.
    pub(super) fn refused_in_place(&self, dev: &DrmDevice) {
        if self.in_place.decide(COPIES) {
            dev_info!(
                dev.parent(),
                "[drm] the host does not show guest memory, what is shown is copied\n"
            );
        } else if self.in_place.get() == Sight::InPlace && !self.in_place.told.xchg(true, Full) {
            dev_info!(
                dev.parent(),
                "[drm] the host does not show guest memory of every buffer, some are copied\n"
            );
        }
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
    /// Until the end.
    object: Option<ARef<Object>>,
    /// The plane that it is on, as a mask.
    plane: u32,
    /// Whether the picture is shown right after it.
    trial: bool,
}

impl Shown {
    /// For what is beside the picture of `object` on the planes in the mask `plane`.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn new(object: &Object, plane: u32, trial: bool) -> Result<KBox<Self>> {
        Ok(KBox::new(
            Self {
                object: Some(ARef::from(object)),
                plane,
                trial,
            },
            GFP_KERNEL,
        )?)
    }
}

impl Reply for Shown {
    fn done(&mut self, result: Result<ReplyBytes>) {
        let Some(object) = &self.object else {
            return;
        };
        let dev = object.dev();
        let display = dev.display();

        match result {
            Ok(_) => {
                display.in_place.decide(IN_PLACE);
            }
            Err(EIO | EPROTO) => {
                object.refuse_in_place();
                display.refused_in_place(dev);
                if !self.trial {
                    // It shows something older.
                    display.repaint.later(self.plane);
                }
            }
            // The host was not asked, or is gone.
            Err(_) => {}
        }
    }

    fn let_go(&mut self) -> bool {
        put_unless_last(&mut self.object)
    }
}
