// SPDX-License-Identifier: GPL-2.0

//! A command: a request of the wire protocol with everything that it needs until its reply.
//!
//! A command is built first, which is where memory is allocated and what can fail, and pushed then,
//! which cannot. It owns its buffers, its references and its fence, and ends exactly once: by the
//! reply, by a reset, or because the device is lost.
#![forbid(unsafe_code)]

use super::{
    jobs::{
        Passes,
        Tickets,
        Waits, //
    },
    watch::Since,
    Credit,
    Stamp, //
};
use crate::{
    abi::{
        drm::gem,
        refs::put_unless_last,
        virtio::{
            self,
            Fifo,
            ReplyBytes, //
        }, //
    },
    fence::{
        JobFence,
        Shared, //
    },
    object::{
        Resource,
        Which, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    }, //
};
use virtio_gpu_proto as proto;

/// Most objects that one command names.
const MAX_OBJECTS: usize = 2;

/// Who hears of a command's end.
pub(crate) trait Reply: Send {
    /// The command has ended: with the bytes of a reply that is of the expected type, or with an
    /// error: [`EIO`] for an error reply, [`EPROTO`] for one that makes no sense, so that nobody
    /// knows what the host has done, [`ENODEV`] if the device is lost, [`ECANCELED`] if it was reset
    /// because the system sleeps, others if the device has never seen the command. Runs in the completion worker, so it must neither sleep for long nor
    /// allocate; `self` is dropped later, where both are fine.
    fn done(&mut self, result: Result<ReplyBytes>);

    /// Gives up what it holds after that, as far as that takes no locks and frees no objects. Returns
    /// whether the rest can be dropped anywhere, so that nobody has to be woken for that.
    fn let_go(&mut self) -> bool {
        false
    }
}

/// What the queue keeps with a request.
pub(crate) struct Meta {
    /// Checks the reply in a buffer of which the device says it wrote so many bytes, and returns how
    /// many are the reply's.
    pub(super) check: fn(&[u8], usize) -> Result<usize, proto::ReplyError>,
    /// Bytes that the device says it wrote.
    pub(super) used: u32,
    /// Whether it is one of those that the ring keeps in reserve.
    pub(super) spare: bool,
    /// The plane, as a mask, whose scanout it sets, or 0.
    pub(super) plane: u32,
    /// Times that putting it on the ring has failed.
    pub(super) attempts: u8,
    /// Number among the commands of its queue, for those who trace it.
    pub(super) number: u32,
    /// When the device got it, if that matters.
    pub(super) since: Option<Since>,
    /// Sequence number among the client commands, or the one that a display command must follow.
    pub(super) seq: u64,
    /// The fence to be signalled by the reply.
    pub(super) fence: Option<JobFence>,
    /// Whether the device was asked for a fence.
    pub(super) fenced: bool,
    /// Whether nobody waits for its end.
    pub(super) quiet: bool,
    /// Whether an error reply is nothing to be told of.
    pub(super) may_fail: bool,
    /// The objects that the command names.
    pub(super) objects: [Option<ARef<gem::Object<Resource>>>; MAX_OBJECTS],
    /// Of which of its copies of the first object the command has the host make a part right.
    pub(super) copies: Option<Which>,
    /// Who hears of the end.
    pub(super) reply: Option<KBox<dyn Reply>>,
    /// The places of a parked job among those that name each of its objects.
    numbers: [Option<u64>; MAX_OBJECTS],
    /// Further objects, if there are any.
    more: Option<More>,
    /// What a job waits for.
    pub(super) waits: Option<Waits>,
    /// What the host waits for in its place.
    pub(super) passes: Option<Passes>,
    /// The fence that the host is told to wait for, by a command that does nothing else.
    pub(super) names: Option<Arc<Shared>>,
    /// Whether a parked job has ended, and only keeps its place.
    pub(super) cancelled: bool,
    /// What a job has failed with that is yet to be ended.
    pub(super) failed: Option<Error>,
    /// The credit that the command was given for.
    pub(super) credit: Option<Credit>,
    /// Whether it is on a ring of a context, so that its descriptors have to be paid for.
    pub(super) on_ring: bool,
    /// The credits for them.
    pub(super) ring_credit: Option<Credit>,
}

