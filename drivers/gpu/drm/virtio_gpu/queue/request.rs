// SPDX-License-Identifier: GPL-2.0

//! Requests whose reply somebody waits for, within bounds.
#![forbid(unsafe_code)]

use super::{
    command::{
        Command,
        Reply, //
    },
    reply::for_userspace,
    Batch,
    Credit,
    ReplyBytes, //
};
use crate::abi::sync::Completion;
use core::marker::PhantomData;
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    time::msecs_to_jiffies, //
};
use virtio_gpu_proto as proto;

/// How long the host may take to answer what userspace or a probe waits for, in milliseconds.
pub(crate) const TIMEOUT_MS: u32 = 5000;

/// Where waiter and reply meet; whichever comes last frees it.
#[pin_data]
struct Meeting {
    #[pin]
    done: Completion,
    #[pin]
    result: Mutex<Option<Result<ReplyBytes>>>,
}

struct Answer(Arc<Meeting>);

impl Reply for Answer {
    fn done(&mut self, result: Result<ReplyBytes>) {
        *self.0.result.lock() = Some(result.map_err(for_userspace));
        self.0.done.complete_all();
    }
}

/// A request whose reply is awaited.
#[must_use]
pub(crate) struct Pending<R> {
    meeting: Arc<Meeting>,
    _request: PhantomData<fn() -> R>,
}

impl<R: proto::Request> Pending<R> {
    /// Pushes `request` with a batch, with room for `len` bytes of reply. `credit` is the client's, if
    /// one is behind it who could ask any number of times.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn push(
        batch: &mut Batch<'_>,
        request: R,
        len: usize,
        credit: Option<Credit>,
    ) -> Result<Self> {
        let meeting = Arc::pin_init(
            pin_init!(Meeting {
                done <- Completion::new(),
                result <- new_mutex!(None),
            }),
            GFP_KERNEL,
        )?;
        let answer = KBox::new(Answer(meeting.clone()), GFP_KERNEL)?;

        let mut command = Command::with_reply(request, len)?.on_reply(answer);
        if let Some(credit) = credit {
            command = command.charge(credit);
        }
        batch.push(command);
        Ok(Self {
            meeting,
            _request: PhantomData,
        })
    }

    /// Waits for the reply, `timeout_ms` milliseconds at most, and returns its bytes, which are at
    /// least as many as the response type's fixed part has.
    ///
    /// # Errors
    ///
    /// [`ETIMEDOUT`], [`ERESTARTSYS`] if the task is being killed, [`EIO`] if the host has refused or
    /// talks nonsense, [`ENODEV`] if the device is lost, [`ENOMEM`].
    pub(crate) fn wait(self, timeout_ms: u32) -> Result<KVec<u8>> {
        self.meeting
            .done
            .wait_killable_timeout(msecs_to_jiffies(timeout_ms))?;
        let result = self.meeting.result.lock().take();

        result.unwrap_or(Err(EIO))?.into_vec()
    }
}
