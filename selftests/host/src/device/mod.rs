// SPDX-License-Identifier: GPL-2.0
//! The device proper: commands in, replies out. It knows neither rings nor
//! sockets, so that tests and the fuzzer can drive it with bytes alone.

pub mod context;
pub mod display;
pub mod layout;
pub mod memory;
pub mod program;
pub mod render;
pub mod resource;
pub mod scanout;
pub mod work;

use crate::chain::Ram;
use crate::meaning::{LayoutOptions, Meanings, Type, Unknown};
use crate::pages::Pages;
use crate::scenario::Scenario;
use crate::viewer::Viewer;
use crate::wire::{
    cmd, put32, reply, u32_at, u64_at, Command, Header, Queue, Rect, FLAG_FENCE, MAX_SCANOUTS,
};
use context::Context;
use display::Display;
use render::{Fence, Mapping};
use resource::{Kind, Resource, Resources, Result};
use scanout::{Frame, Scanout, Shown};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use work::{Ended, Failure, Job, Line, Step, Work};

/// The device's state.
#[derive(Debug)]
pub struct Device {
    /// Monitors and configuration space.
    pub display: Display,
    resources: Resources,
    scanouts: Vec<Scanout>,
    /// The display that looks at scanout 0.
    pub viewer: Option<Viewer>,
    features: u64,
    with_crc: bool,
    /// Bytes moved out of guest memory into the host's copies, ever.
    pub copied: u64,
    /// Fences that submits and wait commands have named, ever, and those that were not over then.
    pub named: [u64; 2],
    /// The time; whoever runs the device keeps it.
    pub now: Instant,
    contexts: BTreeMap<u32, Context>,
    work: Work,
    /// Fences whose work is not done, by id.
    fences: BTreeMap<u64, Fence>,
    /// Replies that wait for a job, by its ticket.
    replies: BTreeMap<u64, Reply>,
    /// Replies whose job is done.
    done: Vec<(u64, Outcome)>,
    types: Vec<Type>,
    meanings: Meanings,
    layout: LayoutOptions,
    unknown: Unknown,
    /// Bytes of the window.
    window: u64,
    /// map_info of what is mapped there.
    pub map_info: u32,
    /// Of the command that is being run: the job that its reply waits for, what the transport
    /// has to do, whether an error is the client's doing.
    waits: Option<u64>,
    mapping: Option<Mapping>,
    client: bool,
}

/// A reply to be given.
#[derive(Debug)]
struct Reply {
    header: Header,
    code: u32,
    body: Vec<u8>,
}

/// What came of a command.
#[derive(Debug)]
pub struct Outcome {
    /// The whole reply, header included.
    pub reply: Vec<u8>,
    /// Its type.
    pub code: u32,
    /// The frames that it completed.
    pub frames: Vec<Frame>,
    /// There is no reply yet: it will be the one of that ticket.
    pub later: Option<u64>,
    /// Whether an error is what the stream asked for, and so no fault of the driver.
    pub client: bool,
    /// What the transport has to do before the reply goes out.
    pub mapping: Option<Mapping>,
}

impl Outcome {
    /// A reply and nothing else.
    pub fn plain(header: &Header, code: u32, body: &[u8]) -> Outcome {
        let mut reply = header.reply(code);
        reply.extend_from_slice(body);
        Outcome {
            reply,
            code,
            frames: Vec::new(),
            later: None,
            client: false,
            mapping: None,
        }
    }
}

impl Device {
    /// A device as a scenario describes it.
    pub fn new(scenario: &Scenario, with_crc: bool) -> Device {
        Device {
            display: Display::new(scenario),
            resources: Resources::default(),
            scanouts: vec![Scanout::default(); MAX_SCANOUTS as usize],
            viewer: Viewer::new(&scenario.viewer),
            features: 0,
            with_crc,
            copied: 0,
            named: [0; 2],
            now: Instant::now(),
            contexts: BTreeMap::new(),
            work: Work::default(),
            fences: BTreeMap::new(),
            replies: BTreeMap::new(),
            done: Vec::new(),
            types: scenario.device.contexts.clone(),
            meanings: scenario.device.meanings(),
            layout: scenario.layout.clone(),
            unknown: scenario.device.unknown_fences,
            window: scenario.device.window << 20,
            map_info: scenario.device.map_info,
            waits: None,
            mapping: None,
            client: false,
        }
    }

