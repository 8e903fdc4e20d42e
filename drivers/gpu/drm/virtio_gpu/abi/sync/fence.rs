// SPDX-License-Identifier: GPL-2.0

//! dma-fences: promises that a device's work will be done, which other drivers and userspace can
//! wait for.
//!
//! The work's driver holds a [`DriverFence`], the only thing that can signal, and does so exactly
//! once: a fence that is dropped unsignalled signals an error. Everybody else holds a [`Fence`].
//! A signalled fence is independent of the module it came from.
//!
//! C header: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h)

use crate::abi::bindings;
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    alloc::Flags,
    prelude::*,
    sync::aref::{
        ARef,
        AlwaysRefCounted, //
    },
    types::{
        NotThreadSafe,
        Opaque, //
    }, //
};

/// A reference-counted fence of any driver.
///
/// # Invariants
///
/// Instances are only ever references to an initialised `struct dma_fence`.
#[repr(transparent)]
pub(crate) struct Fence(Opaque<bindings::dma_fence>);

// SAFETY: Fences are shared between tasks and drivers by design.
unsafe impl Send for Fence {}
// SAFETY: As above.
unsafe impl Sync for Fence {}

impl Fence {
    pub(in crate::abi) fn as_raw(&self) -> *mut bindings::dma_fence {
        self.0.get()
    }

    /// Has those who trace fences know that the work of this one was handed to the device.
    pub(crate) fn trace_emit(&self) {
        // SAFETY: The fence is valid by the type invariant.
        unsafe { bindings::abi_helper_dma_fence_trace_emit(self.as_raw()) };
    }

    /// The timeline that the fence is of.
    pub(crate) fn context(&self) -> u64 {
        // SAFETY: The fence is valid by the type invariant, and this does not change.
        unsafe { (*self.as_raw()).context }
    }

    /// The fence's number on its timeline.
    pub(crate) fn seqno(&self) -> u64 {
        // SAFETY: The fence is valid by the type invariant, and this does not change.
        unsafe { (*self.as_raw()).seqno }
    }

    /// Whether the fence is known to have signalled. Does not ask its driver.
    pub(crate) fn is_signalled(&self) -> bool {
        // SAFETY: The fence is valid by the type invariant.
        unsafe { bindings::abi_helper_dma_fence_test_signaled_flag(self.as_raw()) }
    }

    /// Calls `f` with each of the fences that this one is made of, until one fails.
    ///
    /// # Errors
    ///
    /// Those of `f`.
    pub(crate) fn for_each(&self, mut f: impl FnMut(&Fence) -> Result) -> Result {
        let mut cursor = pin_init::zeroed();
        // SAFETY: The fence is valid by the type invariant; the cursor is initialised by the call and
        // holds references to what is walked.
        let mut fence = unsafe { bindings::dma_fence_unwrap_first(self.as_raw(), &mut cursor) };
        let mut result = Ok(());

        while !fence.is_null() && result.is_ok() {
            // SAFETY: The cursor holds a reference to it until the next step.
            result = f(unsafe { &*fence.cast() });
            if result.is_ok() {
                // SAFETY: The cursor is that of a walk which has not ended.
                fence = unsafe { bindings::dma_fence_unwrap_next(&mut cursor) };
            }
        }
        if result.is_err() {
            // SAFETY: A walk that has not ended holds a reference to where it is in the chain.
            unsafe { bindings::abi_helper_dma_fence_put(cursor.chain) };
        }
        result
    }

    /// `None` if the fence has not signalled, else how the work ended. Only tests look so far.
    #[cfg(CONFIG_KUNIT = "y")]
    pub(crate) fn status(&self) -> Option<Result> {
        // SAFETY: The fence is valid by the type invariant.
        match unsafe { bindings::dma_fence_get_status(self.as_raw()) } {
            0 => None,
            errno if errno < 0 => Some(Err(Error::from_errno(errno))),
            _ => Some(Ok(())),
        }
    }
}

// SAFETY: Fences are reference-counted by `dma_fence_get()` and `dma_fence_put()`.
unsafe impl AlwaysRefCounted for Fence {
    fn inc_ref(&self) {
        // SAFETY: A reference exists, so the count is not zero.
        unsafe { bindings::abi_helper_dma_fence_get(self.as_raw()) };
    }

    unsafe fn dec_ref(this: NonNull<Self>) {
        // SAFETY: The caller gives up a reference.
        unsafe { bindings::abi_helper_dma_fence_put(this.as_ptr().cast()) };
    }
}

/// What a kind of fence calls itself to debugging tools.
pub(crate) trait FenceNames: 'static {
    /// Name of the driver.
    const DRIVER: &'static CStr;
    /// Name of the timeline.
    const TIMELINE: &'static CStr;
}

