// SPDX-License-Identifier: GPL-2.0
//! From a command that was run to its reply: at once, when the device's work is
//! done, or after QEMU has shown the guest some memory.

use super::{lock, Answer, Core, Host, Memory};
use crate::chain::{Chain, Ram};
use crate::device::render::Mapping;
use crate::device::Outcome;
use crate::faults::Delivery;
use crate::scenario::Fault;
use crate::trace::Event;
use crate::wire::{cmd, reply, u32_at, Header, Queue};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, MutexGuard};
use std::time::Instant;
use vhost::vhost_user::message::{VhostUserMMap, VhostUserMMapFlags};
use vhost::vhost_user::{Backend, VhostUserFrontendReqHandler};
use vhost_user_backend::VringMutex;

/// The number of the shared memory region that is the window.
const WINDOW: u8 = 1;

/// A command on its way through the host.
pub(super) struct Taken {
    pub(super) queue: Queue,
    pub(super) vring: VringMutex<Memory>,
    pub(super) chain: Chain,
    pub(super) seq: u64,
    pub(super) command: Vec<u8>,
    pub(super) fault: Option<Fault>,
}

impl Host {
    /// The device's work goes on to this moment, and the replies that are due go out.
    pub(super) fn work(self: &Arc<Self>, core: &mut Core, now: Instant) {
        let Some(ram) = self.ram().filter(|_| self.running.load(Relaxed)) else {
            return;
        };
        core.device.now = now;
        core.device.advance(&ram);
        self.settle_finished(core, &ram);
    }

    pub(super) fn settle_finished(self: &Arc<Self>, core: &mut Core, ram: &Ram) {
        for (ticket, outcome) in core.device.finished() {
            if let Some(taken) = core.parked.remove(&ticket) {
                self.settle(core, taken, outcome, ram);
            }
        }
    }

    /// A command was run: its reply goes out, or waits.
    pub(super) fn settle(
        self: &Arc<Self>,
        core: &mut Core,
        taken: Taken,
        outcome: Outcome,
        ram: &Ram,
    ) {
        for frame in &outcome.frames {
            self.frame(core, frame, ram);
        }
        if let Some(ticket) = outcome.later {
            core.parked.insert(ticket, taken);
            return;
        }
        let Taken {
            queue,
            vring,
            chain,
            seq,
            command,
            fault,
        } = taken;
        let delivery = match &fault {
            Some(f) => {
                let action = format!("{:?}", f.action).to_lowercase();
                core.trace.event(Event::Fault { seq, action });
                f.apply(outcome.reply)
            }
            None => Delivery::plain(outcome.reply),
        };
        let code = u32_at(&delivery.reply, 0);
        core.stats.errors += u64::from(code >= reply::ERR_UNSPEC);
        if outcome.client && fault.is_none() {
            core.stats.asked += 1;
        } else {
            if fault.is_some() {
                core.checker.struck();
            }
            let changed = fault.as_ref().is_some_and(Fault::changes);
            core.checker.replied(&command, code, changed);
        }
        if delivery.die {
            println!("the scenario ends the host here");
            self.conclude(core).exit();
        }
        if delivery.storm > 0 {
            let (host, n) = (self.clone(), delivery.storm);
            std::thread::spawn(move || host.storm(n, 1));
        }
        self.hand_over(
            core,
            Answer {
                queue,
                vring,
                chain,
                seq,
                command,
                delivery,
                due: Instant::now(),
            },
        );
    }

    /// Has QEMU change the window, and then settles the command. `core` is let go of meanwhile:
    /// QEMU may be waiting for something that needs it.
    pub(super) fn settle_mapped(
        self: &Arc<Self>,
        core: MutexGuard<'_, Core>,
        taken: Taken,
        mut outcome: Outcome,
        mapping: &Mapping,
        ram: &Ram,
    ) {
        let epoch = core.epoch;
        drop(core);
        let done = self.change_window(mapping);
        let mut core = lock(&self.core);
        if core.epoch != epoch {
            return;
        }
        if !done {
            let header = Header::parse(&taken.command);
            outcome = Outcome::plain(&header, reply::ERR_UNSPEC, &[]);
            if header.code == cmd::RESOURCE_MAP_BLOB {
                core.device.unmapped(u32_at(&taken.command, 24));
            }
        }
        self.settle(&mut core, taken, outcome, ram);
        self.hurry(&core);
    }

    pub(super) fn change_window(&self, mapping: &Mapping) -> bool {
        let backend: Option<Backend> = lock(&self.link).backend.clone();
        let Some(backend) = backend.filter(|_| self.running.load(Relaxed)) else {
            return false;
        };
        let range = |at: u64, len: u64, flags: VhostUserMMapFlags| VhostUserMMap {
            shmid: WINDOW,
            shm_offset: at,
            len,
            flags: flags.bits(),
            ..Default::default()
        };
        match mapping {
            Mapping::Map(at, len, memory) => {
                let map = range(*at, *len, VhostUserMMapFlags::WRITABLE);
                memory
                    .file()
                    .is_some_and(|file| backend.shmem_map(&map, file).is_ok())
            }
            Mapping::Unmap(at, len) => backend
                .shmem_unmap(&range(*at, *len, VhostUserMMapFlags::empty()))
                .is_ok(),
        }
    }
}
