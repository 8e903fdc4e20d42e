// SPDX-License-Identifier: GPL-2.0

//! Contexts: what an open file renders in on the host.
//!
//! A file has one, made when it is first needed or by CONTEXT_INIT. The context may use the
//! resources that the file has handles of; it is told of each once, those from before it was made
//! included.
#![forbid(unsafe_code)]

mod id;
mod passing;
mod setup;

pub(crate) use self::{
    id::Ids,
    passing::{
        Passing,
        Who, //
    },
    setup::{
        Setup,
        NAME_LEN, //
    }, //
};

use self::id::ContextId;
use crate::{
    device::DrmDevice,
    fence::Timeline,
    object::Object,
    queue::{
        Command,
        Queues,
        Reply,
        ReplyBytes, //
    }, //
};
use kernel::{
    new_mutex,
    prelude::*,
    rbtree::RBTree,
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

/// The lane of what is submitted outside of rings. Hosts of which it is not known that they take the
/// rings of a context in any order have this one only: a native context numbers what it is sent, over
/// all rings.
pub(crate) const NO_RING: usize = 0;

/// The context of an open file.
#[pin_data]
pub(crate) struct Context {
    id: Arc<ContextId>,
    /// Once the host was told to make it.
    created: SetOnce<Created>,
    /// Whether the host has refused it.
    refused: Arc<AtomicFlag>,
    #[pin]
    state: Mutex<State>,
}

/// What comes with a context on the host.
pub(crate) struct Created {
    /// The order of what is submitted outside of rings.
    timeline: Arc<Timeline>,
    rings: KVec<Arc<Timeline>>,
    polled: u64,
    /// Whether each ring has a lane of its own.
    apart: bool,
    /// How the host waits for fences in place of the guest, if it does.
    passing: Option<Passing>,
    /// Whether the host has refused to wait.
    deaf: Arc<AtomicFlag>,
    /// Set when the context's end goes to the host.
    ends: Arc<AtomicFlag>,
}

struct State {
    /// The resources that the file has handles of.
    resources: RBTree<u32, Opened>,
    /// What takes the context from the host, once it has it.
    destroy: Option<Destroy>,
}

/// A resource that the file has handles of.
struct Opened {
    /// For the time when the context is made: the handle holds the object.
    object: ARef<Object>,
    handles: usize,
    /// Allocated early, so that closing a handle needs no memory.
    detach: Command,
}

/// The command that takes a context from the host, gives the id back when it is gone, and fails the
/// fences of its rings that have not signalled by then.
struct Destroy {
    command: Command,
    reply: KBox<Gone>,
}

struct Gone {
    #[expect(dead_code)]
    id: Arc<ContextId>,
    rings: KVec<Arc<Timeline>>,
}

impl Reply for Gone {
    fn done(&mut self, result: Result<ReplyBytes>) {
        // The rings went with the context, and hosts forget what was on them. What was submitted
        // outside of rings is in an order of the host's own, and is still answered.
        if matches!(result, Ok(_) | Err(EIO | EPROTO)) {
            for ring in &self.rings {
                ring.abandon();
            }
        }
    }
}

/// Remembers that the host has refused a context.
struct Refused(Arc<AtomicFlag>);

impl Reply for Refused {
    fn done(&mut self, result: Result<ReplyBytes>) {
        if result.is_err_and(|e| e != ENODEV) {
            self.0.store(true, Relaxed);
        }
    }
}

impl Created {
    /// The timeline of ring `ring_idx`, if there is one.
    pub(crate) fn ring(&self, ring_idx: u32) -> Option<&Arc<Timeline>> {
        self.rings.get(usize::try_from(ring_idx).ok()?)
    }

    /// The timeline of what is submitted outside of rings.
    pub(crate) fn timeline(&self) -> &Arc<Timeline> {
        &self.timeline
    }

    /// The lane of what is submitted to ring `ring_idx`, or outside of rings.
    pub(crate) fn lane(&self, ring_idx: Option<u32>) -> usize {
        match ring_idx.and_then(|ring_idx| usize::try_from(ring_idx).ok()) {
            Some(ring_idx) if self.apart => ring_idx.saturating_add(1),
            _ => NO_RING,
        }
    }

    /// How the host waits for fences in place of the guest, if it does.
    pub(crate) fn passing(&self) -> Option<Passing> {
        self.passing
    }

    /// Whether the host has refused to wait: then the guest does.
    pub(crate) fn deaf(&self) -> &Arc<AtomicFlag> {
        &self.deaf
    }

    /// Set when the context's end goes to the host.
    pub(crate) fn ends(&self) -> &Arc<AtomicFlag> {
        &self.ends
    }

    /// Whether the client is told by events of fences of ring `ring_idx`.
    pub(crate) fn is_polled(&self, ring_idx: u32) -> bool {
        self.polled.checked_shr(ring_idx).unwrap_or(0) & 1 != 0
    }
}

impl Context {
    /// Creates an initializer for the context of a file, which the host has not yet.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], [`ENOSPC`] if there are too many.
    pub(crate) fn new(ids: &Arc<Ids>) -> impl PinInit<Self, Error> {
        let id = ids.alloc();

        try_pin_init!(Self {
            id: id?,
            created: SetOnce::new(),
            refused: Arc::new(AtomicFlag::new(false), GFP_KERNEL)?,
            state <- new_mutex!(State {
                resources: RBTree::new(),
                destroy: None,
            }),
        }? Error)
    }

    /// The host's number of the context, not 0.
    pub(crate) fn id(&self) -> u32 {
        self.id.get()
    }

    /// What comes with the context, if it was made.
    pub(crate) fn created(&self) -> Option<&Created> {
        self.created.as_ref()
    }

    /// Makes the context, unless it is there.
    ///
    /// # Errors
    ///
    /// [`EIO`] if the host has refused it, or has forgotten it in sleep; [`ENOMEM`].
    pub(crate) fn ensure(&self, dev: &DrmDevice) -> Result<&Created> {
        if self.created.as_ref().is_none() {
            self.create(dev, &Setup::default()).or_else(|e| {
                if e == EEXIST {
                    Ok(())
                } else {
                    Err(e)
                }
            })?;
        }
        if self.refused.load(Relaxed) || self.id.is_lost() {
            return Err(EIO);
        }
        self.created.as_ref().ok_or(EIO)
    }

    /// Whether the host has the context, as far as is known.
    fn is_there(&self) -> bool {
        self.created.as_ref().is_some() && !self.id.is_lost()
    }

    /// Has the host make the context. Does not wait: what the host refuses is found out later.
    ///
    /// # Errors
    ///
    /// [`EEXIST`] if it was made before, [`ENOMEM`].
    pub(crate) fn create(&self, dev: &DrmDevice, setup: &Setup) -> Result {
        let mut state = self.state.lock();

        if self.created.as_ref().is_some() {
            return Err(EEXIST);
        }

        let id = self.id();
        let mut rings = KVec::with_capacity(setup.rings().into(), GFP_KERNEL)?;
        for ring_idx in 0..setup.rings() {
            rings.push(Timeline::new(Some(ring_idx))?, GFP_KERNEL)?;
        }
        let created = Created {
            timeline: Timeline::new(None)?,
            rings,
            polled: setup.polled(),
            apart: setup.capset() == proto::CAPSET_VENUS,
            passing: passing::decide(
                dev.features().passing(),
                dev.who_passes(),
                setup.capset(),
                setup.passing(),
            ),
            deaf: Arc::new(AtomicFlag::new(false), GFP_KERNEL)?,
            ends: Arc::new(AtomicFlag::new(false), GFP_KERNEL)?,
        };
        let lanes = if created.apart {
            created.rings.len().saturating_add(1)
        } else {
            1
        };
        let mut gone = Gone {
            id: self.id.clone(),
            rings: KVec::with_capacity(created.rings.len(), GFP_KERNEL)?,
        };
        for ring in &created.rings {
            gone.rings.push(ring.clone(), GFP_KERNEL)?;
        }
        let destroy = Destroy {
            command: Command::new(proto::CtxDestroy::new(id))?,
            reply: KBox::new(gone, GFP_KERNEL)?,
        };
        let create = proto::CtxCreate::new(id, setup.capset(), &setup.name());
        let create =
            Command::new(create)?.on_reply(KBox::new(Refused(self.refused.clone()), GFP_KERNEL)?);
        let mut attach = KVec::new();
        for (&resource, opened) in state.resources.iter() {
            let command = Command::new(proto::CtxAttachResource::new(id, resource))?;
            attach.push(command.hold(opened.object.clone()), GFP_KERNEL)?;
        }

        dev.queues().open_lanes(id, lanes, created.ends.clone())?;
        // Nothing fails from here on.
        self.id.tell();
        let mut batch = dev.queues().batch();
        batch.push(create);
        for command in attach {
            batch.push(command);
        }
        state.destroy = Some(destroy);
        self.created.populate(created);
        Ok(())
    }

    /// The file gets a handle of `object`.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn attach(&self, queues: &Arc<Queues>, object: &Object) -> Result {
        let resource = object.id();
        let mut state = self.state.lock();

        if let Some(opened) = state.resources.get_mut(&resource) {
            opened.handles = opened.handles.saturating_add(1);
            return Ok(());
        }

        let object = ARef::from(object);
        let attach = Command::new(proto::CtxAttachResource::new(self.id(), resource))?;
        let opened = Opened {
            object: object.clone(),
            handles: 1,
            detach: Command::new(proto::CtxDetachResource::new(self.id(), resource))?,
        };
        state
            .resources
            .try_create_and_insert(resource, opened, GFP_KERNEL)?;
        if self.is_there() {
            queues
                .batch()
                .submit(self.id(), NO_RING, attach.hold(object));
        }
        Ok(())
    }

    /// A handle of `object` is closed.
    pub(crate) fn detach(&self, queues: &Arc<Queues>, object: &Object) {
        let mut state = self.state.lock();
        let Some(opened) = state.resources.get_mut(&object.id()) else {
            return;
        };

        opened.handles = opened.handles.saturating_sub(1);
        if opened.handles != 0 {
            return;
        }
        let opened = state.resources.remove(&object.id());
        if self.is_there() {
            if let Some(Opened { object, detach, .. }) = opened {
                queues
                    .batch()
                    .submit(self.id(), NO_RING, detach.hold(object));
            }
        }
    }

    /// The file is closed. What has not gone to the host yet is sent before the end, or is given up
    /// if `killed`.
    pub(crate) fn destroy(&self, queues: &Arc<Queues>, killed: bool) {
        let destroy = self.state.lock().destroy.take();

        if self.id.is_lost() {
            queues.forget_lanes(self.id());
            return;
        }
        if let Some(Destroy { command, reply }) = destroy {
            if killed {
                queues.cancel(self.id());
            }
            queues.close_lanes(self.id(), command.on_reply(reply));
        }
    }
}
