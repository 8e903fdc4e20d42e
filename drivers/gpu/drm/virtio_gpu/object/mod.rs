// SPDX-License-Identifier: GPL-2.0

//! Resources: the driver's part of GEM objects, and what the host knows of them.
//!
//! An object is made together with its resource on the host. Its pages are the host's to read until
//! it has answered RESOURCE_UNREF, so that is what frees an object without references. What the host
//! refuses is marked dead and of no use from then on.
#![forbid(unsafe_code)]

mod awaited;
mod blob;
mod classic;
mod copies;
mod dumb;
mod id;
mod layout;
mod live;
mod mapping;
mod twin;
mod uuid;

pub(crate) use self::{
    blob::{
        create_blob,
        NewBlob, //
    },
    classic::{
        create,
        Image,
        Origin, //
    },
    copies::{
        Copies,
        Which, //
    },
    dumb::{
        dumb_create,
        picture_bytes,
        BLOB_PITCH, //
    },
    id::Ids,
    layout::{
        layout_of,
        layout_of_new, //
    },
    live::{
        replay,
        Live, //
    },
    twin::{
        provide,
        provide_in_place, //
    }, //
};

use self::{
    id::ResourceId,
    layout::Asked,
    live::{
        Kind,
        Record, //
    },
    mapping::Mapping,
    twin::Twin,
    uuid::Uuid, //
};
use crate::{
    abi::{
        drm::gem::{
            self,
            IoRegion,
            Released, //
        },
        sg::Segment, //
    },
    context::NO_RING,
    device::DrmDevice,
    driver::VirtioGpu,
    queue::{
        Batch,
        Command,
        Reply,
        ReplyBytes,
        Stamp,
        Tickets, //
    }, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        aref::ARef,
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
    kind: Kind,
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
    /// The other picture that the host may have on the same pages.
    #[pin]
    twin: Twin,
    /// The blob that it may have there, to show it without a copy.
    #[pin]
    in_place: Twin,
    /// What the host's copies of it have.
    #[pin]
    copies: Copies,
    /// Where host memory is.
    #[pin]
    mapping: Mapping,
    /// What the host was asked of its layout.
    #[pin]
    asked: Asked,
    #[pin]
    uuid: Uuid,
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

    /// Whether the host has a copy that it has to be told to take from the pages: of a dumb buffer that
    /// is not a blob.
    pub(crate) fn is_copied(&self) -> bool {
        self.dumb && self.blob().is_none()
    }

    /// Whether a CPU draws it.
    pub(crate) fn is_dumb(&self) -> bool {
        self.dumb
    }

    /// Whether the host has answered to what it was told of the object: commands of another queue may
    /// be carried out before that, and then name nothing.
    pub(crate) fn is_answered(&self) -> bool {
        self.record.answered.load(Relaxed)
    }

    /// What the host was told of a blob.
    pub(crate) fn blob(&self) -> Option<&proto::Blob> {
        match &self.record.kind {
            Kind::Blob(blob, _) => Some(blob),
            Kind::Flat | Kind::Solid(_) => None,
        }
    }

    /// Whether the object has pages of the guest's.
    pub(crate) fn has_guest_pages(&self) -> bool {
        self.blob()
            .is_none_or(|blob| blob.blob_mem == proto::BLOB_MEM_GUEST)
    }

    /// Whether the object is guest memory alone, which nothing can be copied of.
    pub(crate) fn is_guest_blob(&self) -> bool {
        self.blob()
            .is_some_and(|blob| blob.blob_mem == proto::BLOB_MEM_GUEST)
    }

    /// Whether the object is host memory that is to be mapped, by way of the window.
    fn is_in_window(&self) -> bool {
        self.blob().is_some_and(|blob| {
            blob.blob_mem == proto::BLOB_MEM_HOST3D
                && blob.blob_flags & proto::BLOB_FLAG_USE_MAPPABLE != 0
        })
    }

    /// What programs are told that a blob is of, 0 for a resource that they did not make as a blob.
    pub(crate) fn blob_mem(&self) -> u32 {
        self.blob()
            .filter(|_| !self.dumb)
            .map_or(0, |blob| blob.blob_mem)
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
            record: Record::new(id.get(), args.image, args.kind)?,
            stamp: Stamp::new(),
            tickets: Tickets::new(),
            reads: Atomic::new(0),
            twin <- Twin::new(),
            in_place <- Twin::new(),
            copies <- Copies::new(),
            mapping <- Mapping::new(),
            asked <- Asked::new(),
            uuid <- Uuid::new(),
            unref <- new_spinlock!(Some(Unref::new(id.get())?)),
        }? Error)
    }

    fn open(object: &Object, file: &gem::File<Self>) -> Result {
        match file.inner().context() {
            // It has no type. Who renders, or may yet, is told so, and who only shows it does not render here.
            Some(context) if object.is_imported() => {
                match file.is_primary() && context.created().is_none() {
                    true => Ok(()),
                    false => Err(ENODEV),
                }
            }
            Some(context) => context.attach(object.dev().queues(), object),
            None => Ok(()),
        }
    }

    fn close(object: &Object, file: &gem::File<Self>) {
        if let Some(context) = file.inner().context() {
            context.detach(object.dev().queues(), object);
        }
    }

    fn map(object: &Object) -> Result<IoRegion> {
        bring_in(object.dev(), &ARef::from(object))?;
        object.mapping.wait()
    }

    fn io_region(object: &Object) -> Option<IoRegion> {
        object.check_usable().ok()?;
        object.mapping.region()
    }

    fn is_mappable(object: &Object) -> bool {
        object.is_in_window()
    }

    fn import(dev: &DrmDevice, size: usize) -> Result<Args> {
        blob::import(dev, size)
    }

    fn imported(object: &ARef<Object>, segments: KVVec<Segment>) -> Result {
        blob::imported(object, segments)
    }

    fn exported(object: &Object) -> Result {
        let dev = object.dev();

        // A blob was asked for, or was not.
        if dev.features().resource_uuid && object.blob().is_none() {
            if let Some(ask) = Uuid::ask(&ARef::from(object))? {
                object.push(ask);
            }
        }
        Ok(())
    }

    fn has_uuid(object: &Object) -> bool {
        object.uuid.is_asked()
    }

    fn uuid(object: &Object) -> Result<[u8; 16]> {
        object.uuid.wait()
    }

    fn release(object: Released<Self>) {
        let (queues, live) = (object.dev().queues().clone(), object.dev().live().clone());
        let unref = object.unref.lock().take();
        let twins = [object.twin.take_unref(), object.in_place.take_unref()];
        let unmap = object.mapping.take_unmap();
        let id = |twin: &Option<(_, Arc<Record>)>| twin.as_ref().map(|(_, record)| record.id);
        let ids = [Some(object.id()), id(&twins[0]), id(&twins[1])];
        let mut batch = queues.batch();

        let unknown = live.remove(ids, || {
            let unref = unref.filter(|_| object.record.is_known());

            if let Some(unmap) = unmap.filter(|_| unref.is_some()) {
                batch.push(unmap);
            }
            let known = |(unref, record): (_, Arc<Record>)| record.is_known().then_some(unref);
            let mut twins = twins.into_iter().flatten().filter_map(known);
            match (twins.next(), unref) {
                (Some(twin), unref) => twin.push(&mut batch, object, twins.next(), unref),
                (None, Some(unref)) => unref.push(&mut batch, object),
                (None, None) => return Some(object),
            }
            None
        });
        // Which the host does not know. Dropped without the lock.
        drop(unknown);
    }
}

