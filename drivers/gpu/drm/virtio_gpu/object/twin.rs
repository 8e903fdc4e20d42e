// SPDX-License-Identifier: GPL-2.0

//! The second resource of a dumb buffer.
//!
//! The host knows a resource as a picture of one format. A dumb buffer is made as one of native
//! xRGB; whoever makes a framebuffer of it that has the colours in another order gets a resource of
//! that order on the same pages. It lives as long as the buffer: planes have two orders, so there is
//! one such resource at most. Pages are the host's to read until it has let go of both.
#![forbid(unsafe_code)]

use super::{
    id::ResourceId,
    live::Record,
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
        Reply, //
    }, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    rbtree::RBTreeNode,
    sync::{
        aref::ARef,
        atomic::Relaxed,
        Arc,
        SetOnce,
        SpinLock, //
    }, //
};
use virtio_gpu_proto::{
    self as proto,
    formats::Format, //
};

/// Room for a second resource.
#[pin_data]
pub(super) struct Twin {
    /// What the host was told. Set last, so that nobody names the resource before it is made.
    record: SetOnce<Arc<Record>>,
    #[pin]
    made: SpinLock<Option<Made>>,
}

/// A second resource.
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
            made <- new_spinlock!(None),
        })
    }

    /// What takes the resource from the host, once, and what the host was told.
    pub(super) fn take_unref(&self) -> Option<(TwinUnref, Arc<Record>)> {
        let record = self.record.as_ref()?.clone();
        let mut made = self.made.lock();

        Some((Option::as_mut(&mut *made)?.unref.take()?, record))
    }

    /// Whether there is a resource that the host has not refused.
    fn is_usable(&self) -> bool {
        self.record
            .as_ref()
            .is_some_and(|record| record.state.load(Relaxed) == LIVE)
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

    /// The second resource, if there is one: the host's id, and the picture that the host knows it
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
        make(dev, object, format, credit()?)?;
    }
    match object.resource_as(format) {
        Some((Which::Twin, _)) if !object.twin.is_usable() => Err(EIO),
        _ => Ok(()),
    }
}

/// Makes a second resource, unless there is one.
fn make(dev: &DrmDevice, object: &ARef<Object>, format: Format, credit: Credit) -> Result {
    let id = dev.resource_ids().alloc()?;
    let image = Image {
        format: format.number(),
        ..*object.image()
    };
    let record = object.record.sibling(id.get(), image)?;
    let node = RBTreeNode::new(record.id, record.clone(), GFP_KERNEL)?;
    let create = record
        .create(dev.queues())?
        .hold(object.clone())
        .charge(credit);
    let attach = record.attach(dev.queues())?.hold(object.clone());
    let unref = TwinUnref::new(id.get())?;

    let mut batch = dev.queues().batch();
    let mut made = object.twin.made.lock();
    if made.is_some() {
        // Somebody was faster. What is not needed is dropped after the lock.
        drop(made);
        return Ok(());
    }
    dev.live().add(node, || {
        record.state.store(LIVE, Relaxed);
        batch.push(create);
        batch.push(attach);
    });
    object.twin.record.populate(record);
    *made = Some(Made {
        _id: id,
        unref: Some(unref),
    });
    drop(made);
    Ok(())
}

/// The command that takes a second resource from the host.
pub(super) struct TwinUnref {
    command: Command,
    reply: KBox<First>,
}

impl TwinUnref {
    fn new(id: u32) -> Result<Self> {
        Ok(Self {
            command: Command::new(proto::ResourceUnref::new(id))?,
            reply: KBox::new(
                First {
                    object: None,
                    then: None,
                },
                GFP_KERNEL,
            )?,
        })
    }

    /// Sends the command, and `then` when it has ended. The object is freed after both.
    pub(super) fn push(
        mut self,
        batch: &mut Batch<'_>,
        object: Released<Resource>,
        then: Option<Unref>,
    ) {
        self.reply.object = Some(object);
        self.reply.then = then;
        batch.push(self.command.on_reply(self.reply));
    }
}

/// Goes on with the first resource when the second is gone.
struct First {
    object: Option<Released<Resource>>,
    then: Option<Unref>,
}

impl Reply for First {
    fn done(&mut self, result: Result<KVec<u8>>) {
        match (result, self.then.take()) {
            (Ok(_) | Err(EIO | EPROTO | ENODEV | ECANCELED), Some(then)) => {
                if let Some(object) = self.object.take() {
                    let queues = object.dev().queues().clone();

                    then.push(&mut queues.batch(), object);
                }
            }
            // The object goes with the command.
            (Ok(_) | Err(EIO | EPROTO | ENODEV | ECANCELED), None) => {}
            // The host was not asked, so the pages are still its to read. They are lost.
            (Err(_), _) => core::mem::forget(self.object.take()),
        }
    }
}
