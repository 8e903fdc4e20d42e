// SPDX-License-Identifier: GPL-2.0

//! Connectors of virtual displays, with their encoder.
//!
//! C headers: [`include/drm/drm_connector.h`](srctree/include/drm/drm_connector.h),
//! [`include/drm/drm_edid.h`](srctree/include/drm/drm_edid.h),
//! [`include/drm/drm_probe_helper.h`](srctree/include/drm/drm_probe_helper.h)

use super::{
    managed,
    Crtc,
    KmsDriver,
    Setup, //
};
use crate::abi::{
    bindings,
    drm::Device, //
};
use core::{
    mem::size_of,
    ops::Deref, //
};
use kernel::{
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*,
    types::{
        NotThreadSafe,
        Opaque, //
    }, //
};

// CAST: Constants that fit.
const CONNECTOR_VIRTUAL: c_int = bindings::DRM_MODE_CONNECTOR_VIRTUAL as c_int;
const ENCODER_VIRTUAL: c_int = bindings::DRM_MODE_ENCODER_VIRTUAL as c_int;

/// What makes the frames of a mode other than once over its lines.
const NOT_PROGRESSIVE: u32 = bindings::DRM_MODE_FLAG_INTERLACE | bindings::DRM_MODE_FLAG_DBLSCAN;

/// Bytes of an EDID block.
const EDID_BLOCK: usize = 128;

/// The driver's part of a connector.
pub(crate) trait DriverConnector: Sized + Send + Sync + 'static {
    /// The driver.
    type Driver: KmsDriver<Connector = Self>;

    /// Whether a display is connected.
    fn connected(connector: &Connector<Self>) -> bool;

    /// Adds the modes of the display that is connected, and returns how many they are.
    fn add_modes(probe: &ConnectorProbe<'_, Self>) -> u32;

    /// Whether a mode can be shown.
    fn mode_valid(connector: &Connector<Self>, mode: &Mode) -> bool;
}

/// A display mode.
///
/// # Invariants
///
/// Instances are only ever references to a valid `struct drm_display_mode`.
#[repr(transparent)]
pub(crate) struct Mode(Opaque<bindings::drm_display_mode>);

impl Mode {
    fn raw(&self) -> &bindings::drm_display_mode {
        // SAFETY: Valid by the type invariant, and nobody changes a mode that is being looked at.
        unsafe { &*self.0.get() }
    }

    /// Visible pixels of a line.
    pub(crate) fn width(&self) -> u16 {
        self.raw().hdisplay
    }

    /// Visible lines.
    pub(crate) fn height(&self) -> u16 {
        self.raw().vdisplay
    }

    /// Whether the display prefers this mode.
    pub(crate) fn preferred(&self) -> bool {
        u32::from(self.raw().type_) & bindings::DRM_MODE_TYPE_PREFERRED != 0
    }

    /// Frames a second, rounded; 0 if the timings make none.
    pub(crate) fn refresh(&self) -> u32 {
        // SAFETY: Valid by the type invariant.
        let hz = unsafe { bindings::drm_mode_vrefresh(self.0.get()) };

        hz.try_into().unwrap_or(0)
    }

    /// Makes the mode one of `hz` progressive frames a second, with the timings of a frame as they
    /// are, if there is a clock for that.
    pub(crate) fn set_refresh(&mut self, hz: u32) {
        // SAFETY: Valid by the type invariant, and nobody else has the mode.
        let mode = unsafe { &mut *self.0.get() };
        let pixels = u64::from(mode.htotal) * u64::from(mode.vtotal);

        if let Ok(khz) = (pixels * u64::from(hz)).div_ceil(1000).try_into() {
            mode.clock = khz;
            mode.flags &= !NOT_PROGRESSIVE;
            mode.vscan = 0;
        }
    }
}

/// A connector with the driver's part `T`, which it dereferences to.
///
/// # Invariants
///
/// `connector` is a valid `struct drm_connector` of a device of `T::Driver`, and lives as long as
/// that.
#[repr(C)]
#[pin_data]
pub(crate) struct Connector<T: DriverConnector> {
    #[pin]
    connector: Opaque<bindings::drm_connector>,
    #[pin]
    inner: T,
}

// SAFETY: Connectors have their own locks.
unsafe impl<T: DriverConnector> Send for Connector<T> {}
// SAFETY: As above, and `T` is `Sync`.
unsafe impl<T: DriverConnector> Sync for Connector<T> {}

