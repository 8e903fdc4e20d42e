// SPDX-License-Identifier: GPL-2.0

//! The current task.
//!
//! C header: [`include/linux/sched.h`](srctree/include/linux/sched.h)

use super::bindings;

/// Bytes of a task's name, with the zero at its end.
pub(crate) const NAME_LEN: usize = 16;

/// Whether the current task ends because it was killed.
pub(crate) fn is_killed() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::abi_helper_current_is_killed() }
}

/// The name of the current task, with zeroes up to the end.
pub(crate) fn current_name() -> [u8; NAME_LEN] {
    let mut name = [0; NAME_LEN];

    // SAFETY: `name` is valid for writes of its length.
    unsafe { bindings::abi_helper_current_comm(name.as_mut_ptr(), name.len()) };
    name
}
