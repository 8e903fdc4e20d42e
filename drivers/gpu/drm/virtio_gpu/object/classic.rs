// SPDX-License-Identifier: GPL-2.0

//! Classic resources: pictures of a size and format of which the host keeps a copy, made and
//! uploaded from guest pages.
#![forbid(unsafe_code)]

use super::{
    live::{
        Kind,
        Record, //
    },
    Args,
    Object,
    DOUBTFUL,
    LIVE, //
};
use crate::{
    abi::{
        drm::gem::AddressSpace,
        sync::Usage, //
    },
    device::DrmDevice,
    queue::{
        Credit,
        Reply,
        ReplyBytes, //
    }, //
};
use kernel::{
    prelude::*,
    rbtree::RBTreeNode,
    sync::{
        aref::ARef,
        atomic::Relaxed,
        Arc, //
    }, //
};
use virtio_gpu_proto as proto;

/// A picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Image {
    /// The host's number of the pixel format.
    pub(crate) format: u32,
    /// Width in pixels.
    pub(crate) width: u32,
    /// Height in pixels.
    pub(crate) height: u32,
}

/// Who makes an object, and so how.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A dumb buffer.
    Dumb,
    /// The object is busy until the host has answered. What makes it one for 3D is as given.
    ResourceCreate(Option<proto::Params3d>),
}

/// Makes an object of `size` bytes of guest memory, and its resource on the host. Does not wait for
/// the host: what that refuses is found dead later. `credit` is the client's.
///
/// # Errors
///
/// [`EINVAL`] for a size of 0, [`ENOMEM`], [`E2BIG`] if the queue cannot carry the list of pages,
/// [`EINTR`] or [`ERESTARTSYS`] if a signal is pending.
pub(crate) fn create(
    dev: &DrmDevice,
    size: usize,
    image: Image,
    origin: Origin,
    credit: Credit,
) -> Result<ARef<Object>> {
    let dumb = origin == Origin::Dumb;
    let kind = match origin {
        Origin::ResourceCreate(Some(params)) => Kind::Solid(params),
        Origin::ResourceCreate(None) | Origin::Dumb => Kind::Flat,
    };
    let args = Args { image, kind, dumb };
    let object = Object::new_shmem(dev, size, args)?;
    let record = &object.record;

    give_pages(dev, &object)?;
    let node = RBTreeNode::new(record.id, record.clone(), GFP_KERNEL)?;
    let mut create = record
        .create(dev.queues())?
        .hold(object.clone())
        .charge(credit);
    let attach = record.attach(dev.queues())?.hold(object.clone());

    if matches!(origin, Origin::ResourceCreate(_)) {
        let prepared = dev.timeline().prepare()?;
        let fences = object.reservation().lock_for_fence()?;
        let job = prepared.submit();

        fences.add_fence(job.fence(), Usage::Write);
        create = create.fence(job);
    }

    let mut batch = dev.queues().batch();
    dev.live().add(node, || {
        // From here on there is something to take back.
        record.state.store(LIVE, Relaxed);
        batch.push(create);
        batch.push(attach);
    });
    drop(batch);
    Ok(object)
}

/// Has the pages of a new object of guest memory stay where they are, for the host to be told.
///
/// # Errors
///
/// [`ENOMEM`], [`EINTR`] or [`ERESTARTSYS`] if a signal is pending, and those of the DMA API.
pub(super) fn give_pages(dev: &DrmDevice, object: &Object) -> Result {
    let space = if dev.uses_dma_api() {
        AddressSpace::Dma
    } else {
        AddressSpace::Physical
    };

    object.record.set_segments(object.segments(space)?)
}

/// Remembers what the host has refused.
pub(super) struct Outcome {
    record: Arc<Record>,
    /// The state of the object if this command is refused.
    refused: u32,
}

impl Outcome {
    pub(super) fn new(record: &Arc<Record>, refused: u32) -> Result<KBox<Self>> {
        Ok(KBox::new(
            Self {
                record: record.clone(),
                refused,
            },
            GFP_KERNEL,
        )?)
    }

    /// Whose it is.
    pub(super) fn record(&self) -> &Record {
        &self.record
    }
}

impl Reply for Outcome {
    fn done(&mut self, result: Result<ReplyBytes>) {
        self.record.answered.store(true, Relaxed);
        let state = match result {
            // A lost device has refused nothing, and one that sleeps will be asked again.
            Ok(_) | Err(ENODEV | ECANCELED) => return,
            Err(EPROTO) => DOUBTFUL,
            Err(_) => self.refused,
        };

        // Pages for a resource that was refused are refused as well, which makes no difference.
        if self.record.state.load(Relaxed) == LIVE {
            self.record.state.store(state, Relaxed);
        }
    }
}
