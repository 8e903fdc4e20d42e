// SPDX-License-Identifier: GPL-2.0

//! What tells an operator that the host has gone silent.
//!
//! A ring is looked at now and then while the device has commands. If it has answered none between
//! two looks, that is a line in the log, and so is that it answers again. Nothing else comes of it:
//! whoever waits has bounds of his own, and a host may take its time.
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
    /// How many those were at the last look, if the device had commands then.
    seen: Option<u64>,
    /// Whether it was silent at the last look.
    silent: bool,
    /// Whether there is a look to come.
    armed: bool,
}

/// What a look at a ring shows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// Nothing new: the device has no commands, answers them, or is as silent as it was.
    Fine,
    /// The device has become silent, with so many commands.
    Silent(u32),
    /// The device has answered again.
    Back,
}

impl Watch {
    /// The device got a command.
    pub(super) fn added(&mut self) {
        self.in_flight = self.in_flight.saturating_add(1);
    }

    /// The device has answered a command.
    pub(super) fn answered(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.answered = self.answered.wrapping_add(1);
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
        self.in_flight != 0 && !core::mem::replace(&mut self.armed, true)
    }

    /// Has a look, as was armed. What is to come of it has to be armed anew.
    pub(super) fn look(&mut self) -> Sight {
        let busy = self.in_flight != 0;
        let seen = core::mem::replace(&mut self.seen, busy.then_some(self.answered));
        let silent = busy && seen == Some(self.answered);
        let was_silent = core::mem::replace(&mut self.silent, silent);

        self.armed = false;
        match (was_silent, silent) {
            (false, true) => Sight::Silent(self.in_flight),
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

    #[test]
    fn a_prompt_device() {
        let mut watch = Watch::default();

        assert!(!watch.arm());
        watch.added();
        assert!(watch.arm());
        assert!(!watch.arm());
        assert_eq!(watch.look(), Sight::Fine);
        assert!(watch.arm());
        watch.answered();
        watch.added();
        assert_eq!(watch.look(), Sight::Fine);
        assert!(watch.arm());
        watch.answered();
        assert_eq!(watch.look(), Sight::Fine);
        assert!(!watch.arm());
    }

    #[test]
    fn a_silent_device() {
        let mut watch = Watch::default();

        watch.added();
        watch.added();
        assert!(watch.arm());
        assert_eq!(watch.look(), Sight::Fine);
        assert_eq!(watch.look(), Sight::Silent(2));
        watch.added();
        assert_eq!(watch.look(), Sight::Fine);
        watch.answered();
        assert_eq!(watch.look(), Sight::Back);
        watch.answered();
        watch.answered();
        assert_eq!(watch.look(), Sight::Fine);
        assert!(!watch.arm());
    }

    #[test]
    fn time_without_commands_does_not_count() {
        let mut watch = Watch::default();

        watch.added();
        watch.answered();
        assert_eq!(watch.look(), Sight::Fine);
        watch.added();
        assert_eq!(watch.look(), Sight::Fine);
        watch.answered();
        assert_eq!(watch.look(), Sight::Fine);
    }
}
