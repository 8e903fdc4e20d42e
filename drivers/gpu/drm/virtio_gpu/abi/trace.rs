// SPDX-License-Identifier: GPL-2.0

//! Trace events of the commands on virtqueues, in the trace system `virtio_gpu`.
//!
//! While an event is off, it costs a branch that is patched into the code, or where the kernel has
//! no such branches, a look at a word. The events themselves are made in `helpers/trace.c`, as
//! Rust has no way to define some.
//!
//! C header: [`include/linux/tracepoint.h`](srctree/include/linux/tracepoint.h)

use super::virtio::Virtqueue;
use crate::abi::bindings;

/// Whether an event is on.
macro_rules! is_on {
    ($tracepoint:path) => {{
        #[cfg(CONFIG_TRACEPOINTS)]
        {
            // SAFETY: The key of a tracepoint may be looked at at any time.
            unsafe {
                kernel::jump_label::static_branch_unlikely!($tracepoint, bindings::tracepoint, key)
            }
        }
        #[cfg(not(CONFIG_TRACEPOINTS))]
        false
    }};
}

/// The header at the start of a command or a response. `None` if there is not that much.
fn header(bytes: &[u8]) -> Option<bindings::virtio_gpu_ctrl_hdr> {
    if bytes.len() < size_of::<bindings::virtio_gpu_ctrl_hdr>() {
        return None;
    }
    // SAFETY: That many bytes are there, any are fine for integers, and they need not be aligned.
    Some(unsafe {
        bytes
            .as_ptr()
            .cast::<bindings::virtio_gpu_ctrl_hdr>()
            .read_unaligned()
    })
}

/// The event that a command was put onto a queue. The queue takes the command, so what the event
/// tells of it is taken first.
pub(crate) struct CmdQueue(Option<bindings::virtio_gpu_ctrl_hdr>);

impl CmdQueue {
    /// Takes what the event tells of `command`, if the event is on.
    #[inline(always)]
    pub(crate) fn new(command: &[u8]) -> Self {
        Self(if is_on!(bindings::__tracepoint_virtio_gpu_cmd_queue) {
            header(command)
        } else {
            None
        })
    }

    /// `queue` has taken the command, its `number`th.
    #[inline(always)]
    pub(crate) fn emit<T>(self, queue: &Virtqueue<T>, number: u32) {
        if let Some(mut header) = self.0 {
            // SAFETY: The queue is valid, and so is the header.
            unsafe { bindings::abi_helper_trace_cmd_queue(queue.as_raw(), &mut header, number) };
        }
    }
}

/// The event that the device has answered the `number`th command of `queue` with `response`.
#[inline(always)]
pub(crate) fn cmd_response<T>(queue: &Virtqueue<T>, response: &[u8], number: u32) {
    if is_on!(bindings::__tracepoint_virtio_gpu_cmd_response) {
        if let Some(mut header) = header(response) {
            // SAFETY: As in `CmdQueue::emit()`.
            unsafe { bindings::abi_helper_trace_cmd_response(queue.as_raw(), &mut header, number) };
        }
    }
}
