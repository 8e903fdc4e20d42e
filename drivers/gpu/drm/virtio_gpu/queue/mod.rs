// SPDX-License-Identifier: GPL-2.0

//! The two queues of a device.
//!
//! [`Command`]s are pushed in a [`Batch`], which rings the doorbell once when it is dropped. What ends
//! them is in `completion.rs`.
#![forbid(unsafe_code)]

mod command;
mod completion;
mod credit;
mod jobs;
mod owner;
mod reaper;
mod reply;
mod request;
mod ring;
mod watch;

pub(crate) use crate::abi::virtio::ReplyBytes;

pub(crate) use self::{
    command::{
        Command,
        Commands,
        Reply, //
    },
    credit::{
        Credit,
        Credits, //
    },
    jobs::{
        Passes,
        Tickets,
        Waits, //
    },
    owner::QueueOwner,
    request::{
        Pending,
        TIMEOUT_MS, //
    },
    ring::Stamp, //
};

use self::{
    command::Meta,
    jobs::Jobs,
    reaper::Reaper,
    ring::{
        Class,
        Ring,
        State, //
    },
    watch::Sight, //
};
use crate::abi::{
    sync::workqueue::{
        flush,
        system_dfl, //
    },
    virtio::{
        self,
        Fifo, //
    }, //
};
use kernel::{
    device,
    impl_has_delayed_work,
    impl_has_work,
    io::poll::read_poll_timeout,
    new_delayed_work,
    new_work,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        SetOnce, //
    },
    time::{
        msecs_to_jiffies,
        Delta, //
    },
    workqueue::{
        DelayedWork,
        Work,
        WorkItem, //
    }, //
};
use virtio_gpu_proto as proto;

/// Parked display commands from which on updates are left out: a second of flips of a scanout.
const MAX_DISPLAY_BACKLOG: usize = 192;
/// Parked cursor commands from which on moves are left out.
const MAX_CURSOR_BACKLOG: usize = 16;

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
    jobs: Jobs,
    #[pin]
    reaper: Reaper,
    /// For the descriptors that commands on rings of contexts may have, once there is a ring.
    ring_credits: SetOnce<Arc<Credits>>,
    #[pin]
    complete_work: Work<Self, 0>,
    #[pin]
    reap_work: Work<Self, 1>,
    #[pin]
    watch_work: DelayedWork<Self, 2>,
    #[pin]
    release_work: Work<Self, 3>,
    #[pin]
    cursor_work: Work<Self, 4>,
}

impl_has_work! {
    impl HasWork<Self, 0> for Queues { self.complete_work }
    impl HasWork<Self, 1> for Queues { self.reap_work }
    impl HasWork<Self, 3> for Queues { self.release_work }
    impl HasWork<Self, 4> for Queues { self.cursor_work }
}

impl_has_delayed_work! {
    impl HasDelayedWork<Self, 2> for Queues { self.watch_work }
}

/// Reaper.
impl WorkItem<1> for Queues {
    type Pointer = Arc<Queues>;

    fn run(this: Arc<Queues>) {
        this.reaper.reap();
    }
}

/// Watch.
impl WorkItem<2> for Queues {
    type Pointer = Arc<Queues>;

    fn run(this: Arc<Queues>) {
        this.look(&this.control, "control");
        this.look(&this.cursor, "cursor");
        this.expire();
    }
}

/// Release of jobs.
impl WorkItem<3> for Queues {
    type Pointer = Arc<Queues>;

