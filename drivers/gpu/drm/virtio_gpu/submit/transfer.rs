// SPDX-License-Identifier: GPL-2.0

//! Transfers between the pages of an object and the host's copy, in a context.
#![forbid(unsafe_code)]

use crate::{
    abi::sync::{
        resv::ReservationGuard,
        Usage, //
    },
    context::{
        Context,
        NO_RING, //
    },
    device::DrmDevice,
    fence::Prepared,
    object::Object,
    queue::{
        Command,
        Credit,
        Reply,
        ReplyBytes, //
    }, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef,
    time::msecs_to_jiffies, //
};
use virtio_gpu_proto as proto;

/// How long a transfer waits for those before it, where it has to, in milliseconds.
const TIMEOUT_MS: u32 = 15_000;

/// Has the host take `transfer` from the pages of `object`.
///
/// # Errors
///
/// [`EIO`] if the host has refused the object or the context, [`EBUSY`] if a transfer the other way
/// does not end, [`ENOMEM`], [`EINTR`] or [`ERESTARTSYS`] if a signal is pending.
pub(crate) fn to_host(
    dev: &DrmDevice,
    context: &Context,
    object: &ARef<Object>,
    transfer: &proto::Transfer3d,
    credit: Credit,
) -> Result {
    let request = proto::TransferToHost3d::new(context.id(), object.id(), transfer);
    let command = Command::new(request)?.charge(credit);
    let turn = Turn::new(dev, context, object)?;

    // What the host writes lands in pages of its own there, and is copied over ours afterwards.
    if dev.uses_dma_api() && object.is_read() {
        wait(object)?;
    }
    object.sync_for_device();
    turn.queue(command);
    Ok(())
}

/// Has the host put `transfer` into the pages of `object`.
///
/// # Errors
///
/// As for [`to_host`].
pub(crate) fn from_host(
    dev: &DrmDevice,
    context: &Context,
    object: &ARef<Object>,
    transfer: &proto::Transfer3d,
    credit: Credit,
) -> Result {
    let request = proto::TransferFromHost3d::new(context.id(), object.id(), transfer);
    let mut command = Command::new(request)?.charge(credit);
    let turn = Turn::new(dev, context, object)?;

    if dev.uses_dma_api() {
        let arrived = KBox::new(Arrived::new(object.clone()), GFP_KERNEL)?;

        // What the host does not write has to be in its pages already, for all are copied over ours.
        wait(object)?;
        object.sync_for_device();
        command = command.on_reply(arrived);
    }
    turn.queue(command);
    Ok(())
}

/// Waits until the host is done with `object`.
fn wait(object: &Object) -> Result {
    object
        .reservation()
        .wait_interruptible(Usage::Read, msecs_to_jiffies(TIMEOUT_MS))
        .map_err(|e| if e == ETIMEDOUT { EBUSY } else { e })
}

/// A transfer's turn on its object: no other has one before this is queued.
struct Turn<'a> {
    dev: &'a DrmDevice,
    ctx_id: u32,
    object: &'a ARef<Object>,
    prepared: Prepared,
    fences: ReservationGuard<'a>,
}

impl<'a> Turn<'a> {
    fn new(dev: &'a DrmDevice, context: &Context, object: &'a ARef<Object>) -> Result<Self> {
        object.check_usable()?;
        if dev.queues().is_lost() {
            return Err(ENODEV);
        }
        Ok(Self {
            dev,
            ctx_id: context.id(),
            object,
            prepared: context.ensure(dev)?.timeline().prepare()?,
            fences: object.reservation().lock_for_fence()?,
        })
    }

    /// Queues the transfer. The object is busy until it is done.
    fn queue(self, command: Command) {
        let job = self.prepared.submit();
        let fence = ARef::from(job.fence());

        // Whoever sees the fence comes after the job.
        self.dev.queues().batch().submit(
            self.ctx_id,
            NO_RING,
            command.hold(self.object.clone()).fence(job),
        );
        self.fences.add_fence(&fence, Usage::Write);
    }
}

/// Hands what the host has written to the CPU, before anybody is told.
struct Arrived(ARef<Object>);

impl Arrived {
    fn new(object: ARef<Object>) -> Self {
        object.begin_read();
        Self(object)
    }
}

impl Reply for Arrived {
    fn done(&mut self, _result: Result<ReplyBytes>) {
        self.0.sync_for_cpu();
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        self.0.end_read();
    }
}
