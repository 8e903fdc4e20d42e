// SPDX-License-Identifier: GPL-2.0

//! CRTCs whose vertical blanks come from a timer.
//!
//! The core stops the timer when nobody wants to know of them. It keeps its beat all the same until
//! another mode is set, so that who plans frames ahead finds them where they were.
//!
//! When the last vertical blank was is a matter of the clock, as with a display that scans out, not
//! of what the timer has come to: it may be late. What is asked for after a beat thus happens at the
//! next one, and nobody is told of a flip at a time before he has asked for it.
//!
//! C header: [`include/drm/drm_crtc.h`](srctree/include/drm/drm_crtc.h)

use super::{
    flip::Hold,
    managed,
    plane::{
        DriverPlane,
        Plane, //
    },
    KmsDriver,
    Setup, //
};
use crate::abi::bindings;
use core::ops::Deref;
use kernel::{
    error::to_result,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    types::Opaque, //
};

/// Frames a second that the timer makes: at least one, and not so many that a CPU does nothing else.
const REFRESH_HZ: core::ops::RangeInclusive<u64> = 1..=1000;

/// The driver's part of a CRTC.
pub(crate) trait DriverCrtc: Sized + Send + Sync + 'static {
    /// The driver.
    type Driver: KmsDriver<Crtc = Self>;

    /// How long a flip may be [held back](Crtc::hold) where vertical blanks come every `period`
    /// nanoseconds, in nanoseconds.
    fn longest_hold(period: i64) -> i64;

    /// A flip was held back for too long and is over. Called by an interrupt: must neither sleep nor
    /// take locks.
    fn overdue(crtc: &Crtc<Self>);
}

/// A CRTC with the driver's part `T`, which it dereferences to.
///
/// # Invariants
///
/// `crtc` is a valid `struct drm_crtc` of a device of `T::Driver`, and lives as long as that.
#[repr(C)]
#[pin_data]
pub(crate) struct Crtc<T: DriverCrtc> {
    #[pin]
    crtc: Opaque<bindings::drm_crtc>,
    /// A beat of the timer when it was started last, in nanoseconds. Changes under the core's lock
    /// for vertical blanks, as `period` does. Who reads both without it, to guess when the next one
    /// is, may guess wrong while another mode is set.
    beat: Atomic<i64>,
    /// The period of the timer when it was started last, in nanoseconds; 0 before that.
    period: Atomic<i64>,
    hold: Hold,
    #[pin]
    inner: T,
}

// SAFETY: CRTCs have their own locks.
unsafe impl<T: DriverCrtc> Send for Crtc<T> {}
// SAFETY: As above, and `T` is `Sync`.
unsafe impl<T: DriverCrtc> Sync for Crtc<T> {}

impl<T: DriverCrtc> Crtc<T> {
    const FUNCS: bindings::drm_crtc_funcs = bindings::drm_crtc_funcs {
        set_config: Some(bindings::drm_atomic_helper_set_config),
        page_flip: Some(bindings::drm_atomic_helper_page_flip),
        atomic_create_state: Some(bindings::drm_atomic_helper_crtc_create_state),
        atomic_duplicate_state: Some(bindings::drm_atomic_helper_crtc_duplicate_state),
        atomic_destroy_state: Some(bindings::drm_atomic_helper_crtc_destroy_state),
        enable_vblank: Some(Self::enable_vblank_callback),
        disable_vblank: Some(bindings::drm_crtc_vblank_helper_disable_vblank_timer),
        get_vblank_timestamp: Some(Self::vblank_timestamp_callback),
        ..pin_init::zeroed()
    };

    const HELPER_FUNCS: bindings::drm_crtc_helper_funcs = bindings::drm_crtc_helper_funcs {
        atomic_check: Some(Self::check_callback),
        atomic_flush: Some(Self::flush_callback),
        atomic_enable: Some(bindings::drm_crtc_vblank_atomic_enable),
        atomic_disable: Some(Self::disable_callback),
        handle_vblank_timeout: Some(Self::vblank_callback),
        ..pin_init::zeroed()
    };