    /// The driver chose these.
    pub fn set_features(&mut self, features: u64) {
        self.features = features;
    }

    /// The driver let go: forgets everything but the monitors. Says how many resources it had left.
    pub fn reset(&mut self) -> usize {
        self.scanouts.fill(Scanout::default());
        if let Some(v) = self.viewer.as_mut() {
            v.forget(None);
        }
        self.contexts.clear();
        self.work.clear();
        self.fences.clear();
        self.replies.clear();
        self.done.clear();
        self.resources.clear()
    }

    /// Does what can be done by `now`.
    pub fn advance(&mut self, ram: &Ram) {
        let ended = self.work.advance(self.now, ram);
        self.ended(ended);
    }

    /// When something is over next.
    pub fn next(&self) -> Option<Instant> {
        self.work.next()
    }

    /// Replies that have become due, by ticket.
    pub fn finished(&mut self) -> Vec<(u64, Outcome)> {
        std::mem::take(&mut self.done)
    }

    /// Jobs have ended: their fences are signalled, their replies can go out. What was wrong with one
    /// loses a native context, and ends the rest of its work.
    fn ended(&mut self, ended: Vec<Ended>) {
        for e in ended {
            self.copied += e.copied;
            self.fences.retain(|_, f| !f.is(e.ticket));
            let error = match e.result {
                Ok(()) => None,
                Err(Failure::Error(code)) => Some(code),
                Err(Failure::Lost) => Some(reply::ERR_UNSPEC),
            };
            if let Some(r) = self.replies.remove(&e.ticket) {
                let outcome = match error {
                    None => Outcome::plain(&r.header, r.code, &r.body),
                    Some(code) => Outcome {
                        client: true,
                        ..Outcome::plain(&r.header, code, &[])
                    },
                };
                self.done.push((e.ticket, outcome));
            }
            let native =
                |c: &&mut Context| c.kind == Some(Type::Native) || e.result == Err(Failure::Lost);
            let loses = self.contexts.get_mut(&e.ctx).filter(native);
            if let Some(context) = loses.filter(|_| error.is_some()) {
                context.lose();
                let rest = self.work.cut(e.ctx, self.now);
                self.ended(rest);
            }
        }
    }

    /// Runs a command that brings room enough for any reply.
    pub fn execute(&mut self, queue: Queue, command: &[u8], ram: &Ram) -> Outcome {
        self.execute_in(queue, command, ram, u64::MAX)
    }

    /// Runs a command that brings `room` bytes for the reply.
    pub fn execute_in(&mut self, queue: Queue, command: &[u8], ram: &Ram, room: u64) -> Outcome {
        let header = Header::parse(command);
        let mut frames = Vec::new();
        (self.waits, self.mapping, self.client) = (None, None, false);
        let known = Command::of(command).filter(|c| command.len() >= c.len && c.queue == queue);
        let result = match known {
            Some(c) if c.needs & !self.features == 0 => {
                self.run(&header, command, ram, room, &mut frames)
            }
            _ => Err(reply::ERR_UNSPEC),
        };
        let mut outcome = match result {
            Ok((code, body)) => self.answer(&header, queue, code, body, ram),
            Err(code) => Outcome {
                client: self.client,
                ..Outcome::plain(&header, code, &[])
            },
        };
        outcome.frames = frames;
        outcome.mapping = self.mapping.take();
        outcome
    }

