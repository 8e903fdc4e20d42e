// SPDX-License-Identifier: GPL-2.0

//! Classic resources: pictures of a size and format of which the host keeps a copy, made and
//! uploaded from guest pages.
#![forbid(unsafe_code)]

use super::{
    Args,
    Object,
    ABSENT,
    DOUBTFUL,
    LIVE,
    NO_BACKING, //
};
use crate::{
    abi::{
        drm::gem::AddressSpace,
        sync::Usage,
        virtio::Payload, //
    },
    device::DrmDevice,
    queue::{
        Command,
        Credit,
        Reply, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        atomic::Relaxed, //
    }, //
};
use virtio_gpu_proto as proto;

/// A picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    let object = Object::new_shmem(dev, size, Args { image, dumb })?;
    let create = match origin {
        Origin::ResourceCreate(Some(params)) => {
            Command::new(proto::ResourceCreate3d::new(object.id(), &params))?
        }
        Origin::ResourceCreate(None) | Origin::Dumb => {
            let mut request = proto::ResourceCreate2d::new(
                object.id(),
                proto::formats::Format::B8G8R8X8Unorm,
                image.width,
                image.height,
            );
            // The host says which formats it has.
            request.format.set(image.format);
            Command::new(request)?
        }
    };
    let mut create = create
        .hold(object.clone())
        .charge(credit)
        .on_reply(Outcome::new(&object, ABSENT)?);
    let attach = attach(
        dev,
        &object,
        object.id(),
        Outcome::new(&object, NO_BACKING)?,
    )?;

    if matches!(origin, Origin::ResourceCreate(_)) {
        let prepared = dev.timeline().prepare()?;
        let fences = object.reservation().lock_for_fence()?;
        let job = prepared.submit();

        fences.add_fence(job.fence(), Usage::Write);
        create = create.fence(job);
    }

    // From here on there is something to take back.
    object.state.store(LIVE, Relaxed);
    let mut batch = dev.queues().batch();
    batch.push(create);
    batch.push(attach);
    drop(batch);
    Ok(object)
}

/// The command that gives the pages of `object` to its resource of that `id`.
pub(super) fn attach(
    dev: &DrmDevice,
    object: &ARef<Object>,
    id: u32,
    outcome: KBox<dyn Reply>,
) -> Result<Command> {
    let space = if dev.uses_dma_api() {
        AddressSpace::Dma
    } else {
        AddressSpace::Physical
    };
    let segments = object.segments(space)?;
    let count = u32::try_from(segments.len()).map_err(|_| E2BIG)?;

    let len = segments
        .len()
        .checked_mul(size_of::<proto::MemEntry>())
        .ok_or(E2BIG)?;
    let mut entries = KVVec::with_capacity(len, GFP_KERNEL)?;
    for segment in &segments {
        let entry = proto::MemEntry::new(segment.addr, segment.len);
        entries.extend_from_slice(entry.as_bytes(), GFP_KERNEL)?;
    }
    let payload = Payload::new(entries, dev.queues().payload_limits()?)?;

    Ok(Command::new(proto::ResourceAttachBacking::new(id, count))?
        .payload(payload)
        .hold(object.clone())
        .on_reply(outcome))
}

/// Remembers what the host has refused.
struct Outcome {
    object: ARef<Object>,
    /// The state of the object if this command is refused.
    refused: u32,
}

impl Outcome {
    fn new(object: &ARef<Object>, refused: u32) -> Result<KBox<Self>> {
        Ok(KBox::new(
            Self {
                object: object.clone(),
                refused,
            },
            GFP_KERNEL,
        )?)
    }
}

impl Reply for Outcome {
    fn done(&mut self, result: Result<KVec<u8>>) {
        let state = match result {
            // A lost device has refused nothing.
            Ok(_) | Err(ENODEV) => return,
            Err(EPROTO) => DOUBTFUL,
            Err(_) => self.refused,
        };

        // Pages for a resource that was refused are refused as well, which makes no difference.
        if self.object.state.load(Relaxed) == LIVE {
            self.object.state.store(state, Relaxed);
        }
    }
}
