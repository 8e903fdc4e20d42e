// SPDX-License-Identifier: GPL-2.0
//! The model of what the driver has made so far, and the looks at each command.

use super::contexts::Ctx;
use super::passing::Fences;
use super::Tallies;
use crate::chain::{Chain, Fault};
use crate::meaning::{Bit5, Bit6, Meanings, Type};
use crate::scenario::DeviceOptions;
use crate::wire::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

/// A resource as the driver announced it.
#[derive(Clone, Debug, Default)]
pub(super) struct Res {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bytes of the copy in the host, where that is no picture of four-byte pixels.
    pub(super) bytes: Option<u64>,
    /// Bytes, for a blob.
    pub(super) blob: Option<u64>,
    /// The flags of a blob.
    pub(super) flags: u32,
    /// Where in the window it is.
    pub(super) place: Option<u64>,
    /// Bytes of backing.
    pub(super) backing: Option<u64>,
    /// Its creation was answered.
    pub(super) made: bool,
    /// A transfer was answered.
    pub(super) filled: bool,
    /// A transfer with a fence was answered, or another command with one after it.
    pub(super) fenced: bool,
    /// A command for it was refused or never answered, so that nothing is sure.
    pub(super) doubtful: bool,
}

/// Watches one driver.
#[derive(Debug)]
pub struct Checker {
    /// What was found.
    pub tallies: Tallies,
    pub(super) features: u64,
    pub(super) offered: u64,
    pub(super) scanouts: u32,
    pub(super) capsets: u32,
    pub(super) alignment: u64,
    pub(super) res: BTreeMap<u32, Res>,
    pub(super) shown: HashMap<u32, u32>,
    pub(super) fences: HashSet<(u32, u32, u64)>,
    /// Descriptors of the main tables that the device has, with their queue.
    pub(super) held: HashSet<(Queue, u16)>,
    pub(super) newest: HashMap<(u32, u32), u64>,
    pub(super) asked: (bool, bool),
    /// Display events that the driver has not asked about / cleared yet.
    pub(super) waiting: (bool, bool),
    /// When the last event was raised.
    pub(super) since: Option<Instant>,
    /// How long a driver may take to answer one; a device may be let go of right after an event.
    pub patience: Duration,
    pub(super) struck: bool,
    pub(super) contexts: BTreeMap<u32, Ctx>,
    pub(super) passing: Fences,
    pub(super) meanings: Meanings,
    pub(super) types: Vec<Type>,
    pub(super) window: u64,
    /// Places there that are somebody's: offset and length by resource.
    pub(super) places: BTreeMap<u32, (u64, u64)>,
    /// The time, where it is not the machine's.
    pub clock: Option<Instant>,
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
            held: HashSet::new(),
            newest: HashMap::new(),
            asked: (false, false),
            waiting: (false, false),
            since: None,
            patience: Duration::from_secs(2),
            struck: false,
            contexts: BTreeMap::new(),
            passing: Fences::default(),
            meanings: Meanings::default(),
            types: Vec::new(),
            window: 0,
            places: BTreeMap::new(),
            clock: None,
        }
    }

    /// What the contested bits mean, and which contexts there are.
    pub fn knows(&mut self, device: &DeviceOptions) {
        self.meanings = device.meanings();
        self.types = device.contexts.clone();
        self.window = device.window << 20;
    }

    /// Fences of other devices have these ids.
    pub fn foreign(&mut self, ids: impl IntoIterator<Item = u64>) {
        self.passing.foreign.extend(ids);
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.unwrap_or_else(Instant::now)
    }

    pub(super) fn note(
        &mut self,
        id: &'static str,
        kept: bool,
        what: impl FnOnce() -> String,
    ) -> bool {
        self.tallies.note(id, kept, what)
    }

    /// The driver accepted these features.
    pub fn started(&mut self, features: u64) {
        self.features = features;
        self.held.clear();
        let foreign = features & !self.offered & !(1 << 30);
        self.note("init.features", foreign == 0, || {
            format!("accepted {foreign:#x} beyond the offer")
        });
        let undefined = features & feature::UNDEFINED & !self.meanings.defined();
        self.note("init.undefined", undefined == 0, || {
            format!("accepted {undefined:#x}")
        });
        for (wants, needs) in [
            (feature::CONTEXT_INIT, feature::VIRGL),
            (feature::BLOB_ALIGNMENT, feature::RESOURCE_BLOB),
        ] {
            let other = wants == feature::BIT_5 && self.meanings.bit5 != Bit5::BlobAlignment;
            if features & wants != 0 && !other {
                self.note("init.depends", features & needs != 0, || {
                    format!("accepted {wants:#x} without {needs:#x}")
                });
            }
        }
        if self.offered & feature::VERSION_1 != 0 {
            self.note("init.version", features & feature::VERSION_1 != 0, || {
                format!("accepted {features:#x}")
            });
        }
    }

    /// The driver let go of the device.
    pub fn stopped(&mut self) {
        self.finish();
        self.res.clear();
        self.places.clear();
        self.shown.clear();
        self.fences.clear();
        self.held.clear();
        self.newest.clear();
        self.contexts.clear();
        self.passing.clear();
        self.asked = (false, false);
    }

    /// blob_alignment has changed.
    pub fn align(&mut self, bytes: u32) {
        self.alignment = u64::from(bytes);
    }

    /// The host behaves from now on, with these numbers in its configuration space.
    pub fn behaves(&mut self, scanouts: u32, capsets: u32, alignment: u32) {
        self.struck = false;
        self.scanouts = scanouts;
        self.capsets = capsets;
        self.alignment = u64::from(alignment);
    }

    /// The end: what was due and did not come.
    pub fn finish(&mut self) {
        let (ask, clear) = std::mem::take(&mut self.waiting);
        let late = self
            .since
            .take()
            .is_some_and(|t| t.elapsed() >= self.patience);
        if !self.struck && late {
            if ask {
                self.note("config.asked", false, || {
                    "no GET_DISPLAY_INFO after the last event".into()
                });
            }
            if clear {
                self.note("config.cleared", false, || {
                    "the last event was never cleared".into()
                });
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
        self.note("config.where", !elsewhere, || {
            "another field was written".into()
        });
        self.note("config.bits", bits & !pending == 0, || {
            format!("clears {bits:#x}, pending {pending:#x}")
        });
        if bits & EVENT_DISPLAY != 0 && self.waiting.1 {
            self.waiting.1 = false;
            self.note("config.cleared", true, String::new);
        }
    }

    /// A look at the available ring; `overfull`: it claims more entries than the queue has.
    pub fn batch(&mut self, overfull: bool, size: u16) {
        self.note("ring.batch", !overfull, || format!("queue of {size}"));
    }

    /// Whether the control queue's available ring had nothing new.
    pub fn nothing(&mut self, queue: Queue, nothing: bool) {
        if queue == Queue::Control {
            self.emptied(nothing);
        }
    }

    /// The available ring's flags.
    pub fn suppression(&mut self, flags: u16) {
        let most = u16::from(self.features & feature::EVENT_IDX == 0);
        self.note("ring.suppression", flags <= most, || {
            format!("flags {flags:#x}, at most {most}")
        });
    }

    /// Something was made available a while ago; `announced`: the doorbell has rung since.
    pub fn doorbell(&mut self, queue: Queue, announced: bool) {
        self.note("ring.doorbell", announced, || {
            format!("a command on the {} queue waits unannounced", queue.name())
        });
    }

    fn ring(&mut self, s: &Seen<'_>, size: u16) {
        let say = |f: Fault| move || format!("{f:?} in a queue of {size}, head {}", s.chain.head);
        for (id, faults) in [
            ("ring.order", &[Fault::ReadableAfterWritable][..]),
            ("ring.length", &[Fault::TooLong]),
            ("ring.bytes", &[Fault::TooManyBytes]),
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
        let direct = s.chain.direct.iter().map(|d| (s.queue, *d));
        let twice = direct.clone().find(|d| self.held.contains(d));
        self.held.extend(direct);
        self.note("ring.reuse", twice.is_none(), || {
            format!("descriptor {twice:?} is in another chain that the device has")
        });
    }

    /// Looks at a command before it is run. `queue_size` is its ring's.
    pub fn command(&mut self, s: &Seen<'_>, queue_size: u16) {
        self.ring(s, queue_size);
        let h = Header::parse(s.bytes);
        self.header(&h, s.bytes);
        let name = command_name(s.bytes);
        let Some(c) = Command::of(s.bytes) else {
            self.note("cmd.known", false, || name);
            return;
        };
        self.note("cmd.known", true, String::new);
        self.note("cmd.queue", c.queue == s.queue, || {
            format!("{name} on {}", s.queue.name())
        });
        let ok = c.needs & !self.features == 0 && self.means(c);
        if c.needs != 0 {
            self.note("cmd.feature", ok, || {
                format!("{name} without feature {:#x}", c.needs)
            });
        }
        let whole = s.bytes.len() >= c.len;
        self.note("cmd.length", whole, || {
            format!("{name} with {} of {} bytes", s.bytes.len(), c.len)
        });
        let room = s.chain.writable_len();
        let id = if c.queue == Queue::Cursor {
            "cursor.reply-room"
        } else {
            "cmd.reply-room"
        };
        self.note(id, room >= c.reply_len as u64, || {
            format!("{name} with room for {room}")
        });
        if !whole {
            return;
        }
        for (field, at) in c.fields.iter().filter(|(f, _)| f.ends_with("padding")) {
            let v = u32_at(s.bytes, *at);
            self.note("cmd.padding", v == 0, || {
                format!("{name}.{field} is {v:#x}")
            });
        }
        let three_d = c.needs & feature::VIRGL != 0
            || matches!(h.code, cmd::RESOURCE_CREATE_BLOB | cmd::WAIT_FENCE);
        if !three_d {
            self.note("hdr.context", h.ctx == 0, || {
                format!("{name} with ctx_id {}", h.ctx)
            });
        }
        self.content(&h, s.bytes, &name);
        if ok {
            self.context(&h, s.bytes, &name);
        }
    }

    /// Whether the contested bit that a command needs means that command.
    fn means(&self, c: &Command) -> bool {
        match (c.code, c.len) {
            (cmd::WAIT_FENCE, 32) => self.meanings.bit5 == Bit5::FenceWait,
            (cmd::WAIT_FENCE, _) => self.meanings.bit5 == Bit5::QueryLayout,
            (cmd::RESOURCE_QUERY_LAYOUT, _) => self.meanings.bit6 == Bit6::QueryLayout,
            _ => true,
        }
    }

    fn header(&mut self, h: &Header, bytes: &[u8]) {
        let name = command_name(bytes);
        let ring = if self.features & feature::CONTEXT_INIT != 0 {
            FLAG_RING_IDX
        } else {
            0
        };
        let passing = self.meanings.uses(self.features, Bit5::FencePassing);
        let shareable = if passing { FLAG_SHAREABLE } else { 0 };
        if h.flags & shareable != 0 {
            self.note("pass.flag", h.flags & FLAG_FENCE != 0, || name.clone());
        }
        let odd = h.flags & !(FLAG_FENCE | ring | shareable);
        self.note("hdr.flags", odd == 0, || {
            format!("{name} with flags {:#x}", h.flags)
        });
        self.note("hdr.padding", h.padding == [0; 3], || {
            format!("{name}: {:?}", h.padding)
        });
        let (id, kept) = if h.flags & FLAG_RING_IDX != 0 {
            ("hdr.ring", h.ring < 64)
        } else {
            ("hdr.ring.unused", h.ring == 0)
        };
        self.note(id, kept, || {
            format!("{name}: ring_idx {} flags {:#x}", h.ring, h.flags)
        });
        if h.flags & FLAG_FENCE != 0 {
            let line = timeline(h);
            let fresh = self.fences.insert((line.0, line.1, h.fence));
            self.note("fence.unique", fresh, || {
                format!("{name}: fence {} is outstanding", h.fence)
            });
            self.asked_fence(h);
            let last = self.newest.insert(line, h.fence).unwrap_or(0);
            self.note("fence.order", h.fence > last, || {
                format!("{name}: fence {} after {last}", h.fence)
            });
        }
    }

    /// A fault strikes a command: the host is not what a driver may expect.
    pub fn struck(&mut self) {
        self.struck = true;
    }

    /// The reply is decided. `changed`: by a fault, so that an error is the host's doing
    /// and the resource's state is open.
    pub fn replied(&mut self, bytes: &[u8], code: u32, changed: bool) {
        let h = Header::parse(bytes);
        let failed = code >= reply::ERR_UNSPEC;
        if !changed {
            let doubtful = || {
                self.target(bytes)
                    .and_then(|id| self.res.get(&id))
                    .is_some_and(|r| r.doubtful)
            };
            let clean = !failed || doubtful();
            self.note("reply.clean", clean, || {
                format!("{} drew {}", command_name(bytes), reply::name(code))
            });
        }
        self.learn_place(&h, bytes, failed);
        self.learn(&h, bytes, changed || failed);
    }

    fn target(&self, c: &[u8]) -> Option<u32> {
        let fields = Command::of(c)?.fields;
        fields
            .iter()
            .find(|(f, _)| *f == "resource_id")
            .map(|(_, at)| u32_at(c, *at))
    }

    fn learn(&mut self, h: &Header, c: &[u8], unsure: bool) {
        self.learn_context(h, c, unsure);
        let id = u32_at(c, 24);
        let mut new = Res {
            doubtful: unsure,
            ..Res::default()
        };
        match h.code {
            cmd::RESOURCE_CREATE_2D => {
                (new.width, new.height) = (u32_at(c, 32), u32_at(c, 36));
                self.res.insert(id, new);
            }
            cmd::RESOURCE_CREATE_3D => {
                (new.width, new.height) = (u32_at(c, 40), u32_at(c, 44));
                // Formats and targets are virgl's: how large it is, nobody but the host knows.
                new.bytes = Some(0);
                self.res.insert(id, new);
            }
            cmd::RESOURCE_CREATE_BLOB => {
                new.blob = Some(u64_at(c, 48));
                new.flags = u32_at(c, 32);
                new.backing = (u32_at(c, 36) != 0).then(|| bytes_of(c, 56));
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
                let target = self.target(c);
                let Some(r) = target.and_then(|t| self.res.get_mut(&t)) else {
                    return;
                };
                r.doubtful |= unsure;
                match h.code {
                    cmd::RESOURCE_ATTACH_BACKING => {
                        r.backing = Some(bytes_of(c, 32));
                    }
                    cmd::RESOURCE_DETACH_BACKING => r.backing = None,
                    _ => {}
                }
            }
        }
    }

    /// The reply is in the used ring, and `direct` are the driver's again.
    pub fn delivered(&mut self, queue: Queue, bytes: &[u8], direct: &[u16]) {
        for d in direct {
            self.held.remove(&(queue, *d));
        }
        let h = Header::parse(bytes);
        self.vacate(&h, bytes);
        let fenced = h.flags & FLAG_FENCE != 0;
        if fenced {
            let line = timeline(&h);
            self.fences.remove(&(line.0, line.1, h.fence));
            self.gone_fence(&h);
        }
        let Some(r) = self.target(bytes).and_then(|id| self.res.get_mut(&id)) else {
            return;
        };
        r.made |= h.code == cmd::RESOURCE_CREATE_BLOB;
        if matches!(h.code, cmd::TRANSFER_TO_HOST_2D | cmd::TRANSFER_TO_HOST_3D) {
            r.filled = true;
        }
        r.fenced |= fenced && r.filled;
    }
}

/// Bytes that the entries from `at` on name.
fn bytes_of(c: &[u8], at: usize) -> u64 {
    let list = c.get(at..).unwrap_or(&[]);
    list.chunks_exact(16).map(|e| u64::from(u32_at(e, 8))).sum()
}

pub(super) fn timeline(h: &Header) -> (u32, u32) {
    match h.flags & FLAG_RING_IDX {
        0 => (u32::MAX, u32::MAX),
        _ => (h.ctx, u32::from(h.ring)),
    }
}