    /// Makes a CRTC with its primary plane and its cursor plane. Both must be usable with it.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], those of `inner` and of the DRM core.
    pub(crate) fn new<'a, P, C>(
        setup: &Setup<'a, T::Driver>,
        primary: &'a Plane<P>,
        cursor: &'a Plane<C>,
        inner: impl PinInit<T, Error>,
    ) -> Result<&'a Self>
    where
        P: DriverPlane<Driver = T::Driver>,
        C: DriverPlane<Driver = T::Driver>,
    {
        let dev = setup.dev();
        let this = managed::alloc(
            dev,
            try_pin_init!(Self {
                crtc <- Opaque::zeroed(),
                beat: Atomic::new(0),
                period: Atomic::new(0),
                hold: Hold::new(),
                inner <- inner,
            }? Error),
        )?;

        // INVARIANT: Initialised here.
        // SAFETY: `this` is zeroed and lives as long as the device, and so do the planes, which are
        // of the same device; functions are static, and the name is made by the core.
        to_result(unsafe {
            bindings::drmm_crtc_init_with_planes(
                dev.as_raw(),
                this.as_raw(),
                primary.as_raw(),
                cursor.as_raw(),
                const { &Self::FUNCS },
                core::ptr::null(),
            )
        })?;
        // SAFETY: Nobody uses the CRTC yet.
        unsafe { (*this.as_raw()).helper_private = const { &Self::HELPER_FUNCS } };
        Ok(this)
    }

    pub(super) fn as_raw(&self) -> *mut bindings::drm_crtc {
        self.crtc.get()
    }

    /// # Safety
    ///
    /// `crtc` must be a valid CRTC of a device of `T::Driver`.
    pub(super) unsafe fn from_raw<'a>(crtc: *mut bindings::drm_crtc) -> &'a Self {
        // SAFETY: By the safety requirements and because `T` is the driver's only type of CRTC,
        // `crtc` is the first member of a `Self`.
        unsafe { &*crtc.cast() }
    }

    /// # Safety
    ///
    /// For its slot in a C vtable only.
    unsafe extern "C" fn check_callback(
        crtc: *mut bindings::drm_crtc,
        commit: *mut bindings::drm_atomic_commit,
    ) -> c_int {
        // SAFETY: The helpers call this with a CRTC that is in `commit`, whose new state is theirs.
        let state = unsafe { &*bindings::abi_helper_atomic_new_crtc_state(commit, crtc) };

        if state.enable && !timer_can(&state.adjusted_mode) {
            return EINVAL.to_errno();
        }
        0
    }

    /// # Safety
    ///
    /// For its slot in a C vtable only.
    unsafe extern "C" fn enable_vblank_callback(crtc: *mut bindings::drm_crtc) -> c_int {
        // SAFETY: The core calls this with a CRTC of this type.
        let this = unsafe { Self::from_raw(crtc) };
        let (mut beat, mut period) = (this.beat.load(Relaxed), this.period.load(Relaxed));

        // SAFETY: The core calls this with its lock held.
        let ret =
            unsafe { bindings::abi_helper_crtc_start_vblank_timer(crtc, &mut beat, &mut period) };
        this.beat.store(beat, Relaxed);
        this.period.store(period, Relaxed);
        ret
    }

    /// # Safety
    ///
    /// For its slot in a C vtable only.
    unsafe extern "C" fn vblank_timestamp_callback(
        crtc: *mut bindings::drm_crtc,
        _max_error: *mut c_int,
        time: *mut bindings::ktime_t,
        _in_vblank_irq: bool,
    ) -> bool {
        // SAFETY: The core calls this with a CRTC of this type.
        let this = unsafe { Self::from_raw(crtc) };
        let period = this.period.load(Relaxed);

        // SAFETY: The core calls this with room for the time, and no period is 0.
        unsafe {
            let now = bindings::ktime_get();
            *time = if period == 0 {
                now
            } else {
                bindings::abi_helper_last_beat(this.beat.load(Relaxed), period, now)
            };
        }
        true
    }

    /// The period of the vertical blanks in nanoseconds, 0 if there were none yet.
    pub(super) fn period(&self) -> i64 {
        self.period.load(Relaxed)
    }

    /// The time of the first vertical blank after `now`, in nanoseconds; `now` if there were none yet.
    pub(super) fn next_beat(&self, now: i64) -> i64 {
        match self.period.load(Relaxed) {
            0 => now,
            // SAFETY: It only calculates, and the period is not 0.
            period => unsafe {
                bindings::abi_helper_last_beat(self.beat.load(Relaxed), period, now)
                    .saturating_add(period)
            },
        }
    }

    /// Room for the flip that is held back.
    pub(super) fn held(&self) -> &Hold {
        &self.hold
    }

    /// The bit of the CRTC in masks.
    pub(crate) fn mask(&self) -> u32 {
        // SAFETY: `crtc` is valid by the type invariant.
        1 << unsafe { (*self.as_raw()).index }
    }
}

impl<T: DriverCrtc> Deref for Crtc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

/// Whether the timer can make the vertical blanks of `mode`.
fn timer_can(mode: &bindings::drm_display_mode) -> bool {
    let pixels = u64::from(mode.htotal) * u64::from(mode.vtotal);
    let hz = u64::try_from(mode.clock)
        .ok()
        .and_then(|khz| khz.checked_mul(1000))
        .and_then(|clock| clock.checked_div(pixels));

    hz.is_some_and(|hz| REFRESH_HZ.contains(&hz))
}

#[kunit_tests(rust_drm_kms_crtc)]
mod tests {
    use super::*;

    fn can(clock: c_int, htotal: u16, vtotal: u16) -> bool {
        timer_can(&bindings::drm_display_mode {
            clock,
            htotal,
            vtotal,
            ..Default::default()
        })
    }

    #[test]
    fn last_beats() {
        // SAFETY: It only calculates.
        let last = |at, now| unsafe { bindings::abi_helper_last_beat(at, 100, now) };

        assert_eq!(last(1000, 1000), 1000);
        assert_eq!(last(1000, 1099), 1000);
        assert_eq!(last(1000, 1100), 1100);
        // A timer that has just been started.
        assert_eq!(last(1000, 999), 900);
        assert_eq!(last(1000, 900), 900);
        assert_eq!(last(1000, 899), 800);
        // Years later.
        assert_eq!(last(7, 1_000_000_000_000_000_001), 999_999_999_999_999_907);
    }

    #[test]
    fn usual_modes() {
        assert!(can(148_500, 2200, 1125));
        assert!(can(25_175, 800, 525));
        assert!(can(1000, 1000, 1000));
    }

    #[test]
    fn too_fast_and_too_slow() {
        assert!(!can(c_int::MAX, 1440, 900));
        assert!(!can(148_500, 40, 40));
        assert!(!can(999, 1000, 1000));
        assert!(!can(148_500, 0, 1125));
        assert!(!can(-1, 2200, 1125));
    }
}
