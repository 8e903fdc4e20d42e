// SPDX-License-Identifier: GPL-2.0

//! Files in a DRM device's folder of debugfs.
//!
//! C header: [`include/drm/drm_debugfs.h`](srctree/include/drm/drm_debugfs.h)

use super::{
    Device,
    Driver, //
};
use crate::abi::bindings;
use core::ptr::null_mut;
use kernel::{
    prelude::*,
    seq_file::SeqFile, //
};

/// A file that shows something of a device.
pub(crate) trait DebugFile {
    /// The driver.
    type Driver: Driver;

    /// Its name.
    const NAME: &'static CStr;

    /// Writes the file's text.
    fn show(dev: &Device<Self::Driver>, file: &SeqFile);
}

/// Adds file `F` to `dev`, which is not registered yet. It is there from then on, until the device is
/// unplugged. Nothing happens in a kernel without debugfs.
pub(crate) fn add_file<F: DebugFile>(dev: &Device<F::Driver>) {
    // SAFETY: The device is valid, the name lives for ever, and so does the callback: the file goes
    // with the device, which keeps the module.
    unsafe {
        bindings::abi_helper_drm_debugfs_add_file(
            dev.as_raw(),
            F::NAME.as_char_ptr(),
            Some(show_callback::<F>),
            null_mut(),
        )
    };
}

extern "C" fn show_callback<F: DebugFile>(
    seq: *mut bindings::seq_file,
    _data: *mut c_void,
) -> c_int {
    // SAFETY: The DRM core calls this with a file whose `private` is the entry for this device,
    // which is of driver `F::Driver`, and keeps the file from going away meanwhile.
    let (dev, file) = unsafe {
        let entry = (*seq).private.cast::<bindings::drm_debugfs_entry>();
        (
            Device::<F::Driver>::from_raw((*entry).dev),
            SeqFile::from_raw(seq),
        )
    };

    F::show(dev, file);
    0
}
