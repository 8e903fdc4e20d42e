// SPDX-License-Identifier: GPL-2.0

//! Host memory in the window: an object's place there, and what the host says of it.
//!
//! The host is asked once, when the object is made or when somebody maps it first. The place is given
//! back with the object, which is freed when the host has answered that it has let go.
#![forbid(unsafe_code)]

use super::{
    awaited::Awaited,
    Object, //
};
use crate::{
    abi::drm::gem::{
        Cache,
        IoRegion, //
    },
    device::DrmDevice,
    queue::{
        Command,
        Reply,
        ReplyBytes, //
    },
    window::Place, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            AtomicFlag,
            Relaxed, //
        },
        Arc,
        Mutex,
        SetOnce, //
    }, //
};
use virtio_gpu_proto as proto;

/// Room for a place in the window.
#[pin_data]
pub(super) struct Mapping {
    placed: SetOnce<Placed>,
    /// What takes the object out of the window, allocated early. Also has whoever asks do it alone.
    #[pin]
    unmap: Mutex<Option<Command>>,
}

struct Placed {
    place: Place,
    cache: Arc<Awaited<Cache>>,
    /// Whether the host has said that the object is not in the window any more.
    let_go: Arc<AtomicFlag>,
}

impl Mapping {
    /// Creates an initializer for an object that is not in the window.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            placed: SetOnce::new(),
            unmap <- new_mutex!(None, "virtio_gpu::Mapping"),
        })
    }

    /// The command that puts `object` into the window, unless it was made before.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is no window, [`ENOSPC`] if it is full, [`ENOMEM`].
    pub(super) fn ask(dev: &DrmDevice, object: &ARef<Object>) -> Result<Option<Command>> {
        let this = &object.mapping;
        let mut unmap = this.unmap.lock();

        if this.placed.as_ref().is_some() {
            return Ok(None);
        }
        // CAST: A length of memory.
        let place = dev.window().ok_or(EINVAL)?.place(object.size() as u64)?;
        let cache = Awaited::new()?;
        let let_go = Arc::new(AtomicFlag::new(false), GFP_KERNEL)?;
        let map = Command::new(proto::ResourceMapBlob::new(object.id(), place.offset()))?
            .hold(object.clone())
            .on_reply(KBox::new(Mapped(cache.clone()), GFP_KERNEL)?);

        *unmap = Some(
            Command::new(proto::ResourceUnmapBlob::new(object.id()))?
                .on_reply(KBox::new(Unmapped(let_go.clone()), GFP_KERNEL)?),
        );
        this.placed.populate(Placed {
            place,
            cache,
            let_go,
        });
        Ok(Some(map))
    }

    /// Waits until the host has put the object into the window.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the host has refused or nobody has asked it, and those of [`Awaited::wait`].
    pub(super) fn wait(&self) -> Result<IoRegion> {
        let placed = self.placed.as_ref().ok_or(EINVAL)?;

        placed.cache.wait().map(|cache| placed.region(cache))
    }

    /// Where the object is, if it is in the window.
    pub(super) fn region(&self) -> Option<IoRegion> {
        let placed = self.placed.as_ref()?;

        Some(placed.region(placed.cache.get()?.ok()?))
    }

    /// What takes the object out of the window, if it may be there. Once.
    pub(super) fn take_unmap(&self) -> Option<Command> {
        let unmap = self.unmap.lock().take();

        // What the host has refused is not there, and what was not sent neither.
        unmap.filter(|_| {
            let answer = self.placed.as_ref().and_then(|placed| placed.cache.get());
            answer.is_some_and(|answer| answer != Err(EINVAL))
        })
    }

    /// The host has not let go of the object, for all that is known.
    pub(super) fn keep(&self) {
        if let Some(placed) = self.placed.as_ref().filter(|p| !p.let_go.load(Relaxed)) {
            placed.place.keep();
        }
    }
}

impl Placed {
    fn region(&self, cache: Cache) -> IoRegion {
        IoRegion {
            start: self.place.start(),
            len: self.place.len(),
            cache,
        }
    }
}

/// Hears whether an object is in the window.
struct Mapped(Arc<Awaited<Cache>>);

impl Reply for Mapped {
    fn done(&mut self, result: Result<ReplyBytes>) {
        self.0.set(match result {
            Ok(bytes) => proto::RespMapInfo::ref_from_prefix(&bytes)
                .map_err(|_| EIO)
                .map(|(info, _)| cache(info.cache())),
            // As programs know it.
            Err(EIO) => Err(EINVAL),
            Err(EPROTO) => Err(EIO),
            Err(e) => Err(e),
        });
    }
}

/// Hears that it is not there any more.
struct Unmapped(Arc<AtomicFlag>);

impl Reply for Unmapped {
    fn done(&mut self, result: Result<ReplyBytes>) {
        self.0.store(result.is_ok(), Relaxed);
    }
}

/// How a CPU caches what the host says `cache` of.
fn cache(cache: proto::MapCache) -> Cache {
    match cache {
        proto::MapCache::Uncached => Cache::Uncached,
        proto::MapCache::WriteCombined => Cache::WriteCombined,
        proto::MapCache::None | proto::MapCache::Cached | proto::MapCache::Unknown => Cache::Cached,
    }
}
