// SPDX-License-Identifier: GPL-2.0

//! Further resources of a dumb buffer, on the same pages.
//!
//! The host knows a resource as a picture of one format. A dumb buffer is made as one of native
//! xRGB; whoever makes a framebuffer of it that has the colours in another order gets a resource of
//! that order. Planes have two orders, so there is one such resource at most. And where contexts can
//! name the buffer, so that it cannot be a blob, there can be a blob for the display, which is shown
//! without a copy. Both live as long as the buffer. Pages are the host's to read until it has let go of
//! all of them.
#![forbid(unsafe_code)]

use super::{
    id::ResourceId,
    live::{
        Kind,
        Record, //
    },
    Image,
    Object,
    Resource,
    Unref,
    Which,
    LIVE, //
};
use crate::{
    abi::drm::gem::Released,
    device::DrmDevice,
    queue::{
        Batch,
        Command,
        Credit,
        Reply,
        ReplyBytes, //
    }, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    rbtree::RBTreeNode,
    sync::{
        aref::ARef,
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
    formats::Format, //
};

/// Room for a further resource.
#[pin_data]
pub(super) struct Twin {
    /// What the host was told. Set last, so that nobody names the resource before it is made.
    record: SetOnce<Arc<Record>>,
    /// Whether the host does not show it.
    refused: Atomic<bool>,
    #[pin]
    made: SpinLock<Option<Made>>,
}

/// A further resource.
struct Made {
    _id: ResourceId,
    /// What takes it away.
    unref: Option<TwinUnref>,
}

impl Twin {
    /// Creates an initializer for an object that has one resource.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            record: SetOnce::new(),
            refused: Atomic::new(false),
            made <- new_spinlock!(None),
        })
    }

    /// What takes the resource from the host, once, and what the host was told.
    pub(super) fn take_unref(&self) -> Option<(TwinUnref, Arc<Record>)> {
        let record = self.record.as_ref()?.clone();
        let mut made = self.made.lock();

        Some((Option::as_mut(&mut *made)?.unref.take()?, record))
    }

    /// The host's id of the resource, if there is one that it has not refused.
    fn usable(&self) -> Option<u32> {
        let record = self.record.as_ref()?;

        (record.state.load(Relaxed) == LIVE && !self.refused.load(Relaxed)).then_some(record.id)
    }

    /// Whether there is a resource that the host has not refused.
    fn is_usable(&self) -> bool {
        self.usable().is_some()
    }
}

impl Resource {
    /// The resource that has colours as `format` has them, if there is one, and the host's id of it.
    pub(crate) fn resource_as(&self, format: Format) -> Option<(Which, u32)> {
        let there = Format::from_number(self.record.image.format);
        if there.is_some_and(|there| there.same_order(format)) {
            return Some((Which::First, self.id()));
        }

        let (id, image) = self.twin()?;
        let there = Format::from_number(image.format)?;
        there.same_order(format).then_some((Which::Twin, id))
    }

    /// The blob for the display, if there is one that the host has not refused: the host's id.
    pub(crate) fn shown_in_place(&self) -> Option<u32> {
        self.in_place.usable()
    }

    /// The host has refused to show that blob.
    pub(crate) fn refuse_in_place(&self) {
        self.in_place.refused.store(true, Relaxed);
    }

    /// Whether the host has refused to make or to show such a blob.
    pub(crate) fn in_place_refused(&self) -> bool {
        self.in_place.record.as_ref().is_some() && !self.in_place.is_usable()
    }

    /// The resource of another order, if there is one: the host's id, and the picture that the host knows it
    /// as.
    pub(crate) fn twin(&self) -> Option<(u32, Image)> {
        // Without a lock: the kernel may have died.
        self.twin
            .record
            .as_ref()
            .map(|record| (record.id, record.image))
    }
}

/// Sees to it that the host has a resource on the pages of a dumb buffer that has colours as `format`
/// has them. Does not wait for the host. `credit` is the client's.
///
/// # Errors
///
/// [`EIO`] if the host has refused it before, [`EINVAL`] if there are two resources already,
/// and those of [`create`](super::create).
pub(crate) fn provide(
    dev: &DrmDevice,
    object: &ARef<Object>,
    format: Format,
    credit: impl FnOnce() -> Result<Credit>,
) -> Result {
    let format = format.opaque();
    if object.resource_as(format).is_none() {
        if object.twin().is_some() {
            return Err(EINVAL);
        }
        let image = Image {
            format: format.number(),
            ..*object.image()
        };
        make(dev, object, &object.twin, image, Kind::Flat, credit()?)?;
    }
    match object.resource_as(format) {
        Some((Which::Twin, _)) if !object.twin.is_usable() => Err(EIO),
        _ => Ok(()),
    }
}

