// SPDX-License-Identifier: GPL-2.0
//! The model of what the driver has made so far, and the looks at each command.

use super::Tallies;
use crate::chain::{Chain, Fault};
use crate::wire::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

/// A resource as the driver announced it.
#[derive(Clone, Debug, Default)]
struct Res {
    width: u32,
    height: u32,
    /// Bytes, for a blob.
    blob: Option<u64>,
    /// Bytes of backing.
    backing: Option<u64>,
    /// Transfers that were answered.
    filled: bool,
    /// A command for it was refused or never answered, so that nothing is sure.
    doubtful: bool,
}

/// Watches one driver.
#[derive(Debug)]
pub struct Checker {
    /// What was found.
    pub tallies: Tallies,
    features: u64,
    offered: u64,
    scanouts: u32,
    capsets: u32,
    alignment: u64,
    res: BTreeMap<u32, Res>,
    shown: HashMap<u32, u32>,
    fences: HashSet<(u32, u32, u64)>,
    newest: HashMap<(u32, u32), u64>,
    asked: (bool, bool),
    /// Display events that the driver has not asked about / cleared yet.
    waiting: (bool, bool),
    /// When the last event was raised.
    since: Option<Instant>,
    /// How long a driver may take to answer one; a device may be let go of right after an event.
    pub patience: Duration,
    struck: bool,
}

/// A command as the rings brought it.
pub struct Seen<'a> {
    /// Where.
    pub queue: Queue,
    /// Its chain.
    pub chain: &'a Chain,
    /// Its bytes.
    pub bytes: &'a [u8],
}

impl Checker {
    /// For a device that offers these features and has these numbers in its configuration space.
    pub fn new(offered: u64, scanouts: u32, capsets: u32, alignment: u32) -> Checker {
        Checker {
            tallies: Tallies::default(),
            features: 0,
            offered,
            scanouts,
            capsets,
            alignment: u64::from(alignment),
            res: BTreeMap::new(),
            shown: HashMap::new(),
            fences: HashSet::new(),
            newest: HashMap::new(),
            asked: (false, false),
            waiting: (false, false),
            since: None,
            patience: Duration::from_secs(2),
            struck: false,
        }
    }

    fn note(&mut self, id: &'static str, kept: bool, what: impl FnOnce() -> String) -> bool {
        self.tallies.note(id, kept, what)
    }

    /// The driver accepted these features.
    pub fn started(&mut self, features: u64) {
        self.features = features;
        let foreign = features & !self.offered & !(1 << 30);
        self.note("init.features", foreign == 0, || format!("accepted {foreign:#x} beyond the offer"));
        if self.offered & feature::VERSION_1 != 0 {
            self.note("init.version", features & feature::VERSION_1 != 0, || format!("accepted {features:#x}"));
        }
    }

    /// The driver let go of the device.
    pub fn stopped(&mut self) {
        self.finish();
        self.res.clear();
        self.shown.clear();
        self.fences.clear();
        self.newest.clear();
        self.asked = (false, false);
    }

    /// The end: what was due and did not come.
    pub fn finish(&mut self) {
        let (ask, clear) = std::mem::take(&mut self.waiting);
        let late = self.since.take().is_some_and(|t| t.elapsed() >= self.patience);
        if !self.struck && late {
            if ask {
                self.note("config.asked", false, || "no GET_DISPLAY_INFO after the last event".into());
            }
            if clear {
                self.note("config.cleared", false, || "the last event was never cleared".into());
            }
        }
    }

    /// The host raised a display event.
    pub fn display_event(&mut self) {
        self.waiting = (true, true);
        self.since = Some(Instant::now());
    }

    /// The driver wrote events_clear while `pending` events were set; `elsewhere`: it changed another field.
    pub fn config_write(&mut self, bits: u32, pending: u32, elsewhere: bool) {
        self.note("config.where", !elsewhere, || "another field was written".into());
        self.note("config.bits", bits & !pending == 0, || format!("clears {bits:#x}, pending {pending:#x}"));
        if bits & EVENT_DISPLAY != 0 && self.waiting.1 {
            self.waiting.1 = false;
            self.note("config.cleared", true, String::new);
        }
    }

