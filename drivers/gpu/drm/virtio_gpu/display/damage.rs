// SPDX-License-Identifier: GPL-2.0

//! What of a buffer the host has to be sent when a plane shows it.
//!
//! Damage is what of the plane's picture has changed since its last update, whichever buffer that
//! showed. A plane keeps that of its last updates. The host's copy of a buffer that was right at one
//! of them is made right again by what has changed since, however many other buffers were shown in
//! between. A copy of which that is not known is sent whole.
#![forbid(unsafe_code)]

use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};
use virtio_gpu_proto::Rect;

/// Most rectangles that are kept apart.
const MAX_RECTS: usize = 16;
/// Updates that a plane remembers. Swap chains have up to four buffers.
const MAX_UPDATES: usize = 8;

/// The number of the last update, of all planes.
static LAST: Atomic<u64> = Atomic::new(0);

/// The number of a new update.
pub(super) fn next_update() -> u64 {
    LAST.fetch_add(1, Relaxed).wrapping_add(1)
}

/// Pixels of a picture, as rectangles that may overlap. Where there are too many, what is between
/// them belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    rects: [Rect; MAX_RECTS],
    len: usize,
    /// Whether there are too many, so that the first is around them all.
    many: bool,
}

impl Region {
    /// No pixels.
    pub(super) const fn new() -> Self {
        Self {
            rects: [Rect::sized(0, 0); MAX_RECTS],
            len: 0,
            many: false,
        }
    }

    /// The pixels of a rectangle.
    pub(super) fn of(rect: Rect) -> Self {
        let mut region = Self::new();

        region.add(rect);
        region
    }

    /// The rectangles.
    pub(super) fn rects(&self) -> &[Rect] {
        self.rects.get(..self.len).unwrap_or(&[])
    }

    /// Adds a rectangle.
    pub(super) fn add(&mut self, rect: Rect) {
        if rect.is_empty()
            || self
                .rects()
                .iter()
                .any(|old| old.intersect(&rect) == Some(rect))
        {
            return;
        }
        match self.rects.get_mut(self.len) {
            Some(slot) if !self.many => {
                *slot = rect;
                self.len += 1;
            }
            _ => {
                *self = Self::of(self.bounds_with(rect));
                self.many = true;
            }
        }
    }

    /// Adds another region.
    pub(super) fn add_all(&mut self, other: &Self) {
        for &rect in other.rects() {
            self.add(rect);
        }
    }

    /// The smallest rectangle around all of it.
    pub(super) fn bounds(&self) -> Rect {
        self.bounds_with(Rect::sized(0, 0))
    }

    /// The smallest rectangle around all of it and `rect`.
    fn bounds_with(&self, rect: Rect) -> Rect {
        // Rectangles of a framebuffer: their sums fit.
        self.rects()
            .iter()
            .fold(rect, |a, b| a.union(b).unwrap_or(a))
    }

    /// The same in at most `max` rectangles, and in one where that has no more pixels.
    pub(super) fn simple(self, max: usize) -> Self {
        let area = |rect: &Rect| u64::from(rect.width) * u64::from(rect.height);
        let bounds = self.bounds();
        let sum: u64 = self.rects().iter().map(area).sum();

        if self.len > max || sum >= area(&bounds) {
            Self::of(bounds)
        } else {
            self
        }
    }
}

/// The last updates of a plane.
pub(super) struct History {
    /// Number and damage of each, the oldest first. The damage of the first is of no use.
    updates: [(u64, Region); MAX_UPDATES],
    len: usize,
}

impl History {
    /// No updates.
    pub(super) const fn new() -> Self {
        Self {
            updates: [(0, Region::new()); MAX_UPDATES],
            len: 0,
        }
    }

    /// Forgets all: what is shown has nothing to do with what was.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds an update.
    pub(super) fn add(&mut self, number: u64, damage: Region) {
        if self.len == MAX_UPDATES {
            self.updates.rotate_left(1);
            self.len -= 1;
        }
        if let Some(slot) = self.updates.get_mut(self.len) {
            *slot = (number, damage);
            self.len += 1;
        }
    }

    /// What has changed since update `number`, unless that is not known.
    pub(super) fn since(&self, number: u64) -> Option<Region> {
        let updates = self.updates.get(..self.len)?;
        let place = updates.iter().position(|update| update.0 == number)?;
        let mut region = Region::new();

        for (_, damage) in updates.iter().skip(place + 1) {
            region.add_all(damage);
        }
        Some(region)
    }
}

#[kunit_tests(virtio_gpu_damage)]
mod tests {
    use super::*;

    fn rect(n: u32) -> Rect {
        Rect::new(10 * n, 20 * n, 5, 5)
    }

    #[test]
    fn rectangles_stay_apart() {
        let mut region = Region::new();

        for n in 0..16 {
            region.add(rect(n));
        }
        assert_eq!(region.rects().len(), MAX_RECTS);
        region.add(rect(3));
        region.add(Rect::new(30, 60, 1, 1));
        region.add(Rect::sized(0, 9));
        assert_eq!(region.rects().len(), MAX_RECTS);
        // One too many.
        region.add(rect(16));
        assert_eq!(region.rects(), [Rect::sized(165, 325)]);
        region.add(rect(17));
        assert_eq!(region.rects(), [Rect::sized(175, 345)]);
    }

    #[test]
    fn few_rectangles() {
        let mut region = Region::of(rect(0));

        region.add(rect(9));
        assert_eq!(region.simple(2), region);
        assert_eq!(region.simple(1).rects(), [Rect::sized(95, 185)]);
        // Most of the area twice.
        let mut region = Region::of(Rect::sized(10, 8));
        region.add(Rect::new(0, 1, 10, 9));
        assert_eq!(region.simple(9).rects(), [Rect::sized(10, 10)]);
        assert!(Region::new().simple(1).rects().is_empty());
    }

    #[test]
    fn what_has_changed() {
        let mut history = History::new();

        assert!(history.since(0).is_none());
        for n in 1..=4 {
            history.add(u64::from(n), Region::of(rect(n)));
        }
        assert!(history.since(0).is_none() && history.since(5).is_none());
        assert_eq!(history.since(4), Some(Region::new()));
        assert_eq!(
            history.since(2).map(|r| r.rects() == [rect(3), rect(4)]),
            Some(true)
        );
        history.clear();
        assert!(history.since(4).is_none());
    }

    #[test]
    fn old_updates_are_forgotten() {
        let mut history = History::new();

        for n in 1..=20 {
            history.add(n, Region::of(rect(1)));
        }
        assert!(history.since(12).is_none());
        assert_eq!(history.since(13), Some(Region::of(rect(1))));
    }

    #[test]
    fn numbers_are_new() {
        let first = next_update();

        assert!(first != 0 && next_update() > first);
    }
}