impl<T: DriverConnector> Connector<T> {
    const FUNCS: bindings::drm_connector_funcs = bindings::drm_connector_funcs {
        fill_modes: Some(bindings::drm_helper_probe_single_connector_modes),
        atomic_create_state: Some(bindings::drm_atomic_helper_connector_create_state),
        atomic_duplicate_state: Some(bindings::drm_atomic_helper_connector_duplicate_state),
        atomic_destroy_state: Some(bindings::drm_atomic_helper_connector_destroy_state),
        ..pin_init::zeroed()
    };

    const HELPER_FUNCS: bindings::abi_connector_helper_funcs =
        bindings::abi_connector_helper_funcs {
            base: bindings::drm_connector_helper_funcs {
                get_modes: Some(Self::get_modes_callback),
                detect_ctx: Some(Self::detect_callback),
                mode_valid: Some(bindings::abi_helper_connector_mode_valid),
                ..pin_init::zeroed()
            },
            mode_valid: Some(Self::mode_valid_callback),
        };

    /// Makes a connector of a virtual display that is always driven by `crtc`, with an encoder
    /// between the two. With `edid`, userspace can read the display's EDID.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], those of `inner` and of the DRM core.
    pub(crate) fn new<'a>(
        setup: &Setup<'a, T::Driver>,
        crtc: &Crtc<<T::Driver as KmsDriver>::Crtc>,
        edid: bool,
        inner: impl PinInit<T, Error>,
    ) -> Result<&'a Self> {
        let dev = setup.dev();
        let this = managed::alloc(
            dev,
            try_pin_init!(Self {
                connector <- Opaque::zeroed(),
                inner <- inner,
            }? Error),
        )?;

        // INVARIANT: Initialised here.
        // SAFETY: `this` is zeroed and lives as long as the device; functions are static.
        to_result(unsafe {
            bindings::drmm_connector_init(
                dev.as_raw(),
                this.as_raw(),
                const { &Self::FUNCS },
                CONNECTOR_VIRTUAL,
                core::ptr::null_mut(),
            )
        })?;
        // SAFETY: Nobody uses the connector yet. The table that the helpers are in is static.
        unsafe {
            (*this.as_raw()).helper_private =
                core::ptr::from_ref(const { &Self::HELPER_FUNCS }).cast();
            if edid {
                bindings::drm_connector_attach_edid_property(this.as_raw());
            }
        }

        // SAFETY: Memory for an encoder without anything of ours in it; the name is made by the
        // core. It lives as long as the device.
        let encoder = from_err_ptr(unsafe {
            bindings::__drmm_encoder_alloc(
                dev.as_raw(),
                size_of::<bindings::drm_encoder>(),
                0,
                core::ptr::null(),
                ENCODER_VIRTUAL,
                core::ptr::null(),
            )
        })?
        .cast::<bindings::drm_encoder>();
        // SAFETY: Both are valid and of one device.
        to_result(unsafe {
            (*encoder).possible_crtcs = crtc.mask();
            bindings::drm_connector_attach_encoder(this.as_raw(), encoder)
        })?;
        Ok(this)
    }

    fn as_raw(&self) -> *mut bindings::drm_connector {
        self.connector.get()
    }

    /// The device that the connector is of.
    pub(crate) fn dev(&self) -> &Device<T::Driver> {
        // SAFETY: `connector` is valid by the type invariant, and its device outlives it.
        unsafe { Device::from_raw((*self.as_raw()).dev) }
    }

    /// Lets userspace ask where among the others the display would best be.
    ///
    /// # Safety
    ///
    /// The device must have the properties for that, and not be registered.
    pub(super) unsafe fn attach_place(&self) {
        // SAFETY: By the safety requirements; the connector is valid.
        unsafe {
            let config = &(*self.dev().as_raw()).mode_config;
            for property in [config.suggested_x_property, config.suggested_y_property] {
                bindings::drm_object_attach_property(&mut (*self.as_raw()).base, property, 0);
            }
        }
    }

    /// # Safety
    ///
    /// `connector` must be a valid connector of a device of `T::Driver`.
    pub(super) unsafe fn from_raw<'a>(connector: *mut bindings::drm_connector) -> &'a Self {
        // SAFETY: By the safety requirements and because `T` is the driver's only type of
        // connector, `connector` is the first member of a `Self`.
        unsafe { &*connector.cast() }
    }

    /// # Safety
    ///
    /// For its slot in a C vtable only.
    unsafe extern "C" fn detect_callback(
        connector: *mut bindings::drm_connector,
        _ctx: *mut bindings::drm_modeset_acquire_ctx,
        _force: bool,
    ) -> c_int {
        // SAFETY: The helpers call this with a connector of this type.
        let connected = T::connected(unsafe { Self::from_raw(connector) });

        // CAST: Constants that fit.
        if connected {
            bindings::drm_connector_status_connector_status_connected as c_int
        } else {
            bindings::drm_connector_status_connector_status_disconnected as c_int
        }
    }

    /// # Safety
    ///
    /// For its slot in a C vtable only.
    unsafe extern "C" fn get_modes_callback(connector: *mut bindings::drm_connector) -> c_int {
        // SAFETY: The helpers call this with a connector of this type, under the lock of the mode
        // configuration.
        let probe = unsafe { ConnectorProbe::new(Self::from_raw(connector)) };

        c_int::try_from(T::add_modes(&probe)).unwrap_or(c_int::MAX)
    }

    /// # Safety
    ///
    /// For its slot in a C vtable only.
    unsafe extern "C" fn mode_valid_callback(
        connector: *mut bindings::drm_connector,
        mode: *const bindings::drm_display_mode,
    ) -> c_int {
        // SAFETY: The helpers call this with a connector of this type and a valid mode.
        let (connector, mode) = unsafe { (Self::from_raw(connector), &*mode.cast::<Mode>()) };

        c_int::from(T::mode_valid(connector, mode))
    }
}