/// Any number of objects that a command names.
struct More {
    objects: KVVec<ARef<gem::Object<Resource>>>,
    /// Places as [`Meta::numbers`], with room for all of them.
    numbers: KVVec<Option<u64>>,
}

impl More {
    /// Gives up the objects but those of which it has the last reference. Returns whether there are none.
    fn let_go(&mut self) -> bool {
        while let Some(object) = self.objects.pop() {
            let mut slot = Some(object);

            if !put_unless_last(&mut slot) {
                // There is room.
                let _ = slot.map(|object| self.objects.push_within_capacity(object));
                return false;
            }
        }
        true
    }
}

impl Meta {
    /// The objects that the command names.
    pub(super) fn objects(&self) -> impl Iterator<Item = &ARef<gem::Object<Resource>>> {
        let more = self.more.iter().flat_map(|more| &more.objects);

        Iterator::chain(self.objects.iter().flatten(), more)
    }

    /// The stamps of these objects.
    pub(super) fn stamps(&self) -> impl Iterator<Item = &Stamp> {
        self.objects().map(|object| object.stamp())
    }

    /// Takes a place among the parked jobs of each object, as job `job`. Allocates nothing.
    pub(super) fn take_tickets(&mut self, job: u64) {
        for (number, object) in self.numbers.iter_mut().zip(self.objects.iter().flatten()) {
            *number = object.tickets().take(job);
        }
        if let Some(More { objects, numbers }) = &mut self.more {
            for object in objects.iter() {
                // There is room.
                let _ = numbers.push_within_capacity(object.tickets().take(job));
            }
        }
    }

    /// The objects of a parked job, with its places there.
    pub(super) fn tickets(&self) -> impl Iterator<Item = (&Tickets, u64)> {
        Iterator::chain(
            self.objects.iter().flatten().zip(&self.numbers),
            self.more
                .iter()
                .flat_map(|more| more.objects.iter().zip(&more.numbers)),
        )
        .filter_map(|(object, &number)| Some((object.tickets(), number?)))
    }

    /// Gives up what is held, as far as that takes no locks and frees no objects. Returns whether the
    /// rest can be dropped anywhere.
    pub(super) fn let_go(&mut self) -> bool {
        // Foreign fences are left by locks, and of a queue the last one may go.
        self.waits.is_none()
            && self.passes.as_ref().is_none_or(Passes::are_fences)
            && self.objects.iter_mut().all(put_unless_last)
            && self.more.as_mut().is_none_or(More::let_go)
            && self.reply.as_mut().is_none_or(|reply| reply.let_go())
    }

    /// Gives up the places, for others to go on.
    pub(super) fn serve_tickets(&self) {
        self.tickets().for_each(|(tickets, _)| tickets.serve());
    }
}

/// A command that is ready to be pushed.
pub(crate) struct Command(pub(super) KBox<virtio::Request<Meta>>);