    /// A look at the available ring; `overfull`: it claims more entries than the queue has.
    pub fn batch(&mut self, overfull: bool, size: u16) {
        self.note("ring.batch", !overfull, || format!("queue of {size}"));
    }

    fn ring(&mut self, s: &Seen<'_>, size: u16) {
        let say = |f: Fault| move || format!("{f:?} in a queue of {size}, head {}", s.chain.head);
        for (id, faults) in [
            ("ring.order", &[Fault::ReadableAfterWritable][..]),
            ("ring.length", &[Fault::TooLong]),
            ("ring.index", &[Fault::IndexOutOfRange]),
            ("ring.indirect.negotiated", &[Fault::IndirectNotNegotiated]),
            ("ring.indirect.place", &[Fault::IndirectMisplaced]),
            ("ring.indirect.size", &[Fault::IndirectLength]),
            ("ring.memory", &[Fault::OutsideMemory]),
            ("ring.flags", &[Fault::UnknownFlag]),
            ("ring.empty", &[Fault::ZeroLength]),
        ] {
            let found = s.chain.faults.iter().find(|f| faults.contains(f));
            self.note(id, found.is_none(), say(faults[0]));
        }
    }

    /// Looks at a command before it is run. `queue_size` is its ring's.
    pub fn command(&mut self, s: &Seen<'_>, queue_size: u16) {
        self.ring(s, queue_size);
        let h = Header::parse(s.bytes);
        self.header(&h);
        let name = command_name(h.code);
        let Some(c) = Command::by_code(h.code) else {
            self.note("cmd.known", false, || name);
            return;
        };
        self.note("cmd.known", true, String::new);
        self.note("cmd.queue", c.queue == s.queue, || format!("{name} on {}", s.queue.name()));
        if c.needs != 0 {
            let ok = c.needs & !self.features == 0;
            self.note("cmd.feature", ok, || format!("{name} without feature {:#x}", c.needs));
        }
        let whole = s.bytes.len() >= c.len;
        self.note("cmd.length", whole, || format!("{name} with {} of {} bytes", s.bytes.len(), c.len));
        let room = s.chain.writable_len();
        let id = if c.queue == Queue::Cursor { "cursor.reply-room" } else { "cmd.reply-room" };
        self.note(id, room >= c.reply_len as u64, || format!("{name} with room for {room}"));
        if !whole {
            return;
        }
        for (field, at) in c.fields.iter().filter(|(f, _)| f.ends_with("padding")) {
            let v = u32_at(s.bytes, *at);
            self.note("cmd.padding", v == 0, || format!("{name}.{field} is {v:#x}"));
        }
        let three_d = c.needs & feature::VIRGL != 0 || matches!(h.code, cmd::RESOURCE_CREATE_BLOB);
        if !three_d {
            self.note("hdr.context", h.ctx == 0, || format!("{name} with ctx_id {}", h.ctx));
        }
        self.content(&h, s.bytes, &name);
    }

    fn header(&mut self, h: &Header) {
        let name = command_name(h.code);
        let ring = if self.features & feature::CONTEXT_INIT != 0 { FLAG_RING_IDX } else { 0 };
        let odd = h.flags & !(FLAG_FENCE | ring);
        self.note("hdr.flags", odd == 0, || format!("{name} with flags {:#x}", h.flags));
        self.note("hdr.padding", h.padding == [0; 3], || format!("{name}: {:?}", h.padding));
        let ring_ok = if h.flags & FLAG_RING_IDX != 0 { h.ring < 64 } else { h.ring == 0 };
        self.note("hdr.ring", ring_ok, || format!("{name}: ring_idx {} flags {:#x}", h.ring, h.flags));
        if h.flags & FLAG_FENCE != 0 {
            let line = timeline(h);
            let fresh = self.fences.insert((line.0, line.1, h.fence));
            self.note("fence.unique", fresh, || format!("{name}: fence {} is outstanding", h.fence));
            let last = self.newest.insert(line, h.fence).unwrap_or(0);
            self.note("fence.order", h.fence > last, || format!("{name}: fence {} after {last}", h.fence));
        }
    }

