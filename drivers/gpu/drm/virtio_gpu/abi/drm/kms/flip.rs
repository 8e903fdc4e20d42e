// SPDX-License-Identifier: GPL-2.0

//! Flips that are not over at the next vertical blank, but when the driver says so.
//!
//! What a commit is waited for by, its event with the out-fence, is kept back, for a time that is
//! bounded. A flip that is released before the first vertical blank after it is over at that, like any
//! other; one that is released later is over at once, as of the last vertical blank, as if the
//! interrupt had come late. So sequence numbers and times are always those of a vertical blank, and
//! grow from flip to flip.
//!
//! C header: [`include/drm/drm_vblank.h`](srctree/include/drm/drm_vblank.h)

use super::{
    crtc::{
        Crtc,
        DriverCrtc, //
    },
    KmsDriver, //
};
use crate::abi::{
    bindings,
    drm::Device,
    sync::DriverFence, //
};
use core::{
    cell::UnsafeCell,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// A flip that is held back.
struct Held {
    number: u64,
    /// The event of the commit, once its planes have been updated, with a reference to the vertical
    /// blanks.
    event: Option<NonNull<bindings::drm_pending_vblank_event>>,
    /// Signalled when the flip is released.
    fence: Option<DriverFence>,
    /// The time of the first vertical blank after the update, in nanoseconds.
    after: i64,
    /// When it is released by itself, in nanoseconds.
    until: i64,
}

/// Room for the flip of a CRTC that is held back.
///
/// # Invariants
///
/// `held` is accessed with the lock for events of the device held.
pub(super) struct Hold {
    held: UnsafeCell<Option<Held>>,
    /// Whether there may be one, for those without the lock.
    any: Atomic<bool>,
}

impl Hold {
    /// No flip.
    pub(super) fn new() -> Self {
        Self {
            held: UnsafeCell::new(None),
            any: Atomic::new(false),
        }
    }
}

impl<T: DriverCrtc> Crtc<T> {
    /// Holds the flip of the commit that is being carried out back, until it is [released](Self::release)
    /// by its number, or for [`DriverCrtc::longest_hold`]. To be called when a plane of the CRTC is
    /// updated. `fence` signals when the flip is released.
    pub(crate) fn hold(&self, number: u64, fence: Option<DriverFence>) {
        let old = self.with_held(|held| {
            held.replace(Held {
                number,
                event: None,
                fence,
                after: 0,
                until: 0,
            })
            // A commit comes after the flip before it.
            .map(|old| self.finish(old))
        });

        signal(old.flatten());
    }

    /// Flip `number` is over, unless it was before.
    pub(crate) fn release(&self, number: u64) {
        let fence = self.with_held(|held| {
            let held = held.take_if(|held| held.number == number)?;

            self.finish(held)
        });

        signal(fence);
    }

    /// Calls `f` with the flip that is held back.
    fn with_held<R>(&self, f: impl FnOnce(&mut Option<Held>) -> R) -> R {
        // SAFETY: The CRTC is valid by its invariant, and so is its device. The lock is taken here.
        unsafe {
            let flags = bindings::abi_helper_event_lock((*self.as_raw()).dev);
            self.with_lock(flags, f)
        }
    }

    /// The same, unless somebody has the lock.
    fn try_with_held<R>(&self, f: impl FnOnce(&mut Option<Held>) -> R) -> Option<R> {
        let mut flags = 0;

        // SAFETY: As above.
        unsafe {
            bindings::abi_helper_event_trylock((*self.as_raw()).dev, &mut flags)
                .then(|| self.with_lock(flags, f))
        }
    }

    /// The same with the lock taken, which is given up.
    ///
    /// # Safety
    ///
    /// The caller must have taken the lock for events of the device, which has given `flags`.
    unsafe fn with_lock<R>(&self, flags: c_ulong, f: impl FnOnce(&mut Option<Held>) -> R) -> R {
        let hold = self.held();

        // SAFETY: The lock makes the access exclusive, by the invariant of `Hold`; `f` does not come back
        // here, as it has no way to. The caller has taken the lock of the device, which is valid by the
        // invariant of the CRTC.
        unsafe {
            let held = &mut *hold.held.get();
            let result = f(held);

            hold.any.store(held.is_some(), Relaxed);
            bindings::abi_helper_event_unlock((*self.as_raw()).dev, flags);
            result
        }
    }

    /// Has the event of a flip that was released sent at its time. Returns the fence. The lock for
    /// events is held.
    fn finish(&self, held: Held) -> Option<DriverFence> {
        if let Some(event) = held.event {
            // SAFETY: The CRTC is valid by its invariant. The event is ours to give away, with the
            // reference to the vertical blanks; the lock is held.
            unsafe {
                if bindings::ktime_get() < held.after {
                    bindings::drm_crtc_arm_vblank_event(self.as_raw(), event.as_ptr());
                } else {
                    // Its timer may be late: the event is to have the count of now.
                    bindings::drm_crtc_accurate_vblank_count(self.as_raw());
                    bindings::drm_crtc_send_vblank_event(self.as_raw(), event.as_ptr());
                    bindings::drm_crtc_vblank_put(self.as_raw());
                }
            }
        }
        held.fence
    }

    /// The planes of the CRTC have been updated.
    ///
    /// # Safety
    ///
    /// For its slot in a C vtable only.
    pub(super) unsafe extern "C" fn flush_callback(
        crtc: *mut bindings::drm_crtc,
        commit: *mut bindings::drm_atomic_commit,
    ) {
        // SAFETY: The helpers call this with a CRTC of this type that is in `commit`, whose new state is
        // theirs until the commit has ended.
        let (this, state) = unsafe {
            (
                Self::from_raw(crtc),
                &mut *bindings::abi_helper_atomic_new_crtc_state(commit, crtc),
            )
        };

        let fence = this.with_held(|held| {
            let Some(event) =
                NonNull::new(core::mem::replace(&mut state.event, core::ptr::null_mut()))
            else {
                // Nobody waits for it.
                return this.finish(held.take()?);
            };

            // SAFETY: The CRTC is valid and the lock is held. The event is the commit's to give away,
            // once, and it is armed or held with a reference to the vertical blanks.
            unsafe {
                if bindings::drm_crtc_vblank_get(crtc) != 0 {
                    bindings::drm_crtc_send_vblank_event(crtc, event.as_ptr());
                    return this.finish(held.take()?);
                }
                match held {
                    Some(held) if held.event.is_none() => {
                        let longest = T::longest_hold(this.period());
                        let now = bindings::ktime_get();

                        held.event = Some(event);
                        held.after = this.next_beat(now);
                        held.until = now.saturating_add(longest);
                    }
                    _ => bindings::drm_crtc_arm_vblank_event(crtc, event.as_ptr()),
                }
            }
            None
        });

        signal(fence);
    }

    /// A vertical blank: also ends a flip that was held back for long enough.
    ///
    /// # Safety
    ///
    /// For its slot in a C vtable only.
    pub(super) unsafe extern "C" fn vblank_callback(crtc: *mut bindings::drm_crtc) -> bool {
        // SAFETY: The core calls this with a CRTC of this type.
        let this = unsafe { Self::from_raw(crtc) };
        // SAFETY: The CRTC is valid.
        let goes_on = unsafe { bindings::drm_crtc_handle_vblank(crtc) };

        if this.held().any.load(Relaxed) {
            // SAFETY: No requirements.
            let now = unsafe { bindings::ktime_get() };
            // Who has the lock may wait for this function to return, when blanks begin again. The next
            // blank will do.
            let overdue = this.try_with_held(|held| {
                let overdue = held.take_if(|held| held.event.is_some() && held.until <= now)?;

                Some(this.finish(overdue))
            });

            if let Some(Some(fence)) = overdue {
                signal(fence);
                T::overdue(this);
            }
        }
        goes_on
    }

    /// The CRTC is switched off.
    ///
    /// # Safety
    ///
    /// For its slot in a C vtable only.
    pub(super) unsafe extern "C" fn disable_callback(
        crtc: *mut bindings::drm_crtc,
        _commit: *mut bindings::drm_atomic_commit,
    ) {
        // SAFETY: The helpers call this with a CRTC of this type.
        let this = unsafe { Self::from_raw(crtc) };

        signal(this.with_held(|held| this.finish(held.take()?)));
        // When blanks begin again the core waits for a function of the timer that still runs, with locks
        // held that the function takes, so it is waited for here.
        // SAFETY: The CRTC is valid, and its blanks are off. No locks are held but those of modes.
        unsafe {
            bindings::drm_crtc_vblank_off(crtc);
            bindings::abi_helper_crtc_wait_vblank_timer(crtc);
        }
    }
}

/// Signals the fence of a flip that was released. Without the lock for events, as those who wait for it
/// may be of other drivers.
fn signal(fence: Option<DriverFence>) {
    if let Some(fence) = fence {
        fence.signal(Ok(()));
    }
}

impl<D: KmsDriver> Device<D> {
    /// CRTC number `index`, if there is one.
    pub(crate) fn crtc(&self, index: u32) -> Option<&Crtc<D::Crtc>> {
        if !self.has_mode_config() {
            return None;
        }
        let index = c_int::try_from(index).ok()?;

        // SAFETY: The device has a configuration. CRTCs live as long as the device and are of one type.
        unsafe {
            let crtc = bindings::drm_crtc_from_index(self.as_raw(), index);
            (!crtc.is_null()).then(|| Crtc::from_raw(crtc))
        }
    }
}
