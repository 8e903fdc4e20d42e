// SPDX-License-Identifier: GPL-2.0
//! The running host: takes commands off the rings, has them checked, recorded,
//! struck by faults and carried out, and hands the replies back when they are due.
//!
//! Locks: `core` before a ring's own; QEMU's channel is never written to while
//! `core` is held, because QEMU may be waiting for an answer that needs it.

mod deliver;
mod doorbell;
mod orders;
mod settle;
mod view;

use crate::chain::{Chain, Ram, Table};
use crate::channel::{sockets, Channel};
use crate::checks::{Checker, Seen};
use crate::device::Device;
use crate::faults::{Delivery, Faults};
use crate::scenario::{Scenario, Timed};
use crate::trace::{CmdEvent, Event, Writer};
use crate::verdict::Stats;
use crate::wire::{feature, reply, u32_at, Queue};
use doorbell::Bell;
use settle::Taken;
use std::collections::{BTreeMap, HashSet};
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use vhost::vhost_user::Backend;
use vhost_user_backend::{VringMutex, VringT};
use virtio_queue::{QueueOwnedT, QueueT};
use vm_memory::{Bytes, GuestAddress, GuestAddressSpace, GuestMemoryAtomic};

/// Guest memory, replaceable by the transport.
pub type Memory = GuestMemoryAtomic<Ram>;

/// Longest request that is looked at; a longer one is cut, and so draws an error.
const MAX_REQUEST: usize = 16 << 20;
/// How long a reply waits for the next one before it goes out alone.
const SWAP_LIMIT: Duration = Duration::from_millis(1000);

/// What the command line chooses.
#[derive(Debug, Default)]
pub struct Options {
    /// The scenario.
    pub scenario: Scenario,
    /// Trace file.
    pub trace: Option<PathBuf>,
    /// Folder for pictures.
    pub shots: Option<PathBuf>,
    /// Whether every frame becomes a picture.
    pub every_frame: bool,
    /// Whether every frame gets a CRC.
    pub crc: bool,
    /// File for the verdict, as JSON.
    pub report: Option<PathBuf>,
    /// Whether commands are told on the terminal.
    pub verbose: bool,
}

/// A reply on its way.
struct Answer {
    queue: Queue,
    vring: VringMutex<Memory>,
    chain: Chain,
    seq: u64,
    command: Vec<u8>,
    delivery: Delivery,
    due: Instant,
}

struct Core {
    device: Device,
    checker: Checker,
    faults: Faults,
    trace: Writer,
    stats: Stats,
    pending: Vec<Answer>,
    /// Commands whose reply waits for the device's work, by its ticket.
    parked: BTreeMap<u64, Taken>,
    stalled: [Option<Instant>; 2],
    /// Goes up whenever a queue stops: what was taken off before is dropped.
    epoch: u64,
    seq: u64,
    copied: u64,
    pictures: u64,
    doorbells: [Bell; 2],
    /// Features of this start; told to the checker once.
    features: u64,
    /// When the clock looks next at what is due.
    looks: Instant,
}

/// What a look at a ring brought.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Take {
    One,
    Nothing,
    Broken,
}

#[derive(Default)]
struct Link {
    before: HashSet<RawFd>,
    channel: Option<Channel>,
    backend: Option<Backend>,
}

/// The host.
pub struct Host {
    /// As chosen.
    pub options: Options,
    memory: Mutex<Option<Memory>>,
    core: Mutex<Core>,
    wake: Condvar,
    link: Mutex<Link>,
    running: AtomicBool,
    once_started: AtomicBool,
    behaves: AtomicBool,
}

/// A lock, whether or not a thread died holding it: the host goes on as well as it can.
fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    /// When the next reply or the next end of the device's work is due.
    fn due(&self) -> Option<Instant> {
        let replies = self.pending.iter().map(|a| a.due);
        replies.chain(self.device.next()).min()
    }
}

impl Host {
    /// Sets the host up.
    pub fn new(options: Options) -> Result<Arc<Host>, String> {
        let s = &options.scenario;
        let mut checker = Checker::new(
            s.features()?,
            s.device.scanouts,
            s.device.num_capsets(),
            s.device.blob_alignment,
        );
        checker.knows(&s.device);
        let core = Core {
            device: Device::new(s, options.crc && !s.viewer.is_there()),
            checker,
            faults: Faults::new(&s.faults),
            trace: Writer::new(options.trace.as_deref()).map_err(|e| format!("trace: {e}"))?,
            stats: Stats::default(),
            pending: Vec::new(),
            parked: BTreeMap::new(),
            stalled: [None; 2],
            epoch: 0,
            seq: 0,
            copied: 0,
            pictures: 0,
            doorbells: Default::default(),
            features: 0,
            looks: Instant::now(),
        };
        Ok(Arc::new(Host {
            options,
            memory: Mutex::new(None),
            core: Mutex::new(core),
            wake: Condvar::new(),
            link: Mutex::default(),
            running: AtomicBool::new(false),
            once_started: AtomicBool::new(false),
            behaves: AtomicBool::new(false),
        }))
    }

