// SPDX-License-Identifier: GPL-2.0
//! The scenario file: what the device is, and where it misbehaves. TOML; the
//! page Documentation/gpu/test-host.rst describes it key by key.

use crate::meaning::{Bit5, Bit6, Bit7, LayoutOptions, Meanings, Type, Unknown};
use crate::viewer::ViewerOptions;
use crate::wire::{feature, reply, Command, MAP_CACHED};
use serde::Deserialize;
use std::path::Path;

/// A whole scenario.
#[derive(Clone, Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Scenario {
    /// One line for people.
    pub about: String,
    /// The device.
    pub device: DeviceOptions,
    /// GET_EDID's replies.
    pub edid: GarbageOptions,
    /// GET_DISPLAY_INFO's replies.
    pub display_info: GarbageOptions,
    /// Answers about layouts.
    pub layout: LayoutOptions,
    /// The display that looks at scanout 0.
    pub viewer: ViewerOptions,
    /// Where it misbehaves.
    #[serde(rename = "fault")]
    pub faults: Vec<Fault>,
    /// What happens by the clock.
    #[serde(rename = "at")]
    pub at: Vec<Timed>,
    /// Which checks may fail.
    pub expect: Expect,
    /// For whoever starts the guest; the host does not look at it.
    pub guest: toml::Table,
}

/// The device.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct DeviceOptions {
    /// num_scanouts in the configuration space; wrong values are wanted too.
    pub scanouts: u32,
    /// Monitors, scanout by scanout, as "1024x768", or "" for none.
    pub monitors: Vec<String>,
    /// Feature names or bit numbers to offer on top of the usual ones.
    pub with: Vec<String>,
    /// Feature names or bit numbers not to offer.
    pub without: Vec<String>,
    /// Largest ring.
    pub queue: u16,
    /// blob_alignment in the configuration space.
    pub blob_alignment: u32,
    /// Length of the configuration space.
    pub config_size: u32,
    /// num_capsets in the configuration space; as many as there are where it is not given.
    pub capsets: Option<u32>,
    /// Types of contexts, in the order of their capability sets.
    pub contexts: Vec<Type>,
    /// Offers bit 5, with that meaning.
    pub bit5: Option<Bit5>,
    /// Offers bit 6, with that meaning.
    pub bit6: Option<Bit6>,
    /// Offers bit 7, with that meaning.
    pub bit7: Option<Bit7>,
    /// What becomes of a submit that names a fence which the host does not have.
    pub unknown_fences: Unknown,
    /// The window of host memory, in MiB; 0 for none, else a power of two.
    pub window: u64,
    /// map_info of what is mapped there.
    pub map_info: u32,
}

impl Default for DeviceOptions {
    fn default() -> Self {
        DeviceOptions {
            scanouts: 1,
            monitors: vec!["1024x768".into()],
            with: vec![],
            without: vec![],
            queue: 1024,
            blob_alignment: 4096,
            config_size: 20,
            capsets: None,
            contexts: vec![],
            bit5: None,
            bit6: None,
            bit7: None,
            unknown_fences: Unknown::Signalled,
            window: 0,
            map_info: MAP_CACHED,
        }
    }
}

/// Kinds of nonsense.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Garbage {
    /// All zero.
    Zero,
    /// All ones.
    Ones,
    /// Noise, the same in every run.
    Random,
    /// Sizes far beyond what there is.
    Huge,
    /// Size 0.
    Empty,
    /// A size that is no multiple of a block.
    Short,
    /// A wrong checksum.
    Checksum,
    /// More extension blocks announced than are there.
    Blocks,
}

/// A reply whose body is nonsense.
#[derive(Clone, Copy, Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct GarbageOptions {
    /// Which.
    pub garbage: Option<Garbage>,
}