    /// The reply to what went well: now, or when the work before it is done.
    fn answer(&mut self, h: &Header, queue: Queue, code: u32, body: Vec<u8>, ram: &Ram) -> Outcome {
        let line = render::line(h);
        let fenced = h.flags & FLAG_FENCE != 0 && queue == Queue::Control;
        if self.waits.is_none() && fenced && self.work.busy(line) {
            let job = Job {
                line,
                ctx: 0,
                steps: [].into(),
                objects: BTreeMap::new(),
                after: [].into(),
            };
            self.waits = self.work.add(job, self.now);
            if let Some(ticket) = self.waits {
                self.fenced(h, ticket);
            }
        }
        let reply = Reply {
            header: *h,
            code,
            body,
        };
        let Some(ticket) = self.waits else {
            self.advance(ram);
            return Outcome::plain(h, code, &reply.body);
        };
        self.replies.insert(ticket, reply);
        self.advance(ram);
        match self.done.iter().position(|(t, _)| *t == ticket) {
            Some(i) => self.done.remove(i).1,
            None => Outcome {
                later: Some(ticket),
                ..Outcome::plain(h, reply::OK_NODATA, &[])
            },
        }
    }

    fn run(
        &mut self,
        h: &Header,
        c: &[u8],
        ram: &Ram,
        room: u64,
        frames: &mut Vec<Frame>,
    ) -> Result<(u32, Vec<u8>)> {
        let (code, id) = (h.code, u32_at(c, 24));
        let none = (reply::OK_NODATA, Vec::new());
        match code {
            cmd::GET_DISPLAY_INFO => return Ok((reply::OK_DISPLAY_INFO, self.display.info())),
            cmd::GET_EDID => return Ok((reply::OK_EDID, self.display.edid(id)?)),
            cmd::RESOURCE_CREATE_2D => {
                self.resources
                    .create_2d(id, u32_at(c, 28), u32_at(c, 32), u32_at(c, 36))?;
            }
            cmd::RESOURCE_CREATE_BLOB => self.create_blob(h, c, ram)?,
            cmd::RESOURCE_UNREF => {
                let gone = self.resources.remove(id)?;
                self.forget(id, &gone);
                self.after_users(id);
                if let Some(v) = self.viewer.as_mut() {
                    v.forget(Some(id));
                }
                for s in &mut self.scanouts {
                    s.shown = s.shown.filter(|shown| shown.resource != id);
                    if s.cursor.resource == id {
                        s.cursor.resource = 0;
                    }
                }
            }
            cmd::RESOURCE_ATTACH_BACKING => {
                let pages = Pages::parse(c.get(32..).unwrap_or(&[]), u32_at(c, 28), ram);
                let resource = self.resources.get_mut(id)?;
                if resource.backing.is_some() {
                    return Err(reply::ERR_UNSPEC);
                }
                resource.backing = Some(Arc::new(pages.ok_or(reply::ERR_INVALID_PARAMETER)?));
            }
            cmd::RESOURCE_DETACH_BACKING => {
                self.resources
                    .get_mut(id)?
                    .backing
                    .take()
                    .ok_or(reply::ERR_UNSPEC)?;
                self.after_users(id);
            }
            cmd::TRANSFER_TO_HOST_2D => {
                let resource = self.resources.get(u32_at(c, 48))?;
                self.copied += resource.transfer(ram, Rect::parse(c), u64_at(c, 40))?;
            }
            cmd::SET_SCANOUT | cmd::SET_SCANOUT_BLOB => self.set_scanout(code, c)?,
            cmd::RESOURCE_FLUSH => {
                let id = u32_at(c, 40);
                self.resources.get(id)?;
                let shown = |s: &Scanout| s.shown.filter(|shown| shown.resource == id);
                for (i, s) in self.scanouts.iter().enumerate() {
                    let Some(now) = shown(s) else { continue };
                    // A console stands on all scanouts alike: looked at once.
                    let twin = (0..i)
                        .rev()
                        .find(|j| shown(&self.scanouts[*j]) == Some(now));
                    let seen = twin.and_then(|j| frames.iter().find(|f| f.scanout == j).cloned());
                    frames.push(match seen {
                        Some(frame) => Frame {
                            scanout: i,
                            ..frame
                        },
                        None => now.frame(i, &self.resources, ram, self.with_crc),
                    });
                }
                self.view(h, id);
            }
            cmd::RESOURCE_ASSIGN_UUID => {
                self.resources.get(id)?;
                let mut body = Vec::new();
                put32(&mut body, &[0x7570_6867, id, !id, 1]);
                return Ok((reply::OK_RESOURCE_UUID, body));
            }
            cmd::UPDATE_CURSOR | cmd::MOVE_CURSOR => self.cursor(code, c)?,
            _ => return self.render(h, c, ram, room),
        }
        Ok(none)
    }

