// SPDX-License-Identifier: GPL-2.0

//! The fences that a job waits for, of whatever driver.
#![forbid(unsafe_code)]

use super::super::Queues;
use crate::abi::sync::{
    Callback,
    Fence,
    OwnedQueue,
    Signalled, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed, //
        },
        Arc,
        ArcBorrow, //
    }, //
};

/// The fences that a job waits for.
pub(crate) struct Waits {
    pub(super) fences: Arc<Fences>,
    _callbacks: KVec<Pin<KBox<Callback<Fences>>>>,
}

/// Counts the fences that have not signalled.
pub(super) struct Fences {
    /// One more as long as the job is being made.
    left: Atomic<u32>,
    queues: Arc<Queues>,
    worker: Arc<OwnedQueue>,
}

impl Signalled for Fences {
    fn signalled(this: ArcBorrow<'_, Self>) {
        if this.left.fetch_add(u32::MAX, Full) == 1 {
            // Queued already is fine, it looks at all jobs.
            let _ = this.worker.enqueue::<_, 3>(this.queues.clone());
        }
    }
}

impl Waits {
    /// Waits for nothing so far. Jobs are released on `worker`.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new(queues: &Arc<Queues>, worker: &Arc<OwnedQueue>) -> Result<Self> {
        Ok(Self {
            fences: Arc::new(
                Fences {
                    left: Atomic::new(1),
                    queues: queues.clone(),
                    worker: worker.clone(),
                },
                GFP_KERNEL,
            )?,
            _callbacks: KVec::new(),
        })
    }

    /// Also waits for `fence`.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn add(&mut self, fence: &Fence) -> Result {
        // Before it can be told of.
        self.fences.left.fetch_add(1, Relaxed);
        match Callback::add(fence, self.fences.clone()) {
            Ok(Some(callback)) => Ok(self._callbacks.push(callback, GFP_KERNEL)?),
            result => {
                self.fences.left.fetch_add(u32::MAX, Relaxed);
                result.map(|_| ())
            }
        }
    }

    /// Whether all fences have signalled, while the job is being made.
    pub(super) fn is_over_already(&self) -> bool {
        self.fences.left.load(Acquire) == 1
    }

    /// The same of a job that is parked.
    pub(super) fn is_over(&self) -> bool {
        self.fences.left.load(Acquire) == 0
    }
}
