// SPDX-License-Identifier: GPL-2.0
//! The device's 3D commands: contexts, their resources and streams, transfers,
//! fences that other contexts wait for, and questions about layouts.

use super::context::{self, Context};
use super::layout;
use super::memory::Memory;
use super::resource::{Kind, Part, Resource, Result};
use super::work::{Job, Line, Step};
use super::Device;
use crate::chain::Ram;
use crate::meaning::{Bit5, Bit6, Type, Unknown};
use crate::pages::Pages;
use crate::wire::{
    cmd, feature, put32, reply, u32_at, u64_at, Header, Rect, FLAG_FENCE, FLAG_RING_IDX,
    FLAG_SHAREABLE, PAGE,
};
use std::collections::{BTreeMap, BTreeSet};

/// blob_mem: guest memory.
const BLOB_MEM_GUEST: u32 = 1;
/// Contexts at a time.
const MAX_CONTEXTS: usize = 1 << 16;

/// A fence that a stream may wait for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fence {
    ticket: u64,
    shareable: bool,
}

impl Fence {
    /// Whether its work is that job.
    pub(super) fn is(&self, ticket: u64) -> bool {
        self.ticket == ticket
    }
}

/// Something that only the transport can do, before the reply may go out.
#[derive(Clone, Debug)]
pub enum Mapping {
    /// Show this memory in the window.
    Map(u64, u64, Memory),
    /// Take it out.
    Unmap(u64, u64),
}

/// The timeline that a command belongs to.
pub(super) fn line(h: &Header) -> Line {
    match h.flags & FLAG_RING_IDX {
        0 => Line::Global,
        _ => Line::Ring(h.ctx, h.ring),
    }
}

impl Device {
    fn context(&mut self, id: u32) -> Result<&mut Context> {
        self.contexts
            .get_mut(&id)
            .ok_or(reply::ERR_INVALID_CONTEXT_ID)
    }

    /// Runs a 3D command.
    pub(super) fn render(
        &mut self,
        h: &Header,
        c: &[u8],
        ram: &Ram,
        room: u64,
    ) -> Result<(u32, Vec<u8>)> {
        let none = (reply::OK_NODATA, Vec::new());
        let id = u32_at(c, 24);
        match h.code {
            cmd::GET_CAPSET_INFO => {
                let kind = self.types.get(id as usize).copied();
                let kind = kind.ok_or(reply::ERR_INVALID_PARAMETER)?;
                let mut body = Vec::new();
                let len = context::capset(kind).len() as u32;
                put32(&mut body, &[kind.capset(), kind.version(), len, 0]);
                return Ok((reply::OK_CAPSET_INFO, body));
            }
            cmd::GET_CAPSET => {
                let kind = self.type_of(id)?.filter(|k| u32_at(c, 28) <= k.version());
                let kind = kind.ok_or(reply::ERR_INVALID_PARAMETER)?;
                return Ok((reply::OK_CAPSET, context::capset(kind)));
            }
            cmd::CTX_CREATE => self.create_context(h.ctx, u32_at(c, 28))?,
            cmd::CTX_DESTROY => {
                self.context(h.ctx)?;
                let ended = self.work.cut(h.ctx, self.now);
                self.ended(ended);
                self.contexts.remove(&h.ctx);
            }
            cmd::CTX_ATTACH_RESOURCE => {
                self.resources.get(id)?;
                self.context(h.ctx)?.attached.insert(id);
            }
            cmd::CTX_DETACH_RESOURCE => {
                if !self.context(h.ctx)?.attached.remove(&id) {
                    return Err(reply::ERR_INVALID_RESOURCE_ID);
                }
            }
            cmd::RESOURCE_CREATE_3D => {
                self.resources.check_new(id)?;
                let shape = layout::created(&self.layout, c)?;
                self.resources.create(id, shape)?;
                let body = layout::plane_info(&self.layout, &shape);
                if self.layout.plane_info && room >= (24 + body.len()) as u64 {
                    return Ok((reply::OK_RESOURCE_PLANE_INFO, body));
                }
            }
            cmd::TRANSFER_TO_HOST_3D | cmd::TRANSFER_FROM_HOST_3D => {
                let to_host = h.code == cmd::TRANSFER_TO_HOST_3D;
                self.transfer_3d(h, c, to_host)?;
            }
            cmd::SUBMIT_3D => self.submit(h, c, ram)?,
            cmd::WAIT_FENCE if self.meanings.uses(self.features, Bit5::FenceWait) => {
                let fence = u64_at(c, 24);
                let after = self.fences_of(&[fence], false)?;
                self.context(h.ctx)?.after.extend(after);
            }
            cmd::WAIT_FENCE if self.meanings.uses(self.features, Bit5::QueryLayout) => {
                // The second version has the same number. What has no layout a driver cannot know.
                let shape = match id {
                    0 => {
                        let size = (u32_at(c, 28), u32_at(c, 32));
                        layout::shape(&self.layout, 2, u32_at(c, 36), size, 1)
                    }
                    _ => layout::of(self.resources.get(id)?),
                };
                self.client = shape.is_err();
                let shape = shape?;
                return Ok((
                    reply::OK_RESOURCE_LAYOUT,
                    layout::second(&self.layout, &shape),
                ));
            }
            cmd::RESOURCE_QUERY_LAYOUT if self.meanings.bit6 == Bit6::QueryLayout => {
                let shape = layout::of(self.resources.get(id)?);
                self.client = shape.is_err();
                let shape = shape?;
                return Ok((
                    reply::OK_RESOURCE_LAYOUT,
                    layout::first(&self.layout, &shape),
                ));
            }
            cmd::RESOURCE_MAP_BLOB | cmd::RESOURCE_UNMAP_BLOB => {
                return self.map(h.code, id, u64_at(c, 32))
            }
            _ => return Err(reply::ERR_UNSPEC),
        }
        Ok(none)
    }