impl Command {
    /// Builds a command from a request of the wire protocol.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new<R: proto::Request>(request: R) -> Result<Self> {
        Self::with_reply(request, <R::Response as proto::Response>::MAX_LEN)
    }

    /// Builds a command with room for `len` bytes of reply.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn with_reply<R: proto::Request>(request: R, len: usize) -> Result<Self> {
        let meta = init!(Meta {
            check: |bytes, used| Ok(proto::checked_bytes::<R::Response>(bytes, used)?.len()),
            used: 0,
            spare: false,
            plane: 0,
            attempts: 0,
            number: 0,
            since: None,
            seq: 0,
            fence: None,
            fenced: false,
            quiet: false,
            may_fail: false,
            objects: [const { None }; MAX_OBJECTS],
            numbers: [None; MAX_OBJECTS],
            more: None,
            waits: None,
            passes: None,
            names: None,
            cancelled: false,
            failed: None,
            copies: None,
            reply: None,
            credit: None,
            on_ring: false,
            ring_credit: None,
        });

        Ok(Self(virtio::Request::new(
            request.as_bytes(),
            len,
            meta,
            GFP_KERNEL,
        )?))
    }

    /// Has the device answer nothing: there is no room for it.
    pub(super) fn unanswered(mut self) -> Self {
        drop(self.0.take_reply());
        self
    }

    /// Puts another request of the same length in the place of the one that the command was built
    /// from, and expects the same reply. One of another length changes nothing.
    pub(crate) fn replace<R: proto::Request>(&mut self, request: R) {
        let command = self.0.command_mut();

        if command.len() == request.as_bytes().len() {
            command.copy_from_slice(request.as_bytes());
        }
    }

    /// Adds bytes that follow the request on the wire.
    pub(crate) fn payload(mut self, payload: virtio::Payload) -> Self {
        self.0.set_payload(payload);
        self
    }

    /// Names an object: it lives until the reply is in, and commands that name it stay in order.
    /// A command takes two at most, further ones are ignored.
    pub(crate) fn hold(mut self, object: ARef<gem::Object<Resource>>) -> Self {
        if let Some(slot) = self.0.data.objects.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(object);
        }
        self
    }

    /// Names any number of objects in place of those named so before.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn hold_all(mut self, objects: KVVec<ARef<gem::Object<Resource>>>) -> Result<Self> {
        self.0.data.more = Some(More {
            numbers: KVVec::with_capacity(objects.len(), GFP_KERNEL)?,
            objects,
        });
        Ok(self)
    }

    /// The further objects.
    pub(crate) fn held(&self) -> &[ARef<gem::Object<Resource>>] {
        self.0.data.more.as_ref().map_or(&[], |more| &more.objects)
    }

    /// Has the command, which is a job, wait.
    pub(crate) fn after(mut self, waits: Waits) -> Self {
        self.0.data.waits = Some(waits);
        self
    }

    /// Has the host signal `fence` by its reply.
    pub(crate) fn fence(mut self, fence: JobFence) -> Self {
        self.0.data.fence = Some(fence);
        self.when_done()
    }

    /// Has the host answer only when it has carried the command out: without a fence it may answer
    /// when it has understood it.
    pub(crate) fn when_done(mut self) -> Self {
        self.0.data.fenced = true;
        self
    }

    /// Has the device interrupt nobody when it has carried the command out: what is held may be so until
    /// something else is to be done. Nothing for a command with a fence, a credit or somebody who hears of it.
    pub(crate) fn quietly(mut self) -> Self {
        self.0.data.quiet = true;
        self
    }

    /// Has nobody but the one who is told of the end hear of an error reply: it is what was asked.
    pub(crate) fn may_fail(mut self) -> Self {
        self.0.data.may_fail = true;
        self
    }

    /// Charges the command to a client, until it has ended.
    pub(crate) fn charge(mut self, credit: Credit) -> Self {
        self.0.data.credit = Some(credit);
        self
    }

    /// Has the command, which is a job, be one on a ring of a context, whose work may never end.
    pub(crate) fn on_ring(mut self) -> Self {
        self.0.data.on_ring = true;
        self
    }

    /// Says that the command sets the scanout of `plane`, a mask: it is to be set again if the host
    /// refuses that.
    pub(crate) fn sets(mut self, plane: u32) -> Self {
        self.0.data.plane = plane;
        self
    }

    /// Says that the command is a copying of the object that it names, of which that is told.
    pub(crate) fn copies(mut self, which: Which) -> Self {
        self.0.data.copies = Some(which);
        self
    }

    /// Has `reply` told of the command's end.
    pub(crate) fn on_reply(mut self, reply: KBox<dyn Reply>) -> Self {
        self.0.data.reply = Some(reply);
        self
    }
}

/// Commands to be pushed one after the other.
pub(crate) struct Commands(Fifo<Meta>);

impl Commands {
    /// None.
    pub(crate) const fn new() -> Self {
        Self(Fifo::new())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds one at the end. Allocates nothing.
    pub(crate) fn push(&mut self, command: Command) {
        self.0.push(command.0);
    }

    /// Takes the first one.
    pub(crate) fn pop(&mut self) -> Option<Command> {
        self.0.pop().map(Command)
    }
}

/// The header of a request.
pub(super) fn header(request: &mut virtio::Request<Meta>) -> Option<&mut proto::CtrlHdr> {
    proto::CtrlHdr::mut_from_prefix(request.command_mut())
        .ok()
        .map(|(hdr, _)| hdr)
}
