// SPDX-License-Identifier: GPL-2.0

//! The order of the parked jobs that name an object, of whatever contexts.
#![forbid(unsafe_code)]

use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// Whose turn it is among the parked jobs that name an object. Changes under the lock of [`Jobs`](super::Jobs).
pub(crate) struct Tickets {
    taken: Atomic<u64>,
    served: Atomic<u64>,
    /// The job that took the last one, which may name the object twice.
    last: Atomic<u64>,
}

impl Tickets {
    /// Of an object that no job has named.
    pub(crate) const fn new() -> Self {
        Self {
            taken: Atomic::new(0),
            served: Atomic::new(0),
            last: Atomic::new(0),
        }
    }

    /// Whether no parked job names the object.
    pub(super) fn is_free(&self) -> bool {
        self.is_at(self.taken.load(Relaxed))
    }

    /// Whether it is the turn of who has this one.
    pub(super) fn is_at(&self, turn: u64) -> bool {
        self.served.load(Relaxed) == turn
    }

    /// Takes the next turn for job `job`, unless it has done so.
    pub(in crate::queue) fn take(&self, job: u64) -> Option<u64> {
        if self.last.load(Relaxed) == job {
            return None;
        }
        self.last.store(job, Relaxed);
        Some(self.taken.fetch_add(1, Relaxed))
    }

    /// Who has the turn is done with it.
    pub(in crate::queue) fn serve(&self) {
        self.served.fetch_add(1, Relaxed);
    }
}

#[kunit_tests(virtio_gpu_tickets)]
mod tests {
    use super::*;

    #[test]
    fn turns_come_in_order() {
        let tickets = Tickets::new();
        assert!(tickets.is_free());
        let (first, second) = (tickets.take(1), tickets.take(2));

        assert_eq!((first, second), (Some(0), Some(1)));
        assert!(!tickets.is_free());
        assert!(tickets.is_at(0));
        tickets.serve();
        assert!(tickets.is_at(1));
        tickets.serve();
        assert!(tickets.is_free());
    }

    #[test]
    fn a_job_takes_one() {
        let tickets = Tickets::new();

        assert_eq!(tickets.take(7), Some(0));
        assert_eq!(tickets.take(7), None);
        tickets.serve();
        assert!(tickets.is_free());
        assert_eq!(tickets.take(8), Some(1));
    }
}
