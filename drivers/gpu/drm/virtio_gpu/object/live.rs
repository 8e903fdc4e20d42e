// SPDX-License-Identifier: GPL-2.0

//! What the host has been told of objects, so that it can be told again: a device that was reset,
//! for the system slept, has forgotten all of it.
//!
//! An object is added together with the commands that make its resource, and removed together with
//! the one that takes it away. So at the start of a replay it either is here, and commands that name
//! it come after the replay, or it is not, and no command that is still to come makes it or names it.
#![forbid(unsafe_code)]

use super::{
    awaited::Awaited,
    classic::{
        Image,
        Outcome, //
    },
    layout::Created,
    ABSENT,
    LIVE,
    NO_BACKING, //
};
use crate::{
    abi::{
        sg::Segment,
        virtio::Payload, //
    },
    device::DrmDevice,
    queue::{
        Batch,
        Command,
        Queues, //
    }, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNode, //
    },
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        SetOnce,
        SpinLock, //
    }, //
};
use virtio_gpu_proto::{
    self as proto,
    formats::BYTES_PER_PIXEL, //
};

/// How long the host may answer nothing after a sleep, in milliseconds.
const WAKE_MS: u32 = 10_000;

/// The objects of a device that the host knows, by id.
#[pin_data]
pub(crate) struct Live {
    #[pin]
    records: SpinLock<RBTree<u32, Arc<Record>>>,
}

/// What a resource is.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A picture that the host has a copy of.
    Flat,
    /// The same for 3D.
    Solid(proto::Params3d),
    /// Memory, with the number of the context that it is from, 0 for none.
    Blob(proto::Blob, u32),
}

/// What the host is told of an object.
#[pin_data]
pub(super) struct Record {
    pub(super) id: u32,
    pub(super) image: Image,
    pub(super) kind: Kind,
    /// Where the pages are that the host may read, which stay there for as long as it may.
    segments: SetOnce<Arc<KVVec<Segment>>>,
    /// [`ABSENT`], [`LIVE`] and so on.
    pub(super) state: Atomic<u32>,
    /// Whether the host has said what it makes of it.
    pub(super) answered: Atomic<bool>,
    /// What the host tells of the layout when it has made a resource for 3D, if it tells.
    #[pin]
    pub(super) told: Awaited<Option<proto::Layout>>,
}

impl Record {
    /// The number of the context that the resource is from, 0 for none.
    pub(super) fn ctx_id(&self) -> u32 {
        match self.kind {
            Kind::Blob(_, ctx_id) => ctx_id,
            Kind::Flat | Kind::Solid(_) => 0,
        }
    }

    /// A record of an object that the host knows nothing of.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn new(id: u32, image: Image, kind: Kind) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                id,
                image,
                kind,
                segments: SetOnce::new(),
                state: Atomic::new(ABSENT),
                answered: Atomic::new(false),
                told <- Awaited::init(),
            }),
            GFP_KERNEL,
        )
    }

    /// A record of another resource on the same pages.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn sibling(&self, id: u32, image: Image, kind: Kind) -> Result<Arc<Self>> {
        let sibling = Self::new(id, image, kind)?;

        if let Some(segments) = self.segments.as_ref() {
            sibling.segments.populate(segments.clone());
        }
        Ok(sibling)
    }

    /// Says where the pages are, once.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn set_segments(&self, segments: KVVec<Segment>) -> Result {
        self.segments.populate(Arc::new(segments, GFP_KERNEL)?);
        Ok(())
    }

    /// Whether the host may have the resource.
    pub(super) fn is_known(&self) -> bool {
        self.state.load(Relaxed) != ABSENT
    }

    /// The command that makes the resource. A blob gets its pages with it.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], [`E2BIG`] if the queue cannot carry the list of pages.
    pub(super) fn create(self: &Arc<Self>, queues: &Queues) -> Result<Command> {
        let command = match &self.kind {
            Kind::Flat => {
                let mut request = proto::ResourceCreate2d::new(
                    self.id,
                    proto::formats::Format::B8G8R8X8Unorm,
                    self.image.width,
                    self.image.height,
                );
                // The host says which formats it has.
                request.format.set(self.image.format);
                Command::new(request)?
            }
            Kind::Solid(params) => Command::new(proto::ResourceCreate3d::new(self.id, params))?,
            Kind::Blob(blob, ctx_id) => {
                let request =
                    |count| proto::ResourceCreateBlob::new(*ctx_id, self.id, *blob, count);

                match self.pages(queues)? {
                    Some((count, pages)) => Command::new(request(count))?.payload(pages),
                    None => Command::new(request(0))?,
                }
            }
        };

        let outcome = Outcome::new(self, ABSENT)?;
        Ok(match &self.kind {
            Kind::Solid(_) => command.on_reply(KBox::new(Created(outcome), GFP_KERNEL)?),
            Kind::Flat | Kind::Blob(..) => command.on_reply(outcome),
        })
    }

    /// The command that gives the pages to a resource that is not a blob.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], [`E2BIG`] if the queue cannot carry the list of pages.
    pub(super) fn attach(self: &Arc<Self>, queues: &Queues) -> Result<Command> {
        let (count, pages) = self.pages(queues)?.ok_or(EINVAL)?;

        Ok(
            Command::new(proto::ResourceAttachBacking::new(self.id, count))?
                .payload(pages)
                .on_reply(Outcome::new(self, NO_BACKING)?),
        )
    }

    /// The list of pages as the host is told it, and how many entries it has.
    fn pages(&self, queues: &Queues) -> Result<Option<(u32, Payload)>> {
        let Some(segments) = self.segments.as_ref() else {
            return Ok(None);
        };
        let count = u32::try_from(segments.len()).map_err(|_| E2BIG)?;
        let len = segments
            .len()
            .checked_mul(size_of::<proto::MemEntry>())
            .ok_or(E2BIG)?;
        let mut entries = KVVec::with_capacity(len, GFP_KERNEL)?;

        for segment in segments.iter() {
            let entry = proto::MemEntry::new(segment.addr, segment.len);
            entries.extend_from_slice(entry.as_bytes(), GFP_KERNEL)?;
        }
        Ok(Some((
            count,
            Payload::new(entries, queues.payload_limits()?)?,
        )))
    }

    /// The command that copies all pixels to the host, if it has a copy and the object as many. What is
    /// in a resource for 3D has been drawn by the host.
    fn upload(&self) -> Result<Option<Command>> {
        let Image { width, height, .. } = self.image;
        let bytes = u64::from(width)
            .saturating_mul(height.into())
            .saturating_mul(BYTES_PER_PIXEL.into());
        let there: u64 = self.segments.as_ref().map_or(0, |segments| {
            segments.iter().map(|segment| u64::from(segment.len)).sum()
        });

        if !matches!(self.kind, Kind::Flat) || bytes == 0 || bytes > there {
            return Ok(None);
        }
        let area = proto::Rect::sized(width, height);
        Ok(Some(Command::new(proto::TransferToHost2d::new(
            self.id, 0, area,
        ))?))
    }

    /// Tells the host everything. Its picture becomes what it could have seen of the pages, whatever
    /// of that it had been told to copy. Memory of the host's is gone.
    fn replay(self: &Arc<Self>, queues: &Queues, batch: &mut Batch<'_>) -> Result {
        let attach = match &self.kind {
            Kind::Blob(blob, _) if blob.blob_mem != proto::BLOB_MEM_GUEST => return Err(ENODATA),
            Kind::Blob(..) => None,
            Kind::Flat | Kind::Solid(_) => Some(self.attach(queues)?),
        };
        let commands = [Some(self.create(queues)?), attach, self.upload()?];

        for command in commands.into_iter().flatten() {
            batch.push(command);
        }
        Ok(())
    }
}