    fn exists(&mut self, id: u32, name: &str) -> Option<Res> {
        let found = self.res.get(&id).cloned();
        let kept = found.is_some();
        self.note("res.exists", kept, || format!("{name} names resource {id}"));
        found.filter(|r| !r.doubtful)
    }

    fn content(&mut self, h: &Header, c: &[u8], name: &str) {
        let (id, rect) = (u32_at(c, 24), Rect::parse(c));
        match h.code {
            cmd::GET_DISPLAY_INFO => {
                self.asked.0 = true;
                if std::mem::take(&mut self.waiting.0) {
                    self.note("config.asked", true, String::new);
                }
            }
            cmd::GET_EDID => {
                self.asked.1 = true;
                let n = self.scanouts;
                self.note("edid.scanout", id < n, || format!("scanout {id} of {n}"));
            }
            cmd::GET_CAPSET_INFO => {
                let n = self.capsets;
                self.note("capset.index", id < n, || format!("index {id} of {n}"));
            }
            cmd::RESOURCE_CREATE_2D | cmd::RESOURCE_CREATE_3D | cmd::RESOURCE_CREATE_BLOB => {
                self.note("res.id", id != 0, || name.into());
                let fresh = !self.res.contains_key(&id);
                self.note("res.unused", fresh, || format!("{name} of resource {id}"));
                if h.code == cmd::RESOURCE_CREATE_2D {
                    let (format, w, h) = (u32_at(c, 28), u32_at(c, 32), u32_at(c, 36));
                    let known = matches!(format, 1..=4 | 67 | 68 | 121 | 134);
                    self.note("res.format", known, || format!("format {format}"));
                    self.note("res.size", w > 0 && h > 0, || format!("{w}x{h}"));
                } else if h.code == cmd::RESOURCE_CREATE_BLOB {
                    self.blob(c);
                }
            }
            cmd::RESOURCE_UNREF => {
                self.exists(id, name);
                let shown = self.shown.values().any(|r| *r == id);
                self.note("res.hidden", !shown, || format!("resource {id} is on a scanout"));
            }
            cmd::RESOURCE_ATTACH_BACKING => {
                let covers = self.entries("backing.entries", c, 32, u32_at(c, 28));
                if let Some(r) = self.exists(id, name) {
                    self.note("backing.once", r.backing.is_none(), || format!("resource {id}"));
                    let need = u64::from(r.width) * u64::from(r.height) * 4;
                    if let Some(have) = covers.filter(|_| r.blob.is_none()) {
                        self.note("backing.covers", have >= need, || format!("resource {id}: {have} of {need}"));
                    }
                }
            }
            cmd::RESOURCE_DETACH_BACKING => {
                if let Some(r) = self.exists(id, name) {
                    self.note("backing.detach", r.backing.is_some(), || format!("resource {id}"));
                }
            }
            cmd::TRANSFER_TO_HOST_2D => self.transfer(c, rect, name),
            cmd::SET_SCANOUT | cmd::SET_SCANOUT_BLOB => self.scanout(h.code, c, rect, name),
            cmd::RESOURCE_FLUSH => {
                let id = u32_at(c, 40);
                let shown = self.shown.values().any(|r| *r == id);
                self.note("flush.shown", shown, || format!("resource {id} is on no scanout"));
                if let Some(r) = self.exists(id, name).filter(|r| r.blob.is_none()) {
                    let ok = rect.inside(r.width, r.height);
                    self.note("flush.inside", ok, || format!("{rect:?} in {}x{}", r.width, r.height));
                }
            }
            cmd::UPDATE_CURSOR | cmd::MOVE_CURSOR => {
                let n = self.scanouts;
                self.note("cursor.scanout", id < n, || format!("scanout {id} of {n}"));
                let res = u32_at(c, 40);
                if h.code == cmd::UPDATE_CURSOR && res != 0 {
                    if let Some(r) = self.exists(res, name).filter(|r| r.blob.is_none()) {
                        let (w, h) = (r.width, r.height);
                        self.note("cursor.size", (w, h) == (64, 64), || format!("resource {res}: {w}x{h}"));
                        self.note("cursor.filled", r.filled, || format!("resource {res}: no transfer is done"));
                    }
                }
            }
            _ => {}
        }
    }

