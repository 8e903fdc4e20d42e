// SPDX-License-Identifier: GPL-2.0
//! Decides which command is struck by which fault, and what that makes of its reply.

use crate::scenario::{Action, Fault};
use crate::wire::{command_name, reply, u32_at, Queue, FLAG_FENCE, HDR_LEN};
use std::time::Duration;

/// The faults of a scenario, and how often each kind of command came by.
#[derive(Debug, Default)]
pub struct Faults {
    list: Vec<(Fault, u32)>,
    struck: u64,
}

/// How a reply goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What is written.
    pub reply: Vec<u8>,
    /// What the used entry says beyond what was written (or instead, where less).
    pub claim: Option<u32>,
    /// How much later.
    pub delay: Duration,
    /// Whether the delay is for all that follows on the queue as well.
    pub stall: bool,
    /// How many used entries: 0, 1 or 2.
    pub entries: u32,
    /// Whether an interrupt may follow.
    pub interrupt: bool,
    /// Whether it waits for the next reply on its queue.
    pub after_next: bool,
    /// How many configuration interrupts come with it.
    pub storm: u32,
    /// Whether the host is gone instead.
    pub die: bool,
}

impl Delivery {
    /// A reply as it should be.
    pub fn plain(reply: Vec<u8>) -> Delivery {
        Delivery {
            reply,
            claim: None,
            delay: Duration::ZERO,
            stall: false,
            entries: 1,
            interrupt: true,
            after_next: false,
            storm: 0,
            die: false,
        }
    }
}

impl Faults {
    /// Of a scenario.
    pub fn new(list: &[Fault]) -> Faults {
        Faults {
            list: list.iter().map(|f| (f.clone(), 0)).collect(),
            struck: 0,
        }
    }

    /// No fault strikes any more.
    pub fn end(&mut self) {
        self.list.clear();
    }

    /// How many commands were struck.
    pub fn struck(&self) -> u64 {
        self.struck
    }

    /// The fault that strikes this command, if one does. Every rule counts every
    /// command of its kind; the first rule that is due wins.
    pub fn strike(&mut self, queue: Queue, command: &[u8]) -> Option<Fault> {
        let name = command_name(command);
        let mut hit = None;
        for (fault, seen) in &mut self.list {
            let mine = match fault.on.as_str() {
                "any" => true,
                "control" => queue == Queue::Control,
                "cursor" => queue == Queue::Cursor,
                on => on == name,
            };
            if !mine {
                continue;
            }
            *seen = seen.saturating_add(1);
            let due = *seen >= fault.nth && (fault.count == 0 || *seen - fault.nth < fault.count);
            if due && hit.is_none() {
                hit = Some(fault.clone());
            }
        }
        self.struck += u64::from(hit.is_some());
        hit
    }
}

impl Fault {
    /// Whether the command is run at all.
    pub fn runs(&self) -> bool {
        self.action != Action::Error
    }

    /// Whether what the reply says of the command may be untrue, and not only late.
    pub fn changes(&self) -> bool {
        !matches!(self.action, Action::Late | Action::Stall)
    }

    /// What becomes of the reply.
    pub fn apply(&self, mut bytes: Vec<u8>) -> Delivery {
        let mut claim = None;
        match self.action {
            Action::Error | Action::WrongType => {
                if let Some(code) = bytes.first_chunk_mut::<4>() {
                    *code = self.reply_type().to_le_bytes();
                }
                if self.reply_type() >= reply::ERR_UNSPEC {
                    bytes.truncate(HDR_LEN);
                }
            }
            Action::Short => {
                let len = self.len.unwrap_or(HDR_LEN as u32 / 2);
                bytes.truncate(len as usize);
                claim = Some(len);
            }
            Action::Long => {
                claim = Some((bytes.len() as u32).saturating_add(self.len.unwrap_or(4096)))
            }
            Action::Garbage => bytes.iter_mut().skip(HDR_LEN).for_each(|b| *b = 0xff),
            Action::NoFence => {
                let flags = u32_at(&bytes, 4) & !FLAG_FENCE;
                if let Some(dst) = bytes.get_mut(4..8) {
                    dst.copy_from_slice(&flags.to_le_bytes());
                }
            }
            Action::WrongFence => {
                if let Some(b) = bytes.get_mut(14) {
                    *b ^= 0x5a;
                }
            }
            _ => {}
        }
        let mut d = Delivery {
            claim,
            ..Delivery::plain(bytes)
        };
        d.stall = self.action == Action::Stall;
        match self.action {
            Action::Late | Action::Stall => d.delay = Duration::from_millis(self.ms),
            Action::Never => d.entries = 0,
            Action::Twice => d.entries = 2,
            Action::Swap => d.after_next = true,
            Action::NoInterrupt => d.interrupt = false,
            Action::Storm => d.storm = self.len.unwrap_or(100),
            Action::Die => d.die = true,
            _ => {}
        }
        d
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;
    use crate::wire::cmd;

    fn faults(text: &str) -> Faults {
        Faults::new(&Scenario::parse(text).unwrap().faults)
    }

    #[test]
    fn nth_and_count() {
        let mut f = faults("[[fault]]\non='SET_SCANOUT'\nnth=2\ncount=2\ndo='never'");
        let hits: Vec<bool> = (0..5)
            .map(|_| {
                f.strike(Queue::Control, &cmd::SET_SCANOUT.to_le_bytes())
                    .is_some()
            })
            .collect();
        assert_eq!(hits, [false, true, true, false, false]);
        assert!(f
            .strike(Queue::Control, &cmd::RESOURCE_FLUSH.to_le_bytes())
            .is_none());
        let mut all = faults("[[fault]]\non='cursor'\ncount=0\ndo='never'");
        assert!(all
            .strike(Queue::Control, &cmd::SET_SCANOUT.to_le_bytes())
            .is_none());
        assert!((0..9).all(|_| all
            .strike(Queue::Cursor, &cmd::MOVE_CURSOR.to_le_bytes())
            .is_some()));
        assert_eq!(all.struck(), 9);
    }

    #[test]
    fn replies_change() {
        let apply = |text: &str| {
            let mut f = faults(&format!("[[fault]]\non='any'\n{text}"));
            f.strike(Queue::Control, &[]).unwrap().apply(vec![1; 32])
        };
        assert_eq!(u32_at(&apply("do='error'\ncode=0x1203").reply, 0), 0x1203);
        assert_eq!(apply("do='short'\nlen=7").claim, Some(7));
        assert_eq!(apply("do='long'\nlen=8").claim, Some(40));
        assert_eq!(apply("do='garbage'").reply[HDR_LEN..], [0xff; 8]);
        assert_eq!(apply("do='twice'").entries, 2);
        assert_eq!(u32_at(&apply("do='no-fence'").reply, 4), 0x0101_0100);
        assert!(apply("do='die'").die);
    }
}
