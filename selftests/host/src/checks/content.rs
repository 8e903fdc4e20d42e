// SPDX-License-Identifier: GPL-2.0
//! The rules about what a command says: resources, backing, transfers, scanouts, cursors.

use super::model::{Checker, Res};
use crate::meaning::{Bit5, Bit6};
use crate::wire::*;

impl Checker {
    pub(super) fn exists(&mut self, id: u32, name: &str) -> Option<Res> {
        let found = self.res.get(&id).cloned();
        let kept = found.is_some();
        self.note("res.exists", kept, || format!("{name} names resource {id}"));
        found.filter(|r| !r.doubtful)
    }

    pub(super) fn content(&mut self, h: &Header, c: &[u8], name: &str) {
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
                if let Some(r) = self.exists(id, name) {
                    self.note("window.let-go", r.place.is_none(), || {
                        format!("resource {id}")
                    });
                }
                let shown = self.shown.values().any(|r| *r == id);
                self.note("res.hidden", !shown, || {
                    format!("resource {id} is on a scanout")
                });
            }
            cmd::RESOURCE_ATTACH_BACKING => {
                let covers = self.entries("backing.entries", c, 32, u32_at(c, 28));
                if let Some(r) = self.exists(id, name) {
                    self.note("backing.once", r.backing.is_none(), || {
                        format!("resource {id}")
                    });
                    let pixels = u64::from(r.width) * u64::from(r.height) * 4;
                    let need = r.bytes.unwrap_or(pixels);
                    if let Some(have) = covers.filter(|_| r.blob.is_none()) {
                        self.note("backing.covers", have >= need, || {
                            format!("resource {id}: {have} of {need}")
                        });
                    }
                }
            }
            cmd::RESOURCE_DETACH_BACKING => {
                if let Some(r) = self.exists(id, name) {
                    self.note("backing.detach", r.backing.is_some(), || {
                        format!("resource {id}")
                    });
                }
            }
            cmd::TRANSFER_TO_HOST_2D => self.transfer(c, rect, name),
            cmd::SET_SCANOUT | cmd::SET_SCANOUT_BLOB => self.scanout(h.code, c, rect, name),
            cmd::RESOURCE_ASSIGN_UUID => {
                if let Some(r) = self.exists(id, name).filter(|r| r.blob.is_some()) {
                    self.note("blob.shared", r.flags & BLOB_CROSS_DEVICE != 0, || {
                        format!("resource {id} with flags {:#x}", r.flags)
                    });
                }
            }
            cmd::RESOURCE_MAP_BLOB | cmd::RESOURCE_UNMAP_BLOB => {
                let there = self.window > 0;
                if self.note("blob.window", there, || name.to_string()) {
                    self.window(h.code, id, u64_at(c, 32), name);
                }
            }
            cmd::RESOURCE_FLUSH => {
                let id = u32_at(c, 40);
                let shown = self.shown.values().any(|r| *r == id);
                self.note("flush.shown", shown, || {
                    format!("resource {id} is on no scanout")
                });
                if let Some(r) = self.exists(id, name).filter(|r| r.blob.is_none()) {
                    let ok = rect.inside(r.width, r.height);
                    self.note("flush.inside", ok, || {
                        format!("{rect:?} in {}x{}", r.width, r.height)
                    });
                }
            }
            cmd::UPDATE_CURSOR | cmd::MOVE_CURSOR => {
                let n = self.scanouts;
                self.note("cursor.scanout", id < n, || format!("scanout {id} of {n}"));
                let res = u32_at(c, 40);
                if h.code == cmd::UPDATE_CURSOR && res != 0 {
                    let r = self.exists(res, name);
                    if let Some(r) = r.as_ref().filter(|r| r.blob.is_some()) {
                        self.note("cursor.made", r.made, || {
                            format!("resource {res}: its creation is not answered")
                        });
                    }
                    if let Some(r) = r.filter(|r| r.blob.is_none()) {
                        let (w, h) = (r.width, r.height);
                        self.note("cursor.size", (w, h) == (64, 64), || {
                            format!("resource {res}: {w}x{h}")
                        });
                        self.note("cursor.filled", r.filled, || {
                            format!("resource {res}: no transfer is done")
                        });
                        if r.filled {
                            self.note("cursor.fenced", r.fenced, || {
                                format!("resource {res}: its transfer had no fence")
                            });
                        }
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
        let empty = list.chunks_exact(16).any(|e| u32_at(e, 8) == 0);
        self.note(id, whole && !empty, || {
            format!(
                "{count} entries in {} bytes, empty one: {empty}",
                list.len()
            )
        });
        if list.chunks_exact(16).next().is_some() {
            let zero = list.chunks_exact(16).all(|e| u32_at(e, 12) == 0);
            self.note("backing.padding", zero, || format!("of {count} entries"));
        }
        whole.then(|| list.chunks_exact(16).map(|e| u64::from(u32_at(e, 8))).sum())
    }

    fn blob(&mut self, c: &[u8]) {
        let (mem, flags, n, size) = (u32_at(c, 28), u32_at(c, 32), u32_at(c, 36), u64_at(c, 48));
        let host_ok = self.features & feature::VIRGL != 0;
        self.note(
            "blob.memory",
            mem == 1 || (host_ok && (2..=3).contains(&mem)),
            || format!("blob_mem {mem}"),
        );
        let guest_handle = self.meanings.bit6 == Bit6::GuestHandle;
        let known = if guest_handle && self.features & feature::BIT_6 != 0 {
            15
        } else {
            7
        };
        self.note("blob.flags", flags & !known == 0, || {
            format!("flags {flags:#x}")
        });
        if self.meanings.uses(self.features, Bit5::BlobAlignment) && self.alignment > 0 {
            let a = self.alignment;
            self.note("blob.aligned", size % a == 0, || format!("{size} for {a}"));
        }
        let have = self.entries("backing.entries", c, 56, n);
        if mem == 1 {
            let ok = have.is_some_and(|h| h >= size || n == 0);
            self.note("blob.entries", ok, || format!("{have:?} of {size}"));
        }
    }

    fn transfer(&mut self, c: &[u8], rect: Rect, name: &str) {
        let (id, offset) = (u32_at(c, 48), u64_at(c, 40));
        let Some(r) = self.exists(id, name) else {
            return;
        };
        if r.blob.is_some() {
            self.note("xfer.needed", false, || format!("resource {id} is a blob"));
            return;
        }
        let inside = rect.inside(r.width, r.height);
        self.note("xfer.inside", inside, || {
            format!("{rect:?} in {}x{}", r.width, r.height)
        });
        let backed = self.note("xfer.backed", r.backing.is_some(), || {
            format!("resource {id}")
        });
        if let (Some(have), true, true) = (r.backing, backed, inside && rect.height > 0) {
            let stride = u64::from(r.width) * 4;
            let span = u64::from(rect.height - 1) * stride + u64::from(rect.width) * 4;
            let ok = offset.checked_add(span).is_some_and(|end| end <= have);
            self.note("xfer.offset", ok, || {
                format!("offset {offset} + {span} of {have}")
            });
        }
    }

    fn scanout(&mut self, code: u32, c: &[u8], rect: Rect, name: &str) {
        let (n, scanout, id) = (self.scanouts, u32_at(c, 40), u32_at(c, 44));
        self.note("scanout.id", scanout < n, || {
            format!("scanout {scanout} of {n}")
        });
        if id == 0 {
            return;
        }
        let asked = self.asked;
        self.note("init.display-info", asked.0, || format!("{name} before it"));
        if self.features & feature::EDID != 0 {
            self.note("init.edid", asked.1, || format!("{name} before it"));
        }
        let Some(r) = self.exists(id, name) else {
            return;
        };
        let blob = code == cmd::SET_SCANOUT_BLOB;
        self.note("scanout.type", r.blob.is_some() == blob, || {
            format!("{name} of resource {id}")
        });
        match r.blob {
            Some(size) if blob => {
                let (w, h, format) = (u32_at(c, 48), u32_at(c, 52), u32_at(c, 56));
                let (stride, offset) = (u64::from(u32_at(c, 64)), u64::from(u32_at(c, 80)));
                self.note("scanout.inside", rect.inside(w, h), || {
                    format!("{rect:?} in {w}x{h}")
                });
                let end = offset + stride * u64::from(h.saturating_sub(1)) + u64::from(w) * 4;
                let known = matches!(format, 1..=4 | 67 | 68 | 121 | 134);
                self.note("scanout.format", known, || format!("format {format}"));
                let ok = stride >= u64::from(w) * 4 && end <= size;
                self.note("scanout.layout", ok, || {
                    format!("{w}x{h}, stride {stride}, offset {offset} in {size}")
                });
            }
            None if !blob => {
                let ok = rect.inside(r.width, r.height);
                self.note("scanout.inside", ok, || {
                    format!("{rect:?} in {}x{}", r.width, r.height)
                });
            }
            _ => {}
        }
    }
}