    /// The type that a capset id names; 0 is no type.
    fn type_of(&self, capset: u32) -> Result<Option<Type>> {
        if capset == 0 {
            return Ok(None);
        }
        let kind = Type::by_capset(capset).filter(|k| self.types.contains(k));
        kind.map(Some).ok_or(reply::ERR_INVALID_PARAMETER)
    }

    fn create_context(&mut self, id: u32, init: u32) -> Result<()> {
        if id == 0 || self.contexts.contains_key(&id) {
            return Err(reply::ERR_INVALID_CONTEXT_ID);
        }
        if self.contexts.len() >= MAX_CONTEXTS {
            return Err(reply::ERR_OUT_OF_MEMORY);
        }
        let kind = if self.features & feature::CONTEXT_INIT != 0 {
            self.type_of(init & 0xff)?
        } else {
            None
        };
        self.contexts.insert(id, Context::new(kind));
        Ok(())
    }

    /// Whether fences are passed to it with submits.
    pub fn passes_fences(&self) -> bool {
        self.meanings.uses(self.features, Bit5::FencePassing)
    }

    /// A command has come with a fence, and its work is that job.
    pub(super) fn fenced(&mut self, h: &Header, ticket: u64) {
        let shareable = h.flags & FLAG_SHAREABLE != 0;
        self.fences.insert(h.fence, Fence { ticket, shareable });
    }

    /// The jobs behind those fences. One that the host does not have counts as signalled, or is
    /// an error, as the scenario says.
    fn fences_of(&mut self, ids: &[u64], shareable: bool) -> Result<BTreeSet<u64>> {
        let mut after = BTreeSet::new();
        for id in ids {
            self.named[0] += 1;
            match self.fences.get(id) {
                Some(f) if f.shareable || !shareable => {
                    self.named[1] += 1;
                    after.insert(f.ticket);
                }
                _ if self.unknown == Unknown::Error => return Err(reply::ERR_UNSPEC),
                _ => {}
            }
        }
        Ok(after)
    }

    fn submit(&mut self, h: &Header, c: &[u8], ram: &Ram) -> Result<()> {
        let bad = reply::ERR_INVALID_PARAMETER;
        let size = u32_at(c, 24) as usize;
        let mut rest = c.get(32..).ok_or(bad)?;
        let mut ids = Vec::new();
        if self.passes_fences() {
            let bytes = (u32_at(c, 28) as usize).checked_mul(8).ok_or(bad)?;
            ids = rest.get(..bytes).ok_or(bad)?.chunks_exact(8).collect();
            rest = rest.get(bytes..).ok_or(bad)?;
        }
        let ids: Vec<u64> = ids.iter().map(|id| u64_at(id, 0)).collect();
        let stream = rest.get(..size).ok_or(bad)?;
        let context = self
            .contexts
            .get_mut(&h.ctx)
            .ok_or(reply::ERR_INVALID_CONTEXT_ID)?;
        if !ids.is_empty() && !context.kind.is_some_and(Type::takes_fences) {
            return Err(bad);
        }
        let ring = if h.flags & FLAG_RING_IDX != 0 {
            h.ring
        } else {
            0
        };
        self.client = true;
        let stream = context.stream(stream, ring, &self.resources, ram)?;
        self.client = false;
        let mut after = context.after.clone();
        after.extend(self.fences_of(&ids, true)?);
        let job = Job {
            line: line(h),
            ctx: h.ctx,
            steps: stream.steps.into(),
            objects: stream.objects,
            after,
        };
        self.queue(h, job, h.flags & FLAG_FENCE != 0)
    }

    /// Takes a job in; `answered`: the reply waits for it.
    fn queue(&mut self, h: &Header, job: Job, answered: bool) -> Result<()> {
        let ticket = self.work.add(job, self.now);
        let ticket = ticket.ok_or(reply::ERR_OUT_OF_MEMORY)?;
        if answered {
            self.waits = Some(ticket);
        }
        if h.flags & FLAG_FENCE != 0 {
            self.fenced(h, ticket);
        }
        Ok(())
    }