    /// Entries after the fixed part; how many bytes they name.
    fn entries(&mut self, id: &'static str, c: &[u8], at: usize, count: u32) -> Option<u64> {
        let list = c.get(at..).unwrap_or(&[]);
        let whole = list.len() as u64 == u64::from(count) * 16;
        let zero = list.chunks_exact(16).any(|e| u32_at(e, 8) == 0 || u32_at(e, 12) != 0);
        self.note(id, whole && !zero, || format!("{count} entries in {} bytes, odd entry: {zero}", list.len()));
        whole.then(|| list.chunks_exact(16).map(|e| u64::from(u32_at(e, 8))).sum())
    }

    fn blob(&mut self, c: &[u8]) {
        let (mem, flags, n, size) = (u32_at(c, 28), u32_at(c, 32), u32_at(c, 36), u64_at(c, 48));
        let host_ok = self.features & feature::VIRGL != 0;
        self.note("blob.memory", mem == 1 || (host_ok && (2..=3).contains(&mem)), || format!("blob_mem {mem}"));
        self.note("blob.flags", flags & !7 == 0, || format!("flags {flags:#x}"));
        if self.features & feature::BLOB_ALIGNMENT != 0 && self.alignment > 0 {
            let a = self.alignment;
            self.note("blob.aligned", size % a == 0, || format!("{size} for {a}"));
        }
        let have = self.entries("backing.entries", c, 56, n);
        if mem == 1 {
            let ok = have.is_some_and(|h| h >= size);
            self.note("blob.entries", ok, || format!("{have:?} of {size}"));
        }
    }

    fn transfer(&mut self, c: &[u8], rect: Rect, name: &str) {
        let (id, offset) = (u32_at(c, 48), u64_at(c, 40));
        let Some(r) = self.exists(id, name) else { return };
        if r.blob.is_some() {
            self.note("xfer.needed", false, || format!("resource {id} is a blob"));
            return;
        }
        let inside = rect.inside(r.width, r.height);
        self.note("xfer.inside", inside, || format!("{rect:?} in {}x{}", r.width, r.height));
        let backed = self.note("xfer.backed", r.backing.is_some(), || format!("resource {id}"));
        if let (Some(have), true, true) = (r.backing, backed, inside && rect.height > 0) {
            let stride = u64::from(r.width) * 4;
            let span = u64::from(rect.height - 1) * stride + u64::from(rect.width) * 4;
            let ok = offset.checked_add(span).is_some_and(|end| end <= have);
            self.note("xfer.offset", ok, || format!("offset {offset} + {span} of {have}"));
        }
    }

    fn scanout(&mut self, code: u32, c: &[u8], rect: Rect, name: &str) {
        let (n, scanout, id) = (self.scanouts, u32_at(c, 40), u32_at(c, 44));
        self.note("scanout.id", scanout < n, || format!("scanout {scanout} of {n}"));
        if id == 0 {
            return;
        }
        let asked = self.asked;
        self.note("init.display-info", asked.0, || format!("{name} before it"));
        if self.features & feature::EDID != 0 {
            self.note("init.edid", asked.1, || format!("{name} before it"));
        }
        let Some(r) = self.exists(id, name) else { return };
        let blob = code == cmd::SET_SCANOUT_BLOB;
        self.note("scanout.type", r.blob.is_some() == blob, || format!("{name} of resource {id}"));
        match r.blob {
            Some(size) if blob => {
                let (w, h, format) = (u32_at(c, 48), u32_at(c, 52), u32_at(c, 56));
                let (stride, offset) = (u64::from(u32_at(c, 64)), u64::from(u32_at(c, 80)));
                self.note("scanout.inside", rect.inside(w, h), || format!("{rect:?} in {w}x{h}"));
                let end = offset + stride * u64::from(h.saturating_sub(1)) + u64::from(w) * 4;
                let known = matches!(format, 1..=4 | 67 | 68 | 121 | 134);
                let ok = known && stride >= u64::from(w) * 4 && end <= size;
                self.note("scanout.layout", ok, || {
                    format!("format {format}, {w}x{h}, stride {stride}, offset {offset} in {size}")
                });
            }
            None if !blob => {
                let ok = rect.inside(r.width, r.height);
                self.note("scanout.inside", ok, || format!("{rect:?} in {}x{}", r.width, r.height));
            }
            _ => {}
        }
    }

