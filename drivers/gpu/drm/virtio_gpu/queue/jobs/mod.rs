// SPDX-License-Identifier: GPL-2.0

//! Jobs: commands of a context on their way to the ring.
//!
//! A job may have to wait for fences, or until the host knows them, and for jobs before it. It is
//! parked then, and goes to the ring when nothing is before it any more; the ioctl that made it has
//! returned long since. What is kept in order:
//!
//! * jobs of a lane, of which a context has one or more;
//! * jobs that name the same object, of whatever context: none gets past one that is parked;
//! * the end of a context comes after all its jobs.
//!
//! Each of these is settled in one step when a job is submitted, so what a job waits for was there
//! before it, and jobs cannot wait for each other.
#![forbid(unsafe_code)]

mod passes;
mod tickets;
mod waits;

pub(crate) use self::{
    passes::Passes,
    tickets::Tickets,
    waits::Waits, //
};

use self::waits::Fences;
use super::{
    command::Meta,
    reply,
    Batch,
    Class,
    Command,
    Queues, //
};
use crate::abi::{
    sync::{
        Signalled,
        Signalling, //
    },
    virtio::{
        Fifo,
        Request, //
    }, //
};
use kernel::{
    new_mutex,
    new_spinlock,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNode, //
    },
    sync::{
        atomic::{
            AtomicFlag,
            Relaxed, //
        },
        Arc,
        Mutex,
        SpinLock, //
    }, //
};

/// The jobs of a device that are parked.
#[pin_data]
pub(super) struct Jobs {
    #[pin]
    state: SpinLock<State>,
    /// Whoever cancels has jobs in hand that are not where they belong.
    #[pin]
    cancelling: Mutex<()>,
}

struct State {
    /// By the context's number.
    contexts: RBTree<u32, Lanes>,
    parked: usize,
    /// Jobs that were ever parked.
    number: u64,
    lost: bool,
}

/// The jobs of a context.
struct Lanes {
    lanes: KVec<Fifo<Meta>>,
    parked: usize,
    /// What goes to the host when none is left. There is no client any more.
    last: Option<KBox<Request<Meta>>>,
    /// How often somebody has [looked](Queues::expire) since then.
    looks: u8,
    /// Set when the end of the context goes to the host.
    ends: Arc<AtomicFlag>,
}

/// Whether a job may go to the ring, but for those before it in its lane.
fn is_ready(meta: &Meta) -> bool {
    let fences = meta.cancelled
        || (meta.waits.as_ref().is_none_or(Waits::is_over)
            && meta.passes.as_ref().is_none_or(Passes::let_go));

    fences
        && meta
            .tickets()
            .all(|(tickets, number)| tickets.is_at(number))
}

impl Jobs {
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            state <- new_spinlock!(
                State {
                    contexts: RBTree::new(),
                    parked: 0,
                    number: 0,
                    lost: false,
                },
                "virtio_gpu::Jobs"
            ),
            cancelling <- new_mutex!((), "virtio_gpu::Jobs::cancelling"),
        })
    }

    /// Number of jobs that are parked.
    pub(super) fn parked(&self) -> usize {
        self.state.lock().parked
    }

    /// Puts all parked jobs into `ended`, and parks none from now on.
    pub(super) fn lose(&self, ended: &mut Fifo<Meta>) {
        let mut state = self.state.lock();

        state.lost = true;
        state.parked = 0;
        for lanes in state.contexts.values_mut() {
            lanes.parked = 0;
            for lane in &mut lanes.lanes {
                while let Some(request) = lane.pop() {
                    request.data.serve_tickets();
                    ended.push(request);
                }
            }
            if let Some(request) = lanes.last.take() {
                ended.push(request);
            }
        }
    }
}

/// What became of a job in the first step of a lane.
enum Step {
    /// It went to the ring.
    Sent,
    /// It ends without the host having seen it.
    Ended(Option<Error>, KBox<Request<Meta>>),
    /// Nothing may go on.
    Stuck,
}

impl Queues {
    /// Makes room for the jobs of context `ctx_id`, which has so many lanes. `ends` is set when its end
    /// goes to the host.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn open_lanes(&self, ctx_id: u32, count: usize, ends: Arc<AtomicFlag>) -> Result {
        let mut lanes = KVec::with_capacity(count, GFP_KERNEL)?;