    fn set_scanout(&mut self, code: u32, c: &[u8]) -> Result<()> {
        let (scanout, id, rect) = (u32_at(c, 40), u32_at(c, 44), Rect::parse(c));
        if scanout >= self.display.scanouts().min(MAX_SCANOUTS) {
            return Err(reply::ERR_INVALID_SCANOUT_ID);
        }
        let shown = match (id, code) {
            (0, _) => None,
            (_, cmd::SET_SCANOUT) => Some(Shown::classic(&self.resources, id, rect)?),
            _ => Some(Shown::blob(&self.resources, id, rect, c)?),
        };
        let slot = self
            .scanouts
            .get_mut(scanout as usize)
            .ok_or(reply::ERR_INVALID_SCANOUT_ID)?;
        slot.shown = shown;
        if let Some(v) = self
            .viewer
            .as_mut()
            .filter(|_| scanout == 0 && shown.is_none())
        {
            v.forget(None);
        }
        Ok(())
    }

    fn cursor(&mut self, code: u32, c: &[u8]) -> Result<()> {
        let (scanout, id) = (u32_at(c, 24), u32_at(c, 40));
        let slot = self
            .scanouts
            .get_mut(scanout as usize)
            .ok_or(reply::ERR_INVALID_SCANOUT_ID)?;
        (slot.cursor.x, slot.cursor.y) = (u32_at(c, 28), u32_at(c, 32));
        if code == cmd::UPDATE_CURSOR {
            if id != 0 {
                self.resources.get(id)?;
            }
            slot.cursor.resource = id;
            slot.cursor.hot = (u32_at(c, 44), u32_at(c, 48));
        }
        Ok(())
    }

    /// The display hears of a flush, and may have its reply wait.
    fn view(&mut self, h: &Header, id: u32) {
        let now = self.scanouts.first().and_then(|s| s.shown);
        let (Some(viewer), Some(now)) = (self.viewer.as_mut(), now) else {
            return;
        };
        let resource = self.resources.get(id);
        let in_place = resource.is_ok_and(|r| matches!(r.kind, Kind::Blob { .. }));
        if now.resource != id {
            return;
        }
        if let Some(event) = viewer.flush(now, in_place && h.flags & FLAG_FENCE != 0) {
            let job = Job {
                line: Line::Alone(self.work.ticket()),
                ctx: 0,
                steps: [Step::Event(event)].into(),
                objects: BTreeMap::new(),
                after: [].into(),
            };
            self.waits = self.work.add(job, self.now);
        }
    }

    /// A resource as it is now.
    pub fn resource(&self, id: u32) -> Option<Resource> {
        self.resources.get(id).ok().cloned()
    }

    /// What a scanout shows now; `None` where it is dark.
    pub fn look(&self, scanout: usize, ram: &Ram) -> Option<Frame> {
        let shown = self.scanouts.get(scanout)?.shown?;
        Some(shown.frame(scanout, &self.resources, ram, true))
    }

    /// A scanout's cursor.
    pub fn cursor_of(&self, scanout: usize) -> Option<scanout::Cursor> {
        self.scanouts.get(scanout).map(|s| s.cursor)
    }

    /// Writes what a scanout shows now as a PNG.
    pub fn shot(&self, scanout: usize, path: &Path, ram: &Ram) -> io::Result<()> {
        match self.scanouts.get(scanout).and_then(|s| s.shown) {
            Some(shown) => shown.png(path, &self.resources, ram),
            None => Err(io::Error::other("the scanout is dark")),
        }
    }
}

#[cfg(test)]
mod tests;
