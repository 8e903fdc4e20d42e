// SPDX-License-Identifier: GPL-2.0

//! What the host says about an object once, and any number of tasks wait for.
#![forbid(unsafe_code)]

use crate::{
    abi::sync::Completion,
    queue::TIMEOUT_MS, //
};
use kernel::{
    prelude::*,
    sync::{
        Arc,
        SetOnce, //
    },
    time::msecs_to_jiffies, //
};

/// An answer that is awaited.
#[pin_data]
pub(super) struct Awaited<T: Copy + Send + Sync> {
    #[pin]
    done: Completion,
    value: SetOnce<Result<T>>,
}

impl<T: Copy + Send + Sync> Awaited<T> {
    /// Creates an initializer for an answer that is not there yet.
    pub(super) fn init() -> impl PinInit<Self> {
        pin_init!(Self {
            done <- Completion::new(),
            value: SetOnce::new(),
        })
    }

    /// An answer that is not there yet, for several to have.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(Self::init(), GFP_KERNEL)
    }

    /// The answer is there. Only the first one counts.
    pub(super) fn set(&self, value: Result<T>) {
        self.value.populate(value);
        self.done.complete_all();
    }

    /// The answer, if it is there.
    pub(super) fn get(&self) -> Option<Result<T>> {
        self.value.copy()
    }

    /// Waits for the answer, for a few seconds at most.
    ///
    /// # Errors
    ///
    /// That of the answer, [`ETIMEDOUT`], [`ERESTARTSYS`] if the task is being killed.
    pub(super) fn wait(&self) -> Result<T> {
        self.done
            .wait_killable_timeout(msecs_to_jiffies(TIMEOUT_MS))?;
        self.get().unwrap_or(Err(EIO))
    }
}