        for _ in 0..count {
            lanes.push(Fifo::new(), GFP_KERNEL)?;
        }
        let lanes = Lanes {
            lanes,
            parked: 0,
            last: None,
            looks: 0,
            ends,
        };
        let node = RBTreeNode::new(ctx_id, lanes, GFP_KERNEL)?;
        let before = self.jobs.state.lock().contexts.insert(node);
        // The number is not given twice.
        drop(before);
        Ok(())
    }

    /// Context `ctx_id` ends by `destroy`, after all its jobs. Those that are still parked after a while
    /// end with [`ECANCELED`]: nobody is left who could give up a wait without end.
    pub(crate) fn close_lanes(self: &Arc<Self>, ctx_id: u32, destroy: Command) {
        let node = {
            let mut state = self.jobs.state.lock();

            match state.contexts.get_mut(&ctx_id) {
                Some(lanes) if lanes.parked != 0 => {
                    lanes.last = Some(destroy.0);
                    self.arm();
                    return;
                }
                Some(lanes) => lanes.ends.store(true, Relaxed),
                None => {}
            }
            state.contexts.remove_node(&ctx_id)
        };

        drop(node);
        self.batch().push(destroy);
    }

    /// There is no context `ctx_id` any more, and there are no jobs of it.
    pub(crate) fn forget_lanes(&self, ctx_id: u32) {
        let node = self.jobs.state.lock().contexts.remove_node(&ctx_id);

        drop(node);
    }

    /// Ends the jobs of all contexts as [`Self::cancel`] does, while nobody submits any.
    pub(crate) fn cancel_all(self: &Arc<Self>) {
        let mut from = 0;

        loop {
            let next = {
                let state = self.jobs.state.lock();
                let mut ids = state.contexts.keys();
                ids.find(|&&id| id >= from).copied()
            };
            let Some(ctx_id) = next else {
                return;
            };
            self.cancel(ctx_id);
            from = ctx_id.saturating_add(1);
        }
    }

    /// Gives up the jobs of contexts that have been without a client for a while. Has itself called
    /// again as long as there are such contexts.
    pub(super) fn expire(self: &Arc<Self>) {
        let waiting = {
            let mut state = self.jobs.state.lock();
            let mut waiting = false;

            for lanes in state.contexts.values_mut() {
                if lanes.last.is_some() {
                    lanes.looks = lanes.looks.saturating_add(1);
                    waiting = true;
                }
            }
            waiting
        };

        if !waiting {
            return;
        }
        loop {
            let expired = {
                let mut state = self.jobs.state.lock();
                let mut all = state.contexts.iter_mut();

                // The first look may be right after the end.
                all.find_map(|(&ctx_id, lanes)| {
                    let expired = lanes.last.is_some() && lanes.looks >= 2;
                    if expired {
                        lanes.looks = 0;
                    }
                    expired.then_some(ctx_id)
                })
            };
            let Some(ctx_id) = expired else {
                break;
            };
            self.cancel(ctx_id);
        }
        self.arm();
    }

    /// Ends the jobs of context `ctx_id` that are parked, with [`ECANCELED`]. They keep their places
    /// until it would be their turn, for others are behind them.
    pub(crate) fn cancel(self: &Arc<Self>, ctx_id: u32) {
        let one_by_one = self.jobs.cancelling.lock();

        for index in 0.. {
            let jobs = {
                let mut state = self.jobs.state.lock();
                let Some(lane) = state.lane(ctx_id, index) else {
                    break;
                };
                core::mem::replace(lane, Fifo::new())
            };
            let jobs = cancelled(jobs);
            let mut left = {
                let mut state = self.jobs.state.lock();
                let lost = state.lost;

                match state.lane(ctx_id, index) {
                    // Nobody submits to a context that ends, or while the system goes to sleep.
                    Some(lane) if !lost => core::mem::replace(lane, jobs),
                    // Nobody comes for them any more.
                    _ => jobs,
                }
            };
            while let Some(request) = left.pop() {
                request.data.serve_tickets();
                self.reaper.put(request, false);
            }
        }
        drop(one_by_one);
        self.release();
    }

    /// Sends the jobs that nothing holds back any more.
    pub(super) fn release(self: &Arc<Self>) {
        let _signalling = Signalling::begin();
        let mut ended = Fifo::new();

        loop {
            while self.step(&mut ended) {}
            if ended.is_empty() {
                break;
            }
            while let Some(mut request) = ended.pop() {
                if let Some(e) = request.data.failed.take() {
                    reply::fail(&mut request, e);
                }
                // The host has never seen it.
                self.reaper.put(request, false);
            }
            // Others may have waited for the fences of these.
        }
        self.reap();
        self.kick();
    }

    /// Goes through the contexts once. Returns whether anything has moved, so that it is to be done
    /// again.
    fn step(&self, ended: &mut Fifo<Meta>) -> bool {
        let mut state = self.jobs.state.lock();
        let State {
            contexts, parked, ..
        } = &mut *state;
        let mut moved = false;
        let mut over = None;

        if *parked == 0 {
            return false;
        }
        for (&ctx_id, lanes) in contexts.iter_mut() {
            let Lanes {
                lanes,
                parked: own,
                last,
                ends,
                ..
            } = lanes;

            for lane in lanes {
                loop {
                    match self.advance(lane) {
                        Step::Stuck => break,
                        Step::Sent => {}
                        Step::Ended(e, mut request) => {
                            request.data.failed = e;
                            ended.push(request);
                        }
                    }
                    moved = true;
                    *parked = parked.saturating_sub(1);
                    *own = own.saturating_sub(1);
                }
            }
            if *own == 0 {
                if let Some(last) = last.take() {
                    ends.store(true, Relaxed);
                    if let Err((e, mut request)) = self.control.push(last, Class::Client) {
                        request.data.failed = Some(e);
                        ended.push(request);
                    }
                    over = Some(ctx_id);
                    break;
                }
            }
        }

        let Some(ctx_id) = over else {
            return moved;
        };
        let node = contexts.remove_node(&ctx_id);
        drop(state);
        drop(node);
        true
    }

    /// Takes the first job of `lane` if it is ready, and sends it.
    fn advance(&self, lane: &mut Fifo<Meta>) -> Step {
        if !lane.front().is_some_and(|request| is_ready(&request.data)) {
            return Step::Stuck;
        }
        let Some(mut request) = lane.pop() else {
            return Step::Stuck;
        };

        if !request.data.cancelled && !self.pay(&mut request) {
            lane.push_front(request);
            return Step::Stuck;
        }
        request.data.serve_tickets();
        if request.data.cancelled {
            return Step::Ended(None, request);
        }
        sent(&request);
        match self.control.push(request, Class::Client) {
            Ok(()) => Step::Sent,
            Err((e, request)) => Step::Ended(Some(e), request),
        }
    }
}

