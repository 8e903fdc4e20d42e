// SPDX-License-Identifier: GPL-2.0

//! GEM objects of device memory, which a CPU reaches through a region of the bus.
//!
//! Where the memory is the driver says when somebody maps the object. Pages are put into a mapping
//! as they are touched, so that unplugging the device can take them out again for good: a touch
//! after that is SIGBUS.
//!
//! C headers: [`include/drm/drm_gem.h`](srctree/include/drm/drm_gem.h),
//! [`include/linux/mm.h`](srctree/include/linux/mm.h)

use super::{
    Backing,
    DriverObject,
    Object, //
};
use crate::abi::{
    bindings,
    drm::Device, //
};
use kernel::{
    error::{
        from_result,
        to_result, //
    },
    page::{
        PAGE_SHIFT,
        PAGE_SIZE, //
    },
    prelude::*,
    sync::aref::ARef, //
};

/// How a CPU caches device memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cache {
    /// Like other memory.
    Cached,
    /// Not at all.
    Uncached,
    /// Not at all, but writes may be merged.
    WriteCombined,
}

/// Where device memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IoRegion {
    /// Physical address of the first byte, a multiple of the page size.
    pub(crate) start: u64,
    /// Number of bytes, a multiple of the page size.
    pub(crate) len: u64,
    /// How it may be cached.
    pub(crate) cache: Cache,
}

/// Pages that are put in at once, a power of two.
const FAULT_AROUND: usize = 128;

impl<T: DriverObject> Object<T> {
    const IO_VM_OPS: bindings::vm_operations_struct = bindings::vm_operations_struct {
        open: Some(bindings::drm_gem_vm_open),
        close: Some(bindings::drm_gem_vm_close),
        fault: Some(Self::io_fault_callback),
        ..pin_init::zeroed()
    };

    /// The functions of objects of device memory.
    const IO_FUNCS: bindings::drm_gem_object_funcs = bindings::drm_gem_object_funcs {
        free: Some(Self::free_callback),
        open: Some(Self::open_callback),
        close: Some(Self::close_callback),
        export: Some(Self::export_callback),
        mmap: Some(Self::io_mmap_callback),
        vm_ops: &raw const *(const { &Self::IO_VM_OPS }),
        ..pin_init::zeroed()
    };

    /// Makes an object of `size` bytes of device memory, rounded up to whole pages.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if `size` is 0 or too large, [`ENOMEM`], [`ENOSPC`], and those of
    /// [`DriverObject::new`].
    pub(crate) fn new_io(
        dev: &Device<T::Driver>,
        size: usize,
        args: T::Args,
    ) -> Result<ARef<Self>> {
        let (obj, size) = Self::alloc(dev, size, args, Backing::Io, const { &Self::IO_FUNCS })?;

        // SAFETY: `dev` is valid, the object is zeroed but for its functions and the size is a
        // multiple of the page size.
        unsafe { bindings::drm_gem_private_object_init(dev.as_raw(), obj.as_raw(), size) };
        // SAFETY: Initialised just now.
        let ret = to_result(unsafe { bindings::drm_gem_create_mmap_offset(obj.as_raw()) });
        if let Err(e) = ret {
            // SAFETY: As above; nobody else knows the object, whose memory this does not free.
            unsafe { bindings::drm_gem_object_release(obj.as_raw()) };
            return Err(e);
        }
        // SAFETY: Initialised just now.
        Ok(unsafe { Self::publish(dev, obj) })
    }

    extern "C" fn io_mmap_callback(
        obj: *mut bindings::drm_gem_object,
        vma: *mut bindings::vm_area_struct,
    ) -> c_int {
        // SAFETY: The core calls this with a referenced object of this type.
        let obj = unsafe { Self::from_raw(obj) };

        from_result(|| {
            let region = T::map(obj)?;
            // SAFETY: The core calls this for an area that is being set up, in the offsets of the
            // device file.
            let (start, end, offset) = unsafe {
                let range = (*vma).__bindgen_anon_1.__bindgen_anon_1;
                (range.vm_start, range.vm_end, (*vma).vm_pgoff)
            };
            let page = obj.io_page(offset, &region).ok_or(EINVAL)?;
            let last = (end - start - 1) >> PAGE_SHIFT;
            obj.io_page(offset.checked_add(last).ok_or(EINVAL)?, &region)
                .ok_or(EINVAL)?;
            let pfn = usize::try_from(region.start >> PAGE_SHIFT)?;

            // SAFETY: As above. The area is inside of the region, which is device memory.
            to_result(unsafe {
                bindings::abi_helper_vma_reserve_io(vma, pfn + page, region.cache.raw())
            })?;
            Ok(0)
        })
    }