    /// Starts the clock, which hands out late replies for as long as the process lives.
    pub fn start_clock(self: &Arc<Self>) {
        let clock = self.clone();
        std::thread::spawn(move || clock.run_clock());
    }

    /// The scenario's orders by the clock.
    pub fn timed(&self) -> Vec<Timed> {
        self.options.scenario.at.clone()
    }

    /// Hands out replies whose time has come.
    fn run_clock(self: &Arc<Self>) {
        let mut core = lock(&self.core);
        loop {
            let now = Instant::now();
            if let Some(i) = core.pending.iter().position(|a| a.due <= now) {
                let answer = core.pending.remove(i);
                self.deliver(&mut core, answer);
                continue;
            }
            self.work(&mut core, now);
            core.trace.flush();
            self.look_for_unannounced(&mut core, now);
            let (now, second) = (Instant::now(), Duration::from_secs(1));
            core.looks = core.due().map_or(now + second, |at| at.min(now + second));
            let wait = core.looks.saturating_duration_since(now);
            core = self
                .wake
                .wait_timeout(core, wait)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Wakes the clock if something is due before it would look. A wake-up for each command would keep a
    /// processor busy.
    fn hurry(&self, core: &Core) {
        if core.due().is_some_and(|at| at < core.looks) {
            self.wake.notify_one();
        }
    }

    fn ram(&self) -> Option<<Memory as GuestAddressSpace>::T> {
        Some(lock(&self.memory).as_ref()?.memory())
    }

    /// The transport brings guest memory.
    pub(crate) fn set_memory(&self, memory: Memory) {
        *lock(&self.memory) = Some(memory);
    }

    /// The transport asks for features; the channel's socket comes next.
    pub(crate) fn before_channel(&self) {
        lock(&self.link).before = sockets();
    }

    /// The channel is there.
    pub(crate) fn find_channel(&self, backend: Backend) {
        let mut link = lock(&self.link);
        link.backend = Some(backend);
        link.channel = Channel::find(&link.before);
    }

    /// The driver accepted these features.
    pub(crate) fn set_features(&self, features: u64) {
        lock(&self.core).features = features;
    }

    /// The configuration space.
    pub(crate) fn config(&self) -> Vec<u8> {
        let mut bytes = lock(&self.core).device.display.config();
        bytes.resize(self.options.scenario.device.config_size as usize, 0);
        bytes
    }

    /// The driver wrote to the configuration space. QEMU hands over all of it, whatever
    /// part was written: what differs from ours is what the driver meant. events_read
    /// may be an old copy, and is left out.
    pub(crate) fn write_config(&self, offset: u32, bytes: &[u8]) {
        let mut core = lock(&self.core);
        let before = core.device.display.config();
        let mut after = before.clone();
        for (i, b) in bytes.iter().enumerate() {
            if let Some(slot) = after.get_mut((offset as usize).saturating_add(i)) {
                *slot = *b;
            }
        }
        let pending = core.device.display.events();
        let bits = u32_at(&after, 4);
        let elsewhere = after.get(8..) != before.get(8..);
        core.checker.config_write(bits, pending, elsewhere);
        core.trace.event(Event::ConfigWrite {
            clear: bits,
            elsewhere,
        });
        core.device.display.clear_events(bits);
    }

    /// A doorbell rang.
    pub(crate) fn kicked(self: &Arc<Self>, queue: Queue, vrings: &[VringMutex<Memory>]) {
        if !self.running.swap(true, Relaxed) {
            self.start(vrings);
        }
        {
            let mut core = lock(&self.core);
            core.stats.kicks[queue.index()] += 1;
            core.rang(queue, vrings.get(queue.index()));
            core.trace.event(Event::Kick {
                queue: queue.name().into(),
            });
        }
        if let Some(vring) = vrings.get(queue.index()) {
            self.drain(queue, vring);
        }
    }

    fn start(self: &Arc<Self>, vrings: &[VringMutex<Memory>]) {
        let rings = vrings
            .iter()
            .map(|v| v.get_ref().get_queue().size())
            .collect();
        {
            let mut core = lock(&self.core);
            let features = core.features;
            core.device.set_features(features);
            core.checker.started(features & !(1 << 30));
            core.trace.event(Event::Start { features, rings });
        }
        if !self.once_started.swap(true, Relaxed) {
            crate::control::run_timed(self.clone());
        }
    }

    /// A queue stops: nothing may be written to it any more. Queue 0 stopping is the
    /// only reset that this transport shows.
    pub(crate) fn stopped(&self, queue: Queue) {
        let mut core = lock(&self.core);
        core.epoch += 1;
        let all = core.pending.len();
        core.pending.retain(|a| a.queue != queue);
        let dropped = all - core.pending.len() + core.parked.len();
        core.stalled[queue.index()] = None;
        core.doorbells[queue.index()] = Bell::default();
        let mut resources = 0;
        if queue == Queue::Control {
            self.running.store(false, Relaxed);
            core.parked.clear();
            resources = core.device.reset();
            core.checker.stopped();
        }
        core.trace.event(Event::Stop {
            queue: queue.name().into(),
            resources,
            dropped,
        });
        core.trace.flush();
    }

    fn drain(self: &Arc<Self>, queue: Queue, vring: &VringMutex<Memory>) {
        loop {
            let _ = vring.disable_notification();
            let left = loop {
                match self.take(queue, vring) {
                    Take::One => {}
                    other => break other,
                }
            };
            // With EVENT_IDX a doorbell may have been left out since the last look.
            if left == Take::Broken || !vring.enable_notification().unwrap_or(false) {
                lock(&self.core).drained(queue, left == Take::Broken);
                return;
            }
        }
    }

    /// Takes one command off its ring.
    fn take(self: &Arc<Self>, queue: Queue, vring: &VringMutex<Memory>) -> Take {
        let Some(ram) = self.ram() else {
            return Take::Broken;
        };
        let epoch = lock(&self.core).epoch;
        let (found, table, flags) = {
            let mut state = vring.get_mut();
            let q = state.get_queue_mut();
            let flags: u16 = ram.read_obj(GuestAddress(q.avail_ring())).unwrap_or(0);
            let table = Table {
                addr: q.desc_table(),
                size: q.size(),
                indirect: false,
            };
            (
                q.iter(ram.clone())
                    .map(|mut chains| chains.next().map(|c| c.head_index())),
                table,
                flags,
            )
        };
        let mut core = lock(&self.core);
        if core.epoch != epoch {
            return Take::Broken;
        }
        let overfull = matches!(found, Err(virtio_queue::Error::InvalidAvailRingIndex));
        core.checker.batch(overfull, table.size);
        core.checker.suppression(flags);
        core.checker.nothing(queue, matches!(found, Ok(None)));
        let head = match found {
            Ok(Some(head)) => head,
            Ok(None) => return Take::Nothing,
            // A ring that lies stays as it is until the driver resets it.
            Err(_) => return Take::Broken,
        };
        let table = Table {
            indirect: core.features & feature::INDIRECT_DESC != 0,
            ..table
        };
        let chain = Chain::walk(&ram, table, head);
        let command = chain.read(&ram, MAX_REQUEST);
        let seq = core.seq;
        core.seq += 1;
        let taken = Taken {
            queue,
            vring: vring.clone(),
            chain,
            seq,
            command,
            fault: None,
        };
        self.command(core, taken, table.size, &ram);
        Take::One
    }

    /// Has a command checked, recorded, struck and carried out.
    fn command(
        self: &Arc<Self>,
        mut core: MutexGuard<'_, Core>,
        mut taken: Taken,
        ring: u16,
        ram: &Ram,
    ) {
        let (queue, command) = (taken.queue, &taken.command);
        core.stats.commands[queue.index()] += 1;
        if self.options.verbose || core.trace.is_on() {
            let event = CmdEvent::new(taken.seq, queue.name(), command, &taken.chain);
            if self.options.verbose {
                println!("{} {} {:?}", event.seq, event.name, event.args);
            }
            core.trace.event(Event::Cmd(Box::new(event)));
        }
        core.checker.command(
            &Seen {
                queue,
                chain: &taken.chain,
                bytes: command,
            },
            ring,
        );
        // What is over by now is over before this command.
        self.work(&mut core, Instant::now());
        let fault = core.faults.strike(queue, command);
        let runs = fault.as_ref().is_none_or(|f| f.runs());
        let mut outcome = if runs {
            let room = taken.chain.writable_len();
            core.device.execute_in(queue, command, ram, room)
        } else {
            let header = crate::wire::Header::parse(command);
            crate::device::Outcome::plain(&header, reply::ERR_UNSPEC, &[])
        };
        [core.stats.named, core.stats.held] = core.device.named;
        taken.fault = fault;
        self.settle_finished(&mut core, ram);
        match outcome.mapping.take() {
            Some(mapping) if outcome.later.is_none() => {
                self.settle_mapped(core, taken, outcome, &mapping, ram);
            }
            mapping => {
                self.settle(&mut core, taken, outcome, ram);
                self.hurry(&core);
                drop(core);
                mapping.map(|m| self.change_window(&m));
            }
        }
    }
}
