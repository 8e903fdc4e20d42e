// SPDX-License-Identifier: GPL-2.0
//! Replies on their way back: when they are due, what the used ring says,
//! whether an interrupt follows; and the frames that a flush completed.

use super::{Answer, Core, Host, SWAP_LIMIT};
use crate::chain::Ram;
use crate::device::scanout::Frame;
use crate::trace::Event;
use crate::wire::{reply, u32_at};
use std::time::Instant;
use vhost_user_backend::VringT;

impl Host {
    /// Delivers now, or puts it where the clock finds it.
    pub(super) fn hand_over(&self, core: &mut Core, mut answer: Answer) {
        let now = Instant::now();
        let (queue, mut due) = (answer.queue, now + answer.delivery.delay);
        if answer.delivery.stall {
            core.stalled[queue.index()] = Some(due);
        }
        if let Some(end) = core.stalled[queue.index()] {
            if end > now {
                due = due.max(end);
            } else {
                core.stalled[queue.index()] = None;
            }
        }
        if answer.delivery.after_next {
            due = now + SWAP_LIMIT;
        }
        if due > now {
            answer.due = due;
            core.pending.push(answer);
            self.hurry(core);
            return;
        }
        self.deliver(core, answer);
        while let Some(i) = core
            .pending
            .iter()
            .position(|a| a.queue == queue && a.delivery.after_next)
        {
            let held = core.pending.remove(i);
            self.deliver(core, held);
        }
    }

    /// Writes the reply and the used entry, and interrupts where the driver wants that.
    pub(super) fn deliver(&self, core: &mut Core, a: Answer) {
        let Some(ram) = self.ram().filter(|_| a.delivery.entries > 0) else {
            core.trace.event(Event::Done {
                seq: a.seq,
                reply: "none".into(),
                len: 0,
                irq: "withheld".into(),
            });
            return;
        };
        let written = a.chain.write(&ram, &a.delivery.reply);
        let len = a.delivery.claim.unwrap_or(written);
        // The checker must know before the driver can.
        core.checker.delivered(a.queue, &a.command, &a.chain.direct);
        for _ in 0..a.delivery.entries {
            // Fails for a head beyond the ring, which the checks have told already.
            let _ = a.vring.add_used(a.chain.head, len);
        }
        let wanted = a.vring.needs_notification().unwrap_or(true);
        let irq = match (wanted, a.delivery.interrupt) {
            (true, true) => "sent",
            (true, false) => "withheld",
            (false, _) => "suppressed",
        };
        let sent = irq == "sent";
        core.stats.interrupts += u64::from(sent);
        core.stats.suppressed += u64::from(irq == "suppressed");
        let reply = reply::name(u32_at(&a.delivery.reply, 0));
        core.trace.event(Event::Done {
            seq: a.seq,
            reply,
            len,
            irq: irq.into(),
        });
        if sent {
            let _ = a.vring.signal_used_queue();
        }
    }

    pub(super) fn frame(&self, core: &mut Core, f: &Frame, ram: &Ram) {
        core.stats.frames += 1;
        core.stats.copied = core.device.copied;
        let copied = core.device.copied - core.copied;
        core.copied = core.device.copied;
        core.trace.event(Event::Frame {
            scanout: f.scanout,
            resource: f.resource,
            width: f.width,
            height: f.height,
            crc: f.crc.map(|c| format!("{c:08x}")),
            in_place: f.in_place,
            copied,
        });
        if let Some(dir) = self
            .options
            .shots
            .as_ref()
            .filter(|_| self.options.every_frame)
        {
            core.pictures += 1;
            let path = dir.join(format!("frame-{:05}-{}.png", core.pictures, f.scanout));
            if let Err(e) = core.device.shot(f.scanout, &path, ram) {
                println!("{}: {e}", path.display());
            }
        }
    }
}
