// SPDX-License-Identifier: GPL-2.0

//! GEM objects backed by guest memory, and their pages.
//!
//! C header: [`include/drm/drm_gem_shmem_helper.h`](srctree/include/drm/drm_gem_shmem_helper.h)

use super::{
    Backing,
    DriverObject,
    Object, //
};
use crate::abi::{
    bindings,
    drm::{
        Device,
        Driver, //
    },
    sg::{
        self,
        Segment, //
    }, //
};
use core::ptr::NonNull;
use kernel::{
    error::{
        from_err_ptr,
        to_result, //
    },
    page::{
        PAGE_SHIFT,
        PAGE_SIZE, //
    },
    prelude::*,
    scatterlist::SGTable,
    sync::{
        aref::ARef,
        atomic::Full, //
    }, //
};

/// Objects larger than this get their pages one by one, which takes its time and can be ended.
const LARGE: usize = 64 << 20;

/// The addresses that a device is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressSpace {
    /// What the DMA API maps the pages to.
    Dma,
    /// The physical addresses of the guest.
    Physical,
}

impl<T: Driver> Device<T> {
    /// Lets objects of guest memory have huge pages where they are large enough, if the kernel has
    /// such pages. Only before the first object.
    ///
    /// # Errors
    ///
    /// Those of mounting a file system; objects have small pages then.
    pub(crate) fn use_huge_pages(&self) -> Result {
        // SAFETY: The device is valid.
        to_result(unsafe {
            bindings::abi_helper_gem_use_huge_pages(self.as_raw(), c"within_size".as_char_ptr())
        })
    }
}

impl<T: DriverObject> Object<T> {
    /// Makes an object of `size` bytes of guest memory, rounded up to whole pages. The memory is
    /// there once somebody asks for it, and is zeroed.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if `size` is 0 or too large, [`ENOMEM`], also if there can never be as much memory,
    /// [`ENOSPC`], and those of [`DriverObject::new`].
    pub(crate) fn new_shmem(
        dev: &Device<T::Driver>,
        size: usize,
        args: T::Args,
    ) -> Result<ARef<Self>> {
        // SAFETY: No requirements.
        if size >> PAGE_SHIFT > unsafe { bindings::abi_helper_total_ram_pages() } {
            return Err(ENOMEM);
        }
        let funcs = const { &Self::SHMEM_FUNCS };
        let (obj, size) = Self::alloc(dev, size, args, Backing::Shmem, funcs)?;

        // SAFETY: `dev` is valid, the object is zeroed but for its functions and the size is a
        // multiple of the page size. If this fails, nothing is left to undo in the object.
        to_result(unsafe { bindings::drm_gem_shmem_init(dev.as_raw(), obj.as_raw_shmem(), size) })?;
        // SAFETY: Initialised just now.
        Ok(unsafe { Self::publish(dev, obj) })
    }

    /// Makes sure that the object's pages are there and stay where they are for as long as it
    /// lives, and returns where they are, contiguous ones as one segment.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] for an object of other memory, [`ENOMEM`], [`EINTR`] if the task is being killed,
    /// [`ERESTARTSYS`] if a signal is pending, and those of the DMA API.
    pub(crate) fn segments(&self, space: AddressSpace) -> Result<KVVec<Segment>> {
        if self.backing != Backing::Shmem {
            return Err(EINVAL);
        }
        if self.size() > LARGE {
            // SAFETY: `obj` is valid by the type invariants, and one of guest memory, which has a file.
            to_result(unsafe { bindings::abi_helper_gem_shmem_populate(self.as_raw()) })?;
        }

        match space {
            AddressSpace::Dma => {
                // SAFETY: `obj` is valid by the type invariants. The table is the object's and goes
                // with it.
                let table = from_err_ptr(unsafe {
                    bindings::drm_gem_shmem_get_pages_sgt(self.as_raw_shmem())
                })?;
                // SAFETY: A valid table, which stays with the object.
                let table = unsafe { SGTable::from_raw(table) };

                sg::of_table(table)
            }
            AddressSpace::Physical => {
                self.pin()?;
                // SAFETY: The pages are pinned, so the array is there, is not written to, and has
                // an entry for each page.
                let pages = unsafe {
                    core::slice::from_raw_parts(
                        (*self.as_raw_shmem()).pages,
                        self.size() / PAGE_SIZE,
                    )
                };

                sg::collect(
                    || {
                        pages.iter().map(|&page| {
                            // SAFETY: Entries of the array are valid pages.
                            let addr = unsafe { bindings::abi_helper_page_to_phys(page) };
                            // CAST: A constant that fits.
                            (addr, PAGE_SIZE as u32)
                        })
                    },
                    GFP_KERNEL,
                )
            }
        }
    }

    /// Makes what the CPU has written to the pages visible to the device, if they are mapped for it
    /// by the DMA API; others are so anyway.
    pub(crate) fn sync_for_device(&self) {
        // SAFETY: `obj` is valid by the type invariants. The table is set once, before any device
        // is told of the pages.
        let table = unsafe { (*self.as_raw_shmem()).sgt };

        if !table.is_null() && !self.is_imported() {
            // SAFETY: `table` is mapped for the device's parent, and stays with the object.
            unsafe { bindings::abi_helper_dma_sync_to_device((*self.dev().as_raw()).dev, table) };
        }
    }

    /// Whether the pages are mapped for the device by the DMA API.
    pub(crate) fn is_mapped(&self) -> bool {
        // SAFETY: As in `sync_for_device()`.
        let table = unsafe { (*self.as_raw_shmem()).sgt };

        !table.is_null() && !self.is_imported()
    }

    /// The object's pages, if they are there. They stay as long as the object, as
    /// [`Object::segments`] has pinned them. Takes no lock.
    pub(in crate::abi) fn pages(&self) -> Option<NonNull<*mut bindings::page>> {
        if self.is_imported() {
            return None;
        }
        // SAFETY: `obj` is valid by the type invariants. The array is set once.
        NonNull::new(unsafe { (*self.as_raw_shmem()).pages })
    }

    /// Makes what the device has written to the pages visible to the CPU, if they are mapped for it by
    /// the DMA API; others are so anyway.
    pub(crate) fn sync_for_cpu(&self) {
        // SAFETY: As in `sync_for_device()`.
        let table = unsafe { (*self.as_raw_shmem()).sgt };

        if !table.is_null() && !self.is_imported() {
            // SAFETY: `table` is mapped for the device's parent, and stays with the object.
            unsafe { bindings::abi_helper_dma_sync_to_cpu((*self.dev().as_raw()).dev, table) };
        }
    }

    /// Pins the pages for the rest of the object's life.
    fn pin(&self) -> Result {
        // SAFETY: `obj` is valid by the type invariants, and not imported, as the caller checked.
        to_result(unsafe { bindings::drm_gem_shmem_pin(self.as_raw_shmem()) })?;

        // INVARIANT: The pin just made is the object's, unless it has one already.
        if self.pinned.xchg(true, Full) {
            // SAFETY: The pin made above.
            unsafe { bindings::drm_gem_shmem_unpin(self.as_raw_shmem()) };
        }
        Ok(())
    }
}