/// Sees to it that the host has a blob on the pages of a dumb buffer, if it can have one. Does not wait
/// for the host. `credit` is the client's.
///
/// # Errors
///
/// Those of [`create`](super::create), and of `credit`.
pub(crate) fn provide_in_place(
    dev: &DrmDevice,
    object: &ARef<Object>,
    credit: impl FnOnce() -> Result<Credit>,
) -> Result {
    let alignment = dev.features().blob_alignment.unwrap_or(1);
    // A power of two.
    let odd = object.size() & usize::try_from(alignment)?.saturating_sub(1) != 0;

    if odd || object.in_place.record.as_ref().is_some() {
        return Ok(());
    }
    let blob = proto::Blob {
        blob_mem: proto::BLOB_MEM_GUEST,
        blob_flags: proto::BLOB_FLAG_USE_SHAREABLE,
        blob_id: 0,
        // CAST: A length of memory.
        size: object.size() as u64,
    };
    let kind = Kind::Blob(blob, 0);
    make(
        dev,
        object,
        &object.in_place,
        *object.image(),
        kind,
        credit()?,
    )
}

/// Makes a further resource in `place`, unless there is one.
fn make(
    dev: &DrmDevice,
    object: &ARef<Object>,
    place: &Twin,
    image: Image,
    kind: Kind,
    credit: Credit,
) -> Result {
    let id = dev.resource_ids().alloc()?;
    let attached = !matches!(kind, Kind::Blob(..));
    let record = object.record.sibling(id.get(), image, kind)?;
    let node = RBTreeNode::new(record.id, record.clone(), GFP_KERNEL)?;
    let create = record
        .create(dev.queues())?
        .hold(object.clone())
        .charge(credit);
    // A blob has got its pages.
    let attach = match attached {
        true => Some(record.attach(dev.queues())?.hold(object.clone())),
        false => None,
    };
    // Of a blob for the display nobody misses anything.
    let create = match attached {
        true => create,
        false => create.may_fail(),
    };
    let unref = TwinUnref::new(id.get(), !attached)?;

    let mut batch = dev.queues().batch();
    let mut made = place.made.lock();
    if made.is_some() {
        // Somebody was faster. What is not needed is dropped after the lock.
        drop(made);
        return Ok(());
    }
    dev.live().add(node, || {
        record.state.store(LIVE, Relaxed);
        for command in [Some(create), attach].into_iter().flatten() {
            batch.push(command);
        }
    });
    place.record.populate(record);
    *made = Some(Made {
        _id: id,
        unref: Some(unref),
    });
    drop(made);
    Ok(())
}

/// The command that takes a further resource from the host.
pub(super) struct TwinUnref {
    command: Command,
    reply: KBox<First>,
}

impl TwinUnref {
    /// For the resource with that id, which the host may not have if it `may_fail`.
    fn new(id: u32, may_fail: bool) -> Result<Self> {
        let command = Command::new(proto::ResourceUnref::new(id))?;

        Ok(Self {
            command: match may_fail {
                true => command.may_fail(),
                false => command,
            },
            reply: KBox::new(
                First {
                    object: None,
                    next: None,
                    then: None,
                },
                GFP_KERNEL,
            )?,
        })
    }

    /// Sends the command, `next` when it has ended, and `then` after that. The object is freed after all
    /// of them.
    pub(super) fn push(
        mut self,
        batch: &mut Batch<'_>,
        object: Released<Resource>,
        next: Option<Self>,
        then: Option<Unref>,
    ) {
        self.reply.object = Some(object);
        self.reply.next = next;
        self.reply.then = then;
        batch.push(self.command.on_reply(self.reply));
    }
}

/// Goes on with the next resource when one is gone.
struct First {
    object: Option<Released<Resource>>,
    next: Option<TwinUnref>,
    then: Option<Unref>,
}

impl Reply for First {
    fn done(&mut self, result: Result<ReplyBytes>) {
        if !matches!(result, Ok(_) | Err(EIO | EPROTO | ENODEV | ECANCELED)) {
            // The host was not asked, so the pages are still its to read. They are lost.
            core::mem::forget(self.object.take());
            return;
        }
        let (next, then) = (self.next.take(), self.then.take());
        if next.is_none() && then.is_none() {
            // The object goes with the command.
            return;
        }
        let Some(object) = self.object.take() else {
            return;
        };
        let queues = object.dev().queues().clone();

        match (next, then) {
            (Some(next), then) => next.push(&mut queues.batch(), object, None, then),
            (None, Some(then)) => then.push(&mut queues.batch(), object),
            (None, None) => {}
        }
    }
}
