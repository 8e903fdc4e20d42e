// SPDX-License-Identifier: GPL-2.0

//! The UUID by which other virtio devices know a resource. The host gives one once.
#![forbid(unsafe_code)]

use super::{
    awaited::Awaited,
    Object, //
};
use crate::queue::{
    Command,
    Reply,
    ReplyBytes, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        Mutex,
        SetOnce, //
    }, //
};
use virtio_gpu_proto as proto;

/// Room for a UUID.
#[pin_data]
pub(super) struct Uuid {
    answer: SetOnce<Arc<Awaited<[u8; 16]>>>,
    /// Held by whoever asks for it.
    #[pin]
    asking: Mutex<()>,
}

impl Uuid {
    /// Creates an initializer for a resource that has none.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            answer: SetOnce::new(),
            asking <- new_mutex!(()),
        })
    }

    /// The command that asks the host for the UUID of `object`, unless it was made before.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn ask(object: &ARef<Object>) -> Result<Option<Command>> {
        let this = &object.uuid;
        let _asking = this.asking.lock();

        if this.answer.as_ref().is_some() {
            return Ok(None);
        }
        let answer = Awaited::new()?;
        let command = Command::new(proto::ResourceAssignUuid::new(object.id()))?
            .hold(object.clone())
            .on_reply(KBox::new(Assigned(answer.clone()), GFP_KERNEL)?);
        this.answer.populate(answer);
        Ok(Some(command))
    }

    /// Whether the host was asked.
    pub(super) fn is_asked(&self) -> bool {
        self.answer.as_ref().is_some()
    }

    /// Waits for the UUID.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if there is none, [`ETIMEDOUT`], [`ERESTARTSYS`] if the task is being killed.
    pub(super) fn wait(&self) -> Result<[u8; 16]> {
        let answer = self.answer.as_ref().ok_or(ENODEV)?;

        answer.wait().map_err(|e| match e {
            ETIMEDOUT | ERESTARTSYS => e,
            _ => ENODEV,
        })
    }
}

/// Hears of the UUID.
struct Assigned(Arc<Awaited<[u8; 16]>>);

impl Reply for Assigned {
    fn done(&mut self, result: Result<ReplyBytes>) {
        self.0.set(result.and_then(|bytes| {
            proto::RespResourceUuid::ref_from_prefix(&bytes)
                .map_err(|_| EIO)
                .map(|(reply, _)| reply.uuid)
        }));
    }
}
