// SPDX-License-Identifier: GPL-2.0
//! The device's time: jobs on timelines that do not wait for each other, in the
//! order of their submission on each. A job may have to wait for others, wherever
//! those are; as it names earlier ones only, nothing can wait in a circle.
//!
//! Time is what the caller says it is. A job that takes time is over at a
//! deadline, counted from the end of what it waited for and not from when somebody
//! looked, so that a late look makes nothing later.

use super::program::Op;
use super::resource::{Part, Resource};
use crate::chain::Ram;
use crate::wire::reply;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Steps of all jobs together.
const MAX_STEPS: usize = 1 << 22;

/// A timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Line {
    /// What names no ring.
    Global,
    /// A ring of a context.
    Ring(u32, u8),
    /// A job that stands in no order.
    Alone(u64),
}

/// A step of a job.
#[derive(Clone, Debug)]
pub enum Step {
    /// An operation of the language.
    Op(Op),
    /// A transfer of that resource, to the host or from it.
    Transfer(u32, Part, bool),
    /// Waits until the counter is not zero, and takes one off.
    Event(Arc<AtomicU32>),
}

/// Work.
#[derive(Debug)]
pub struct Job {
    /// Its timeline.
    pub line: Line,
    /// The context, or 0.
    pub ctx: u32,
    /// What is left of it.
    pub steps: VecDeque<Step>,
    /// The resources that it uses, as they were when it came.
    pub objects: BTreeMap<u32, Resource>,
    /// Jobs that have to end before it starts.
    pub after: BTreeSet<u64>,
}

/// A job that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its number.
    pub ticket: u64,
    /// Its context.
    pub ctx: u32,
    /// How: an error reply's number.
    pub result: Result<(), Failure>,
    /// Bytes that its transfers moved to the host.
    pub copied: u64,
}

/// Why a job failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// With that reply.
    Error(u32),
    /// The context is lost.
    Lost,
}

#[derive(Debug)]
struct Running {
    job: Job,
    /// When all before it was over.
    at: Instant,
    started: bool,
    until: Option<Instant>,
    copied: u64,
}

#[derive(Debug, Default)]
struct Order {
    jobs: VecDeque<u64>,
    /// When the last one that ended did.
    end: Option<Instant>,
}

/// All work that is not done.
#[derive(Debug, Default)]
pub struct Work {
    jobs: BTreeMap<u64, Running>,
    lines: BTreeMap<Line, Order>,
    tickets: u64,
    steps: usize,
}

impl Running {
    /// Goes on as far as it can. `None`: it is not done.
    fn go_on(&mut self, now: Instant, ram: &Ram) -> Option<Result<(), Failure>> {
        self.until = None;
        while let Some(step) = self.job.steps.front() {
            let done = match step {
                Step::Op(Op::Wait(us)) => {
                    let due = self.at + Duration::from_micros((*us).into());
                    if due > now {
                        self.until = Some(due);
                        return None;
                    }
                    self.at = due;
                    Ok(())
                }
                Step::Op(Op::Never) => return None,
                Step::Op(Op::Until(place, value)) => {
                    match Op::Expect(*place, *value).run(&self.job.objects, ram) {
                        Err(reply::ERR_UNSPEC) => return None,
                        Err(code) => Err(Failure::Error(code)),
                        Ok(()) => {
                            self.at = self.at.max(now);
                            Ok(())
                        }
                    }
                }
                Step::Op(Op::Lose) => Err(Failure::Lost),
                Step::Op(op) => op.run(&self.job.objects, ram).map_err(Failure::Error),
                Step::Transfer(id, part, to_host) => match self.job.objects.get(id) {
                    Some(resource) => match resource.copy(ram, part, *to_host) {
                        Ok(n) => {
                            self.copied += if *to_host { n } else { 0 };
                            Ok(())
                        }
                        Err(code) => Err(Failure::Error(code)),
                    },
                    None => Err(Failure::Error(reply::ERR_INVALID_RESOURCE_ID)),
                },
                Step::Event(count) => {
                    let taken = count.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1));
                    if taken.is_err() {
                        return None;
                    }
                    self.at = self.at.max(now);
                    Ok(())
                }
            };
            if done.is_err() {
                return Some(done);
            }
            self.job.steps.pop_front();
        }
        Some(Ok(()))
    }
}

impl Work {
    /// A number that no job has had.
    pub fn ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    /// Takes a job in. `None`: there is too much to do already.
    pub fn add(&mut self, mut job: Job, now: Instant) -> Option<u64> {
        if self.steps.saturating_add(job.steps.len()) > MAX_STEPS {
            return None;
        }
        let ticket = self.ticket();
        job.after.retain(|t| self.jobs.contains_key(t));
        self.steps += job.steps.len();
        self.lines
            .entry(job.line)
            .or_default()
            .jobs
            .push_back(ticket);
        let running = Running {
            job,
            at: now,
            started: false,
            until: None,
            copied: 0,
        };
        self.jobs.insert(ticket, running);
        Some(ticket)
    }

    /// Whether that job is not done.
    pub fn pending(&self, ticket: u64) -> bool {
        self.jobs.contains_key(&ticket)
    }

    /// Whether something on that timeline is not done.
    pub fn busy(&self, line: Line) -> bool {
        self.lines.contains_key(&line)
    }

    /// Jobs that use that resource.
    pub fn users(&self, resource: u32) -> BTreeSet<u64> {
        let uses = self
            .jobs
            .iter()
            .filter(|(_, r)| r.job.objects.contains_key(&resource));
        uses.map(|(ticket, _)| *ticket).collect()
    }