impl<T: DriverConnector> Deref for Connector<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

/// A connector that is being probed, which it dereferences to.
///
/// # Invariants
///
/// The lock of the mode configuration is held.
pub(crate) struct ConnectorProbe<'a, T: DriverConnector> {
    connector: &'a Connector<T>,
    _not_send: NotThreadSafe,
}

impl<'a, T: DriverConnector> ConnectorProbe<'a, T> {
    /// # Safety
    ///
    /// The lock of the mode configuration must be held as long as the result is used.
    pub(super) unsafe fn new(connector: &'a Connector<T>) -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            connector,
            _not_send: NotThreadSafe,
        }
    }

    /// Makes `edid` the display's EDID, if it is valid and there is no other that the user wants.
    /// Without a usable one the display has none.
    pub(crate) fn set_edid(&self, edid: &[u8]) {
        let mut edid = edid;
        let raw = self.connector.as_raw();

        // SAFETY: The connector is valid, the lock held, and the context is what the callback takes.
        // The core copies the EDID into the connector, so it can be freed.
        unsafe {
            let edid = bindings::drm_edid_read_custom(
                raw,
                Some(read_block_callback),
                (&raw mut edid).cast(),
            );
            // Fails when memory is short; the old EDID is gone then.
            let _ = bindings::drm_edid_connector_update(raw, edid);
            bindings::drm_edid_free(edid);
        }
    }

    /// Tells userspace where among the others the display would best be, in pixels.
    pub(crate) fn suggest_place(&self, x: u32, y: u32) {
        let raw = self.connector.as_raw();

        // SAFETY: The connector is valid, and `Setup::finish()` has attached the properties. They are
        // such as only the kernel sets.
        unsafe {
            let config = &(*(*raw).dev).mode_config;
            for (property, value) in [
                (config.suggested_x_property, x),
                (config.suggested_y_property, y),
            ] {
                // Fails for properties that are not attached only.
                let _ = bindings::drm_object_property_set_value(
                    &mut (*raw).base,
                    property,
                    value.into(),
                );
            }
        }
    }

    /// Adds the modes of the EDID, and returns how many they are.
    pub(crate) fn add_edid_modes(&self) -> u32 {
        // SAFETY: The connector is valid, and the lock held.
        let count = unsafe { bindings::drm_edid_connector_add_modes(self.connector.as_raw()) };

        count.try_into().unwrap_or(0)
    }

    /// Calls `f` with each mode that was added.
    pub(crate) fn for_each_added_mode(&self, mut f: impl FnMut(&mut Mode)) {
        let raw = self.connector.as_raw();

        // SAFETY: The connector is valid, and the lock held, so the list stays as it is. It consists
        // of modes, which nobody else looks at before they have all been added.
        unsafe {
            let head = &raw const (*raw).probed_modes;
            let mut entry = (*head).next;
            while !core::ptr::eq(entry, head) {
                let mode = kernel::container_of!(entry, bindings::drm_display_mode, head);
                f(&mut *mode.cast::<Mode>());
                entry = (*entry).next;
            }
        }
    }

    /// Adds standard modes that are at most `width` by `height`, and returns how many they are.
    pub(crate) fn add_standard_modes(&self, width: u32, height: u32) -> u32 {
        // SAFETY: As above.
        let count =
            unsafe { bindings::drm_add_modes_noedid(self.connector.as_raw(), width, height) };

        count.try_into().unwrap_or(0)
    }

    /// Has the display prefer modes of `width` by `height` among those that were added.
    pub(crate) fn prefer(&self, width: u32, height: u32) {
        let (Ok(width), Ok(height)) = (width.try_into(), height.try_into()) else {
            return;
        };
        // SAFETY: As above.
        unsafe { bindings::drm_set_preferred_mode(self.connector.as_raw(), width, height) };
    }

    /// Adds a mode of `width` by `height` at `refresh` Hz that the display prefers, with timings as
    /// of VESA CVT. Returns how many modes that are: there is none if memory is short.
    pub(crate) fn add_preferred_mode(&self, width: u32, height: u32, refresh: u32) -> u32 {
        let (Ok(width), Ok(height), Ok(refresh)) =
            (width.try_into(), height.try_into(), refresh.try_into())
        else {
            return 0;
        };
        let raw = self.connector.as_raw();

        // SAFETY: As above; the connector takes the mode.
        unsafe {
            let mode =
                bindings::drm_cvt_mode((*raw).dev, width, height, refresh, false, false, false);
            if mode.is_null() {
                return 0;
            }
            // CAST: A flag that fits.
            (*mode).type_ |= bindings::DRM_MODE_TYPE_PREFERRED as u8;
            bindings::drm_mode_probed_add(raw, mode);
        }
        1
    }
}

