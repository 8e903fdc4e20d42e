// SPDX-License-Identifier: GPL-2.0

//! Scanouts that the host refuses to set: it goes on to show what it showed before. So the plane's next
//! update says everything again, and there is one soon even if nothing changes.
#![forbid(unsafe_code)]

use super::repaint::Repaint;
use crate::queue::{
    Reply,
    ReplyBytes, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            AtomicFlag,
            Full,
            Relaxed, //
        },
        Arc, //
    }, //
};

/// What a plane knows of that.
pub(super) struct Refusals {
    repaint: Arc<Repaint>,
    /// Whether the scanout was refused since it was set last.
    refused: AtomicFlag,
    /// Whether an update was asked for because of that, since another buffer is shown. One is enough
    /// for a host that refuses for good.
    asked: AtomicFlag,
}

impl Refusals {
    /// None yet.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn new(repaint: Arc<Repaint>) -> Result<Arc<Self>> {
        Ok(Arc::new(
            Self {
                repaint,
                refused: AtomicFlag::new(false),
                asked: AtomicFlag::new(false),
            },
            GFP_KERNEL,
        )?)
    }

    /// Whether the host shows something older.
    pub(super) fn is_refused(&self) -> bool {
        self.refused.load(Relaxed)
    }

    /// The scanout is about to be set, to `another` buffer or not.
    pub(super) fn setting(&self, another: bool) {
        self.refused.store(false, Relaxed);
        if another {
            self.asked.store(false, Relaxed);
        }
    }
}

/// Hears whether a scanout is set.
pub(super) struct Told {
    refusals: Arc<Refusals>,
    /// The plane, as a mask.
    plane: u32,
}

impl Told {
    /// For a plane, as a mask, that knows `refusals`.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn new(refusals: &Arc<Refusals>, plane: u32) -> Result<KBox<Self>> {
        Ok(KBox::new(
            Self {
                refusals: refusals.clone(),
                plane,
            },
            GFP_KERNEL,
        )?)
    }
}

impl Reply for Told {
    fn done(&mut self, result: Result<ReplyBytes>) {
        // Others mean that the host was not asked, or is gone.
        if let Err(EIO | EPROTO) = result {
            let refusals = &self.refusals;

            refusals.refused.store(true, Relaxed);
            if !refusals.asked.xchg(true, Full) {
                refusals.repaint.later(self.plane);
            }
        }
    }

    fn let_go(&mut self) -> bool {
        // The last reference frees memory and nothing else: while there is a display, that has others.
        true
    }
}
