// SPDX-License-Identifier: GPL-2.0
//! What people, guests and scenarios ask of the running host, display events,
//! and the verdict at its end.

use super::{lock, Core, Host};
use crate::channel::Channel;
use crate::control::Order;
use crate::trace::Event;
use crate::verdict::Verdict;
use crate::wire::MAP_CACHED;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::time::Duration;

impl Host {
    /// Raises a display event. False where the device does not run.
    fn config_event(&self) -> bool {
        {
            let mut core = lock(&self.core);
            if !self.running.load(Relaxed) {
                return false;
            }
            core.checker.display_event();
            core.device.display.nudge();
            core.stats.config_interrupts += 1;
            let events = core.device.display.events();
            core.trace.event(Event::ConfigChange { events });
        }
        let mut link = lock(&self.link);
        self.running.load(Relaxed) && link.channel.as_mut().is_some_and(Channel::config_changed)
    }

    pub(super) fn storm(&self, times: u32, every_ms: u64) {
        for _ in 0..times {
            if self.behaves() || !self.config_event() {
                return;
            }
            std::thread::sleep(Duration::from_millis(every_ms));
        }
    }

    /// Carries out an order.
    pub fn order(self: &Arc<Self>, order: &Order) -> Result<String, String> {
        let not_running = || "the device does not run".to_string();
        match order {
            Order::Plug(scanout, size) => self.plug(*scanout, Some(*size)),
            Order::Unplug(scanout) => self.plug(*scanout, None),
            Order::Storm(times, every_ms) => {
                self.storm(*times, *every_ms);
                Ok(String::new())
            }
            Order::Shot(name, scanout) => {
                let dir = self
                    .options
                    .shots
                    .as_ref()
                    .ok_or("no folder for pictures was named")?;
                let path = dir.join(format!("{name}.png"));
                let ram = self.ram().ok_or_else(not_running)?;
                let core = lock(&self.core);
                core.device
                    .shot(*scanout, &path, &ram)
                    .map_err(|e| e.to_string())?;
                Ok(path.display().to_string())
            }
            Order::Crc(scanout) => {
                let ram = self.ram().ok_or_else(not_running)?;
                let frame = lock(&self.core).device.look(*scanout, &ram).ok_or("dark")?;
                let crc = frame.crc.ok_or("memory ends before the picture")?;
                Ok(format!(
                    "{crc:08x} {} {} {}",
                    frame.width,
                    frame.height,
                    if frame.in_place { "place" } else { "copy" }
                ))
            }
            Order::Cursor(scanout) => {
                let c = lock(&self.core)
                    .device
                    .cursor_of(*scanout)
                    .ok_or("no such scanout")?;
                Ok(format!(
                    "{} {} {} {} {}",
                    c.resource, c.x as i32, c.y as i32, c.hot.0, c.hot.1
                ))
            }
            Order::Mark(name) => {
                lock(&self.core)
                    .trace
                    .event(Event::Mark { name: name.clone() });
                Ok(String::new())
            }
            Order::Beat => {
                if !self.options.scenario.viewer.is_there() {
                    return Err("there is no display that beats".into());
                }
                self.beat_now();
                Ok(String::new())
            }
            Order::Stats => Ok(lock(&self.core).stats.line()),
            Order::Verdict => {
                let core = lock(&self.core);
                Ok(core
                    .checker
                    .tallies
                    .failures(&self.options.scenario.expect.waive)
                    .join(" "))
            }
            Order::Foreign(ids) => {
                lock(&self.core).checker.foreign(ids.iter().copied());
                Ok(String::new())
            }
            Order::MapInfo(info) => {
                lock(&self.core).device.map_info = *info;
                Ok(String::new())
            }
            Order::Align(bytes) => {
                let mut core = lock(&self.core);
                core.device.display.align(*bytes);
                core.checker.align(*bytes);
                Ok(String::new())
            }
            Order::Behave => {
                self.behave();
                Ok(String::new())
            }
            Order::Die => self.conclude(&mut lock(&self.core)).exit(),
        }
    }

    /// From here on the device is a good one. Replies that were withheld stay so: the driver's
    /// next reset is what ends the trouble.
    fn behave(&self) {
        self.behaves.store(true, Relaxed);
        let mut core = lock(&self.core);
        core.faults.end();
        core.stalled = [None; 2];
        core.device.display.behave();
        core.device.map_info = MAP_CACHED;
        let d = &core.device.display;
        let (scanouts, capsets, alignment) = (d.scanouts(), d.capsets(), d.blob_alignment());
        core.checker.behaves(scanouts, capsets, alignment);
        core.trace.event(Event::Mark {
            name: "behave".into(),
        });
        drop(core);
        // A storm's last message is on its way by then.
        drop(lock(&self.link));
    }

    /// Whether it was told to behave.
    pub fn behaves(&self) -> bool {
        self.behaves.load(Relaxed)
    }

    fn plug(&self, scanout: usize, size: Option<(u32, u32)>) -> Result<String, String> {
        if !lock(&self.core).device.display.plug(scanout, size) {
            return Err("no such scanout".into());
        }
        match self.config_event() {
            true => Ok(String::new()),
            false => Err("changed, but the device does not run".into()),
        }
    }

    pub(super) fn conclude(&self, core: &mut Core) -> Verdict {
        core.checker.finish();
        core.trace.flush();
        core.stats.copied = core.device.copied;
        core.stats.struck = core.faults.struck();
        Verdict::new(&core.checker.tallies, core.stats.clone(), &self.options)
    }

    /// The verdict, told and written.
    pub fn verdict(&self) -> Verdict {
        self.conclude(&mut lock(&self.core))
    }
}
