// SPDX-License-Identifier: GPL-2.0
//! The trace: one JSON object a line, in the order in which things happened.
//! The page Documentation/gpu/test-host.rst describes the fields.

pub mod compare;

use crate::wire::{command_name, u32_at, u64_at, Command, Header, FLAG_FENCE, FLAG_RING_IDX};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

/// Something that happened.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(tag = "ev", rename_all = "kebab-case")]
pub enum Event {
    /// The driver rang a doorbell for the first time after a reset.
    Start {
        /// Accepted features.
        features: u64,
        /// Ring sizes of the queues.
        rings: Vec<u16>,
    },
    /// The driver let go of a queue.
    Stop {
        /// Which.
        queue: String,
        /// Resources that it left behind.
        resources: usize,
        /// Replies that were still due.
        dropped: usize,
    },
    /// A doorbell.
    Kick {
        /// Which queue's.
        queue: String,
    },
    /// A command was taken off its ring.
    Cmd(Box<CmdEvent>),
    /// Its used entry was written.
    Done {
        /// The command's number in the trace.
        seq: u64,
        /// Reply type.
        reply: String,
        /// Bytes that the used entry counts.
        len: u32,
        /// "sent", "suppressed" (the driver asked for none) or "withheld" (a fault).
        irq: String,
    },
    /// A fault struck a command.
    Fault {
        /// The command's number in the trace.
        seq: u64,
        /// What the fault does.
        action: String,
    },
    /// The configuration space changed and an interrupt was raised.
    ConfigChange {
        /// events_read now.
        events: u32,
    },
    /// The driver wrote to the configuration space.
    ConfigWrite {
        /// What events_clear got.
        clear: u32,
        /// Whether another field was written.
        elsewhere: bool,
    },
    /// A flush completed a frame.
    Frame {
        /// Scanout.
        scanout: usize,
        /// Resource.
        resource: u32,
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// CRC-32 of its RGB bytes, in hexadecimal; none where it could not be read.
        crc: Option<String>,
        /// Whether guest memory was read in place.
        in_place: bool,
        /// Bytes copied out of guest memory since the frame before.
        copied: u64,
    },
    /// Somebody outside marked this place.
    Mark {
        /// With this name.
        name: String,
    },
}

/// A command in the trace.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct CmdEvent {
    /// Counts commands from 0.
    pub seq: u64,
    /// Queue.
    pub queue: String,
    /// Command.
    pub name: String,
    /// Header flags.
    pub flags: u32,
    /// Fence id, where flagged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fence: Option<u64>,
    /// Context, where not 0.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ctx: Option<u32>,
    /// Ring index, where flagged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ring: Option<u8>,
    /// Lengths of the device-readable descriptors.
    #[serde(rename = "in")]
    pub readable: Vec<u32>,
    /// Lengths of the device-writable descriptors.
    #[serde(rename = "out")]
    pub writable: Vec<u32>,
    /// Whether an indirect table was used.
    pub indirect: bool,
    /// The command's fields by name.
    pub args: BTreeMap<String, u64>,
    /// Bytes that the entries after the fixed part describe, where there are any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub backing: Option<u64>,
}

impl CmdEvent {
    /// Decodes a command's bytes; `chain` gives the descriptors.
    pub fn new(seq: u64, queue: &str, bytes: &[u8], chain: &crate::chain::Chain) -> CmdEvent {
        let h = Header::parse(bytes);
        let fields = Command::of(bytes).map_or(&[][..], |c| c.fields);
        let mut args = BTreeMap::new();
        for (name, at) in fields {
            match name.strip_suffix(":64") {
                Some(short) => args.insert(short.to_string(), u64_at(bytes, *at)),
                None => args.insert(name.to_string(), u64::from(u32_at(bytes, *at))),
            };
        }
        let entries = match command_name(bytes).as_str() {
            "RESOURCE_ATTACH_BACKING" => bytes.get(32..),
            "RESOURCE_CREATE_BLOB" => bytes.get(56..),
            _ => None,
        };
        CmdEvent {
            seq,
            queue: queue.into(),
            name: command_name(bytes),
            flags: h.flags,
            fence: (h.flags & FLAG_FENCE != 0).then_some(h.fence),
            ctx: (h.ctx != 0).then_some(h.ctx),
            ring: (h.flags & FLAG_RING_IDX != 0).then_some(h.ring),
            readable: chain.readable.iter().map(|s| s.len).collect(),
            writable: chain.writable.iter().map(|s| s.len).collect(),
            indirect: chain.indirect,
            args,
            backing: entries
                .map(|list| list.chunks_exact(16).map(|e| u64::from(u32_at(e, 8))).sum()),
        }
    }
}

/// An event and its time.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Line {
    /// Microseconds since the host started.
    pub t: u64,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// Writes a trace, or nothing.
#[derive(Debug)]
pub struct Writer {
    out: Option<BufWriter<File>>,
    start: Instant,
}

impl Writer {
    /// To a file, where one is named.
    pub fn new(path: Option<&Path>) -> io::Result<Writer> {
        let out = path.map(File::create).transpose()?.map(BufWriter::new);
        Ok(Writer {
            out,
            start: Instant::now(),
        })
    }

    /// Whether events are written.
    pub fn is_on(&self) -> bool {
        self.out.is_some()
    }

    /// Writes an event. A full disk ends the trace, not the host.
    pub fn event(&mut self, event: Event) {
        let t = self.start.elapsed().as_micros() as u64;
        if let Some(out) = &mut self.out {
            let line = serde_json::to_string(&Line { t, event }).unwrap_or_default();
            if writeln!(out, "{line}").is_err() {
                self.out = None;
            }
        }
    }

    /// Hands everything to the file.
    pub fn flush(&mut self) {
        if let Some(out) = &mut self.out {
            let _ = out.flush();
        }
    }
}

/// Reads a whole trace.
pub fn load(path: &Path) -> Result<Vec<Line>, String> {
    let file = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut lines = Vec::new();
    for (n, text) in BufReader::new(file).lines().enumerate() {
        let text = text.map_err(|e| format!("{}: {e}", path.display()))?;
        let line = serde_json::from_str(&text)
            .map_err(|e| format!("{}:{}: {e}", path.display(), n + 1))?;
        lines.push(line);
    }
    Ok(lines)
}
