// SPDX-License-Identifier: GPL-2.0

//! Connectors: whether a display is there, and its modes.
#![forbid(unsafe_code)]

use super::{
    info::is_usable,
    DEFAULT_SIZE,
    MAX_SIZE, //
};
use crate::{
    abi::drm::kms::{
        Connector,
        ConnectorProbe,
        DriverConnector,
        Mode, //
    },
    driver::VirtioGpu, //
};
use kernel::prelude::*;

/// Refresh rate of modes that are made for a display without EDID, in Hz, and of those to which the
/// EDID gives one that is out of all reason.
const REFRESH: u32 = 60;

/// Refresh rates that displays have, in Hz, from films to what the timer for vertical blanks can do.
///
/// Others come from hosts that fill in what they have not found out, or from clocks that do not fit
/// into an EDID and are cut off. Flips are paced by them, so 17 Hz would make everything slow.
const USUAL_REFRESH: core::ops::RangeInclusive<u32> = 24..=1000;

/// How much narrower and lower than the host's window a preferred mode may be, in pixels. Widths of
/// timings are multiples of 8, and hosts round, too.
const SLACK: u32 = 16;

/// The driver's part of a connector.
pub(crate) struct Output {
    /// Number of the scanout.
    pub(super) index: u32,
}

impl DriverConnector for Output {
    type Driver = VirtioGpu;

    fn connected(connector: &Connector<Self>) -> bool {
        let info = connector.dev().display().info.lock();

        info.get(connector.index).is_some()
    }

    fn add_modes(probe: &ConnectorProbe<'_, Self>) -> u32 {
        update_edid(probe);
        update_place(probe);
        let count = probe.add_edid_modes();
        if count != 0 {
            probe.for_each_added_mode(mend_refresh);
            return count;
        }

        let count = probe.add_standard_modes(MAX_SIZE, MAX_SIZE);
        match size(probe) {
            Some((width, height)) => {
                count.saturating_add(probe.add_preferred_mode(width, height, REFRESH))
            }
            None => {
                probe.prefer(DEFAULT_SIZE.0, DEFAULT_SIZE.1);
                count
            }
        }
    }

    fn mode_valid(connector: &Connector<Self>, mode: &Mode) -> bool {
        let mode_size = (u32::from(mode.width()), u32::from(mode.height()));

        !mode.preferred()
            || mode_size == DEFAULT_SIZE
            || fits(mode_size, size(connector).unwrap_or_default())
    }
}

/// Gives a mode a refresh rate that a display may have. Who really wants another one can set a mode
/// of his own.
fn mend_refresh(mode: &mut Mode) {
    if !USUAL_REFRESH.contains(&mode.refresh()) {
        mode.set_refresh(REFRESH);
    }
}

/// Whether a mode can be what a host prefers whose window is of size `host`.
fn fits(mode: (u32, u32), host: (u32, u32)) -> bool {
    let close = |mode: u32, host: u32| mode <= host && mode >= host.saturating_sub(SLACK);

    close(mode.0, host.0) && close(mode.1, host.1)
}

/// The size that the host would like the display to have, in pixels, if that makes a mode.
fn size(connector: &Connector<Output>) -> Option<(u32, u32)> {
    let info = connector.dev().display().info.lock();
    let display = info.get(connector.index)?;

    is_usable(display.width, display.height).then_some((display.width, display.height))
}

/// Lets userspace and the modes have the EDID that the host has told us, if the display is there.
pub(super) fn update_edid(probe: &ConnectorProbe<'_, Output>) {
    let dev = probe.dev();

    if dev.features().edid {
        if let Some(display) = dev.display().info.lock().get(probe.index) {
            probe.set_edid(&display.edid);
        }
    }
}

/// Lets userspace know where the host would like the display to be, if it is there.
pub(super) fn update_place(probe: &ConnectorProbe<'_, Output>) {
    let place = {
        let info = probe.dev().display().info.lock();
        info.get(probe.index).map(|display| display.place)
    };

    if let Some((x, y)) = place {
        probe.suggest_place(x, y);
    }
}

#[kunit_tests(virtio_gpu_connector)]
mod tests {
    use super::*;

    #[test]
    fn preferred_modes() {
        let host = (1370, 770);

        assert!(fits((1370, 770), host));
        assert!(fits((1368, 768), host));
        assert!(fits((1354, 754), host));
        assert!(!fits((1353, 770), host));
        assert!(!fits((1370, 753), host));
        assert!(!fits((1371, 770), host));
        // A host that does not say, and one that says nonsense.
        assert!(!fits((1024, 768), (0, 0)));
        assert!(fits((8, 8), (9, 9)));
        assert!(!fits((8192, 8192), (u32::MAX, u32::MAX)));
    }
}
