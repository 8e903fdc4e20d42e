// SPDX-License-Identifier: GPL-2.0

//! The two queues of a device, and the workers that complete commands.
//!
//! [`Command`]s are pushed in a [`Batch`], which rings the doorbell once when it is dropped. The
//! completion worker takes used commands off the rings, checks replies, signals fences and tells
//! who waits; a second worker, the reaper, then frees what the commands held, because that may take
//! locks and memory that fence signalling must not wait for.
#![forbid(unsafe_code)]

mod command;
mod credit;
mod reply;
mod request;
mod ring;

pub(crate) use self::{
    command::{
        Command,
        Reply, //
    },
    credit::{
        Credit,
        Credits, //
    },
    request::{
        Pending,
        TIMEOUT_MS, //
    },
    ring::Stamp, //
};

use self::{
    command::Meta,
    ring::{
        Class,
        Ring, //
    }, //
};
use crate::abi::{
    sync::{
        workqueue::{
            flush,
            system_dfl, //
        },
        OwnedQueue,
        Signalling, //
    },
    virtio::{
        self,
        virtqueue::Virtqueues,
        Fifo, //
    }, //
};
use kernel::{
    device,
    impl_has_work,
    new_spinlock,
    new_work,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        SpinLock, //
    },
    workqueue::{
        Work,
        WorkItem, //
    }, //
};
use virtio_gpu_proto as proto;

/// The queues of a device.
#[pin_data]
pub(crate) struct Queues {
    /// The transport's device, for log lines.
    dev: ARef<device::Device>,
    #[pin]
    control: Ring,
    #[pin]
    cursor: Ring,
    #[pin]
    spent: SpinLock<Spent>,
    #[pin]
    complete_work: Work<Self, 0>,
    #[pin]
    reap_work: Work<Self, 1>,
}

/// Ended commands that the reaper is to free.
struct Spent {
    commands: Fifo<Meta>,
    /// Whether they are kept, because commands have ended that the device never answered: until it
    /// is reset it may use any memory that it was told of.
    kept: bool,
}

impl Spent {
    /// Keeps a command if commands are kept now. Else it is returned, to be dropped without the lock.
    fn keep(
        &mut self,
        request: KBox<virtio::Request<Meta>>,
    ) -> Option<KBox<virtio::Request<Meta>>> {
        if !self.kept {
            return Some(request);
        }
        self.commands.push(request);
        None
    }
}

impl_has_work! {
    impl HasWork<Self, 0> for Queues { self.complete_work }
    impl HasWork<Self, 1> for Queues { self.reap_work }
}

/// Completion.
impl WorkItem<0> for Queues {
    type Pointer = Arc<Queues>;

    fn run(this: Arc<Queues>) {
        Queues::complete(&this, &this.control);
        Queues::complete(&this, &this.cursor);
    }
}

/// Reaper.
impl WorkItem<1> for Queues {
    type Pointer = Arc<Queues>;

    fn run(this: Arc<Queues>) {
        // Taken out first: dropping a command may push another one, which may end at once.
        let spent = {
            let mut spent = this.spent.lock();
            if spent.kept {
                return;
            }
            core::mem::replace(&mut spent.commands, Fifo::new())
        };

        drop(spent);
    }
}