    fn run(this: Arc<Queues>) {
        this.release();
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
                jobs <- Jobs::new(),
                reaper <- Reaper::new(),
                ring_credits: SetOnce::new(),
                complete_work <- new_work!("virtio_gpu::complete"),
                reap_work <- new_work!("virtio_gpu::reap"),
                watch_work <- new_delayed_work!("virtio_gpu::watch"),
                release_work <- new_work!("virtio_gpu::release"),
                cursor_work <- new_work!("virtio_gpu::cursor"),
            }),
            GFP_KERNEL,
        )
    }

    /// Has the host asked to keep the fences that it may be told to wait for.
    pub(crate) fn keep_fences(&self) {
        self.control.keep_fences();
    }

    /// Starts a batch of commands of a client.
    pub(crate) fn batch(self: &Arc<Self>) -> Batch<'_> {
        Batch {
            queues: self,
            class: Class::Client,
        }
    }

    /// Starts a batch of commands that tell the device again what it has to know. Between
    /// [`Self::begin_replay`] and [`Self::wake`].
    pub(crate) fn replay(self: &Arc<Self>) -> Batch<'_> {
        Batch {
            queues: self,
            class: Class::Replay,
        }
    }

    /// Queues a command of the display, of which the device is told by [`Self::kick`].
    pub(crate) fn push_display(self: &Arc<Self>, command: Command) {
        self.push(&self.control, command, Class::Display);
    }

    /// Sends requests when the kernel has died: past all that waits, without memory and without
    /// locks that somebody may hold for ever. Waits a moment for the host to have carried them out.
    ///
    /// # Errors
    ///
    /// Those of [`Ring::send_in_panic`].
    pub(crate) fn send_in_panic(&self, requests: &[&[u8]]) -> Result {
        self.control.send_in_panic(requests)
    }

    /// Rings the doorbell for what was queued.
    pub(crate) fn kick(self: &Arc<Self>) {
        self.control.kick(|| self.arm());
    }

    /// Sends a command on the cursor queue.
    pub(crate) fn push_cursor(self: &Arc<Self>, command: Command) {
        self.push(&self.cursor, command, Class::Cursor);
        self.cursor.kick(|| self.arm());
    }

    /// Whether the host has fallen so far behind that the display should not queue more for now: what
    /// is parked would grow for as long as the host does not answer.
    pub(crate) fn display_congested(&self) -> bool {
        self.control.display_backlog() > MAX_DISPLAY_BACKLOG
    }

    /// The same of the cursor.
    pub(crate) fn cursor_congested(&self) -> bool {
        self.cursor.display_backlog() > MAX_CURSOR_BACKLOG
    }

    /// What the payload of a command on the control queue can be.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if the queues were never at work.
    pub(crate) fn payload_limits(&self) -> Result<virtio::Limits> {
        self.control.limits().ok_or(ENODEV)
    }

    /// Takes the credits for the descriptors of a command that is on a ring of a context. Returns
    /// whether it may go to the host now.
    fn pay(&self, request: &mut virtio::Request<Meta>) -> bool {
        let Some(credits) = self.ring_credits.as_ref().filter(|_| request.data.on_ring) else {
            return true;
        };
        let count = self.control.descriptors(request.segments());

        request.data.ring_credit = credits.try_take(count);
        request.data.ring_credit.is_some()
    }

    fn push(self: &Arc<Self>, ring: &Ring, command: Command, class: Class) {
        if let Err((e, request)) = ring.push(command.0, class) {
            // Not on a ring, so nobody else ends it.
            self.end(request, e);
            self.reap();
        }
    }

    /// Has somebody look in a while whether the device answers.
    fn arm(self: &Arc<Self>) {
        // Armed already is fine, both rings are looked at.
        let _ =
            system_dfl().enqueue_delayed::<_, 2>(self.clone(), msecs_to_jiffies(watch::PERIOD_MS));
    }

    /// Looks whether the device answers on `ring`.
    fn look(self: &Arc<Self>, ring: &Ring, name: &str) {
        self.collect_from(ring);
        let (sight, parked) = ring.look(|| self.arm());

        match sight {
            Sight::Fine => {}
            Sight::Silent(count) => dev_err!(
                self.dev,
                "[drm] *ERROR* the host has answered none of {} commands on the {} queue for {} s, {} more wait\n",
                count,
                name,
                watch::PERIOD_MS / 1000,
                parked
            ),
            Sight::Back => dev_info!(
                self.dev,
                "[drm] the host answers on the {} queue again\n",
                name
            ),
        }
    }

    /// Accepts no more commands and ends those that are parked, with [`ENODEV`]. Commands that the
    /// device has end when it answers, or with its reset.
    pub(crate) fn lose(self: &Arc<Self>) {
        let mut parked = Fifo::new();

        self.jobs.lose(&mut parked);
        self.control.lose(&mut parked);
        self.cursor.lose(&mut parked);
        self.end_all(parked, ENODEV);
    }

    /// Accepts no more commands and ends all there are with [`ENODEV`], for the device was reset.
    pub(crate) fn empty(self: &Arc<Self>, reset: &virtio::Reset) {
        let mut unused = Fifo::new();

        self.lose();
        self.control.empty(reset, &mut unused);
        self.cursor.empty(reset, &mut unused);
        self.reaper.release();
        self.end_all(unused, ENODEV);
    }

    /// Number of jobs of contexts that wait for fences or for jobs before them.
    pub(crate) fn parked_jobs(&self) -> usize {
        self.jobs.parked()
    }

    /// Where the commands of the control queue and of the cursor queue are.
    pub(crate) fn states(self: &Arc<Self>) -> [State; 2] {
        self.collect();
        self.collect_cursor();
        [self.control.state(), self.cursor.state()]
    }

    /// Waits until the device has answered everything, as long as it goes on to answer.
    ///
    /// # Errors
    ///
    /// [`ETIMEDOUT`] if it has answered nothing for `timeout_ms` milliseconds.
    pub(crate) fn settle(self: &Arc<Self>, timeout_ms: u32) -> Result {
        let outstanding = || {
            self.collect();
            self.collect_cursor();
            self.control.outstanding() + self.cursor.outstanding()
        };

        settle(outstanding, timeout_ms)
    }

    /// Commands are parked from now on, but those of [`Self::replay`] go to the device. It must be
    /// ready.
    pub(crate) fn begin_replay(&self) {
        self.control.begin_replay();
        self.cursor.begin_replay();
    }

    /// Ends a replay when the device has answered all of it, as long as it goes on to answer: commands
    /// go to the device again, those that were parked too.
    ///
    /// # Errors
    ///
    /// [`ETIMEDOUT`] if it has answered nothing for `timeout_ms` milliseconds, [`ENODEV`] if it is lost.
    pub(crate) fn wake(self: &Arc<Self>, timeout_ms: u32) -> Result {
        let mut failed = Fifo::new();

        settle(|| self.control.outstanding_replay(), timeout_ms)?;
        if self.is_lost() {
            return Err(ENODEV);
        }
        self.control.wake(&mut failed);
        self.cursor.wake(&mut failed);
        self.end_all(failed, ENOMEM);
        self.kick();
        self.cursor.kick(|| self.arm());
        Ok(())
    }

    /// Waits until what has ended by now is freed. May sleep.
    pub(crate) fn settle_reaper(&self) {
        flush(&self.reap_work);
    }

    /// Whether the device is lost.
    pub(crate) fn is_lost(&self) -> bool {
        self.control.is_lost()
    }

    /// Whether a queue has broken, so that the device has to be reset.
    pub(crate) fn is_broken(&self) -> bool {
        self.control.is_broken() || self.cursor.is_broken()
    }
}

