// SPDX-License-Identifier: GPL-2.0
//! The rules about contexts: which there are, what they are created as, which
//! resources they have, in which order their streams come.

use super::model::Checker;
use crate::meaning::Type;
use crate::wire::*;
use std::collections::BTreeSet;

/// A context as the driver announced it.
#[derive(Clone, Debug, Default)]
pub(super) struct Ctx {
    pub(super) kind: Option<Type>,
    attached: BTreeSet<u32>,
    /// Sequence number of the last request, for a native context.
    seqno: u32,
    /// A command for it was refused or never answered, so that nothing is sure.
    doubtful: bool,
}

impl Checker {
    /// A look at a command that has to do with contexts.
    pub(super) fn context(&mut self, h: &Header, c: &[u8], name: &str) {
        let id = u32_at(c, 24);
        match h.code {
            cmd::GET_CAPSET => {
                let (version, has) = (u32_at(c, 28), Type::by_capset(id));
                let has = has.filter(|t| self.types.contains(t) && version <= t.version());
                // A number that the scenario lied about is the host's own doing.
                let known = has.is_some() || self.types.is_empty();
                self.note("capset.id", known, || format!("{id} version {version}"));
            }
            cmd::CTX_CREATE => {
                let fresh = h.ctx != 0 && !self.contexts.contains_key(&h.ctx);
                self.note("ctx.id", fresh, || format!("context {}", h.ctx));
                let init = u32_at(c, 28);
                let typed = self.features & feature::CONTEXT_INIT != 0;
                let kind = Type::by_capset(init & 0xff).filter(|t| self.types.contains(t));
                let kept = init == 0 || (typed && init <= 0xff && kind.is_some());
                self.note("ctx.init", kept, || format!("context_init {init:#x}"));
                let len = u32_at(c, 24);
                self.note("ctx.name", len <= 64, || format!("nlen {len}"));
            }
            cmd::CTX_DESTROY
            | cmd::CTX_ATTACH_RESOURCE
            | cmd::CTX_DETACH_RESOURCE
            | cmd::SUBMIT_3D => {
                let Some(context) = self.known_context(h, name) else {
                    return;
                };
                let has = context.attached.contains(&id);
                match h.code {
                    cmd::CTX_ATTACH_RESOURCE => {
                        self.exists(id, name);
                        self.note("ctx.attach", !has, || {
                            format!("resource {id} to context {} again", h.ctx)
                        });
                    }
                    cmd::CTX_DETACH_RESOURCE => {
                        self.note("ctx.detach", has, || {
                            format!("resource {id} is not attached to context {}", h.ctx)
                        });
                    }
                    cmd::SUBMIT_3D => self.submit(h, c, &context),
                    _ => {}
                }
            }
            cmd::WAIT_FENCE if c.len() < 44 => {
                if self.known_context(h, name).is_some() {
                    self.wait(h, u64_at(c, 24));
                }
            }
            cmd::TRANSFER_TO_HOST_3D | cmd::TRANSFER_FROM_HOST_3D => {
                if h.ctx != 0 {
                    self.known_context(h, name);
                }
                let id = u32_at(c, 56);
                if let Some(r) = self.exists(id, name) {
                    self.note("xfer.backed", r.backing.is_some(), || {
                        format!("resource {id}")
                    });
                }
            }
            _ => {}
        }
    }

    fn known_context(&mut self, h: &Header, name: &str) -> Option<Ctx> {
        let found = self.contexts.get(&h.ctx).cloned();
        self.note("ctx.exists", found.is_some(), || {
            format!("{name} names context {}", h.ctx)
        });
        found.filter(|c| !c.doubtful)
    }

    /// A native context's requests have numbers that go up: one that comes early was overtaken by
    /// nobody, one that comes late was.
    pub(super) fn sequence(&mut self, h: &Header, stream: &[u8]) {
        let Some(context) = self.contexts.get_mut(&h.ctx) else {
            return;
        };
        let (mut last, mut rest) = (context.seqno, stream);
        let mut late = None;
        while let Some(request) = rest.get(..(u32_at(rest, 4) as usize).max(16)) {
            let seqno = u32_at(request, 8);
            // The numbers may wrap.
            if seqno.wrapping_sub(last) > 1 << 31 || (seqno == last && last != 0) {
                late = Some((seqno, last));
            }
            last = seqno;
            rest = rest.get(request.len()..).unwrap_or(&[]);
        }
        context.seqno = last;
        self.note("ctx.order", late.is_none(), || {
            format!("context {}: {late:?}", h.ctx)
        });
    }

    /// The reply of a command is decided.
    pub(super) fn learn_context(&mut self, h: &Header, c: &[u8], unsure: bool) {
        let id = u32_at(c, 24);
        match h.code {
            cmd::CTX_CREATE => {
                let context = Ctx {
                    kind: Type::by_capset(u32_at(c, 28) & 0xff),
                    doubtful: unsure,
                    ..Ctx::default()
                };
                self.contexts.insert(h.ctx, context);
            }
            cmd::CTX_DESTROY => {
                self.contexts.remove(&h.ctx);
            }
            cmd::CTX_ATTACH_RESOURCE | cmd::CTX_DETACH_RESOURCE => {
                if let Some(context) = self.contexts.get_mut(&h.ctx) {
                    context.doubtful |= unsure;
                    match h.code {
                        cmd::CTX_ATTACH_RESOURCE => context.attached.insert(id),
                        _ => context.attached.remove(&id),
                    };
                }
            }
            cmd::RESOURCE_UNREF => {
                for context in self.contexts.values_mut() {
                    context.attached.remove(&id);
                }
            }
            _ => {}
        }
    }
}
