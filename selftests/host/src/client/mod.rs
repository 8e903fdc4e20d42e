// SPDX-License-Identifier: GPL-2.0
//! A client of the device in the same process: the reference for what a driver
//! has to send, and the proof that one which sends something else is caught. It
//! has no rings; time is its own, so that every run is the same.

use crate::chain::{Chain, Ram, Segment};
use crate::checks::{Checker, Seen};
use crate::device::program::{self, Op};
use crate::device::{Device, Outcome};
use crate::meaning::Type;
use crate::scenario::Scenario;
use crate::wire::*;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use vm_memory::{Bytes, GuestAddress};

/// Guest memory.
const RAM: usize = 1 << 20;

/// What a submit is made of.
#[derive(Clone, Debug, Default)]
pub struct Submit {
    /// The context.
    pub ctx: u32,
    /// The ring, where one is named.
    pub ring: Option<u8>,
    /// The stream.
    pub stream: Vec<u8>,
    /// Fences that come before it.
    pub after: Vec<u64>,
    /// Whether it has a fence.
    pub fenced: bool,
    /// Whether others may wait for that.
    pub shareable: bool,
}

/// The client.
pub struct Client {
    /// The device.
    pub device: Device,
    /// What watches.
    pub checker: Checker,
    /// Guest memory.
    pub ram: Ram,
    start: Instant,
    now: Duration,
    fence: u64,
    waiting: BTreeMap<u64, Vec<u8>>,
    /// Replies by fence, and when they came.
    replies: BTreeMap<u64, (u32, Duration)>,
}

impl Client {
    /// For a device as a scenario describes it, with all features accepted.
    pub fn new(scenario: &str) -> Result<Client, String> {
        let s = Scenario::parse(scenario)?;
        let features = s.features()?;
        let mut device = Device::new(&s, true);
        let d = &s.device;
        let mut checker = Checker::new(features, d.scanouts, d.num_capsets(), d.blob_alignment);
        checker.knows(d);
        device.set_features(features);
        checker.started(features);
        let start = Instant::now();
        device.now = start;
        checker.clock = Some(start);
        let ram = Ram::from_ranges(&[(GuestAddress(0), RAM)]).map_err(|e| e.to_string())?;
        Ok(Client {
            device,
            checker,
            ram,
            start,
            now: Duration::ZERO,
            fence: 0,
            waiting: BTreeMap::new(),
            replies: BTreeMap::new(),
        })
    }

    /// A command without a fence, of that context.
    pub fn request(code: u32, ctx: u32, words: &[u32]) -> Vec<u8> {
        let mut b = Vec::new();
        put32(&mut b, &[code, 0, 0, 0, ctx, 0]);
        put32(&mut b, words);
        b
    }

    /// Sends a command. The reply, or `None` where it comes later.
    pub fn send(&mut self, bytes: &[u8]) -> Option<Outcome> {
        let queue = Command::of(bytes).map_or(Queue::Control, |c| c.queue);
        let room = Segment { addr: 0, len: 2048 };
        let chain = Chain {
            writable: vec![room],
            ..Chain::default()
        };
        let seen = Seen {
            queue,
            chain: &chain,
            bytes,
        };
        self.checker.nothing(queue, false);
        self.checker.command(&seen, 64);
        let outcome = self.device.execute(queue, bytes, &self.ram);
        self.collect();
        self.checker.nothing(queue, true);
        match outcome.later {
            Some(ticket) => {
                self.waiting.insert(ticket, bytes.to_vec());
                None
            }
            None => {
                self.answered(bytes, &outcome);
                Some(outcome)
            }
        }
    }

    /// The same, where only the reply's number matters; 0 where it comes later.
    pub fn code(&mut self, bytes: &[u8]) -> u32 {
        self.send(bytes).map_or(0, |o| o.code)
    }

    fn answered(&mut self, bytes: &[u8], outcome: &Outcome) {
        if !outcome.client {
            self.checker.replied(bytes, outcome.code, false);
        }
        self.checker.delivered(Queue::Control, bytes, &[]);
        let h = Header::parse(bytes);
        if h.flags & FLAG_FENCE != 0 {
            self.replies.insert(h.fence, (outcome.code, self.now));
        }
    }

    fn collect(&mut self) {
        for (ticket, outcome) in self.device.finished() {
            if let Some(bytes) = self.waiting.remove(&ticket) {
                self.answered(&bytes, &outcome);
            }
        }
    }

