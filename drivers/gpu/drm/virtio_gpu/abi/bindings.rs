// SPDX-License-Identifier: GPL-2.0

//! Raw bindings: the kernel's own, and beside them what our second bindgen run adds.
//!
//! A type or function that both know resolves to ours, because a local definition shadows the glob
//! import; everything that the listed headers only refer to stays the kernel's. This file is the
//! one switch between the two: once `rust/bindings/bindings_helper.h` includes the headers in
//! `bindings_helper.h`, the `include!` goes away.

#![allow(
    clippy::all,
    clippy::as_ptr_cast_mut,
    clippy::as_underscore,
    clippy::cast_lossless,
    clippy::ptr_as_ptr,
    clippy::ref_as_ptr,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    unused_imports
)]

pub(crate) use kernel::bindings::*;

use kernel::ffi;
use pin_init::{
    MaybeZeroable,
    Zeroable, //
};

// Blocklisted in the kernel's bindgen parameters and private to its module.
type __kernel_size_t = usize;
type __kernel_ssize_t = isize;

include!(env!("VIRTIO_GPU_RS_BINDINGS"));
