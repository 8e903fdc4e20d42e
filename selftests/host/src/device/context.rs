// SPDX-License-Identifier: GPL-2.0
//! Contexts of the host: what each may use and has made, and what its type makes
//! of a command stream. Every stream becomes steps for the context's timelines;
//! what a type does at once, on the processor's time, it does here.

use super::memory::Memory;
use super::program::{self, Op};
use super::resource::{Resource, Resources, Result};
use super::work::Step;
use crate::chain::Ram;
use crate::meaning::Type;
use crate::wire::{put32, reply, u32_at, u64_at};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::Arc;

/// Objects that a context may have made and not given a resource.
const MAX_OBJECTS: usize = 4096;
/// Bytes of one object.
const MAX_OBJECT: u64 = 1 << 28;
/// Bytes at the start of a native context's page that are no answers.
pub const PAGE_HEAD: u32 = 64;

/// One context.
#[derive(Debug, Default)]
pub struct Context {
    /// Its type; `None` speaks the test host's language, too.
    pub kind: Option<Type>,
    /// Resources that it may use.
    pub attached: BTreeSet<u32>,
    /// Whether it has done something that ended it.
    pub lost: bool,
    /// Jobs that all it submits from now on waits for.
    pub after: BTreeSet<u64>,
    /// The page of a native context, once the driver has asked for it.
    page: Option<Memory>,
    /// What it made, by blob_id, until a resource takes it.
    objects: BTreeMap<u64, Memory>,
    /// Things to read for who polls.
    events: Arc<AtomicU32>,
    /// The resource that a cross-domain channel is read from.
    channel: Option<u32>,
}

/// A stream, understood.
#[derive(Debug, Default)]
pub struct Stream {
    /// What is to be done on the timeline.
    pub steps: Vec<Step>,
    /// Resources that this uses.
    pub objects: BTreeMap<u32, Resource>,
}

impl Context {
    /// Of that type.
    pub fn new(kind: Option<Type>) -> Context {
        Context {
            kind,
            ..Context::default()
        }
    }

    /// A resource that the context may use.
    fn resource(&self, resources: &Resources, id: u32) -> Result<Resource> {
        if !self.attached.contains(&id) {
            return Err(reply::ERR_INVALID_RESOURCE_ID);
        }
        resources.get(id).cloned()
    }

    /// Understands a stream for timeline `ring` (0 where none was named), and does what is
    /// done at once. `Err` refuses it; a native context is lost then.
    pub fn stream(
        &mut self,
        bytes: &[u8],
        ring: u8,
        resources: &Resources,
        ram: &Ram,
    ) -> Result<Stream> {
        if self.lost {
            return Err(reply::ERR_UNSPEC);
        }
        match self.kind {
            None | Some(Type::Test) => self.program(bytes, resources),
            Some(Type::Native) => {
                let result = self.requests(bytes, ring, resources);
                if result.is_err() {
                    self.lose();
                }
                result
            }
            Some(Type::CrossDomain) => self.messages(bytes, resources, ram),
        }
    }

    /// The context is lost: a native one's page says so.
    pub fn lose(&mut self) {
        self.lost = true;
        if let Some(page) = &self.page {
            page.write(8, &1u32.to_le_bytes());
        }
    }

    /// The memory that a blob of `size` bytes with that blob_id gets.
    pub fn blob(&mut self, blob_id: u64, size: u64) -> Result<Memory> {
        let bad = reply::ERR_INVALID_PARAMETER;
        let new = |size| match size <= MAX_OBJECT {
            true => Memory::mappable(size).ok_or(reply::ERR_OUT_OF_MEMORY),
            false => Err(reply::ERR_OUT_OF_MEMORY),
        };
        match (self.kind, blob_id) {
            (Some(Type::Native), 0) => {
                if self.page.is_some() || size < u64::from(PAGE_HEAD) {
                    return Err(bad);
                }
                let page = new(size)?;
                page.write(4, &PAGE_HEAD.to_le_bytes());
                self.page = Some(page.clone());
                Ok(page)
            }
            (Some(Type::Native), id) => self.objects.remove(&id).ok_or(bad),
            (Some(Type::CrossDomain), _) => Err(bad),
            _ => new(size),
        }
    }

    fn program(&self, bytes: &[u8], resources: &Resources) -> Result<Stream> {
        let ops = program::parse(bytes)?;
        self.steps(ops, resources)
    }

