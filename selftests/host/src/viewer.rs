// SPDX-License-Identifier: GPL-2.0
//! A display of the host's: it has a beat of its own, takes up at each what was
//! flushed last, and reads that row by row, where it lies, for as long as the
//! scenario says. The flush of a scanout that is guest memory is answered when the
//! host is done with what it showed before.
//!
//! Rows that start with a mark have the number of their frame; a picture with
//! several numbers was drawn into while it was shown.

use crate::chain::Ram;
use crate::device::resource::Resource;
use crate::device::scanout::Shown;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Duration;

/// The upper byte of a row's first word where it has a number.
const MARK: u32 = 0xa5;
/// Pauses in the reading of a picture.
const PAUSES: u32 = 8;

/// When a flush is answered.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Answers {
    /// When the new picture is shown in place of the old one.
    #[default]
    Latched,
    /// When the new picture was read, and is not looked at any more.
    Read,
    /// At once, though the old picture is still being read: a host that lies.
    AtOnce,
    /// Never.
    Never,
}

/// The display, as a scenario describes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ViewerOptions {
    /// Beats a second; 0: none of its own.
    pub hz: f64,
    /// Whether it also beats where it is told to; with neither, there is no such display.
    pub ordered: bool,
    /// By how much of a period a beat may be late.
    pub jitter: f64,
    /// The shortest and the longest reading, in microseconds.
    pub hold_us: [u64; 2],
    /// When a flush is answered.
    pub answers: Answers,
}

impl ViewerOptions {
    /// Whether there is such a display.
    pub fn is_there(&self) -> bool {
        self.hz > 0.0 || self.ordered
    }

    /// What is wrong with it.
    pub fn fault(&self) -> Option<&'static str> {
        let [least, most] = self.hold_us;
        if !(0.0..=1000.0).contains(&self.hz) || !(0.0..=1.0).contains(&self.jitter) {
            return Some("viewer: hz is at most 1000, jitter at most 1");
        }
        (least > most || most > 1_000_000)
            .then_some("viewer: hold-us is the shortest and the longest, at most a second")
    }
}

/// What it has seen.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Sights {
    /// Beats.
    pub beats: u64,
    /// Beats that came more than an eighth of a period late: somebody had no time for the host.
    pub late: u64,
    /// Beats at which there was a new picture.
    pub fresh: u64,
    /// Pictures that were read and had a mark.
    pub samples: u64,
    /// Those that had several numbers.
    pub mixed: u64,
}

/// What is between the device and its display.
#[derive(Debug, Default)]
pub struct Viewer {
    answers: Answers,
    /// What was flushed last, with what answers those flushes.
    flushed: Option<Shown>,
    waiting: Vec<Arc<AtomicU32>>,
    /// What is shown.
    shown: Option<Shown>,
}

impl Viewer {
    /// One as the scenario describes it.
    pub fn new(options: &ViewerOptions) -> Option<Viewer> {
        options.is_there().then(|| Viewer {
            answers: options.answers,
            ..Viewer::default()
        })
    }

    /// A picture was flushed. Returns what to wait for before that is answered, if it is `fenced`.
    pub fn flush(&mut self, shown: Shown, fenced: bool) -> Option<Arc<AtomicU32>> {
        self.flushed = Some(shown);
        if !fenced || self.answers == Answers::AtOnce {
            return None;
        }
        let answer = Arc::new(AtomicU32::new(0));
        if self.answers != Answers::Never {
            self.waiting.push(answer.clone());
        }
        Some(answer)
    }

    /// A beat: what is read from here on, whether it is new, and the flushes of it.
    pub fn beat(&mut self) -> (Option<Shown>, bool, Vec<Arc<AtomicU32>>) {
        let fresh = self.flushed.is_some();
        self.shown = self.flushed.take().or(self.shown);
        // What was read and answered may be drawn into.
        let read = self
            .shown
            .filter(|_| fresh || self.answers != Answers::Read);
        (read, fresh, std::mem::take(&mut self.waiting))
    }

