// SPDX-License-Identifier: GPL-2.0
//! The thread that is the host's display.

use super::{lock, Host};
use crate::device::resource::{Kind, Resource};
use crate::viewer::{answer, read, Random};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

impl Host {
    /// Starts the display, if the scenario has one with beats of its own.
    pub fn start_viewer(self: &Arc<Self>) {
        if self.options.scenario.viewer.hz > 0.0 {
            let host = self.clone();
            std::thread::spawn(move || host.run_viewer());
        }
    }

    fn run_viewer(self: &Arc<Self>) {
        let options = &self.options.scenario.viewer;
        let period = Duration::from_secs_f64(1.0 / options.hz);
        let [least, most] = options.hold_us;
        let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
        let mut beat = Instant::now();
        loop {
            // Readings that are longer than a period cost beats.
            beat += period;
            let start = Instant::now();
            let lost = beat < start && Duration::from_micros(most) < period;
            while beat < start {
                beat += period;
            }
            let off = period.mul_f64(options.jitter * random.fraction());
            sleep((beat + off).saturating_duration_since(start));
            let hold = least + ((most - least) as f64 * random.fraction()) as u64;
            self.beat(beat + off, period / 8, lost, Duration::from_micros(hold));
        }
    }

    /// A beat that somebody wants now, with the picture read in no time.
    pub(super) fn beat_now(self: &Arc<Self>) {
        self.beat(Instant::now(), Duration::MAX, false, Duration::ZERO);
    }

    /// A beat that was to be at `time`, and may be `slack` late; one before it may have been `lost`.
    fn beat(self: &Arc<Self>, time: Instant, slack: Duration, lost: bool, hold: Duration) {
        let Some(ram) = self.ram() else { return };
        let mut core = lock(&self.core);
        let late = lost || Instant::now().saturating_duration_since(time) > slack;
        core.stats.sights.beats += 1;
        core.stats.sights.late += u64::from(late);
        let Some(viewer) = core.device.viewer.as_mut() else {
            return;
        };
        let (shown, fresh, flushes) = viewer.beat();
        let first = viewer.answers_first();
        core.stats.sights.fresh += u64::from(fresh);
        if first {
            answer(&flushes);
            self.work(&mut core, Instant::now());
        }
        let resource = shown.and_then(|s| Some((s, core.device.resource(s.resource)?)));
        // A copy is the host's own: it is looked at in one go.
        let own = |r: &Resource| matches!(r.kind, Kind::Classic { .. });
        let (mut core, mixed) = match resource {
            Some((shown, r)) if own(&r) => {
                let mixed = read(&shown, &r, &ram, Duration::ZERO);
                (core, mixed)
            }
            resource => {
                drop(core);
                let mixed = resource.and_then(|(shown, r)| read(&shown, &r, &ram, hold));
                (lock(&self.core), mixed)
            }
        };
        core.stats.sights.samples += u64::from(mixed.is_some());
        core.stats.sights.mixed += u64::from(mixed == Some(true));
        if !first {
            answer(&flushes);
            self.work(&mut core, Instant::now());
        }
    }
}
