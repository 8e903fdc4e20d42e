// SPDX-License-Identifier: GPL-2.0
//! The rules about fences that are passed to the host: which ids a submit, or the
//! wait command, may name. No specification has them; the published patches and
//! what the hosts that took them do with a bad id say what a driver must keep.

use super::contexts::Ctx;
use super::model::{timeline, Checker};
use crate::meaning::{Bit5, Type};
use crate::wire::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// How long after a fence's reply a submit may still name it: it was signalled while the
/// submit was on its way. On a machine without time that may be long, but the host has read
/// all commands that there were once at most by then.
pub const GRACE: Duration = Duration::from_millis(100);
/// Ids that a submit may bring before that is called many.
const MANY: usize = 64;
/// Fences that are remembered after their reply.
const REMEMBERED: usize = 1 << 16;

/// A fence that the driver asked for.
#[derive(Clone, Copy, Debug)]
struct Known {
    line: (u32, u32),
    shareable: bool,
    /// When its reply was published, and how often the host had read all there was.
    gone: Option<(Instant, u64)>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Fences {
    known: BTreeMap<u64, Known>,
    retired: VecDeque<u64>,
    /// Ids up to here may have been forgotten.
    forgotten: u64,
    /// Ids of other devices, as somebody outside has told.
    pub(super) foreign: BTreeSet<u64>,
    /// What a context waits for since its last submit, with the wait command.
    waits: BTreeMap<u32, BTreeSet<u64>>,
    /// How often the host has read all commands that there were, and whether it has now.
    emptied: u64,
    empty: bool,
}

impl Fences {
    /// Forgets what a driver has asked for.
    pub(super) fn clear(&mut self) {
        let foreign = std::mem::take(&mut self.foreign);
        *self = Fences {
            foreign,
            ..Fences::default()
        };
    }
}

impl Checker {
    /// The host has read all commands that there were, or a command.
    pub(super) fn emptied(&mut self, empty: bool) {
        let p = &mut self.passing;
        p.emptied += u64::from(empty && !p.empty);
        p.empty = empty;
    }

    /// The driver asks for a fence.
    pub(super) fn asked_fence(&mut self, h: &Header) {
        let known = Known {
            line: timeline(h),
            shareable: h.flags & FLAG_SHAREABLE != 0,
            gone: None,
        };
        self.passing.known.insert(h.fence, known);
    }

    /// Its reply was published.
    pub(super) fn gone_fence(&mut self, h: &Header) {
        let now = self.now();
        let p = &mut self.passing;
        if let Some(known) = p.known.get_mut(&h.fence) {
            known.gone = Some((now, p.emptied));
            p.retired.push_back(h.fence);
        }
        while p.retired.len() > REMEMBERED {
            if let Some(id) = p.retired.pop_front() {
                p.known.remove(&id);
                p.forgotten = p.forgotten.max(id);
            }
        }
    }

    /// A submit: what it says of its own length, and the ids that it brings.
    pub(super) fn submit(&mut self, h: &Header, c: &[u8], context: &Ctx) {
        let passing = self.meanings.uses(self.features, Bit5::FencePassing);
        let (size, count) = (u64::from(u32_at(c, 24)), u64::from(u32_at(c, 28)));
        if !passing {
            self.note("pass.unused", count == 0, || {
                format!("num_in_fences {count}, and bit 5 is not used so")
            });
        }
        let ids = if passing { count * 8 } else { 0 };
        let have = c.len() as u64;
        let whole = self.note("submit.size", have == 32 + ids + size, || {
            format!("{count} ids and {size} bytes of stream in {have} bytes")
        });
        let at = usize::try_from(32 + ids).unwrap_or(usize::MAX);
        if context.kind == Some(Type::Native) && whole {
            let stream = c.get(at..).unwrap_or(&[]);
            self.sequence(h, stream);
        }
        self.passing.waits.remove(&h.ctx);
        if !whole || ids == 0 {
            return;
        }
        let ids: Vec<u64> = c
            .get(32..at)
            .unwrap_or(&[])
            .chunks_exact(8)
            .map(|id| u64_at(id, 0))
            .collect();
        let takes = context.kind.is_some_and(Type::takes_fences);
        self.note("pass.capset", takes, || {
            format!("context {} is {:?}", h.ctx, context.kind)
        });
        let n = ids.len();
        self.note("pass.many", n <= MANY, || format!("{n} ids"));
        let twice = ids.len() - ids.iter().collect::<BTreeSet<_>>().len();
        self.note("pass.duplicate", twice == 0, || format!("{ids:?}"));
        let lines: Vec<(u32, u32)> = ids
            .iter()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter_map(|id| self.passing.known.get(id).map(|k| k.line))
            .collect();
        let distinct = lines.iter().collect::<BTreeSet<_>>().len();
        self.note("pass.newest", distinct == lines.len(), || {
            format!("{ids:?} on timelines {lines:?}")
        });
        let own = timeline(h);
        self.note("pass.own", !lines.contains(&own), || format!("{ids:?}"));
        for id in ids {
            if let Some(known) = self.named(id) {
                self.note("pass.shareable", known.shareable, || {
                    format!("fence {id} was not asked for so")
                });
            }
        }
    }

    /// The wait command.
    pub(super) fn wait(&mut self, h: &Header, id: u64) {
        if !self.meanings.uses(self.features, Bit5::FenceWait) {
            return;
        }
        let own = h.flags & FLAG_FENCE != 0 && h.fence == id;
        self.note("wait.own", !own, || format!("fence {id} is the command's"));
        let fresh = self.passing.waits.entry(h.ctx).or_default().insert(id);
        self.note("pass.duplicate", fresh, || {
            format!("context {} waits for fence {id} already", h.ctx)
        });
        if !own {
            self.named(id);
        }
    }

    /// An id that the driver names: a fence of this device, that is not long over.
    fn named(&mut self, id: u64) -> Option<Known> {
        let known = self.passing.known.get(&id).copied();
        let foreign = known.is_none() && self.passing.foreign.contains(&id);
        self.note("pass.device", !foreign, || {
            format!("fence {id} is another device's")
        });
        if foreign {
            return None;
        }
        let forgotten = known.is_none() && id != 0 && id <= self.passing.forgotten;
        self.note("pass.known", known.is_some() || forgotten, || {
            format!("fence {id} was never asked for")
        });
        let now = self.now();
        let (gone, emptied) = known.and_then(|k| k.gone).unzip();
        let over = gone.map(|t| now.saturating_duration_since(t));
        let read = emptied.is_some_and(|e| self.passing.emptied > e + 1);
        if known.is_some() || forgotten {
            let late = forgotten || read && over.is_some_and(|d| d > GRACE);
            self.note("pass.retired", !late, || {
                format!("fence {id} was answered {over:?} ago")
            });
        }
        known
    }
}