    /// When something is over next, as far as that is known.
    pub fn next(&self) -> Option<Instant> {
        self.jobs.values().filter_map(|r| r.until).min()
    }

    /// Does what can be done by now, and says what has ended.
    pub fn advance(&mut self, now: Instant, ram: &Ram) -> Vec<Ended> {
        let mut ended = Vec::new();
        loop {
            let before = (ended.len(), self.steps);
            let lines: Vec<Line> = self.lines.keys().copied().collect();
            for line in lines {
                self.advance_line(line, now, ram, &mut ended);
            }
            // What one job has written another may have waited for.
            if (ended.len(), self.steps) == before {
                return ended;
            }
        }
    }

    fn advance_line(&mut self, line: Line, now: Instant, ram: &Ram, ended: &mut Vec<Ended>) {
        loop {
            let Some(order) = self.lines.get(&line) else {
                return;
            };
            let Some(ticket) = order.jobs.front().copied() else {
                self.lines.remove(&line);
                return;
            };
            let end = order.end;
            let Some(running) = self.jobs.get_mut(&ticket) else {
                self.unlist(line, ticket, now);
                continue;
            };
            if !running.job.after.is_empty() {
                return;
            }
            if !running.started {
                running.started = true;
                running.at = end.map_or(running.at, |end| end.max(running.at));
            }
            let left = running.job.steps.len();
            let result = running.go_on(now, ram);
            let at = running.at;
            self.steps -= left - running.job.steps.len();
            match result {
                None => return,
                Some(result) => ended.extend(self.end(ticket, result, at)),
            }
        }
    }

    fn unlist(&mut self, line: Line, ticket: u64, at: Instant) {
        if let Some(order) = self.lines.get_mut(&line) {
            order.jobs.retain(|t| *t != ticket);
            order.end = Some(at);
            if order.jobs.is_empty() {
                self.lines.remove(&line);
            }
        }
    }

    fn end(&mut self, ticket: u64, result: Result<(), Failure>, at: Instant) -> Option<Ended> {
        let gone = self.jobs.remove(&ticket)?;
        self.steps -= gone.job.steps.len();
        self.unlist(gone.job.line, ticket, at);
        for other in self.jobs.values_mut() {
            if other.job.after.remove(&ticket) {
                other.at = other.at.max(at);
            }
        }
        Some(Ended {
            ticket,
            ctx: gone.job.ctx,
            result,
            copied: gone.copied,
        })
    }

    /// Cuts a context's work short: it ends now, as if it were done.
    pub fn cut(&mut self, ctx: u32, now: Instant) -> Vec<Ended> {
        let its: Vec<u64> = self
            .jobs
            .iter()
            .filter(|(_, r)| r.job.ctx == ctx)
            .map(|(t, _)| *t)
            .collect();
        its.into_iter()
            .filter_map(|t| self.end(t, Ok(()), now))
            .collect()
    }

    /// Forgets all of it.
    pub fn clear(&mut self) {
        (self.jobs, self.lines, self.steps) = Default::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vm_memory::GuestAddress;

    fn job(line: Line, us: &[u32], after: &[u64]) -> Job {
        Job {
            line,
            ctx: 1,
            steps: us.iter().map(|u| Step::Op(Op::Wait(*u))).collect(),
            objects: BTreeMap::new(),
            after: after.iter().copied().collect(),
        }
    }

    #[test]
    fn timelines_are_independent_and_in_order() {
        let ram = Ram::from_ranges(&[(GuestAddress(0), 0x1000)]).unwrap();
        let (mut w, start) = (Work::default(), Instant::now());
        let us = |n: u64| start + Duration::from_micros(n);
        let slow = w
            .add(job(Line::Ring(1, 1), &[100, 100], &[]), start)
            .unwrap();
        let behind = w.add(job(Line::Ring(1, 1), &[], &[]), start).unwrap();
        let other = w.add(job(Line::Ring(1, 2), &[50], &[]), start).unwrap();
        let held = w.add(job(Line::Ring(2, 1), &[10], &[slow]), start).unwrap();
        let ended = |w: &mut Work, at| -> Vec<u64> {
            w.advance(at, &ram).iter().map(|e| e.ticket).collect()
        };
        assert!(ended(&mut w, us(49)).is_empty());
        assert_eq!(w.next(), Some(us(50)));
        assert_eq!(ended(&mut w, us(50)), [other]);
        assert!(ended(&mut w, us(199)).is_empty());
        assert!(w.pending(held) && w.busy(Line::Ring(1, 1)));
        // A late look makes nothing later: what was held back starts at 200.
        assert_eq!(ended(&mut w, us(209)), [slow, behind]);
        assert_eq!(w.next(), Some(us(210)));
        assert_eq!(ended(&mut w, us(210)), [held]);
        assert!(w.next().is_none() && w.steps == 0);
    }

    #[test]
    fn what_never_ends_can_be_cut_short() {
        let ram = Ram::from_ranges(&[(GuestAddress(0), 0x1000)]).unwrap();
        let (mut w, start) = (Work::default(), Instant::now());
        let mut never = job(Line::Global, &[], &[]);
        never.steps.push_back(Step::Op(Op::Never));
        let never = w.add(never, start).unwrap();
        let behind = w.add(job(Line::Alone(9), &[], &[never]), start).unwrap();
        assert!(w.advance(start + Duration::from_secs(9), &ram).is_empty());
        assert_eq!(w.cut(1, start).len(), 2);
        assert!(!w.pending(behind) && !w.busy(Line::Global) && w.steps == 0);
    }
}
