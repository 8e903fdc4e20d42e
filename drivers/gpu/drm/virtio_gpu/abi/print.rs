// SPDX-License-Identifier: GPL-2.0

//! Printing facilities.
//!
//! C header: [`include/linux/printk.h`](srctree/include/linux/printk.h)

use crate::abi::bindings;
use kernel::prelude::*;

/// Whether a message that others may cause at will may be logged now, by the limits that the kernel
/// has for all such messages. `label` begins the note about messages that were suppressed.
pub(crate) fn ratelimit(label: &'static CStr) -> bool {
    // SAFETY: The label is a string that lives for ever.
    unsafe { bindings::__printk_ratelimit(label.as_char_ptr()) != 0 }
}