    /// The reply is decided. `struck`: a fault changed it, so that an error is the host's doing
    /// and the resource's state is open.
    pub fn replied(&mut self, bytes: &[u8], code: u32, struck: bool) {
        let h = Header::parse(bytes);
        let failed = code >= reply::ERR_UNSPEC;
        if struck {
            self.struck = true;
        } else if failed {
            let doubtful = self.target(&h, bytes).and_then(|id| self.res.get(&id)).is_some_and(|r| r.doubtful);
            self.note("reply.clean", doubtful, || format!("{} drew {}", command_name(h.code), reply::name(code)));
        } else {
            self.note("reply.clean", true, String::new);
        }
        self.learn(&h, bytes, struck || failed);
    }

    fn target(&self, h: &Header, c: &[u8]) -> Option<u32> {
        let fields = Command::by_code(h.code)?.fields;
        fields.iter().find(|(f, _)| *f == "resource_id").map(|(_, at)| u32_at(c, *at))
    }

    fn learn(&mut self, h: &Header, c: &[u8], unsure: bool) {
        let id = u32_at(c, 24);
        let mut new = Res { doubtful: unsure, ..Res::default() };
        match h.code {
            cmd::RESOURCE_CREATE_2D => {
                (new.width, new.height) = (u32_at(c, 32), u32_at(c, 36));
                self.res.insert(id, new);
            }
            cmd::RESOURCE_CREATE_3D => {
                (new.width, new.height) = (u32_at(c, 40), u32_at(c, 44));
                self.res.insert(id, new);
            }
            cmd::RESOURCE_CREATE_BLOB => {
                new.blob = Some(u64_at(c, 48));
                self.res.insert(id, new);
            }
            cmd::RESOURCE_UNREF => {
                self.res.remove(&id);
                self.shown.retain(|_, r| *r != id);
            }
            cmd::SET_SCANOUT | cmd::SET_SCANOUT_BLOB => match u32_at(c, 44) {
                0 => {
                    self.shown.remove(&u32_at(c, 40));
                }
                _ if unsure => {}
                res => {
                    self.shown.insert(u32_at(c, 40), res);
                }
            },
            _ => {
                let target = self.target(h, c);
                let Some(r) = target.and_then(|t| self.res.get_mut(&t)) else { return };
                r.doubtful |= unsure;
                match h.code {
                    cmd::RESOURCE_ATTACH_BACKING => {
                        let list = c.get(32..).unwrap_or(&[]);
                        r.backing = Some(list.chunks_exact(16).map(|e| u64::from(u32_at(e, 8))).sum());
                    }
                    cmd::RESOURCE_DETACH_BACKING => r.backing = None,
                    _ => {}
                }
            }
        }
    }

    /// The reply is in the used ring.
    pub fn delivered(&mut self, bytes: &[u8]) {
        let h = Header::parse(bytes);
        if h.flags & FLAG_FENCE != 0 {
            let line = timeline(&h);
            self.fences.remove(&(line.0, line.1, h.fence));
        }
        if matches!(h.code, cmd::TRANSFER_TO_HOST_2D | cmd::TRANSFER_TO_HOST_3D) {
            if let Some(r) = self.target(&h, bytes).and_then(|id| self.res.get_mut(&id)) {
                r.filled = true;
            }
        }
    }
}

fn timeline(h: &Header) -> (u32, u32) {
    match h.flags & FLAG_RING_IDX {
        0 => (u32::MAX, u32::MAX),
        _ => (h.ctx, u32::from(h.ring)),
    }
}
