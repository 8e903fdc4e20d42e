// SPDX-License-Identifier: GPL-2.0

//! Blob resources: memory without a format, of the guest or of the host.
#![forbid(unsafe_code)]

use super::{
    classic::give_pages,
    live::Kind,
    mapping::Mapping,
    uuid::Uuid,
    Args,
    Image,
    Object,
    LIVE, //
};
use crate::{
    abi::sg::Segment,
    context::NO_RING,
    device::DrmDevice,
    display::Sight,
    queue::{
        Command,
        Credit, //
    }, //
};
use kernel::{
    prelude::*,
    rbtree::RBTreeNode,
    sync::{
        aref::ARef,
        atomic::Relaxed, //
    }, //
};
use virtio_gpu_proto as proto;

/// What a new blob is to be.
pub(crate) struct NewBlob {
    /// What the host is told. The size may be rounded up to whole pages.
    pub(crate) blob: proto::Blob,
    /// The context that has the memory, 0 for guest memory.
    pub(crate) ctx_id: u32,
    /// What the host carries out before.
    pub(crate) before: Option<Command>,
    /// Whether it is put into the window when somebody maps it, rather than at once.
    pub(crate) deferred: bool,
    /// The picture that a dumb buffer is.
    pub(crate) dumb: Option<Image>,
}

/// Makes a blob. Does not wait for the host: what that refuses is found dead later. `credit` is the
/// client's.
///
/// # Errors
///
/// [`EINVAL`] for a size of 0, or memory to be mapped that there is no window for; [`ENOSPC`] if the
/// window is full; [`ENOMEM`]; [`E2BIG`] if the queue cannot carry the list of pages; [`EINTR`] or
/// [`ERESTARTSYS`] if a signal is pending. Nothing has happened then.
pub(crate) fn create_blob(dev: &DrmDevice, new: NewBlob, credit: Credit) -> Result<ARef<Object>> {
    let size = usize::try_from(new.blob.size).map_err(|_| EINVAL)?;
    let has = |flag| new.blob.blob_flags & flag != 0;
    let host_only = new.blob.blob_mem == proto::BLOB_MEM_HOST3D;
    let args = Args {
        image: new.dumb.unwrap_or_default(),
        kind: Kind::Blob(new.blob, new.ctx_id),
        dumb: new.dumb.is_some(),
    };
    let object = if host_only {
        Object::new_io(dev, size, args)?
    } else {
        let object = Object::new_shmem(dev, size, args)?;
        give_pages(dev, &object)?;
        object
    };
    let record = &object.record;
    let node = RBTreeNode::new(record.id, record.clone(), GFP_KERNEL)?;
    let create = record
        .create(dev.queues())?
        .hold(object.clone())
        .charge(credit);
    let uuid = match has(proto::BLOB_FLAG_USE_CROSS_DEVICE) {
        true => Uuid::ask(&object)?,
        false => None,
    };
    let map = match host_only && has(proto::BLOB_FLAG_USE_MAPPABLE) && !new.deferred {
        true => Mapping::ask(dev, &object)?,
        false => None,
    };

    let mut batch = dev.queues().batch();
    if let Some(before) = new.before {
        batch.submit(new.ctx_id, NO_RING, before);
    }
    dev.live().add(node, || {
        // From here on there is something to take back.
        record.state.store(LIVE, Relaxed);
        batch.submit(new.ctx_id, NO_RING, create);
    });
    for command in [uuid, map].into_iter().flatten() {
        batch.submit(new.ctx_id, NO_RING, command);
    }
    drop(batch);
    Ok(object)
}

/// What an object of another device's memory is made with: guest memory like any other, which the host
/// reads in place.
///
/// # Errors
///
/// [`ENODEV`] where the host has no blobs, or has 3D and is not known to show them: its contexts would
/// not know what to do with one.
pub(super) fn import(dev: &DrmDevice, size: usize) -> Result<Args> {
    let features = dev.features();

    if !features.resource_blob
        || matches!(dev.shows_in_place(), Some(Sight::Unknown | Sight::Copies))
    {
        return Err(ENODEV);
    }
    let blob = proto::Blob {
        blob_mem: proto::BLOB_MEM_GUEST,
        blob_flags: proto::BLOB_FLAG_USE_SHAREABLE,
        blob_id: 0,
        // CAST: A length of memory.
        size: size as u64,
    };
    Ok(Args {
        image: Image::default(),
        kind: Kind::Blob(blob, 0),
        dumb: false,
    })
}

/// Tells the host of an object of another device's memory.
///
/// # Errors
///
/// [`EINVAL`] if the host wants blobs to be larger, [`ENOMEM`], [`E2BIG`].
pub(super) fn imported(object: &ARef<Object>, segments: KVVec<Segment>) -> Result {
    let dev = object.dev();
    let record = &object.record;
    let alignment = dev.features().blob_alignment.unwrap_or(1);

    // A power of two.
    if object.size() & usize::try_from(alignment)?.saturating_sub(1) != 0 {
        return Err(EINVAL);
    }
    record.set_segments(segments)?;
    let node = RBTreeNode::new(record.id, record.clone(), GFP_KERNEL)?;
    let create = record.create(dev.queues())?.hold(object.clone());

    let mut batch = dev.queues().batch();
    dev.live().add(node, || {
        record.state.store(LIVE, Relaxed);
        batch.push(create);
    });
    Ok(())
}
