// SPDX-License-Identifier: GPL-2.0

//! What a submission depends on, and who waits for it: the guest, before it sends the submission, or
//! the host, that gets it at once.
#![forbid(unsafe_code)]

use crate::{
    abi::sync::Fence,
    context::Created,
    device::DrmDevice,
    fence::Timeline,
    queue::{
        Passes,
        Waits, //
    }, //
};
use kernel::{
    prelude::*,
    sync::atomic::Relaxed, //
};

/// What a submission depends on.
pub(crate) struct Dependencies<'a> {
    dev: &'a DrmDevice,
    /// The submission's own.
    timeline: &'a Timeline,
    /// What the guest waits for, if that is anything.
    pub(super) waits: Option<Waits>,
    /// What the host waits for, where it may.
    pub(super) passes: Option<Passes>,
}

impl<'a> Dependencies<'a> {
    /// Nothing so far, for a submission on `timeline` of the context that `created` came with.
    pub(crate) fn new(dev: &'a DrmDevice, created: &Created, timeline: &'a Timeline) -> Self {
        let passing = created.passing().is_some() && !created.deaf().load(Relaxed);

        Self {
            dev,
            timeline,
            waits: None,
            passes: passing.then(Passes::new),
        }
    }

    /// The submission depends on the fences that `fence` is made of, those aside that are of its own
    /// timeline, which the host keeps in order, and those that have signalled.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn add(&mut self, fence: &Fence) -> Result {
        fence.for_each(|fence| self.add_one(fence))
    }

    fn add_one(&mut self, fence: &Fence) -> Result {
        if self.timeline.has(fence) || fence.is_signalled() {
            return Ok(());
        }
        if let Some(passes) = self.passes.as_mut() {
            if let Some(shared) = self.dev.shared_fences().find(fence) {
                if passes.add(shared)? {
                    return Ok(());
                }
            }
        }
        if self.waits.is_none() {
            self.waits = Some(Waits::new(self.dev.queues(), self.dev.worker())?);
        }
        self.waits.as_mut().map_or(Ok(()), |waits| waits.add(fence))
    }
}