/// A fault: from the `nth` command of a kind on, `count` times.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Fault {
    /// A command's name, "control", "cursor" or "any".
    pub on: String,
    /// First one that it strikes, from 1.
    #[serde(default = "one")]
    pub nth: u32,
    /// How many it strikes; 0 is all.
    #[serde(default = "one")]
    pub count: u32,
    /// What it does.
    #[serde(rename = "do")]
    pub action: Action,
    /// Reply type, for `error` and `wrong-type`.
    pub code: Option<u32>,
    /// Milliseconds, for `late` and `stall`.
    #[serde(default)]
    pub ms: u64,
    /// Bytes, for `short` and `long`; how many, for `storm`.
    pub len: Option<u32>,
}

/// What a fault does.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The command is not run; the reply is an error.
    Error,
    /// The command is run; the reply has another type.
    WrongType,
    /// The reply comes later.
    Late,
    /// From this reply on the queue's replies all wait, in order, until the time is over.
    Stall,
    /// The reply never comes.
    Never,
    /// Only the first bytes of the reply are written and counted.
    Short,
    /// The used entry counts more bytes than were written.
    Long,
    /// The used entry comes twice.
    Twice,
    /// The reply comes after the next one on that queue.
    Swap,
    /// The reply's body is all ones.
    Garbage,
    /// The reply to a fenced command comes without the fence flag.
    NoFence,
    /// The reply carries another fence id.
    WrongFence,
    /// The reply comes, the interrupt does not.
    NoInterrupt,
    /// The reply comes, and a burst of configuration interrupts with it.
    Storm,
    /// The host is gone.
    Die,
}

/// Something that happens by the clock, from the driver's first doorbell on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Timed {
    /// When.
    pub ms: u64,
    /// A line as the control socket takes it.
    #[serde(rename = "do")]
    pub line: String,
    /// How often.
    #[serde(default = "one")]
    pub times: u32,
    /// How long between two.
    #[serde(default)]
    pub every_ms: u64,
}

/// What is expected of the checks.
#[derive(Clone, Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Expect {
    /// Checks whose failure does not make the verdict bad.
    pub waive: Vec<String>,
    /// Whether error replies that the host had to give are no failure.
    pub errors_allowed: bool,
}

fn one() -> u32 {
    1
}

impl Scenario {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Scenario, String> {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        Scenario::parse(&text).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// Reads and checks a text.
    pub fn parse(text: &str) -> Result<Scenario, String> {
        let s: Scenario = toml::from_str(text).map_err(|e| e.to_string())?;
        s.features()?;
        if let Some(fault) = s.viewer.fault() {
            return Err(fault.into());
        }
        for m in s.device.monitors.iter().filter(|m| !m.is_empty()) {
            parse_size(m).ok_or_else(|| format!("{m:?} is no size like 1024x768"))?;
        }
        for f in &s.faults {
            if !matches!(f.on.as_str(), "any" | "control" | "cursor")
                && Command::by_name(&f.on).is_none()
            {
                return Err(format!("no command is called {:?}", f.on));
            }
            if f.nth == 0 {
                return Err("nth counts from 1".into());
            }
        }
        use Garbage::{Huge, Ones, Random, Zero};
        if !matches!(
            s.display_info.garbage,
            None | Some(Zero | Ones | Random | Huge)
        ) {
            return Err("display-info: garbage is zero, ones, random or huge".into());
        }
        for t in &s.at {
            crate::control::Order::parse(&t.line)?;
        }
        for w in &s.expect.waive {
            crate::checks::rule(w).ok_or_else(|| format!("no check is called {w:?}"))?;
        }
        if !(1..=1024).contains(&s.device.queue) || s.device.config_size > 256 {
            return Err("queue must be 1 to 1024, config-size at most 256".into());
        }
        let window = s.device.window;
        if window > 1 << 16 || (window != 0 && !window.is_power_of_two()) {
            return Err("window is 0 or a power of two, in MiB".into());
        }
        Ok(s)
    }

