// SPDX-License-Identifier: GPL-2.0

//! Workqueues of a driver's own.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use crate::abi::bindings;
use core::{
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    container_of,
    prelude::*,
    workqueue::{
        DelayedWork,
        Queue,
        Work, //
    }, //
};

/// A workqueue that belongs to its creator. Dropping it runs what is queued to its end first, so it
/// must not be dropped by one of its own work items.
///
/// # Invariants
///
/// `wq` is a valid workqueue that nobody else destroys.
pub(crate) struct OwnedQueue {
    wq: NonNull<bindings::workqueue_struct>,
}

// SAFETY: Workqueues may be used from any task.
unsafe impl Send for OwnedQueue {}
// SAFETY: Workqueues have their own locks.
unsafe impl Sync for OwnedQueue {}

impl OwnedQueue {
    /// Creates a queue whose workers run at high priority, and that makes progress when memory is
    /// short.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new_highpri(name: &CStr) -> Result<Self> {
        let flags = bindings::wq_flags_WQ_HIGHPRI
            | bindings::wq_flags_WQ_MEM_RECLAIM
            | bindings::wq_flags_WQ_PERCPU;
        // SAFETY: The format takes one string, which is copied.
        let wq = unsafe {
            bindings::alloc_workqueue_noprof(c"%s".as_char_ptr(), flags, 0, name.as_char_ptr())
        };

        // INVARIANT: A new workqueue, which we do not hand out.
        Ok(Self {
            wq: NonNull::new(wq).ok_or(ENOMEM)?,
        })
    }
}

impl Deref for OwnedQueue {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        // SAFETY: `wq` is valid as long as `self` is.
        unsafe { Queue::from_raw(self.wq.as_ptr()) }
    }
}

impl Drop for OwnedQueue {
    fn drop(&mut self) {
        // SAFETY: `wq` is valid and ours by the type invariant.
        unsafe { bindings::destroy_workqueue(self.wq.as_ptr()) };
    }
}

/// Waits until `work`, if it is queued or runs, has ended. May sleep.
pub(crate) fn flush<T, const ID: u64>(work: &Work<T, ID>) {
    // SAFETY: `work` is a live work item, which has been initialised as every `Work` has.
    unsafe { bindings::flush_work(Work::raw_get(work)) };
}

/// Runs `work` at once if its time has not come yet, and waits until it has ended. May sleep.
pub(crate) fn flush_delayed<T, const ID: u64>(work: &DelayedWork<T, ID>) {
    // SAFETY: `work` is live, and so is the `work_struct` in it.
    let raw = unsafe { Work::raw_get(DelayedWork::raw_as_work(work)) };

    // SAFETY: The `work_struct` is that of a `delayed_work`, initialised as every `DelayedWork` has.
    unsafe { bindings::flush_delayed_work(container_of!(raw, bindings::delayed_work, work)) };
}

/// The kernel's queue for work that need not run on the CPU that queues it. What the kernel crate
/// has, `system_unbound()`, is the deprecated name, for which the kernel warns.
pub(crate) fn system_dfl() -> &'static Queue {
    // SAFETY: `system_dfl_wq` is set up at boot and lives for ever.
    unsafe { Queue::from_raw(bindings::system_dfl_wq) }
}