impl<T: DriverConnector> Deref for ConnectorProbe<'_, T> {
    type Target = Connector<T>;

    fn deref(&self) -> &Connector<T> {
        self.connector
    }
}

/// # Safety
///
/// For its slot in a C vtable only.
unsafe extern "C" fn read_block_callback(
    context: *mut c_void,
    buf: *mut u8,
    block: c_uint,
    len: usize,
) -> c_int {
    // SAFETY: `set_edid()` passes such a context, and the core `len` bytes of memory.
    let (edid, buf) = unsafe {
        (
            *context.cast::<&[u8]>(),
            core::slice::from_raw_parts_mut(buf, len),
        )
    };
    let bytes = usize::try_from(block)
        .ok()
        .and_then(|block| block.checked_mul(EDID_BLOCK))
        .and_then(|start| edid.get(start..start.checked_add(len)?));

    match bytes {
        Some(bytes) => {
            buf.copy_from_slice(bytes);
            0
        }
        None => EINVAL.to_errno(),
    }
}

#[kunit_tests(rust_drm_kms_connector)]
mod tests {
    use super::*;

    /// The refresh rate of a mode before and after it has been made one of 60 Hz.
    fn refresh(clock: c_int, htotal: u16, vtotal: u16, flags: u32) -> (u32, u32) {
        let mut mode = Mode(Opaque::new(bindings::drm_display_mode {
            clock,
            htotal,
            vtotal,
            flags,
            ..Default::default()
        }));
        let before = mode.refresh();

        mode.set_refresh(60);
        (before, mode.refresh())
    }

    #[test]
    fn refresh_rates() {
        assert_eq!(refresh(148_500, 2200, 1125, 0), (60, 60));
        assert_eq!(refresh(74_176, 2750, 1125, 0), (24, 60));
        assert_eq!(refresh(42_075, 2200, 1125, 0), (17, 60));
        assert_eq!(refresh(c_int::MAX, 800, 525, 0), (5_113_056, 60));
        assert_eq!(refresh(0, 800, 525, 0), (0, 60));
        assert_eq!(
            refresh(74_250, 2200, 1125, bindings::DRM_MODE_FLAG_INTERLACE),
            (60, 60)
        );
    }

    #[test]
    fn no_frames_and_huge_ones() {
        assert_eq!(refresh(-1, 0, 0, 0), (0, 0));
        assert_eq!(refresh(1000, 32_767, u16::MAX, 0), (0, 60));
    }
}