    fn transfer_3d(&mut self, h: &Header, c: &[u8], to_host: bool) -> Result<()> {
        let id = u32_at(c, 56);
        let resource = self.resources.get(id)?.clone();
        // Context 0 is the host's own.
        if h.ctx != 0 && !self.context(h.ctx)?.attached.contains(&id) {
            self.client = true;
            return Err(reply::ERR_INVALID_RESOURCE_ID);
        }
        let part = Part {
            rect: Rect {
                x: u32_at(c, 24),
                y: u32_at(c, 28),
                width: u32_at(c, 36),
                height: u32_at(c, 40),
            },
            z: u32_at(c, 32),
            depth: u32_at(c, 44),
            offset: u64_at(c, 48),
            stride: u32_at(c, 64),
            layer_stride: u32_at(c, 68),
        };
        if u32_at(c, 60) != 0 {
            self.client = true;
            return Err(reply::ERR_INVALID_PARAMETER);
        }
        let job = Job {
            line: line(h),
            ctx: h.ctx,
            steps: [Step::Transfer(id, part, to_host)].into(),
            objects: [(id, resource)].into(),
            after: BTreeSet::new(),
        };
        self.queue(h, job, true)
    }

    /// What work still uses of a resource's pages has to be done before the guest may have them back.
    pub(super) fn after_users(&mut self, id: u32) {
        let users = self.work.users(id);
        if users.is_empty() {
            return;
        }
        let number = self.work.ticket();
        let job = Job {
            line: Line::Alone(number),
            ctx: 0,
            steps: [].into(),
            objects: BTreeMap::new(),
            after: users,
        };
        self.waits = self.work.add(job, self.now);
    }

    /// RESOURCE_CREATE_BLOB.
    pub(super) fn create_blob(&mut self, h: &Header, c: &[u8], ram: &Ram) -> Result<()> {
        let bad = reply::ERR_INVALID_PARAMETER;
        let (id, mem, count, size) = (u32_at(c, 24), u32_at(c, 28), u32_at(c, 36), u64_at(c, 48));
        let alignment = u64::from(self.display.blob_alignment());
        let aligned = self.meanings.uses(self.features, Bit5::BlobAlignment);
        if aligned && alignment > 0 && size % alignment != 0 {
            return Err(bad);
        }
        let pages = Pages::parse(c.get(56..).unwrap_or(&[]), count, ram).ok_or(bad)?;
        // Without entries, the pages come later.
        let pages = (count > 0).then_some(pages);
        if mem == BLOB_MEM_GUEST {
            return self.resources.create_blob(id, size, pages);
        }
        if !(2..=3).contains(&mem) || self.features & feature::VIRGL == 0 {
            return Err(bad);
        }
        self.resources.check_new(id)?;
        let memory = self.context(h.ctx)?.blob(u64_at(c, 40), size)?;
        self.resources.create_host(id, size, memory, pages)
    }

    fn map(&mut self, code: u32, id: u32, at: u64) -> Result<(u32, Vec<u8>)> {
        let bad = reply::ERR_INVALID_PARAMETER;
        let free = match self.resources.get(id)?.kind {
            Kind::Host { size, .. } => self.resources.window_free(at, size),
            _ => return Err(bad),
        };
        let window = self.window;
        let unit = self.map_unit();
        let Kind::Host {
            size,
            memory,
            mapped,
        } = &mut self.resources.get_mut(id)?.kind
        else {
            return Err(bad);
        };
        if code == cmd::RESOURCE_UNMAP_BLOB {
            let start = mapped.take().ok_or(bad)?;
            self.mapping = Some(Mapping::Unmap(start, *size));
            return Ok((reply::OK_NODATA, Vec::new()));
        }
        let end = at.checked_add(*size).filter(|end| *end <= window);
        if mapped.is_some() || !free || end.is_none() || at % unit != 0 || *size % PAGE != 0 {
            return Err(bad);
        }
        *mapped = Some(at);
        self.mapping = Some(Mapping::Map(at, *size, memory.clone()));
        let mut body = Vec::new();
        put32(&mut body, &[self.map_info, 0]);
        Ok((reply::OK_MAP_INFO, body))
    }

    /// What places in the window are multiples of.
    fn map_unit(&self) -> u64 {
        match self.meanings.uses(self.features, Bit5::BlobAlignment) {
            true => u64::from(self.display.blob_alignment()).max(PAGE),
            false => PAGE,
        }
    }

    /// The transport could not show a resource.
    pub fn unmapped(&mut self, id: u32) {
        if let Ok(resource) = self.resources.get_mut(id) {
            if let Kind::Host { mapped, .. } = &mut resource.kind {
                *mapped = None;
            }
        }
    }

    /// A resource is gone: so are its places in contexts, and in the window.
    pub(super) fn forget(&mut self, id: u32, gone: &Resource) {
        for context in self.contexts.values_mut() {
            context.attached.remove(&id);
        }
        if let Kind::Host {
            size,
            mapped: Some(at),
            ..
        } = gone.kind
        {
            self.mapping = Some(Mapping::Unmap(at, size));
        }
    }
}