impl Live {
    /// No objects.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self { records <- new_spinlock!(RBTree::new(), "virtio_gpu::Live") }),
            GFP_KERNEL,
        )
    }

    /// Adds an object, which `tell` tells the host of. That must not sleep.
    pub(super) fn add(&self, node: RBTreeNode<u32, Arc<Record>>, tell: impl FnOnce()) {
        let mut records = self.records.lock();
        let old = records.insert(node);

        tell();
        drop(records);
        // Ids in use are not given out, so there is none.
        drop(old);
    }

    /// Removes an object with all its ids, which `tell` has the host let go of. That must not sleep.
    pub(super) fn remove<R>(&self, ids: [Option<u32>; 3], tell: impl FnOnce() -> R) -> R {
        let mut records = self.records.lock();
        let nodes = ids.map(|id| records.remove_node(&id?));
        let result = tell();

        drop(records);
        drop(nodes);
        result
    }

    /// The objects that the host knew, in the order of their ids. From here on no other command goes
    /// to the host before the replay has ended.
    fn begin_replay(&self, queues: &Queues) -> Result<KVVec<Arc<Record>>> {
        let mut known = KVVec::new();

        loop {
            let records = self.records.lock();
            let count = records.values().count();

            if known.capacity() < count {
                drop(records);
                known.reserve(count, GFP_KERNEL)?;
                continue;
            }
            for record in records.values() {
                if record.state.load(Relaxed) == LIVE {
                    known.push_within_capacity(record.clone())?;
                } else {
                    // What was refused stays so, and there is nothing to take away any more.
                    record.state.store(ABSENT, Relaxed);
                }
            }
            queues.begin_replay();
            return Ok(known);
        }
    }
}

/// Tells the host of all objects, which has forgotten them. Commands end at once before that, and go
/// to the host afterwards.
///
/// # Errors
///
/// [`ENOMEM`]; [`ETIMEDOUT`] if the host does not answer, [`ENODEV`] if the device is lost. Commands
/// go on to be parked then.
pub(crate) fn replay(dev: &DrmDevice) -> Result {
    let queues = dev.queues();
    let records = dev.live().begin_replay(queues)?;
    let mut batch = queues.replay();

    let mut gone = 0_u32;
    for record in &records {
        let Err(e) = record.replay(queues, &mut batch) else {
            continue;
        };
        record.state.store(ABSENT, Relaxed);
        if e == ENODATA {
            gone = gone.saturating_add(1);
        } else {
            dev_err!(
                dev.parent(),
                "[drm] *ERROR* resource {} is lost: {:?}\n",
                record.id,
                e
            );
        }
    }
    drop(batch);
    if gone != 0 {
        dev_warn!(
            dev.parent(),
            "[drm] {} resources in memory of the host are lost with sleep\n",
            gone
        );
    }
    queues.wake(WAKE_MS)
}