/// The operations of fences named by `N`. There is no `release` and no `wait`, so that a signalled
/// fence does not refer to them.
struct Ops<N: FenceNames>(PhantomData<N>);

impl<N: FenceNames> Ops<N> {
    const OPS: bindings::dma_fence_ops = bindings::dma_fence_ops {
        get_driver_name: Some(Self::driver_name_callback),
        get_timeline_name: Some(Self::timeline_name_callback),
        ..pin_init::zeroed()
    };

    extern "C" fn driver_name_callback(_fence: *mut bindings::dma_fence) -> *const c_char {
        N::DRIVER.as_char_ptr()
    }

    extern "C" fn timeline_name_callback(_fence: *mut bindings::dma_fence) -> *const c_char {
        N::TIMELINE.as_char_ptr()
    }
}

/// A timeline: fences of one context signal in the order of their sequence numbers.
#[derive(Debug)]
pub(crate) struct FenceContext(u64);

impl FenceContext {
    /// Whether `fence` is of this timeline.
    pub(crate) fn has(&self, fence: &Fence) -> bool {
        self.0 == fence.context()
    }

    /// Makes a new timeline.
    pub(crate) fn new() -> Self {
        // SAFETY: Takes a number from a counter; no requirements.
        Self(unsafe { bindings::dma_fence_context_alloc(1) })
    }
}

/// Memory for a fence, so that making it cannot fail.
pub(crate) struct FenceMemory(KBox<Opaque<bindings::dma_fence>>);

// SAFETY: Memory that nothing is in yet, which any thread may fill or free.
unsafe impl Send for FenceMemory {}

impl FenceMemory {
    /// Allocates the memory.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new(flags: Flags) -> Result<Self> {
        Ok(Self(KBox::new(Opaque::uninit(), flags)?))
    }

    /// Makes the fence `seqno` of `context`. The caller numbers the fences of a context upwards and
    /// signals them in that order.
    pub(crate) fn init<N: FenceNames>(self, context: &FenceContext, seqno: u64) -> DriverFence {
        let fence = NonNull::from(KBox::leak(self.0)).cast::<Fence>();

        // SAFETY: The memory is valid for writes. It is of `kmalloc()`, which is what the core frees
        // a fence without `release` as. Without an external lock the fence uses its own.
        unsafe {
            bindings::dma_fence_init64(
                fence.as_ptr().cast(),
                const { &Ops::<N>::OPS },
                core::ptr::null_mut(),
                context.0,
                seqno,
            )
        };
        // INVARIANT: A new fence is not signalled, and nobody else can.
        // SAFETY: The reference that initialisation made goes to the `ARef`.
        DriverFence(unsafe { ARef::from_raw(fence) })
    }
}

/// The right and the duty to signal a fence.
///
/// # Invariants
///
/// The fence has not been signalled.
pub(crate) struct DriverFence(ARef<Fence>);

impl DriverFence {
    /// The fence.
    pub(crate) fn fence(&self) -> &Fence {
        &self.0
    }

    /// Signals that the work has ended with `result`. Callbacks of those who wait run in here.
    pub(crate) fn signal(self, result: Result) {
        let this = ManuallyDrop::new(self);

        this.signal_once(result);
        // SAFETY: `this` is not used any more, and is not dropped.
        drop(unsafe { core::ptr::read(&this.0) });
    }

    fn signal_once(&self, result: Result) {
        if let Err(error) = result {
            // SAFETY: The fence is not signalled, so there is time to set an error.
            unsafe { bindings::abi_helper_dma_fence_set_error(self.0.as_raw(), error.to_errno()) };
        }
        // SAFETY: The fence is valid.
        unsafe { bindings::dma_fence_signal(self.0.as_raw()) };
    }
}

impl Drop for DriverFence {
    fn drop(&mut self) {
        self.signal_once(Err(ECANCELED));
    }
}

/// A section that fences depend on to signal. Lockdep checks that nothing in it waits for memory or
/// takes a lock that is held while waiting for a fence.
///
/// # Invariants
///
/// `cookie` is that of a `dma_fence_begin_signalling()` of this task.
#[must_use]
pub(crate) struct Signalling {
    cookie: bool,
    _not_send: NotThreadSafe,
}

impl Signalling {
    /// Begins a section, which ends when the result is dropped.
    pub(crate) fn begin() -> Self {
        // INVARIANT: Begun just now.
        Self {
            // SAFETY: No requirements but that the section is ended, by `drop()`.
            cookie: unsafe { bindings::abi_helper_dma_fence_begin_signalling() },
            _not_send: NotThreadSafe,
        }
    }
}

impl Drop for Signalling {
    fn drop(&mut self) {
        // SAFETY: `cookie` is that of the section, by the type invariant.
        unsafe { bindings::abi_helper_dma_fence_end_signalling(self.cookie) };
    }
}