impl Queues {
    /// Creates queues that are not at work yet. `dev` is named in log lines.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new(dev: &device::Device) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                dev: dev.into(),
                control <- Ring::new(),
                cursor <- Ring::new(),
                spent <- new_spinlock!(Spent {
                    commands: Fifo::new(),
                    kept: false,
                }),
                complete_work <- new_work!("virtio_gpu::complete"),
                reap_work <- new_work!("virtio_gpu::reap"),
            }),
            GFP_KERNEL,
        )
    }

    /// Starts a batch of commands of a client.
    pub(crate) fn batch(&self) -> Batch<'_> {
        Batch {
            queues: self,
            class: Class::Client,
        }
    }

    /// Queues a command of the display, of which the device is told by [`Self::kick`].
    pub(crate) fn push_display(&self, command: Command) {
        self.push(&self.control, command, Class::Display);
    }

    /// Rings the doorbell for what was queued.
    pub(crate) fn kick(&self) {
        self.control.kick();
    }

    /// Sends a command on the cursor queue.
    pub(crate) fn push_cursor(&self, command: Command) {
        self.push(&self.cursor, command, Class::Cursor);
        self.cursor.kick();
    }

    /// Most segments that a payload of a command on the control queue may have.
    pub(crate) fn max_payload_segments(&self) -> u32 {
        // The command and its reply take one each.
        self.control.size().saturating_sub(2)
    }

    fn push(&self, ring: &Ring, command: Command, class: Class) {
        if let Err((e, mut request)) = ring.push(command.0, class) {
            // Never on a ring, so nobody else ends it.
            let e = if e == EIO {
                // The ring broke just now, see `lose()`.
                self.spent.lock().kept = true;
                ENODEV
            } else {
                e
            };
            reply::fail(&mut request, e);
            let free = self.spent.lock().keep(request);
            drop(free);
        }
    }

    fn complete(this: &Arc<Self>, ring: &Ring) {
        let mut used = Fifo::new();
        let mut failed = Fifo::new();
        let mut ended = Fifo::new();
        let _signalling = Signalling::begin();

        let broke = ring.drain(&mut used, &mut failed);
        if broke {
            // See `lose()`, which follows.
            this.spent.lock().kept = true;
        }
        while let Some(mut request) = used.pop() {
            reply::finish_used(&this.dev, &mut request);
            ended.push(request);
        }
        Self::reap(this, ended);
        Self::end(this, failed, if broke { ENODEV } else { ENOMEM });
    }

    /// Ends `commands`, which the device will not answer.
    fn end(this: &Arc<Self>, mut commands: Fifo<Meta>, e: Error) {
        let mut ended = Fifo::new();

        while let Some(mut request) = commands.pop() {
            reply::fail(&mut request, e);
            ended.push(request);
        }
        Self::reap(this, ended);
    }

    /// Hands ended commands to the reaper.
    fn reap(this: &Arc<Self>, mut ended: Fifo<Meta>) {
        if ended.is_empty() {
            return;
        }
        {
            let mut spent = this.spent.lock();
            while let Some(request) = ended.pop() {
                spent.commands.push(request);
            }
        }
        // Queued already is fine, it takes all there is.
        let _ = system_dfl().enqueue::<_, 1>(this.clone());
    }

    /// Accepts no more commands and ends those that are parked, with [`ENODEV`]. Commands that the
    /// device has end with its reset.
    pub(crate) fn lose(this: &Arc<Self>) {
        let mut parked = Fifo::new();

        this.spent.lock().kept = true;
        this.control.lose(&mut parked);
        this.cursor.lose(&mut parked);
        Self::end(this, parked, ENODEV);
    }

    /// Ends everything with [`ENODEV`], for the device was reset.
    pub(crate) fn empty(this: &Arc<Self>, reset: &virtio::Reset) {
        let mut unused = Fifo::new();

        Self::lose(this);
        this.control.empty(reset, &mut unused);
        this.cursor.empty(reset, &mut unused);
        Self::end(this, unused, ENODEV);
        this.spent.lock().kept = false;
        let _ = system_dfl().enqueue::<_, 1>(this.clone());
    }

    /// Whether a queue has broken, so that the device has to be reset.
    pub(crate) fn is_broken(&self) -> bool {
        self.control.is_broken() || self.cursor.is_broken()
    }
}

/// Commands that are pushed together. Dropping it rings the doorbell, once at most.
pub(crate) struct Batch<'a> {
    queues: &'a Queues,
    class: Class,
}

impl Batch<'_> {
    /// Queues a command. If the device is lost it ends at once with [`ENODEV`].
    pub(crate) fn push(&mut self, command: Command) {
        self.queues.push(&self.queues.control, command, self.class);
    }

    /// Queues a request whose reply is awaited by [`Pending::wait`], after the batch is dropped.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn request<R: proto::Request>(&mut self, request: R) -> Result<Pending<R>> {
        Pending::push(self, request)
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.queues.control.kick();
    }
}

/// Receives the interrupts.
struct Interrupts {
    queues: Arc<Queues>,
    worker: OwnedQueue,
}

impl virtio::Handler for Interrupts {
    fn interrupt(this: &Arc<Self>, _index: u32) {
        // Queued already is fine: the work looks at everything there is when it runs.
        let _ = this.worker.enqueue::<_, 0>(this.queues.clone());
    }
}

/// The virtqueues of a bound device: puts [`Queues`] to work and takes them down again.
pub(crate) struct QueueOwner {
    queues: Arc<Queues>,
    vqs: Virtqueues<Interrupts>,
}

impl QueueOwner {
    /// Finds the virtqueues of `dev` and starts `queues` on them. Commands are accepted from here
    /// on, and reach the device once it is ready.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`] and those of the transport.
    pub(crate) fn start(
        dev: &virtio::Device<device::Core<'_>>,
        queues: Arc<Queues>,
    ) -> Result<Self> {
        let handler = Arc::new(
            Interrupts {
                queues: queues.clone(),
                worker: OwnedQueue::new_highpri(c"virtio_gpu")?,
            },
            GFP_KERNEL,
        )?;
        let (vqs, [control, cursor]) =
            Virtqueues::find::<Meta, 2>(dev, [c"control", c"cursor"], handler)?;
        let indirect = dev.has_feature(virtio::F_RING_INDIRECT_DESC);

        queues.control.start(control, indirect);
        queues.cursor.start(cursor, indirect);
        Ok(Self { queues, vqs })
    }

    /// Resets the device, ends every command, and deletes the virtqueues. When this returns, nothing
    /// of the queues runs any more.
    pub(crate) fn stop(self, dev: &virtio::Device<device::Core<'_>>) {
        let queues = &self.queues;

        Queues::lose(queues);
        Queues::empty(queues, &dev.reset());

        if let (Some(control), Some(cursor)) = (queues.control.stop(), queues.cursor.stop()) {
            // Drops the handler, and with it the worker, after what is queued on it.
            self.vqs.delete(dev, [control, cursor]);
        }
        flush(&queues.reap_work);
    }
}
