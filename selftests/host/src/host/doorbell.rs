// SPDX-License-Identifier: GPL-2.0
//! Whether the driver rings when it has to: a command that waits in a ring whose
//! doorbell the device has asked for, and nobody rings, was not announced.

use super::{Core, Host, Memory};
use crate::wire::Queue;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::{Duration, Instant};
use vhost_user_backend::{VringMutex, VringT};
use virtio_queue::QueueT;

/// How long a driver may take from making a command available to the doorbell: it has a few
/// instructions to do, on a processor that may be taken from it.
const PATIENCE: Duration = Duration::from_secs(4);

/// What is known of a queue's doorbell.
#[derive(Default)]
pub(super) struct Bell {
    ring: Option<VringMutex<Memory>>,
    /// Whether the ring is being emptied (nobody needs to ring then), or lies (nobody looks).
    busy: bool,
    /// Since when something is in the ring.
    since: Option<Instant>,
}

impl Core {
    /// The doorbell of a queue rang, and the ring is going to be emptied.
    pub(super) fn rang(&mut self, queue: Queue, ring: Option<&VringMutex<Memory>>) {
        self.doorbells[queue.index()] = Bell {
            ring: ring.cloned(),
            busy: true,
            since: None,
        };
        self.checker.doorbell(queue, true);
    }

    /// The ring was empty, or was found to lie, and the next doorbell was asked for.
    pub(super) fn drained(&mut self, queue: Queue, lies: bool) {
        self.doorbells[queue.index()].busy = lies;
    }
}

impl Host {
    /// Looks for commands that nobody announced.
    pub(super) fn look_for_unannounced(&self, core: &mut Core, now: Instant) {
        let Some(ram) = self.ram().filter(|_| self.running.load(Relaxed)) else {
            return;
        };
        for queue in [Queue::Control, Queue::Cursor] {
            let bell = &mut core.doorbells[queue.index()];
            let Some(ring) = bell.ring.as_ref().filter(|_| !bell.busy) else {
                continue;
            };
            let waits = {
                let state = ring.get_ref();
                let q = state.get_queue();
                q.avail_idx(&*ram, Acquire)
                    .is_ok_and(|i| i.0 != q.next_avail())
            };
            let since = *bell.since.get_or_insert(now);
            if !waits {
                bell.since = None;
            } else if now.duration_since(since) >= PATIENCE {
                // Told once, until it rings again.
                bell.busy = true;
                core.checker.doorbell(queue, false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{lock, Options};
    use crate::wire::feature;
    use vm_memory::{Bytes, GuestAddress, GuestMemoryAtomic, GuestMemoryMmap};

    #[test]
    fn a_command_without_a_doorbell_is_seen() {
        let map = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 1 << 16)]).unwrap();
        let memory: Memory = GuestMemoryAtomic::new(map.clone());
        let host = Host::new(Options::default()).unwrap();
        host.set_memory(memory.clone());
        host.set_features(feature::VERSION_1);
        let vrings: Vec<VringMutex<Memory>> = (0..2)
            .map(|q| {
                let v = VringMutex::new(memory.clone(), 16).unwrap();
                let base = q * 0x4000;
                v.set_queue_size(16);
                v.set_queue_info(base, base + 0x1000, base + 0x2000)
                    .unwrap();
                v.set_queue_ready(true);
                v.set_enabled(true);
                v
            })
            .collect();
        let broken = || lock(&host.core).checker.tallies.of("ring.doorbell").broken;
        let look = |at| host.look_for_unannounced(&mut lock(&host.core), at);
        let start = Instant::now();
        host.kicked(Queue::Control, &vrings);
        look(start);
        look(start + PATIENCE);
        assert_eq!(broken(), 0);
        // One entry, and no doorbell.
        map.write_obj(1u16, GuestAddress(0x1002)).unwrap();
        look(start);
        assert_eq!(broken(), 0);
        look(start + PATIENCE);
        look(start + PATIENCE * 2);
        assert_eq!(broken(), 1);
        host.kicked(Queue::Control, &vrings);
        look(start + PATIENCE * 3);
        look(start + PATIENCE * 4);
        assert_eq!(broken(), 1);
    }
}