    fn steps(&self, ops: Vec<Op>, resources: &Resources) -> Result<Stream> {
        let mut stream = Stream::default();
        for id in program::resources(&ops) {
            stream.objects.insert(id, self.resource(resources, id)?);
        }
        stream.steps = ops.into_iter().map(Step::Op).collect();
        Ok(stream)
    }

    /// A native context's requests: number, bytes, sequence number, place of the answer;
    /// then what belongs to it.
    fn requests(&mut self, bytes: &[u8], ring: u8, resources: &Resources) -> Result<Stream> {
        let bad = reply::ERR_INVALID_PARAMETER;
        let mut stream = Stream::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let len = u32_at(rest, 4) as usize;
            if len < 16 || len % 4 != 0 || len > rest.len() {
                return Err(bad);
            }
            let (request, next) = rest.split_at(len);
            rest = next;
            let (number, seqno, at) = (u32_at(request, 0), u32_at(request, 8), u32_at(request, 12));
            match number {
                1 => {}
                // An object of its own, under a name that a blob will have.
                2 if len == 32 => {
                    let (id, size) = (u64_at(request, 16), u64_at(request, 24));
                    let taken = id == 0 || self.objects.contains_key(&id);
                    if taken || size > MAX_OBJECT || self.objects.len() >= MAX_OBJECTS {
                        return Err(bad);
                    }
                    let memory = Memory::mappable(size).ok_or(reply::ERR_OUT_OF_MEMORY)?;
                    self.objects.insert(id, memory);
                }
                // Work for a ring; ring 0 is the processor's.
                3 if ring > 0 => {
                    let ops = program::parse(request.get(16..).ok_or(bad)?)?;
                    let more = self.steps(ops, resources)?;
                    stream.steps.extend(more.steps);
                    stream.objects.extend(more.objects);
                }
                // Something to answer: one more than what is asked.
                4 if len == 24 => {
                    let mut answer = Vec::new();
                    put32(&mut answer, &[8, u32_at(request, 16).wrapping_add(1)]);
                    let page = self.page.as_ref().ok_or(bad)?;
                    if !page.write(u64::from(PAGE_HEAD) + u64::from(at), &answer) {
                        return Err(bad);
                    }
                }
                _ => return Err(bad),
            }
            if let Some(page) = &self.page {
                page.write(0, &seqno.to_le_bytes());
            }
        }
        Ok(stream)
    }

    /// Cross-domain's messages: number, ring, bytes; then what belongs to it.
    fn messages(&mut self, bytes: &[u8], resources: &Resources, ram: &Ram) -> Result<Stream> {
        let bad = reply::ERR_INVALID_PARAMETER;
        let mut stream = Stream::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let head = u32_at(rest, 0);
            let (number, len) = (head & 0xff, (head >> 16) as usize);
            if len < 8 || len > rest.len() {
                return Err(bad);
            }
            let (message, next) = rest.split_at(len);
            rest = next;
            match number {
                // What is asked by (nothing is), and the channel's resource.
                1 if len >= 20 => {
                    self.resource(resources, u32_at(message, 8))?;
                    let id = u32_at(message, 12);
                    self.resource(resources, id)?;
                    self.channel = Some(id);
                }
                // Over when there is something to read.
                3 => stream.steps.push(Step::Event(self.events.clone())),
                // What is sent comes back on the channel.
                4 if len >= 16 => {
                    let data = message.get(16..).ok_or(bad)?;
                    let id = self.channel.ok_or(bad)?;
                    let channel = self.resource(resources, id)?;
                    let mut back = Vec::new();
                    put32(&mut back, &[5, data.len() as u32]);
                    back.extend_from_slice(data);
                    if !channel.write(ram, 0, &back) {
                        return Err(bad);
                    }
                    self.events.fetch_add(1, Relaxed);
                }
                _ => return Err(bad),
            }
        }
        Ok(stream)
    }
}

/// What GET_CAPSET says of a type.
pub fn capset(kind: Type) -> Vec<u8> {
    let mut out = Vec::new();
    match kind {
        Type::Test => put32(&mut out, &[0x7570_6867, 1]),
        // Version of the format, of the protocol (three), type of the context.
        Type::Native => put32(&mut out, &[2, 1, 0, 0, 0x7f, 0]),
        // Version, channels, whether dma-bufs and external memory work.
        Type::CrossDomain => put32(&mut out, &[1, 1, 0, 0]),
    }
    out.resize(64, 0);
    out
}