    /// The scanout shows nothing any more, or nothing of that resource.
    pub fn forget(&mut self, resource: Option<u32>) {
        let stays = |s: &Shown| resource.is_some_and(|id| s.resource != id);
        self.shown = self.shown.filter(stays);
        self.flushed = self.flushed.filter(stays);
        if self.flushed.is_none() {
            answer(&std::mem::take(&mut self.waiting));
        }
    }

    /// Whether flushes are answered before the picture is read.
    pub fn answers_first(&self) -> bool {
        self.answers != Answers::Read
    }
}

/// Has flushes answered.
pub fn answer(flushes: &[Arc<AtomicU32>]) {
    for flush in flushes {
        flush.store(1, Relaxed);
    }
}

/// Numbers that are the same in every run.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed | 1)
    }

    /// From 0 to 1.
    pub fn fraction(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Reads a picture for that long. `None`: it has no mark, else whether it is mixed.
pub fn read(shown: &Shown, resource: &Resource, ram: &Ram, time: Duration) -> Option<bool> {
    let row = |y: u32| {
        let mut word = [0; 4];
        let at = u64::from(y).checked_mul(shown.stride.into())?;
        let at = at.checked_add(u64::from(shown.offset))?;
        resource
            .read(ram, at, &mut word)
            .then(|| u32::from_le_bytes(word))
    };
    let first = row(shown.rect.y).filter(|word| word >> 24 == MARK)?;
    let mut mixed = false;
    for part in 0..PAUSES {
        if !time.is_zero() {
            std::thread::sleep(time / PAUSES);
        }
        let of = |n: u32| (u64::from(shown.rect.height) * u64::from(n) / u64::from(PAUSES)) as u32;
        for y in of(part)..of(part + 1) {
            mixed |= row(shown.rect.y.saturating_add(y))? != first;
        }
    }
    Some(mixed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::resource::Kind;
    use crate::pages::Pages;
    use crate::wire::{put32, Rect};
    use vm_memory::{Bytes, GuestAddress};

    fn shown(resource: u32) -> Shown {
        Shown {
            resource,
            rect: Rect {
                x: 0,
                y: 0,
                width: 16,
                height: 16,
            },
            format: 2,
            stride: 64,
            offset: 0,
        }
    }

    #[test]
    fn flushes_are_answered_at_beats() {
        let viewer = |answers| {
            let options = ViewerOptions {
                hz: 60.0,
                answers,
                ..ViewerOptions::default()
            };
            Viewer::new(&options).unwrap()
        };
        let mut v = viewer(Answers::Latched);
        let first = v.flush(shown(1), true).unwrap();
        assert!(v.flush(shown(2), false).is_none());
        let (now, fresh, flushes) = v.beat();
        assert_eq!((now, fresh, flushes.len()), (Some(shown(2)), true, 1));
        assert_eq!(first.load(Relaxed), 0);
        answer(&flushes);
        assert_eq!(first.load(Relaxed), 1);
        assert!(!v.beat().1 && v.beat().0.is_some());
        v.forget(Some(2));
        assert!(v.beat().0.is_none());
        assert!(viewer(Answers::AtOnce).flush(shown(1), true).is_none());
        let mut never = viewer(Answers::Never);
        assert!(never.flush(shown(1), true).is_some() && never.beat().2.is_empty());
        assert!(Viewer::new(&ViewerOptions::default()).is_none());
    }

    #[test]
    fn mixed_pictures_are_seen() {
        let ram = Ram::from_ranges(&[(GuestAddress(0), 0x4000)]).unwrap();
        let mut entry = vec![];
        put32(&mut entry, &[0x1000, 0, 0x1000, 0]);
        let resource = Resource {
            kind: Kind::Blob { size: 0x1000 },
            backing: Some(Arc::new(Pages::parse(&entry, 1, &ram).unwrap())),
        };
        let look = || read(&shown(1), &resource, &ram, Duration::ZERO);
        let draw = |y: u64, number: u32| {
            ram.write_obj((MARK << 24) | number, GuestAddress(0x1000 + 64 * y))
                .unwrap();
        };
        assert_eq!(look(), None);
        (0..16).for_each(|y| draw(y, 7));
        assert_eq!(look(), Some(false));
        draw(15, 8);
        assert_eq!(look(), Some(true));
    }
}