    extern "C" fn io_fault_callback(vmf: *mut bindings::vm_fault) -> bindings::vm_fault_t {
        // SAFETY: The kernel calls this for an area that has these operations, which is one that
        // `io_mmap_callback()` has set up for the object that it holds a reference to.
        let (vma, address, offset, obj) = unsafe {
            let fault = &(*vmf).__bindgen_anon_1;
            let obj = Self::from_raw((*fault.vma).vm_private_data.cast());
            (fault.vma, fault.address, fault.pgoff, obj)
        };
        let mut index = 0;

        // What has come in when the device is unplugged is taken out after this.
        // SAFETY: The device is valid.
        if !unsafe { bindings::drm_dev_enter(obj.dev().as_raw(), &mut index) } {
            return bindings::vm_fault_reason_VM_FAULT_SIGBUS;
        }
        // SAFETY: As above.
        let result = unsafe { obj.io_fault(vma, address & !(PAGE_SIZE - 1), offset) };
        // SAFETY: Entered above.
        unsafe { bindings::drm_dev_exit(index) };
        result.unwrap_or(bindings::vm_fault_reason_VM_FAULT_SIGBUS)
    }

    /// Puts the page at `offset` of the device file in at `address`, and those around it.
    ///
    /// # Safety
    ///
    /// `vma` must be an area of this object in which there was a fault.
    unsafe fn io_fault(
        &self,
        vma: *mut bindings::vm_area_struct,
        address: usize,
        offset: usize,
    ) -> Option<bindings::vm_fault_t> {
        let region = T::io_region(self)?;
        let base = usize::try_from(region.start >> PAGE_SHIFT).ok()?;
        let insert = |address, page: usize| {
            // SAFETY: By the safety requirements; the page is one of the region.
            unsafe { bindings::vmf_insert_pfn(vma, address, base + page) }
        };
        let page = self.io_page(offset, &region)?;
        let result = insert(address, page);

        if result != bindings::vm_fault_reason_VM_FAULT_NOPAGE {
            return Some(result);
        }
        // SAFETY: By the safety requirements.
        let (start, end) = unsafe {
            let range = (*vma).__bindgen_anon_1.__bindgen_anon_1;
            (range.vm_start, range.vm_end)
        };
        let around = FAULT_AROUND * PAGE_SIZE;
        let first = (address & !(around - 1)).max(start);
        let end = (address | (around - 1)).min(end - 1);
        for near in (first..=end).step_by(PAGE_SIZE) {
            // Those before it have lower numbers.
            let there = (offset + near / PAGE_SIZE).checked_sub(address / PAGE_SIZE);
            let Some(page) = there.and_then(|offset| self.io_page(offset, &region)) else {
                continue;
            };
            if near != address && insert(near, page) != bindings::vm_fault_reason_VM_FAULT_NOPAGE {
                break;
            }
        }
        Some(result)
    }

    /// The page of the object that is at `offset` of the device file, if it is one of `region`.
    fn io_page(&self, offset: usize, region: &IoRegion) -> Option<usize> {
        // SAFETY: `obj` is valid by the type invariants, and its offset does not change.
        let first = unsafe { bindings::abi_helper_gem_mmap_offset(self.as_raw()) } >> PAGE_SHIFT;
        let page = u64::try_from(offset).ok()?.checked_sub(first)?;

        if page >= region.len >> PAGE_SHIFT {
            return None;
        }
        usize::try_from(page).ok()
    }
}

impl Cache {
    fn raw(self) -> bindings::abi_helper_cache {
        match self {
            Self::Cached => bindings::abi_helper_cache_ABI_HELPER_CACHED,
            Self::Uncached => bindings::abi_helper_cache_ABI_HELPER_UNCACHED,
            Self::WriteCombined => bindings::abi_helper_cache_ABI_HELPER_WRITE_COMBINED,
        }
    }
}
