// SPDX-License-Identifier: GPL-2.0

//! What tells an operator that the host has gone silent.
//!
//! A ring is looked at now and then while the device has commands. If it has one since before the
//! last look, that is a line in the log, and so is that it has none such any more. Nothing else comes
//! of it: whoever waits has bounds of his own, and a host may take its time. Work on a ring of a
//! context may take for ever, so it does not count.
#![forbid(unsafe_code)]

use kernel::prelude::*;

/// Milliseconds from one look to the next.
pub(super) const PERIOD_MS: u32 = 5000;

/// What is known of a ring.
#[derive(Default)]
pub(super) struct Watch {
    /// Commands that the device has.
    in_flight: u32,
    /// Commands that it has answered.
    answered: u64,
    /// Number of looks.
    now: u32,
    /// Of the commands that count: those the device has since after the last look,
    recent: u32,
    /// between that and the one before,
    last: u32,
    /// and longer.
    old: u32,
    /// Whether there were old ones at the last look.
    silent: bool,
    /// Whether there is a look to come.
    armed: bool,
}

/// When the device got a command that counts.
#[derive(Clone, Copy)]
pub(super) struct Since(u32);

/// What a look at a ring shows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// Nothing new: the device answers commands in time, or is as silent as it was.
    Fine,
    /// The device has so many commands for too long.
    Silent(u32),
    /// The device has answered them.
    Back,
}

impl Watch {
    /// What a command that counts has to remember if the device gets it now.
    pub(super) fn since(&self) -> Since {
        Since(self.now)
    }

    /// The device got a command.
    pub(super) fn added(&mut self, counts: bool) {
        self.in_flight = self.in_flight.saturating_add(1);
        self.recent = self.recent.saturating_add(counts.into());
    }

    /// The device has answered a command, which counts if it has a time.
    pub(super) fn answered(&mut self, since: Option<Since>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.answered = self.answered.wrapping_add(1);
        let Some(Since(since)) = since else {
            return;
        };
        let of_its_age = match self.now.wrapping_sub(since) {
            0 => &mut self.recent,
            1 => &mut self.last,
            _ => &mut self.old,
        };
        *of_its_age = of_its_age.saturating_sub(1);
    }

    /// Commands that the device has.
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Commands that it has answered.
    pub(super) fn answers(&self) -> u64 {
        self.answered
    }

    /// Whether it was silent at the last look.
    pub(super) fn is_silent(&self) -> bool {
        self.silent
    }

    /// Whether somebody has to have a look in [`PERIOD_MS`]. Says so once until that look.
    pub(super) fn arm(&mut self) -> bool {
        let counted = self.recent != 0 || self.last != 0 || self.old != 0;

        (counted || self.silent) && !core::mem::replace(&mut self.armed, true)
    }

    /// Has a look, as was armed. What is to come of it has to be armed anew.
    pub(super) fn look(&mut self) -> Sight {
        self.old = self.old.saturating_add(self.last);
        self.last = core::mem::take(&mut self.recent);
        self.now = self.now.wrapping_add(1);
        self.armed = false;

        let silent = self.old != 0;
        match (core::mem::replace(&mut self.silent, silent), silent) {
            (false, true) => Sight::Silent(self.old),
            (true, false) => Sight::Back,
            _ => Sight::Fine,
        }
    }

    /// There is no device any more.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[kunit_tests(virtio_gpu_watch)]
mod tests {
    use super::*;

    /// A command that counts.
    fn add(watch: &mut Watch) -> Option<Since> {
        let since = watch.since();

        watch.added(true);
        Some(since)
    }

    #[test]
    fn a_prompt_device() {
        let mut watch = Watch::default();

        assert!(!watch.arm());
        let first = add(&mut watch);
        assert!(watch.arm());
        assert!(!watch.arm());
        assert_eq!(watch.look(), Sight::Fine);
        assert!(watch.arm());
        watch.answered(first);
        let second = add(&mut watch);
        assert_eq!(watch.look(), Sight::Fine);
        assert!(watch.arm());
        watch.answered(second);
        assert_eq!(watch.look(), Sight::Fine);
        assert!(!watch.arm());
        assert_eq!((watch.in_flight(), watch.answers()), (0, 2));
    }

    #[test]
    fn a_silent_device() {
        let mut watch = Watch::default();

        let first = add(&mut watch);
        let second = add(&mut watch);
        assert_eq!(watch.look(), Sight::Fine);
        assert_eq!(watch.look(), Sight::Silent(2));
        let third = add(&mut watch);
        assert_eq!(watch.look(), Sight::Fine);
        watch.answered(first);
        assert_eq!(watch.look(), Sight::Fine);
        watch.answered(second);
        watch.answered(third);
        assert!(watch.arm());
        assert_eq!(watch.look(), Sight::Back);
        assert!(!watch.arm());
    }

    #[test]
    fn one_command_is_forgotten() {
        let mut watch = Watch::default();

        let _forgotten = add(&mut watch);
        assert_eq!(watch.look(), Sight::Fine);
        let other = add(&mut watch);
        watch.answered(other);
        assert_eq!(watch.look(), Sight::Silent(1));
    }

    #[test]
    fn work_on_rings_takes_its_time() {
        let mut watch = Watch::default();

        watch.added(false);
        assert!(!watch.arm());
        assert_eq!(watch.look(), Sight::Fine);
        assert_eq!(watch.look(), Sight::Fine);
        watch.answered(None);
        assert_eq!(watch.in_flight(), 0);
    }
}
