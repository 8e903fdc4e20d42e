// SPDX-License-Identifier: GPL-2.0

//! The display: for each scanout of the device a CRTC with a primary and a cursor plane, and a
//! connector with what the host says of the display there.
//!
//! Nothing in a commit waits for the host, but for the end of its flip, and that is bounded. Commands of
//! an update are built when it is prepared, and pushed when it is carried out.
#![forbid(unsafe_code)]

mod connector;
mod cursor;
mod damage;
mod framebuffer;
mod in_place;
mod info;
mod pace;
mod primary;
mod refusals;
mod repaint;
mod scanout;
mod upload;

pub(crate) use self::in_place::Sight;

use self::{
    connector::Output,
    cursor::{
        Cursor,
        CursorPlane, //
    },
    in_place::InPlace,
    info::Info,
    pace::Pace,
    primary::Primary,
    refusals::Refusals,
    repaint::Repaint, //
};
use crate::{
    abi::drm::{
        self,
        gem,
        kms::{
            Config,
            Connector,
            Crtc,
            CrtcState,
            DriverCrtc,
            FramebufferRequest,
            KmsDriver,
            Plane,
            PlaneState,
            Setup, //
        }, //
    },
    device::DrmDevice,
    driver::VirtioGpu,
    file::File,
    object::Resource, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        Mutex, //
    }, //
};

/// Smallest width and height of a mode, in pixels.
const MIN_SIZE: u32 = 32;
/// Largest width and height of a mode, in pixels.
const MAX_SIZE: u32 = 8192;
/// Width and height of a cursor, in pixels.
const CURSOR_SIZE: u32 = 64;
/// What a display without a size of its own is given, in pixels.
const DEFAULT_SIZE: (u32, u32) = (1024, 768);

/// What the host says of the displays.
#[pin_data]
pub(crate) struct Display {
    #[pin]
    info: Mutex<Info>,
    /// Makes up for updates that were left out.
    repaint: Arc<Repaint>,
    /// Whether the host shows guest memory.
    in_place: InPlace,
    #[pin]
    refusals: Refusals,
}

impl Display {
    /// Creates an initializer.
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            info <- new_mutex!(Info::new()),
            repaint: Repaint::new()?,
            in_place: InPlace::new(),
            refusals <- Refusals::new(),
        })
    }
}

/// The driver's part of a CRTC.
pub(crate) struct Scanout {
    /// Number of the scanout.
    index: u32,
    pace: Pace,
}

impl Scanout {
    /// Who sets the pace of its updates.
    pub(crate) fn pace(&self) -> &Pace {
        &self.pace
    }
}

impl DriverCrtc for Scanout {
    type Driver = VirtioGpu;

    fn longest_hold(period: i64) -> i64 {
        pace::longest_hold(period)
    }

    fn overdue(crtc: &Crtc<Self>) {
        crtc.pace.overdue();
    }
}

impl KmsDriver for VirtioGpu {
    type Crtc = Scanout;
    type Connector = Output;

    fn check_framebuffer(
        dev: &DrmDevice,
        file: &drm::File<File>,
        object: &ARef<gem::Object<Resource>>,
        request: &FramebufferRequest,
    ) -> Result {
        framebuffer::check(dev, file, object, request)
    }

    fn planes_updated(dev: &DrmDevice) {
        dev.queues().kick();
    }
}

/// Makes the objects of the display, if the device has one. The device must not be at work yet.
///
/// # Errors
///
/// [`ENOMEM`] and those of the DRM core.
pub(crate) fn init(dev: &DrmDevice) -> Result {
    if dev.num_scanouts() == 0 {
        return Ok(());
    }

    let setup = Setup::new(
        dev,
        &Config {
            min: (MIN_SIZE, MIN_SIZE),
            max: (MAX_SIZE, MAX_SIZE),
            cursor: (CURSOR_SIZE, CURSOR_SIZE),
        },
    )?;
    for index in 0..dev.num_scanouts() {
        let cursor = Arc::pin_init(Cursor::new(dev.queues().clone(), index), GFP_KERNEL)?;
        let primary = Plane::new(&setup, 1 << index, Primary::new())?;
        let cursor = Plane::new(&setup, 1 << index, Ok(CursorPlane { cursor }))?;
        let crtc = Crtc::new(
            &setup,
            primary,
            cursor,
            Ok(Scanout {
                index,
                pace: Pace::new(),
            }),
        )?;

        Connector::new(&setup, crtc, dev.features().edid, Ok(Output { index }))?;
    }
    setup.finish()
}

/// Asks the host for the displays, when the queues are at work. Until it has answered there is one
/// display of a default size.
pub(crate) fn probe_info(dev: &DrmDevice) {
    if dev.num_scanouts() != 0 {
        info::read(dev);
    }
}

/// The host says that displays have changed.
pub(crate) fn config_changed(dev: &DrmDevice) {
    probe_info(dev);
    if let Some(config) = dev.lock_mode_config() {
        config.for_each_connector(|probe| {
            connector::update_edid(&probe);
            connector::update_place(&probe);
        });
    }
    dev.hotplug_event();
}

/// Starts the console and other clients in the kernel. The device must be registered.
pub(crate) fn start_clients(dev: &DrmDevice) {
    dev.display().repaint.start(dev);
    dev.setup_clients();
}

/// Switches the display off before the system sleeps.
///
/// # Errors
///
/// Those of [`DrmDevice::suspend_display`].
pub(crate) fn suspend(dev: &DrmDevice) -> Result {
    dev.suspend_display()
        .inspect_err(|e| dev_err!(dev.parent(), "[drm] *ERROR* suspend error: {:?}\n", e))
}

/// Shows what was shown before the system slept: of planes that appear everything is new.
pub(crate) fn resume(dev: &DrmDevice) {
    if let Err(e) = dev.resume_display() {
        dev_err!(dev.parent(), "[drm] *ERROR* resume error: {:?}\n", e);
    }
}

/// Switches the display off for good.
pub(crate) fn shutdown(dev: &DrmDevice) {
    dev.display().repaint.stop();
    dev.atomic_shutdown();
}

/// Whether a plane in `state` is to be seen while its CRTC is in `crtc`.
fn shown(state: &PlaneState<'_, VirtioGpu>, crtc: Option<CrtcState<'_>>) -> bool {
    state.framebuffer().is_some() && crtc.is_some_and(|crtc| crtc.active())
}
