// SPDX-License-Identifier: GPL-2.0

//! Connectors: whether a display is there, and its modes.
#![forbid(unsafe_code)]

use super::{
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

/// Refresh rate of modes that are made for a display without EDID, in Hz.
const REFRESH: u32 = 60;

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
        let count = probe.add_edid_modes();
        if count != 0 {
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
        let (width, height) = size(connector).unwrap_or_default();
        let close = |mode: u32, host: u32| mode <= host && mode >= host.saturating_sub(SLACK);

        !mode.preferred()
            || mode_size == DEFAULT_SIZE
            || (close(mode_size.0, width) && close(mode_size.1, height))
    }
}

/// The size that the host would like the display to have, in pixels.
fn size(connector: &Connector<Output>) -> Option<(u32, u32)> {
    let info = connector.dev().display().info.lock();
    let display = info.get(connector.index)?;

    (display.width != 0 && display.height != 0).then_some((display.width, display.height))
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
