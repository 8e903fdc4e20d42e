// SPDX-License-Identifier: GPL-2.0
//! The end of a run: counters, the report of the checks, the exit status.

use crate::checks::{Tallies, Tally, RULES};
use crate::host::Options;
use crate::viewer::Sights;
use serde::Serialize;
use std::collections::BTreeMap;

/// What was counted. Pairs are control queue, cursor queue.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Stats {
    /// Doorbells.
    pub kicks: [u64; 2],
    /// Commands.
    pub commands: [u64; 2],
    /// Interrupts sent.
    pub interrupts: u64,
    /// Replies for which the driver wanted no interrupt.
    pub suppressed: u64,
    /// Configuration interrupts.
    pub config_interrupts: u64,
    /// Frames completed by a flush.
    pub frames: u64,
    /// Bytes copied out of guest memory.
    pub copied: u64,
    /// Error replies, the wanted ones included.
    pub errors: u64,
    /// Error replies that a stream asked for, or that no driver can foresee.
    pub asked: u64,
    /// Commands struck by a fault.
    pub struck: u64,
    /// Fences that submits and wait commands have named.
    pub named: u64,
    /// Those of them that were not over, so that the host had to wait.
    pub held: u64,
    /// What the display has seen.
    pub sights: Sights,
}

impl Stats {
    /// One line of name=number.
    pub fn line(&self) -> String {
        format!(
            "kicks={}+{} commands={}+{} interrupts={} suppressed={} config={} frames={} copied={} errors={} asked={} struck={} named={} held={} beats={} late={} fresh={} samples={} mixed={}",
            self.kicks[0],
            self.kicks[1],
            self.commands[0],
            self.commands[1],
            self.interrupts,
            self.suppressed,
            self.config_interrupts,
            self.frames,
            self.copied,
            self.errors,
            self.asked,
            self.struck,
            self.named,
            self.held,
            self.sights.beats,
            self.sights.late,
            self.sights.fresh,
            self.sights.samples,
            self.sights.mixed
        )
    }
}

#[derive(Serialize)]
struct Report<'a> {
    about: &'a str,
    broken: &'a [&'static str],
    notes: Vec<&'static str>,
    stats: &'a Stats,
    rules: BTreeMap<&'static str, Tally>,
}

/// What the checks made of the driver.
#[must_use]
pub struct Verdict {
    broken: Vec<&'static str>,
}

impl Verdict {
    /// Prints the report, and writes it where it was asked for.
    pub fn new(tallies: &Tallies, stats: Stats, options: &Options) -> Verdict {
        let expect = &options.scenario.expect;
        let mut waived = expect.waive.clone();
        if expect.errors_allowed {
            waived.push("reply.clean".into());
        }
        let broken = tallies.failures(&waived);
        print!("{}", tallies.report(&waived));
        println!("{}", stats.line());
        println!(
            "verdict: {}",
            if broken.is_empty() {
                "good".into()
            } else {
                format!("BROKEN {}", broken.join(" "))
            }
        );
        if let Some(path) = &options.report {
            let rules = RULES.iter().map(|r| (r.id, tallies.of(r.id))).collect();
            let report = Report {
                about: &options.scenario.about,
                broken: &broken,
                notes: tallies.notes(),
                stats: &stats,
                rules,
            };
            let text = serde_json::to_string_pretty(&report).unwrap_or_default();
            if let Err(e) = std::fs::write(path, text + "\n") {
                eprintln!("{}: {e}", path.display());
            }
        }
        Verdict { broken }
    }

    /// 0 where no rule was broken, 1 otherwise.
    pub fn status(&self) -> i32 {
        i32::from(!self.broken.is_empty())
    }

    /// Ends the process with it.
    pub fn exit(self) -> ! {
        std::process::exit(self.status())
    }
}
