// SPDX-License-Identifier: GPL-2.0

//! What the driver shows in debugfs: features, fences, the window of host memory, queues and scanouts.
//!
//! The first three have the names of the C driver's files, and the text, but for the feature bits with
//! several meanings where a device offers them. They are in `/sys/kernel/debug/dri/` under the name and
//! under the numbers of the device.
#![forbid(unsafe_code)]

use crate::{
    abi::drm::debugfs::{
        add_file,
        DebugFile, //
    },
    device::DrmDevice,
    display::Sight,
    driver::VirtioGpu, //
};
use kernel::{
    prelude::*,
    seq_file::SeqFile,
    seq_print, //
};

/// Adds the files to a device that is not registered yet.
pub(crate) fn init(drm: &DrmDevice) {
    add_file::<Features>(drm);
    add_file::<IrqFence>(drm);
    add_file::<HostVisibleMm>(drm);
    add_file::<QueueStates>(drm);
    add_file::<Scanouts>(drm);
}

/// A line of a name and a value.
macro_rules! line {
    ($file:expr, $name:expr, $($value:tt)+) => {
        seq_print!($file, "{:<16} : {}\n", $name, fmt!($($value)+))
    };
}

/// A condition as the kernel's files have it.
fn yes_no(on: bool) -> &'static str {
    if on {
        "yes"
    } else {
        "no"
    }
}

/// What was negotiated.
struct Features;

impl DebugFile for Features {
    type Driver = VirtioGpu;

    const NAME: &'static CStr = c"virtio-gpu-features";

    fn show(dev: &DrmDevice, file: &SeqFile) {
        let features = dev.features();
        let [control, _] = dev.queues().states();

        line!(file, "virgl", "{}", yes_no(features.virgl));
        line!(file, "edid", "{}", yes_no(features.edid));
        line!(file, "indirect", "{}", yes_no(control.indirect));
        line!(file, "resource uuid", "{}", yes_no(features.resource_uuid));
        line!(file, "blob resources", "{}", yes_no(features.resource_blob));
        line!(file, "context init", "{}", yes_no(features.context_init));
        line!(file, "cap sets", "{}", dev.num_capsets());
        line!(file, "scanouts", "{}", dev.num_scanouts());
        if let Some(window) = dev.window() {
            line!(
                file,
                "host visible region",
                "{:#x} +{:#x}",
                window.start(),
                window.len()
            );
        }
        // Where they are offered, which the C driver's file does not tell.
        for (name, bit) in [
            ("feature bit 5", features.bits.five),
            ("feature bit 6", features.bits.six),
        ] {
            if bit.is_offered() {
                line!(file, name, "{}", bit);
            }
        }
    }
}

/// Fences: the last one that the host has signalled, and the last one it was asked for.
struct IrqFence;

impl DebugFile for IrqFence {
    type Driver = VirtioGpu;

    const NAME: &'static CStr = c"virtio-gpu-irq-fence";

    fn show(dev: &DrmDevice, file: &SeqFile) {
        let [control, _] = dev.queues().states();

        seq_print!(file, "fence {} {}\n", control.fence_done, control.fence_id);
    }
}

/// What is where in the window of host memory.
struct HostVisibleMm;

impl DebugFile for HostVisibleMm {
    type Driver = VirtioGpu;

    const NAME: &'static CStr = c"virtio-gpu-host-visible-mm";

    fn show(dev: &DrmDevice, file: &SeqFile) {
        let Some(window) = dev.window() else {
            seq_print!(file, "Host allocations not visible to guest\n");
            return;
        };

        let mut used = 0;
        window.for_each_part(|start, end, taken| {
            let len = end.saturating_sub(start);

            seq_print!(
                file,
                "{:#018x}-{:#018x}: {}: {}\n",
                window.start().saturating_add(start),
                window.start().saturating_add(end),
                len,
                if taken { "used" } else { "free" }
            );
            if taken {
                used += len;
            }
        });
        seq_print!(
            file,
            "total: {}, used {} free {}\n",
            window.len(),
            used,
            window.len().saturating_sub(used)
        );
    }
}

/// Where commands are, for whoever asks why nothing moves.
struct QueueStates;

impl DebugFile for QueueStates {
    type Driver = VirtioGpu;

    const NAME: &'static CStr = c"virtio-gpu-queues";

    fn show(dev: &DrmDevice, file: &SeqFile) {
        for (state, name) in dev.queues().states().iter().zip(["control", "cursor"]) {
            seq_print!(file, "{}:\n", name);
            line!(file, "descriptors", "{} of {} free", state.free, state.size);
            line!(file, "at the host", "{}", state.in_flight);
            line!(file, "answered", "{}", state.answered);
            line!(file, "parked, clients", "{}", state.parked_client);
            line!(file, "parked, display", "{}", state.parked_display);
            line!(file, "host is silent", "{}", yes_no(state.silent));
            line!(file, "device is lost", "{}", yes_no(state.lost));
        }
        seq_print!(file, "jobs:\n");
        line!(file, "waiting", "{}", dev.queues().parked_jobs());
        if let Some(generation) = dev.features().passing() {
            let [control, _] = dev.queues().states();

            line!(file, "fence passing", "{}", generation.name());
            line!(file, "fences passed", "{}", control.passes);
        }
    }
}

/// Who sets the pace of scanouts, for whoever asks why flips are late.
struct Scanouts;

impl DebugFile for Scanouts {
    type Driver = VirtioGpu;

    const NAME: &'static CStr = c"virtio-gpu-scanouts";

    fn show(dev: &DrmDevice, file: &SeqFile) {
        if let Some(sight) = dev.shows_in_place() {
            line!(
                file,
                "guest memory",
                "{}",
                match sight {
                    Sight::Unknown => "not tried",
                    Sight::InPlace => "shown in place",
                    Sight::Copies => "copied",
                }
            );
        }
        for (number, crtc) in (0..).map_while(|number| Some((number, dev.crtc(number)?))) {
            let pace = crtc.pace();
            let [asked, unanswered, missed] = pace.counts();

            seq_print!(file, "scanout {}:\n", number);
            line!(
                file,
                "pace",
                "{}",
                if pace.is_hosts() { "host" } else { "timer" }
            );
            line!(file, "host was asked", "{}", asked);
            line!(file, "not answered", "{}", unanswered);
            line!(file, "too late", "{}", missed);
        }
    }
}