/// Waits until `outstanding` commands are none, as long as they get fewer within `timeout_ms`
/// milliseconds.
fn settle(outstanding: impl Fn() -> usize, timeout_ms: u32) -> Result {
    let mut before = outstanding();

    loop {
        let settled = read_poll_timeout(
            || Ok(outstanding()),
            |&now| now == 0,
            Delta::from_millis(1),
            Delta::from_millis(timeout_ms.into()),
        );
        let now = outstanding();

        if settled.is_ok() || now == 0 {
            return Ok(());
        }
        if now >= before {
            return Err(ETIMEDOUT);
        }
        before = now;
    }
}

/// Commands that are pushed together. Dropping it rings the doorbell, once at most.
pub(crate) struct Batch<'a> {
    queues: &'a Arc<Queues>,
    class: Class,
}

impl Batch<'_> {
    /// Queues a command. If the device is lost it ends at once with [`ENODEV`], if it is asleep with
    /// [`ECANCELED`].
    pub(crate) fn push(&mut self, command: Command) {
        self.queues.push(&self.queues.control, command, self.class);
    }

    /// Queues a request whose reply is awaited by [`Pending::wait`], after the batch is dropped.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn request<R: proto::Request>(&mut self, request: R) -> Result<Pending<R>> {
        self.request_for(request, <R::Response as proto::Response>::MAX_LEN)
    }

    /// The same with room for `len` bytes of reply.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn request_for<R: proto::Request>(
        &mut self,
        request: R,
        len: usize,
    ) -> Result<Pending<R>> {
        Pending::push(self, request, len, None)
    }

    /// The same as [`Self::request`], charged to a client until the host has answered.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn request_charged<R: proto::Request>(
        &mut self,
        request: R,
        credit: Credit,
    ) -> Result<Pending<R>> {
        let len = <R::Response as proto::Response>::MAX_LEN;

        Pending::push(self, request, len, Some(credit))
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.queues.kick();
    }
}
