// SPDX-License-Identifier: GPL-2.0
//! The rules about the window: what is mapped where. A place belongs to a blob from the command that
//! maps it until the driver has the answer that takes it away.

use super::model::Checker;
use crate::meaning::Bit5;
use crate::wire::*;

impl Checker {
    /// A command about the window comes.
    pub(super) fn window(&mut self, code: u32, id: u32, offset: u64, name: &str) {
        let map = code == cmd::RESOURCE_MAP_BLOB;
        if let Some(res) = self.exists(id, name) {
            self.note("window.mapped", res.place.is_none() == map, || {
                format!("{name} of resource {id}")
            });
        }
        if !map {
            return;
        }
        let size = self.res.get(&id).and_then(|r| r.blob).unwrap_or(0);
        let Some(end) = offset.checked_add(size.next_multiple_of(PAGE)) else {
            self.note("window.place", false, || {
                format!("resource {id}, {offset:#x}")
            });
            return;
        };
        let unit = match self.meanings.uses(self.features, Bit5::BlobAlignment) {
            true => self.alignment.max(PAGE),
            false => PAGE,
        };
        let inside = end <= self.window && offset % unit == 0;
        let mut others = self.places.iter().filter(|(other, _)| **other != id);
        let alone = others.all(|(_, (at, len))| offset >= at.saturating_add(*len) || *at >= end);
        self.note("window.place", inside && alone, || {
            format!("resource {id} from {offset:#x} to {end:#x}")
        });
        self.places.insert(id, (offset, end - offset));
    }

    /// The reply of a command is decided.
    pub(super) fn learn_place(&mut self, h: &Header, c: &[u8], failed: bool) {
        let id = u32_at(c, 24);
        let Some(res) = self.res.get_mut(&id) else {
            return;
        };
        match h.code {
            cmd::RESOURCE_MAP_BLOB if failed => {
                self.places.remove(&id);
            }
            cmd::RESOURCE_MAP_BLOB => res.place = Some(u64_at(c, 32)),
            cmd::RESOURCE_UNMAP_BLOB => res.place = None,
            _ => {}
        }
    }

    /// The driver has the answer to a command.
    pub(super) fn vacate(&mut self, h: &Header, c: &[u8]) {
        if matches!(h.code, cmd::RESOURCE_UNMAP_BLOB | cmd::RESOURCE_UNREF) {
            self.places.remove(&u32_at(c, 24));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::client::Client;
    use crate::wire::*;

    const SCENARIO: &str =
        "[device]\nwith=['RESOURCE_BLOB','VIRGL']\nwindow=1\n[expect]\nerrors-allowed=true";

    /// Blobs 1 and 2 of a page of a context's memory; 1 is at 0 in the window.
    fn client(scenario: &str) -> Client {
        let mut c = Client::new(scenario).unwrap();
        assert_eq!(
            c.code(&Client::request(cmd::CTX_CREATE, 1, &[0; 18])),
            reply::OK_NODATA
        );
        for id in [1, 2] {
            let create = [id, 2, 1, 0, 0, 0, 0x10000, 0];
            let create = Client::request(cmd::RESOURCE_CREATE_BLOB, 1, &create);
            assert_eq!(c.code(&create), reply::OK_NODATA);
        }
        assert_eq!(map(&mut c, 1, 0), reply::OK_MAP_INFO);
        c
    }

    fn map(c: &mut Client, id: u32, at: u32) -> u32 {
        c.code(&Client::request(cmd::RESOURCE_MAP_BLOB, 0, &[id, 0, at, 0]))
    }

    fn broken(c: &Client) -> Vec<&'static str> {
        c.checker.tallies.failures(&["reply.clean".into()])
    }

    #[test]
    fn places() {
        for (at, good) in [
            (0x10000, true),
            (0xf0000, true),
            (0x11000, true),
            (0xf000, false),
            (0x10800, false),
            (0xf1000, false),
            (0xffff_f000, false),
        ] {
            let mut c = client(SCENARIO);
            let code = map(&mut c, 2, at);
            assert_eq!(code == reply::OK_MAP_INFO, good, "{at:#x}");
            let wanted: &[&str] = if good { &[] } else { &["window.place"] };
            assert_eq!(broken(&c), wanted, "{at:#x}");
        }
        let aligned = SCENARIO.replace("'VIRGL'", "'VIRGL','BLOB_ALIGNMENT'");
        let aligned = aligned.replace("window=1", "window=1\nblob-alignment=65536");
        let mut c = client(&aligned);
        assert_ne!(map(&mut c, 2, 0x11000), reply::OK_MAP_INFO);
        assert_eq!(broken(&c), ["window.place"]);
        let mut c = client(&aligned);
        assert_eq!(map(&mut c, 2, 0x20000), reply::OK_MAP_INFO);
        assert!(broken(&c).is_empty());
    }

    #[test]
    fn there_and_gone() {
        let unmap = Client::request(cmd::RESOURCE_UNMAP_BLOB, 0, &[1, 0]);
        let unref = Client::request(cmd::RESOURCE_UNREF, 0, &[1, 0]);
        let mut c = client(SCENARIO);
        assert_ne!(map(&mut c, 1, 0x20000), reply::OK_MAP_INFO);
        assert_eq!(broken(&c), ["window.mapped"]);

        let mut c = client(SCENARIO);
        assert_eq!(c.code(&unmap), reply::OK_NODATA);
        assert_eq!(map(&mut c, 2, 0), reply::OK_MAP_INFO);
        assert!(broken(&c).is_empty());
        assert_ne!(c.code(&unmap), reply::OK_NODATA);
        assert_eq!(broken(&c), ["window.mapped"]);

        let mut c = client(SCENARIO);
        c.code(&unref);
        assert_eq!(broken(&c), ["window.let-go"]);
    }

    #[test]
    fn what_a_mapping_is_called() {
        let scenario = SCENARIO.replace("window=1", "window=1\nmap-info=243");
        let mut c = Client::new(&scenario).unwrap();
        c.code(&Client::request(cmd::CTX_CREATE, 1, &[0; 18]));
        let create = [1, 2, 1, 0, 0, 0, 0x1000, 0];
        c.code(&Client::request(cmd::RESOURCE_CREATE_BLOB, 1, &create));
        let map = Client::request(cmd::RESOURCE_MAP_BLOB, 0, &[1, 0, 0, 0]);
        assert_eq!(u32_at(&c.send(&map).unwrap().reply, 24), 243);
    }
}
