// SPDX-License-Identifier: GPL-2.0
//! The device proper: commands in, replies out. It knows neither rings nor
//! sockets, so that tests and the fuzzer can drive it with bytes alone.

pub mod display;
pub mod resource;
pub mod scanout;

use crate::chain::Ram;
use crate::pages::Pages;
use crate::scenario::Scenario;
use crate::wire::{
    cmd, feature, put32, reply, u32_at, u64_at, Command, Header, Queue, Rect, MAX_SCANOUTS,
};
use display::Display;
use resource::{Resources, Result};
use scanout::{Frame, Scanout, Shown};
use std::io;
use std::path::Path;

/// blob_mem: guest memory.
const BLOB_MEM_GUEST: u32 = 1;

/// The device's state.
#[derive(Debug)]
pub struct Device {
    /// Monitors and configuration space.
    pub display: Display,
    resources: Resources,
    scanouts: Vec<Scanout>,
    features: u64,
    with_crc: bool,
    /// Bytes moved out of guest memory into the host's copies, ever.
    pub copied: u64,
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
}

impl Device {
    /// A device as a scenario describes it.
    pub fn new(scenario: &Scenario, with_crc: bool) -> Device {
        Device {
            display: Display::new(scenario),
            resources: Resources::default(),
            scanouts: vec![Scanout::default(); MAX_SCANOUTS as usize],
            features: 0,
            with_crc,
            copied: 0,
        }
    }

    /// The driver chose these.
    pub fn set_features(&mut self, features: u64) {
        self.features = features;
    }

    /// The driver let go: forgets everything but the monitors. Says how many resources it had left.
    pub fn reset(&mut self) -> usize {
        self.scanouts.fill(Scanout::default());
        self.resources.clear()
    }

    /// Runs a command.
    pub fn execute(&mut self, queue: Queue, command: &[u8], ram: &Ram) -> Outcome {
        let header = Header::parse(command);
        let mut frames = Vec::new();
        let known =
            Command::by_code(header.code).filter(|c| command.len() >= c.len && c.queue == queue);
        let result = match known {
            Some(c) if c.needs & !self.features == 0 => {
                self.run(header.code, command, ram, &mut frames)
            }
            _ => Err(reply::ERR_UNSPEC),
        };
        let (code, body) = result.unwrap_or_else(|code| (code, vec![]));
        let mut out = header.reply(code);
        out.extend_from_slice(&body);
        Outcome {
            reply: out,
            code,
            frames,
        }
    }

    fn run(
        &mut self,
        code: u32,
        c: &[u8],
        ram: &Ram,
        frames: &mut Vec<Frame>,
    ) -> Result<(u32, Vec<u8>)> {
        let id = u32_at(c, 24);
        let none = (reply::OK_NODATA, Vec::new());
        match code {
            cmd::GET_DISPLAY_INFO => return Ok((reply::OK_DISPLAY_INFO, self.display.info())),
            cmd::GET_EDID => return Ok((reply::OK_EDID, self.display.edid(id)?)),
            cmd::RESOURCE_CREATE_2D => {
                self.resources
                    .create_2d(id, u32_at(c, 28), u32_at(c, 32), u32_at(c, 36))?;
            }
            cmd::RESOURCE_CREATE_BLOB => self.create_blob(c, ram)?,
            cmd::RESOURCE_UNREF => {
                self.resources.remove(id)?;
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
                resource.backing = Some(pages.ok_or(reply::ERR_INVALID_PARAMETER)?);
            }
            cmd::RESOURCE_DETACH_BACKING => {
                self.resources
                    .get_mut(id)?
                    .backing
                    .take()
                    .ok_or(reply::ERR_UNSPEC)?;
            }
            cmd::TRANSFER_TO_HOST_2D => {
                let resource = self.resources.get_mut(u32_at(c, 48))?;
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
            }
            cmd::RESOURCE_ASSIGN_UUID => {
                self.resources.get(id)?;
                let mut body = Vec::new();
                put32(&mut body, &[0x7570_6867, id, !id, 1]);
                return Ok((reply::OK_RESOURCE_UUID, body));
            }
            cmd::UPDATE_CURSOR | cmd::MOVE_CURSOR => self.cursor(code, c)?,
            _ => return Err(reply::ERR_UNSPEC),
        }
        Ok(none)
    }

    fn create_blob(&mut self, c: &[u8], ram: &Ram) -> Result<()> {
        let (id, mem, count, size) = (u32_at(c, 24), u32_at(c, 28), u32_at(c, 36), u64_at(c, 48));
        if mem != BLOB_MEM_GUEST {
            return Err(reply::ERR_INVALID_PARAMETER);
        }
        let alignment = u64::from(self.display.blob_alignment());
        if self.features & feature::BLOB_ALIGNMENT != 0 && alignment > 0 && size % alignment != 0 {
            return Err(reply::ERR_INVALID_PARAMETER);
        }
        let pages = Pages::parse(c.get(56..).unwrap_or(&[]), count, ram)
            .ok_or(reply::ERR_INVALID_PARAMETER)?;
        // Without entries, the pages come later.
        self.resources
            .create_blob(id, size, (count > 0).then_some(pages))
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
