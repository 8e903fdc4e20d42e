// SPDX-License-Identifier: GPL-2.0
//! Conformance: watches what the driver does, holds it against the rules, and
//! counts. It keeps a model of its own of what the driver made, beside the
//! device's, and shares with the driver under test nothing but the specification.

mod content;
mod contexts;
mod model;
mod passing;
mod rules;
mod window;

pub use model::{Checker, Seen};
pub use passing::GRACE;
pub use rules::{rule, Basis, Rule, Weight, RULES};

use serde::Serialize;
use std::collections::BTreeMap;

/// How a rule fared.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    /// How often it was looked at.
    pub seen: u64,
    /// How often it was broken.
    pub broken: u64,
    /// The first few breaches, in words.
    pub examples: Vec<String>,
}

/// Breaches that are told in full, per rule.
const EXAMPLES: usize = 4;

/// The tallies of all rules.
#[derive(Clone, Debug, Default)]
pub struct Tallies {
    map: BTreeMap<&'static str, Tally>,
}

impl Tallies {
    /// Notes one look at a rule. True where it was kept.
    pub fn note(&mut self, id: &'static str, kept: bool, what: impl FnOnce() -> String) -> bool {
        debug_assert!(rule(id).is_some(), "{id}");
        let t = self.map.entry(id).or_default();
        t.seen += 1;
        if !kept {
            t.broken += 1;
            if t.examples.len() < EXAMPLES {
                t.examples.push(what());
            }
        }
        kept
    }

    /// One rule's tally.
    pub fn of(&self, id: &str) -> Tally {
        self.map.get(id).cloned().unwrap_or_default()
    }

    /// Rules that were broken and make the verdict bad.
    pub fn failures(&self, waived: &[String]) -> Vec<&'static str> {
        RULES
            .iter()
            .filter(|r| r.weight == Weight::Must && !waived.iter().any(|w| w == r.id))
            .filter(|r| self.of(r.id).broken > 0)
            .map(|r| r.id)
            .collect()
    }

    /// Rules that were broken without harm to the verdict.
    pub fn notes(&self) -> Vec<&'static str> {
        RULES
            .iter()
            .filter(|r| r.weight == Weight::Should && self.of(r.id).broken > 0)
            .map(|r| r.id)
            .collect()
    }

    /// A line for each rule.
    pub fn report(&self, waived: &[String]) -> String {
        let mut out = String::new();
        for r in RULES {
            let t = self.of(r.id);
            let verdict = match (t.seen, t.broken, r.weight) {
                (0, ..) => "unseen",
                (_, 0, _) => "kept",
                (.., Weight::Should) => "note",
                _ if waived.iter().any(|w| w == r.id) => "waived",
                _ => "BROKEN",
            };
            out += &format!(
                "{verdict:7} {:24} {}/{} {} [{}]\n",
                r.id, t.broken, t.seen, r.text, r.section
            );
            for e in &t.examples {
                out += &format!("        {e}\n");
            }
        }
        out
    }
}

#[cfg(test)]
mod tests;