/// A job has its place in front of the ring, from which on the host can be told to wait for it.
fn sent(request: &Request<Meta>) {
    if let Some(fence) = &request.data.fence {
        fence.sent();
    }
}

/// The jobs of a lane, which end with [`ECANCELED`].
fn cancelled(mut jobs: Fifo<Meta>) -> Fifo<Meta> {
    let mut ended = Fifo::new();

    while let Some(mut request) = jobs.pop() {
        if !core::mem::replace(&mut request.data.cancelled, true) {
            reply::fail(&mut request, ECANCELED);
        }
        ended.push(request);
    }
    ended
}

impl State {
    fn lane(&mut self, ctx_id: u32, index: usize) -> Option<&mut Fifo<Meta>> {
        self.contexts.get_mut(&ctx_id)?.lanes.get_mut(index)
    }

    /// Whether a job would have to wait. If there is no such context, or it is over, nothing of it is
    /// to come any more.
    fn holds_back(&mut self, ctx_id: u32, index: usize, meta: &Meta) -> bool {
        let Some(lane) = self.lane(ctx_id, index) else {
            return false;
        };

        !lane.is_empty()
            || meta
                .waits
                .as_ref()
                .is_some_and(|waits| !waits.is_over_already())
            || meta.passes.as_ref().is_some_and(|passes| !passes.let_go())
            || meta.objects().any(|object| !object.tickets().is_free())
    }
}

impl Batch<'_> {
    /// Submits a job of context `ctx_id` to its lane `index`. It goes to the ring now, or when
    /// nothing is before it any more. Does not wait.
    pub(crate) fn submit(&mut self, ctx_id: u32, index: usize, command: Command) {
        let mut request = command.0;
        let fences = request
            .data
            .waits
            .as_ref()
            .map(|waits| waits.fences.clone());
        let mut state = self.queues.jobs.state.lock();

        if state.lost
            || (!state.holds_back(ctx_id, index, &request.data) && self.queues.pay(&mut request))
        {
            sent(&request);
            let result = self.queues.control.push(request, self.class);

            drop(state);
            if let Err((e, request)) = result {
                self.queues.end(request, e);
                self.queues.reap();
                // What it had paid with may be what a job waits for that was parked since.
                if self.queues.jobs.parked() != 0 {
                    self.queues.control.call_worker();
                }
            }
            return;
        }

        let State {
            contexts,
            parked,
            number,
            ..
        } = &mut *state;
        let lanes = contexts.get_mut(&ctx_id).and_then(|lanes| {
            let lane = lanes.lanes.get_mut(index)?;
            Some((lane, &mut lanes.parked))
        });
        let Some((lane, own)) = lanes else {
            drop(state);
            // Cannot be, for something holds it back.
            self.queues.end(request, ECANCELED);
            return;
        };
        *number += 1;
        request.data.take_tickets(*number);
        lane.push(request);
        *own += 1;
        *parked += 1;
        drop(state);
        // It is made; perhaps the last fence has signalled meanwhile.
        if let Some(fences) = fences {
            Fences::signalled(fences.as_arc_borrow());
        }
    }
}
