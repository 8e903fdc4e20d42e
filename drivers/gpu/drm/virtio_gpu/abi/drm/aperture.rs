// SPDX-License-Identifier: GPL-2.0

//! Taking a device over from the firmware: its boot framebuffer, and whether that is wanted.
//!
//! C headers: [`include/linux/aperture.h`](srctree/include/linux/aperture.h),
//! [`include/drm/drm_drv.h`](srctree/include/drm/drm_drv.h)

use crate::abi::bindings;
use kernel::{
    device,
    error::to_result,
    prelude::*, //
};

/// The raw device behind a reference.
fn as_raw(dev: &device::Device) -> *mut bindings::device {
    // CAST: `device::Device` is a transparent wrapper.
    core::ptr::from_ref(dev).cast_mut().cast()
}

/// Whether the user wants no native display drivers (`nomodeset`).
pub(crate) fn firmware_drivers_only() -> bool {
    // SAFETY: Always safe to call.
    unsafe { bindings::video_firmware_drivers_only() }
}

/// What kind of PCI function `dev` is: `None` if it is none, else whether it is a VGA one.
pub(crate) fn pci_vga(dev: &device::Device) -> Option<bool> {
    // SAFETY: `dev` is a valid device.
    unsafe {
        bindings::abi_helper_dev_is_pci(as_raw(dev))
            .then(|| bindings::abi_helper_pci_is_vga(as_raw(dev)))
    }
}

/// Removes drivers of boot framebuffers that are inside the BARs of the PCI function `dev`, on
/// behalf of driver `name`. Other devices have none.
///
/// # Errors
///
/// Those of the aperture helpers.
pub(crate) fn evict_boot_display(dev: &device::Device, name: &'static CStr) -> Result {
    // SAFETY: `dev` is a valid device.
    to_result(unsafe {
        bindings::abi_helper_pci_evict_boot_display(as_raw(dev), name.as_char_ptr())
    })
}

/// Lets scatter list segments of `dev` be as long as one DMA mapping may be.
pub(crate) fn set_max_segment_size(dev: &device::Device) {
    // SAFETY: `dev` is a valid device; only its driver, which is probing it, sets DMA parameters.
    unsafe {
        let max = match bindings::dma_max_mapping_size(as_raw(dev)) {
            0 => u32::MAX,
            n => u32::try_from(n).unwrap_or(u32::MAX),
        };
        bindings::dma_set_max_seg_size(as_raw(dev), max);
    }
}
