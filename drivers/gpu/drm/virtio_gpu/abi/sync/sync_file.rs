// SPDX-License-Identifier: GPL-2.0

//! Sync files: file descriptors that stand for a fence.
//!
//! C header: [`include/linux/sync_file.h`](srctree/include/linux/sync_file.h)

use super::Fence;
use crate::abi::bindings;
use core::ptr::NonNull;
use kernel::{
    fs::File,
    prelude::*,
    sync::aref::ARef, //
};

/// The file of a sync file for `fence`.
///
/// # Errors
///
/// [`ENOMEM`].
pub(crate) fn new(fence: &Fence) -> Result<ARef<File>> {
    // SAFETY: The fence is valid; the sync file takes a reference of its own.
    let sync_file = unsafe { bindings::sync_file_create(fence.as_raw()) };
    let sync_file = NonNull::new(sync_file).ok_or(ENOMEM)?;

    // SAFETY: A new sync file has a file, whose only reference is ours and owns the sync file.
    let file = unsafe { NonNull::new((*sync_file.as_ptr()).file) }.ok_or(ENOMEM)?;
    // SAFETY: The reference goes to the `ARef`. `File` is a transparent `struct file`, and nobody
    // uses the position of a new one.
    Ok(unsafe { ARef::from_raw(file.cast()) })
}

/// The fence that the sync file `fd` of the current task stands for.
///
/// # Errors
///
/// [`EINVAL`] if `fd` is not a sync file.
pub(crate) fn fence(fd: i32) -> Result<ARef<Fence>> {
    // SAFETY: No requirements.
    let fence = unsafe { bindings::sync_file_get_fence(fd) };

    // SAFETY: The reference that was taken goes to the `ARef`.
    Ok(unsafe { ARef::from_raw(NonNull::new(fence).ok_or(EINVAL)?.cast()) })
}