    /// Time goes on by that many microseconds, from event to event.
    pub fn pass(&mut self, us: u64) {
        let end = self.now + Duration::from_micros(us);
        loop {
            let next = self.device.next().map(|at| at - self.start);
            let step = next.filter(|at| *at <= end);
            self.now = self.now.max(step.unwrap_or(end));
            self.device.now = self.start + self.now;
            self.checker.clock = Some(self.start + self.now);
            self.device.advance(&self.ram);
            self.collect();
            if step.is_none() {
                return;
            }
        }
    }

    /// The reply to a fenced command.
    pub fn reply(&self, fence: u64) -> Option<u32> {
        self.replies.get(&fence).map(|r| r.0)
    }

    /// When it came, in microseconds.
    pub fn when(&self, fence: u64) -> Option<u64> {
        let at = self.replies.get(&fence)?.1;
        u64::try_from(at.as_micros()).ok()
    }

    /// Creates a context.
    pub fn context(&mut self, ctx: u32, kind: Option<Type>) -> u32 {
        let mut words = vec![0; 18];
        words[1] = kind.map_or(0, Type::capset);
        self.code(&Client::request(cmd::CTX_CREATE, ctx, &words))
    }

    /// Creates a buffer of 4096 bytes backed by the page at `page`, and attaches it.
    pub fn buffer(&mut self, id: u32, page: u32, ctx: u32) {
        let create = [id, 0, 64, 0, 4096, 1, 1, 1, 0, 0, 0, 0];
        self.code(&Client::request(cmd::RESOURCE_CREATE_3D, 0, &create));
        let backing = [id, 1, page, 0, 4096, 0];
        self.code(&Client::request(cmd::RESOURCE_ATTACH_BACKING, 0, &backing));
        self.code(&Client::request(cmd::CTX_ATTACH_RESOURCE, ctx, &[id, 0]));
    }

    /// Makes a command fenced, and says its fence.
    pub fn fenced(&mut self, bytes: &mut [u8], flags: u32) -> u64 {
        self.fence += 1;
        if let Some(b) = bytes.get_mut(4..8) {
            b.copy_from_slice(&(flags | FLAG_FENCE).to_le_bytes());
        }
        if let Some(b) = bytes.get_mut(8..16) {
            b.copy_from_slice(&self.fence.to_le_bytes());
        }
        self.fence
    }

    /// The bytes of a submit, and its fence (0 for none).
    pub fn bytes(&mut self, s: &Submit) -> (Vec<u8>, u64) {
        let words = [s.stream.len() as u32, s.after.len() as u32];
        let mut bytes = Client::request(cmd::SUBMIT_3D, s.ctx, &words);
        for id in &s.after {
            bytes.extend_from_slice(&id.to_le_bytes());
        }
        bytes.extend_from_slice(&s.stream);
        let mut flags = 0;
        if let Some(ring) = s.ring {
            flags |= FLAG_RING_IDX;
            bytes[20] = ring;
        }
        if s.shareable {
            flags |= FLAG_SHAREABLE;
        }
        let fence = match s.fenced {
            true => self.fenced(&mut bytes, flags),
            false => {
                bytes[4..8].copy_from_slice(&flags.to_le_bytes());
                0
            }
        };
        (bytes, fence)
    }

    /// Submits, and says the fence.
    pub fn submit(&mut self, s: &Submit) -> u64 {
        let (bytes, fence) = self.bytes(s);
        self.send(&bytes);
        fence
    }

    /// A fenced program for a ring, for others to wait for, after those fences.
    pub fn run(&mut self, ctx: u32, ring: u8, ops: &[Op], after: &[u64]) -> u64 {
        self.submit(&Submit {
            ctx,
            ring: Some(ring),
            stream: program::encode(ops),
            after: after.to_vec(),
            fenced: true,
            shareable: self.passes(),
        })
    }

    fn passes(&self) -> bool {
        self.device.passes_fences()
    }

    /// A word of guest memory.
    pub fn word(&self, at: u64) -> u32 {
        self.ram.read_obj(GuestAddress(at)).unwrap_or(0)
    }

    /// Rules broken so far, notes included.
    pub fn broken(&self) -> Vec<&'static str> {
        let mut all = self.checker.tallies.failures(&[]);
        all.extend(self.checker.tallies.notes());
        all
    }
}

#[cfg(test)]
mod bad;
#[cfg(test)]
mod contexts;
#[cfg(test)]
mod layouts;
#[cfg(test)]
mod passing;
