// SPDX-License-Identifier: GPL-2.0

//! Taking off the ring what the device has used: by the completion worker, which ends it, or early,
//! by who wants to know what the host has answered.
#![forbid(unsafe_code)]

use super::{
    header,
    Inner,
    Meta,
    Ring, //
};
use crate::abi::{
    trace,
    virtio::Fifo, //
};
use core::mem::replace;

impl Ring {
    /// Takes what the device has used into `used` if nothing tells the completion worker of it, because
    /// nobody waits for it. Returns whether the device is lost.
    pub(in crate::queue) fn take_quiet(&self, used: &mut Fifo<Meta>) -> bool {
        let mut inner = self.inner.lock();

        // A kick that is yet to come sees to anything else.
        if inner.quiet && inner.is_all_quiet() {
            inner.take_all(used);
        }
        inner.lost
    }
}

impl Inner {
    /// Whether nobody waits for the end of any command that there is.
    fn is_all_quiet(&self) -> bool {
        self.awaited == 0 && self.parked() == 0 && self.reserve.has_none_used()
    }

    /// Has the device interrupt as it has to for the commands that there are.
    pub(super) fn choose_interrupts(&mut self) {
        let quiet = self.is_all_quiet() && self.watch.in_flight() != 0;
        let Some(vq) = self.vq.as_mut().filter(|_| self.quiet != quiet) else {
            return;
        };

        self.quiet = quiet;
        if quiet {
            vq.disable_interrupts();
        } else if !vq.enable_interrupts() {
            vq.call_handler();
        }
    }

    /// Calls for the completion worker if commands were taken off the ring that are its to end, as it makes
    /// progress when memory is short: there may be no interrupt for them any more.
    pub(super) fn call_for_taken(&self) {
        if self.early.is_empty() && self.reserve.has_none_used() {
            return;
        }
        if let Some(vq) = &self.vq {
            vq.call_handler();
        }
    }

    /// Puts what was taken off the ring early into `used`.
    pub(super) fn give_early(&mut self, used: &mut Fifo<Meta>) {
        while let Some(request) = self.early.pop() {
            used.push(request);
        }
    }

    /// Takes off the ring what the device has used by now, for the completion worker. Fences know
    /// then that they are answered.
    pub(super) fn take_early(&mut self) {
        let mut used = replace(&mut self.early, Fifo::new());

        self.take_all(&mut used);
        self.early = used;
    }

    /// Takes off the ring what the device has used, and has it tell of what comes after.
    pub(super) fn take_used(&mut self, used: &mut Fifo<Meta>) {
        self.reserve.give_used(used);
        // At most a ring's worth: used entries are only replaced by what we add, which is later.
        loop {
            let Some(vq) = self.vq.as_mut().filter(|_| !self.reset) else {
                return;
            };

            vq.disable_interrupts();
            self.take_all(used);
            let Some(vq) = self.vq.as_mut() else {
                return;
            };
            if vq.is_broken() {
                if !self.lost {
                    self.lost = true;
                    vq.report();
                }
                return;
            }
            self.quiet = self.is_all_quiet() && self.watch.in_flight() != 0;
            if self.quiet {
                return;
            }
            let Some(vq) = self.vq.as_mut() else {
                return;
            };
            if vq.enable_interrupts() {
                return;
            }
        }
    }

    fn take_all(&mut self, used: &mut Fifo<Meta>) {
        let Some(vq) = self.vq.as_mut().filter(|_| !self.reset) else {
            return;
        };

        while let Some((mut request, len)) = vq.get() {
            request.data.used = len;
            if request.data.fenced {
                self.fence_done =
                    header(&mut request).map_or(self.fence_done, |hdr| hdr.fence_id.get());
            }
            if let Some(fence) = &request.data.fence {
                fence.answered();
            }
            trace::cmd_response(vq, request.reply(), request.data.number);
            self.watch.answered(request.data.since.take());
            self.awaited = self.awaited.saturating_sub(u32::from(!request.data.quiet));
            if let Some(request) = self.reserve.take(request) {
                used.push(request);
            }
        }
    }
}
