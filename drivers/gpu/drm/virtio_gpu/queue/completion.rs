// SPDX-License-Identifier: GPL-2.0

//! How commands end.
//!
//! The completion worker takes used commands off the rings, checks replies, signals fences and tells
//! who waits. What the commands held goes as well if that is nothing that fence signalling must not wait
//! for, as objects of which the last reference goes; those are left to a second worker, the reaper.
//!
//! Commands for which nobody waits are not worth an interrupt. They end with the next ones, or when the
//! display is about to queue more, or with the next look at the queue.
#![forbid(unsafe_code)]

use super::{
    command::Meta,
    reply,
    ring::Ring,
    Queues, //
};
use crate::abi::{
    sync::{
        workqueue::system_dfl,
        Signalling, //
    },
    virtio::{
        self,
        Fifo, //
    }, //
};
use kernel::{
    prelude::*,
    sync::Arc,
    workqueue::WorkItem, //
};

/// Completion of control commands.
impl WorkItem<0> for Queues {
    type Pointer = Arc<Queues>;

    fn run(this: Arc<Queues>) {
        this.complete(&this.control);
    }
}

/// Completion of cursor commands.
impl WorkItem<4> for Queues {
    type Pointer = Arc<Queues>;

    fn run(this: Arc<Queues>) {
        this.complete(&this.cursor);
    }
}

impl Queues {
    /// Ends what the device has used on `ring`.
    fn complete(self: &Arc<Self>, ring: &Ring) {
        let mut used = Fifo::new();
        let mut failed = Fifo::new();
        let _signalling = Signalling::begin();

        let error = ring.drain(&mut used, &mut failed, || self.arm());
        self.finish(used, error == ENODEV);
        self.end_all(failed, error);
        // Descriptors of rings may have come free.
        if self.jobs.parked() != 0 {
            self.release();
        }
    }

    /// Ends commands of the control queue that the device has carried out without telling of it.
    pub(crate) fn collect(self: &Arc<Self>) {
        self.collect_from(&self.control);
    }

    /// The same of the cursor queue.
    pub(crate) fn collect_cursor(self: &Arc<Self>) {
        self.collect_from(&self.cursor);
    }

    pub(super) fn collect_from(self: &Arc<Self>, ring: &Ring) {
        let mut used = Fifo::new();

        let lost = ring.take_quiet(&mut used);
        if !used.is_empty() {
            self.finish(used, lost);
            self.reap();
        }
    }

    /// Ends commands that the device has used, which may be `lost`.
    fn finish(&self, mut used: Fifo<Meta>, lost: bool) {
        while let Some(mut request) = used.pop() {
            reply::finish_used(&self.dev, &mut request, lost);
            // Mostly there is nothing that the reaper would have to be woken for.
            if !(request.frees_anywhere() && request.data.let_go()) {
                self.reaper.put(request, false);
            }
        }
    }

    /// Ends a command that the device will not answer.
    pub(super) fn end(&self, mut request: KBox<virtio::Request<Meta>>, e: Error) {
        reply::fail(&mut request, e);
        self.reaper.put(request, matches!(e, ENODEV | ECANCELED));
    }

    /// Ends `commands`, which the device will not answer, and has ended ones freed.
    pub(super) fn end_all(self: &Arc<Self>, mut commands: Fifo<Meta>, e: Error) {
        while let Some(request) = commands.pop() {
            self.end(request, e);
        }
        self.reap();
    }

    /// Has ended commands freed soon.
    pub(super) fn reap(self: &Arc<Self>) {
        if self.reaper.is_idle() {
            return;
        }
        // Queued already is fine, it takes all there is.
        let _ = system_dfl().enqueue::<_, 1>(self.clone());
    }
}
