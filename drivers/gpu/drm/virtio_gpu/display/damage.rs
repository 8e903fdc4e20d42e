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
#[derive(Clone, Copy, Debug)]
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

    /// Makes it the same as another one.
    fn assign(&mut self, other: &Self) {
        if let Some(rects) = self.rects.get_mut(..other.len) {
            rects.copy_from_slice(other.rects());
            self.len = other.len;
            self.many = other.many;
        }
    }

    /// Makes it at most `max` rectangles, and one where that has no more pixels.
    pub(super) fn simplify(&mut self, max: usize) {
        if self.len <= 1 && self.len <= max {
            return;
        }
        let area = |rect: &Rect| u64::from(rect.width) * u64::from(rect.height);
        let bounds = self.bounds();
        let sum: u64 = self.rects().iter().map(area).sum();

        if self.len > max || sum >= area(&bounds) {
            self.len = 0;
            self.many = false;
            self.add(bounds);
        }
    }
}

/// The last updates of a plane.
pub(super) struct History {
    /// Number and damage of each, in the order of a ring. The damage of the oldest is of no use.
    updates: [(u64, Region); MAX_UPDATES],
    len: usize,
    /// The place of the next one.
    next: usize,
}

impl History {
    /// No updates.
    pub(super) const fn new() -> Self {
        Self {
            updates: [(0, Region::new()); MAX_UPDATES],
            len: 0,
            next: 0,
        }
    }

    /// Forgets all: what is shown has nothing to do with what was.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds an update.
    pub(super) fn add(&mut self, number: u64, damage: &Region) {
        if let Some(slot) = self.updates.get_mut(self.next) {
            slot.0 = number;
            slot.1.assign(damage);
        }
        self.next = (self.next + 1) % MAX_UPDATES;
        self.len = MAX_UPDATES.min(self.len + 1);
    }

    /// The update `age` before the next one, from 1 to as many as there are.
    fn before(&self, age: usize) -> Option<&(u64, Region)> {
        self.updates
            .get((self.next + MAX_UPDATES - age) % MAX_UPDATES)
    }

    /// Adds to `region` what has changed since update `number`. Returns whether that is known.
    pub(super) fn add_since(&self, number: u64, region: &mut Region) -> bool {
        let is_it = |age: &usize| self.before(*age).is_some_and(|update| update.0 == number);
        let Some(age) = (1..=self.len).find(is_it) else {
            return false;
        };

        for (_, damage) in (1..age).rev().filter_map(|age| self.before(age)) {
            region.add_all(damage);
        }
        true
    }
}

#[kunit_tests(virtio_gpu_damage)]
mod tests {
    use super::*;

    fn rect(n: u32) -> Rect {
        Rect::new(10 * n, 20 * n, 5, 5)
    }

    impl PartialEq for Region {
        fn eq(&self, other: &Self) -> bool {
            self.rects() == other.rects()
        }
    }

    fn since(history: &History, number: u64) -> Option<Region> {
        let mut region = Region::new();

        history.add_since(number, &mut region).then_some(region)
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
        region.simplify(2);
        assert_eq!(region.rects(), [rect(0), rect(9)]);
        region.simplify(1);
        assert_eq!(region.rects(), [Rect::sized(95, 185)]);
        // Most of the area twice.
        let mut region = Region::of(Rect::sized(10, 8));
        region.add(Rect::new(0, 1, 10, 9));
        region.simplify(9);
        assert_eq!(region.rects(), [Rect::sized(10, 10)]);
        let mut region = Region::new();
        region.simplify(1);
        assert!(region.rects().is_empty());
    }

    #[test]
    fn what_has_changed() {
        let mut history = History::new();

        assert_eq!(since(&history, 0), None);
        for n in 1..=4 {
            history.add(u64::from(n), &Region::of(rect(n)));
        }
        assert_eq!((since(&history, 0), since(&history, 5)), (None, None));
        assert_eq!(since(&history, 4), Some(Region::new()));
        assert_eq!(
            since(&history, 2).map(|r| r.rects() == [rect(3), rect(4)]),
            Some(true)
        );
        history.clear();
        assert_eq!(since(&history, 4), None);
    }

    #[test]
    fn old_updates_are_forgotten() {
        let mut history = History::new();

        for n in 1..=20 {
            history.add(n, &Region::of(rect(1)));
        }
        assert_eq!(since(&history, 12), None);
        assert_eq!(since(&history, 13), Some(Region::of(rect(1))));
    }

    #[test]
    fn numbers_are_new() {
        let first = next_update();

        assert!(first != 0 && next_update() > first);
    }
}