impl Object {
    /// Pushes a command about the object, which comes after those that have made it.
    fn push(&self, command: Command) {
        let ctx_id = self.record.ctx_id();

        self.dev().queues().batch().submit(ctx_id, NO_RING, command);
    }
}

/// Has the host put an object of its memory into the window, unless it was asked before. Does not wait.
///
/// # Errors
///
/// [`EINVAL`] if the object is not to be mapped, [`EIO`] if the host has refused it, and those of
/// [`Mapping::ask`].
fn bring_in(dev: &DrmDevice, object: &ARef<Object>) -> Result {
    if !object.is_in_window() {
        return Err(EINVAL);
    }
    object.check_usable()?;
    if let Some(map) = Mapping::ask(dev, object)? {
        object.push(map);
    }
    Ok(())
}

/// Has an object of host memory ready to be mapped, so that nobody has to wait for that with his address
/// space locked. Waits for the host, within bounds. Does nothing for other objects.
///
/// # Errors
///
/// [`ERESTARTSYS`] if the task is being killed. Others are for whoever maps the object.
pub(crate) fn prepare_map(dev: &DrmDevice, object: &ARef<Object>) -> Result {
    match bring_in(dev, object).and_then(|()| object.mapping.wait().map(|_| ())) {
        Err(ERESTARTSYS) => Err(ERESTARTSYS),
        _ => Ok(()),
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
    fn done(&mut self, result: Result<ReplyBytes>) {
        match result {
            // The host has let go, or is gone or has forgotten it when the command is freed. The object
            // goes with the command.
            Ok(_) | Err(ENODEV | ECANCELED) => {}
            // The host has no such resource, or answers nonsense to it.
            Err(EIO | EPROTO) => {
                if let Some(object) = &self.0 {
                    object.mapping.keep();
                }
            }
            // The host was not asked, so the pages are still its to read. They are lost.
            Err(_) => core::mem::forget(self.0.take()),
        }
    }
}
