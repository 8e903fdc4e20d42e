// SPDX-License-Identifier: GPL-2.0

//! Resources: the driver's part of GEM objects, and what the host knows of them.
//!
//! An object is made together with its resource on the host. Its pages are the host's to read until
//! it has answered RESOURCE_UNREF, so that is what frees an object without references. What the host
//! refuses is marked dead and of no use from then on.
#![forbid(unsafe_code)]

mod classic;
mod copies;
mod dumb;
mod id;
mod live;
mod twin;

pub(crate) use self::{
    classic::{
        create,
        Image,
        Origin, //
    },
    copies::{
        Copies,
        Which, //
    },
    dumb::dumb_create,
    id::Ids,
    live::{
        replay,
        Live, //
    },
    twin::provide, //
};

use self::{
    id::ResourceId,
    live::Record,
    twin::Twin, //
};
use crate::{
    abi::drm::gem::{
        self,
        Released, //
    },
    device::DrmDevice,
    driver::VirtioGpu,
    queue::{
        Batch,
        Command,
        Reply,
        Stamp,
        Tickets, //
    }, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        Arc,
        SpinLock, //
    }, //
};
use virtio_gpu_proto as proto;

/// A GEM object of the driver.
pub(crate) type Object = gem::Object<Resource>;

/// The host has no resource: it was not asked yet, or has refused.
const ABSENT: u32 = 0;
/// The host has the resource, as far as is known.
const LIVE: u32 = 1;
/// The host has the resource, but perhaps not its pages.
const NO_BACKING: u32 = 2;
/// The host may have the resource, but has answered nonsense.
const DOUBTFUL: u32 = 3;

/// What a new resource is.
pub(crate) struct Args {
    image: Image,
    params: Option<proto::Params3d>,
    dumb: bool,
}

/// The driver's part of a GEM object.
#[pin_data]
pub(crate) struct Resource {
    id: ResourceId,
    dumb: bool,
    /// What the host is told, with one of the states above.
    record: Arc<Record>,
    stamp: Stamp,
    tickets: Tickets,
    /// Transfers under way from the host that end in a copy over the pages.
    reads: Atomic<u32>,
    /// The other resource that the host may have on the same pages.
    #[pin]
    twin: Twin,
    /// What the host's copies of it have.
    #[pin]
    copies: Copies,
    /// What takes the resource away, allocated early so that freeing an object needs no memory.
    #[pin]
    unref: SpinLock<Option<Unref>>,
}

impl Resource {
    /// The host's id for the resource, not 0.
    pub(crate) fn id(&self) -> u32 {
        self.id.get()
    }

    /// The picture that the host knows the resource as.
    pub(crate) fn image(&self) -> &Image {
        &self.record.image
    }

    /// Whether the object is a dumb buffer.
    pub(crate) fn is_dumb(&self) -> bool {
        self.dumb
    }

    /// What the host's copies have of a dumb buffer.
    pub(crate) fn copies(&self) -> &Copies {
        &self.copies
    }

    /// The last command of a client that named the object.
    pub(crate) fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// Whose turn it is among the parked jobs that name the object.
    pub(crate) fn tickets(&self) -> &Tickets {
        &self.tickets
    }

    /// A transfer from the host begins that will end in a copy over the pages.
    pub(crate) fn begin_read(&self) {
        self.reads.fetch_add(1, Relaxed);
    }

    /// Such a transfer has ended, and so has the copy.
    pub(crate) fn end_read(&self) {
        self.reads.fetch_add(u32::MAX, Release);
    }

    /// Whether there is such a transfer. If not, the copies are to be seen.
    pub(crate) fn is_read(&self) -> bool {
        self.reads.load(Acquire) != 0
    }

    /// # Errors
    ///
    /// [`EIO`] if the host has refused the resource.
    pub(crate) fn check_usable(&self) -> Result {
        match self.record.state.load(Relaxed) {
            LIVE => Ok(()),
            _ => Err(EIO),
        }
    }
}

impl gem::DriverObject for Resource {
    type Driver = VirtioGpu;
    type Args = Args;

    fn new(dev: &DrmDevice, _size: usize, args: Args) -> impl PinInit<Self, Error> {
        let id = dev.resource_ids().alloc();

        try_pin_init!(Self {
            id: id?,
            dumb: args.dumb,
            record: Record::new(id.get(), args.image, args.params)?,
            stamp: Stamp::new(),
            tickets: Tickets::new(),
            reads: Atomic::new(0),
            twin <- Twin::new(),
            copies <- Copies::new(),
            unref <- new_spinlock!(Some(Unref::new(id.get())?)),
        }? Error)
    }

    fn open(object: &Object, file: &gem::File<Self>) -> Result {
        match file.inner().context() {
            Some(context) => context.attach(object.dev().queues(), object),
            None => Ok(()),
        }
    }

    fn close(object: &Object, file: &gem::File<Self>) {
        if let Some(context) = file.inner().context() {
            context.detach(object.dev().queues(), object);
        }
    }

    fn release(object: Released<Self>) {
        let (queues, live) = (object.dev().queues().clone(), object.dev().live().clone());
        let unref = object.unref.lock().take();
        let twin = object.twin.take_unref();
        let ids = [Some(object.id()), twin.as_ref().map(|(_, twin)| twin.id)];
        let mut batch = queues.batch();

        let unknown = live.remove(ids, || {
            let unref = unref.filter(|_| object.record.is_known());

            match (twin.filter(|(_, twin)| twin.is_known()), unref) {
                (Some((twin, _)), unref) => twin.push(&mut batch, object, unref),
                (None, Some(unref)) => unref.push(&mut batch, object),
                (None, None) => return Some(object),
            }
            None
        });
        // Which the host does not know. Dropped without the lock.
        drop(unknown);
    }
}

/// The command that takes a resource from the host.
struct Unref {
    command: Command,
    reply: KBox<Free>,
}

impl Unref {
    fn new(id: u32) -> Result<Self> {
        Ok(Self {
            command: Command::new(proto::ResourceUnref::new(id))?,
            reply: KBox::new(Free(None), GFP_KERNEL)?,
        })
    }

    /// Sends the command. The object is freed when that has ended.
    fn push(mut self, batch: &mut Batch<'_>, object: Released<Resource>) {
        self.reply.0 = Some(object);
        batch.push(self.command.on_reply(self.reply));
    }
}

/// Frees an object when it is dropped.
struct Free(Option<Released<Resource>>);

impl Reply for Free {
    fn done(&mut self, result: Result<KVec<u8>>) {
        match result {
            // The host has let go, has no such resource, answers nonsense to it, or is gone or has
            // forgotten it when the command is freed. The object goes with the command.
            Ok(_) | Err(EIO | EPROTO | ENODEV | ECANCELED) => {}
            // The host was not asked, so the pages are still its to read. They are lost.
            Err(_) => core::mem::forget(self.0.take()),
        }
    }
}