    /// The features to offer.
    pub fn features(&self) -> Result<u64, String> {
        let mut bits = feature::EDID
            | feature::RESOURCE_UUID
            | feature::INDIRECT_DESC
            | feature::EVENT_IDX
            | feature::VERSION_1;
        for name in &self.device.with {
            bits |= feature_bit(name)?;
        }
        let d = &self.device;
        for (bit, offered) in [
            (5, d.bit5.is_some()),
            (6, d.bit6.is_some()),
            (7, d.bit7.is_some()),
        ] {
            bits |= u64::from(offered) << bit;
        }
        for name in &self.device.without {
            bits &= !feature_bit(name)?;
        }
        Ok(bits)
    }
}

impl DeviceOptions {
    /// What bits 5 to 7 mean.
    pub fn meanings(&self) -> Meanings {
        Meanings {
            bit5: self.bit5.unwrap_or_default(),
            bit6: self.bit6.unwrap_or_default(),
            bit7: self.bit7.unwrap_or_default(),
        }
    }

    /// num_capsets in the configuration space.
    pub fn num_capsets(&self) -> u32 {
        self.capsets.unwrap_or(self.contexts.len() as u32)
    }

    /// The monitors; what is no size is no monitor.
    pub fn monitors(&self) -> Vec<Option<(u32, u32)>> {
        self.monitors.iter().map(|m| parse_size(m)).collect()
    }
}

impl Fault {
    /// The reply type that `error` and `wrong-type` use.
    pub fn reply_type(&self) -> u32 {
        self.code.unwrap_or(match self.action {
            Action::WrongType => reply::OK_CAPSET,
            _ => reply::ERR_UNSPEC,
        })
    }
}

/// "1024x768".
pub fn parse_size(text: &str) -> Option<(u32, u32)> {
    let (w, h) = text.split_once('x')?;
    Some((w.parse().ok()?, h.parse().ok()?))
}

fn feature_bit(name: &str) -> Result<u64, String> {
    if let Some((_, bit)) = feature::NAMES.iter().find(|(n, _)| *n == name) {
        return Ok(*bit);
    }
    match name.parse::<u32>() {
        Ok(bit) if bit < 64 && bit != 30 => Ok(1 << bit),
        _ => Err(format!("no feature is called {name:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario() {
        let s = Scenario::parse(
            "about = 'x'\n[device]\nscanouts = 17\nwith = ['RESOURCE_BLOB', '6']\nwithout = ['EVENT_IDX']\n\
             [edid]\ngarbage = 'blocks'\n[[fault]]\non = 'SET_SCANOUT'\nnth = 2\ndo = 'late'\nms = 100\n\
             [[at]]\nms = 10\ndo = 'plug 0 800x600'\n[guest]\nring = 64\n",
        )
        .unwrap();
        let f = s.features().unwrap();
        let added = feature::RESOURCE_BLOB | (1 << 6);
        assert_eq!(f & added, added);
        assert_eq!(f & feature::EVENT_IDX, 0);
        assert_eq!(s.faults[0].action, Action::Late);
        assert_eq!((s.faults[0].nth, s.faults[0].count), (2, 1));
    }

    #[test]
    fn mistakes_are_told() {
        for bad in [
            "wrong = 1",
            "[device]\nmonitors = ['big']",
            "[device]\nwith = ['WINGS']",
            "[[fault]]\non = 'SET_SAIL'\ndo = 'late'",
            "[[fault]]\non = 'any'\ndo = 'explode'",
            "[[at]]\nms = 1\ndo = 'dance'",
            "[display-info]\ngarbage = 'checksum'",
            "[expect]\nwaive = ['no.such']",
            "[device]\nbit5 = 'magic'",
            "[device]\ncontexts = ['venus']",
            "[device]\nwindow = 3",
        ] {
            assert!(Scenario::parse(bad).is_err(), "{bad}");
        }
    }
}
