// SPDX-License-Identifier: GPL-2.0
//! The monitors that are plugged in, and how the driver hears of them: the
//! configuration space, GET_DISPLAY_INFO and GET_EDID.

use super::resource::Result;
use crate::edid;
use crate::scenario::{Garbage, Scenario};
use crate::wire::{put32, reply, EVENT_DISPLAY, MAX_SCANOUTS};

/// A size in pixels.
pub type Size = (u32, u32);

/// What is plugged in where.
#[derive(Clone, Debug)]
pub struct Display {
    monitors: Vec<Option<Size>>,
    events: u32,
    num_scanouts: u32,
    num_capsets: u32,
    /// How many there really are.
    real_capsets: u32,
    blob_alignment: u32,
    edid: Option<Garbage>,
    info: Option<Garbage>,
}

/// Bytes of the EDID field of the reply.
const EDID_ROOM: usize = 1024;

impl Display {
    /// As the scenario describes it.
    pub fn new(scenario: &Scenario) -> Display {
        let mut monitors = scenario.device.monitors();
        monitors.resize(MAX_SCANOUTS as usize, None);
        Display {
            monitors,
            events: 0,
            num_scanouts: scenario.device.scanouts,
            num_capsets: scenario.device.num_capsets(),
            real_capsets: scenario.device.contexts.len() as u32,
            blob_alignment: scenario.device.blob_alignment,
            edid: scenario.edid.garbage,
            info: scenario.display_info.garbage,
        }
    }

    /// No nonsense any more: sensible numbers, a monitor, an EDID as it should be.
    pub fn behave(&mut self) {
        (self.edid, self.info, self.num_capsets) = (None, None, self.real_capsets);
        if !(1..=MAX_SCANOUTS).contains(&self.num_scanouts) {
            self.num_scanouts = 1;
        }
        if !self.blob_alignment.is_power_of_two() {
            self.blob_alignment = 4096;
        }
        let shown = self.num_scanouts as usize;
        if self.monitors.iter().take(shown).all(Option::is_none) {
            self.monitors[0] = Some((1024, 768));
        }
    }

    /// Plugs a monitor in, or out. False where there is no such scanout.
    pub fn plug(&mut self, scanout: usize, size: Option<Size>) -> bool {
        match self.monitors.get_mut(scanout) {
            Some(m) => {
                *m = size;
                self.events |= EVENT_DISPLAY;
                true
            }
            None => false,
        }
    }

    /// An event without a change.
    pub fn nudge(&mut self) {
        self.events |= EVENT_DISPLAY;
    }

    /// What events_read says.
    pub fn events(&self) -> u32 {
        self.events
    }

    /// The driver wrote events_clear.
    pub fn clear_events(&mut self, bits: u32) {
        self.events &= !bits;
    }

    /// How many scanouts the configuration space names.
    pub fn scanouts(&self) -> u32 {
        self.num_scanouts
    }

    /// How many capability sets.
    pub fn capsets(&self) -> u32 {
        self.num_capsets
    }

    /// What blob sizes must be multiples of.
    pub fn blob_alignment(&self) -> u32 {
        self.blob_alignment
    }

    /// Blob sizes are to be multiples of this from now on.
    pub fn align(&mut self, bytes: u32) {
        self.blob_alignment = bytes;
    }

    /// The configuration space.
    pub fn config(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put32(
            &mut out,
            &[
                self.events,
                0,
                self.num_scanouts,
                self.num_capsets,
                self.blob_alignment,
            ],
        );
        out
    }

    /// GET_DISPLAY_INFO's reply after its header.
    pub fn info(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (i, m) in self.monitors.iter().enumerate() {
            let (w, h) = m.unwrap_or((0, 0));
            // Side by side, as a desktop would be.
            let x = self.monitors[..i]
                .iter()
                .flatten()
                .fold(0u32, |sum, m| sum.wrapping_add(m.0));
            let on = u32::from(m.is_some());
            match self.info {
                None => put32(&mut out, &[x * on, 0, w, h, on, 0]),
                Some(Garbage::Zero) => put32(&mut out, &[0; 6]),
                Some(Garbage::Ones) => put32(&mut out, &[u32::MAX; 6]),
                Some(Garbage::Huge) => put32(
                    &mut out,
                    &[0x7fff_ffff, 0x7fff_ffff, 0xffff_fff0, 0xffff_fff0, 1, 0],
                ),
                Some(_) => put32(&mut out, &noise(i as u32)),
            }
        }
        out
    }

    /// GET_EDID's reply after its header.
    pub fn edid(&self, scanout: u32) -> Result<Vec<u8>> {
        let monitor = self
            .monitors
            .get(scanout as usize)
            .filter(|_| scanout < self.num_scanouts.max(1));
        let (w, h) = monitor
            .ok_or(reply::ERR_INVALID_SCANOUT_ID)?
            .unwrap_or((1024, 768));
        let mut block = edid::block(w, h, scanout + 1);
        let mut size = edid::BLOCK as u32;
        match self.edid {
            None => {}
            Some(Garbage::Zero) => block.fill(0),
            Some(Garbage::Ones) => block.fill(0xff),
            Some(Garbage::Random) => {
                for (i, b) in block.iter_mut().enumerate() {
                    *b = (i as u32).wrapping_mul(2_654_435_761).to_le_bytes()[2];
                }
            }
            Some(Garbage::Huge) => size = u32::MAX,
            Some(Garbage::Empty) => size = 0,
            Some(Garbage::Short) => size = 77,
            Some(Garbage::Checksum) => block[127] ^= 0x55,
            Some(Garbage::Blocks) => {
                // Says that 255 extension blocks follow; they do not.
                block[126] = 255;
                edid::fix_checksum(&mut block);
                size = EDID_ROOM as u32;
            }
        }
        let mut out = Vec::new();
        put32(&mut out, &[size, 0]);
        out.extend_from_slice(&block);
        out.resize(8 + EDID_ROOM, 0);
        Ok(out)
    }
}

fn noise(seed: u32) -> [u32; 6] {
    let mut v = seed.wrapping_mul(0x9e37_79b9) | 1;
    [0; 6].map(|_: u32| {
        v ^= v << 13;
        v ^= v >> 17;
        v ^= v << 5;
        v
    })
}
