// SPDX-License-Identifier: GPL-2.0

//! GEM objects of virtio devices as dma-bufs, which other virtio devices can ask for a UUID.
//!
//! Guest memory is exported by the helpers of the DRM core, device memory as a piece of the bus. A
//! mapping that was made by way of a dma-buf goes away with the device like any other.
//!
//! C headers: [`include/linux/virtio_dma_buf.h`](srctree/include/linux/virtio_dma_buf.h),
//! [`include/linux/dma-buf.h`](srctree/include/linux/dma-buf.h)

use super::{
    Backing,
    DriverObject,
    IoRegion,
    Object, //
};
use crate::abi::{
    bindings,
    drm::Driver, //
};
use core::ptr::NonNull;
use kernel::{
    error::{
        from_err_ptr,
        from_result,
        to_result, //
    },
    prelude::*,
    types::ScopeGuard, //
};

/// The longest segment of device memory.
const MAX_SEGMENT: u64 = 1 << 31;
/// Device memory is in no cache that the DMA API would know of.
const ATTRS: usize = bindings::DMA_ATTR_SKIP_CPU_SYNC as usize;

impl<T: DriverObject> Object<T> {
    const DMA_BUF_OPS: bindings::virtio_dma_buf_ops = bindings::virtio_dma_buf_ops {
        ops: bindings::dma_buf_ops {
            attach: Some(bindings::virtio_dma_buf_attach),
            detach: Some(bindings::drm_gem_map_detach),
            map_dma_buf: Some(Self::map_dma_buf_callback),
            unmap_dma_buf: Some(Self::unmap_dma_buf_callback),
            release: Some(bindings::drm_gem_dmabuf_release),
            end_cpu_access: Some(Self::end_cpu_access_callback),
            mmap: Some(bindings::drm_gem_dmabuf_mmap),
            vmap: Some(bindings::drm_gem_dmabuf_vmap),
            vunmap: Some(bindings::drm_gem_dmabuf_vunmap),
            ..pin_init::zeroed()
        },
        device_attach: Some(Self::attach_callback),
        get_uuid: Some(Self::get_uuid_callback),
    };

    /// The object that `buf` is of, if it is one of `dev`.
    ///
    /// # Safety
    ///
    /// Both must be valid, and `dev` be a device of `T::Driver`.
    pub(super) unsafe fn of_dma_buf(
        dev: *mut bindings::drm_device,
        buf: *mut bindings::dma_buf,
    ) -> Option<NonNull<bindings::drm_gem_object>> {
        // SAFETY: By the safety requirements. Whoever exports a dma-buf for a virtio device and has it
        // released like a GEM object has put one into it.
        unsafe {
            let release: unsafe extern "C" fn(*mut bindings::dma_buf) =
                bindings::drm_gem_dmabuf_release;
            let ours = bindings::is_virtio_dma_buf(buf)
                && (*(*buf).ops)
                    .release
                    .is_some_and(|there| core::ptr::fn_addr_eq(there, release));
            let obj = NonNull::new((*buf).priv_.cast::<bindings::drm_gem_object>())?;

            (ours && (*obj.as_ptr()).dev == dev).then_some(obj)
        }
    }

    pub(super) extern "C" fn export_callback(
        obj: *mut bindings::drm_gem_object,
        flags: c_int,
    ) -> *mut bindings::dma_buf {
        // SAFETY: The core calls this with a referenced object of this type.
        let obj = unsafe { Self::from_raw(obj) };

        obj.export(flags).unwrap_or_else(|e| e.to_ptr())
    }

    fn export(&self, flags: c_int) -> Result<*mut bindings::dma_buf> {
        T::exported(self)?;

        let owner = kernel::module::this_module::<<T::Driver as Driver>::Owner>().as_ptr();
        // SAFETY: `obj` is valid by the type invariants, and what is read of it does not change.
        let info = unsafe {
            bindings::dma_buf_export_info {
                exp_name: <T::Driver as Driver>::INFO.name.as_char_ptr(),
                owner,
                ops: &raw const Self::DMA_BUF_OPS_REF.ops,
                size: self.size(),
                flags,
                resv: (*self.as_raw()).resv,
                priv_: self.as_raw().cast(),
            }
        };
        // SAFETY: The information is complete, and the operations are static.
        let buf = from_err_ptr(unsafe { bindings::virtio_dma_buf_export(&info) })?;

        // SAFETY: The object and its device are valid; `drm_gem_dmabuf_release()` gives the references
        // back. Nobody has the file yet, and it keeps the device, whose mappings these become, alive.
        unsafe {
            let dev = self.dev().as_raw();
            bindings::drm_dev_get(dev);
            bindings::abi_helper_gem_object_get(self.as_raw());
            (*(*buf).file).f_mapping = (*(*dev).anon_inode).i_mapping;
        }
        Ok(buf)
    }

    const DMA_BUF_OPS_REF: &'static bindings::virtio_dma_buf_ops = &Self::DMA_BUF_OPS;

    /// # Safety
    ///
    /// `buf` must be one that [`Self::export`] has made.
    unsafe fn of_exported<'a>(buf: *mut bindings::dma_buf) -> &'a Self {
        // SAFETY: By the safety requirements; the dma-buf has a reference to the object.
        unsafe { Self::from_raw((*buf).priv_.cast()) }
    }

    extern "C" fn attach_callback(
        buf: *mut bindings::dma_buf,
        attach: *mut bindings::dma_buf_attachment,
    ) -> c_int {
        // SAFETY: The core calls this with a dma-buf that has these operations.
        let obj = unsafe { Self::of_exported(buf) };

        from_result(|| {
            // No lock is held here: this is the place to wait.
            if obj.backing == Backing::Io && T::is_mappable(obj) {
                T::map(obj)?;
            }
            // SAFETY: As above.
            to_result(unsafe { bindings::drm_gem_map_attach(buf, attach) })?;
            Ok(0)
        })
    }

    extern "C" fn map_dma_buf_callback(
        attach: *mut bindings::dma_buf_attachment,
        direction: bindings::dma_data_direction,
    ) -> *mut bindings::sg_table {
        // SAFETY: The core calls this with an attachment to a dma-buf that has these operations.
        let (obj, dev) = unsafe { (Self::of_exported((*attach).dmabuf), (*attach).dev) };

        match obj.backing {
            // SAFETY: As above.
            Backing::Shmem => unsafe { bindings::drm_gem_map_dma_buf(attach, direction) },
            Backing::Io => {
                // SAFETY: As above: the device of an attachment is valid.
                unsafe { obj.map_io(dev, direction) }.unwrap_or_else(|e| e.to_ptr())
            }
            // Is exported as what it was.
            Backing::Imported => EINVAL.to_ptr(),
        }
    }

    /// A table of where `dev` finds device memory. Empty for a virtio device that knows it by its UUID.
    ///
    /// # Safety
    ///
    /// `dev` must be valid.
    unsafe fn map_io(
        &self,
        dev: *mut bindings::device,
        direction: bindings::dma_data_direction,
    ) -> Result<*mut bindings::sg_table> {
        let mut table = KBox::new(bindings::sg_table::default(), GFP_KERNEL)?;

        if !T::is_mappable(self) {
            // SAFETY: By the safety requirements.
            let known = unsafe { bindings::is_virtio_device(dev) } && T::has_uuid(self);
            return if known {
                Ok(KBox::into_raw(table))
            } else {
                Err(EIO)
            };
        }
        let IoRegion { start, len, .. } = T::io_region(self).ok_or(EIO)?;
        let count = u32::try_from(len.div_ceil(MAX_SEGMENT)).map_err(|_| EIO)?;
        // SAFETY: `table` is valid for writes.
        to_result(unsafe {
            bindings::sg_alloc_table(&raw mut *table, count, bindings::GFP_KERNEL)
        })?;
        let table = ScopeGuard::new_with_data(table, |table| {
            // SAFETY: By the safety requirements, and the table was filled with what is mapped for it.
            unsafe { unmap_io(dev, KBox::into_raw(table), direction) };
        });
        let mut sg = table.sgl;
        for i in 0..u64::from(count) {
            let offset = i * MAX_SEGMENT;
            let len = MAX_SEGMENT.min(len - offset);
            // SAFETY: By the safety requirements; the memory is the device's. `sg` is the entry with
            // this number of a table that has one.
            sg = unsafe {
                // CAST: Not more than `MAX_SEGMENT`.
                let addr =
                    bindings::dma_map_resource(dev, start + offset, len as usize, direction, ATTRS);
                to_result(bindings::abi_helper_dma_mapping_error(dev, addr))?;
                bindings::abi_helper_sg_set_io(sg, addr, len as u32);
                bindings::sg_next(sg)
            };
        }
        Ok(KBox::into_raw(table.dismiss()))
    }

    extern "C" fn unmap_dma_buf_callback(
        attach: *mut bindings::dma_buf_attachment,
        table: *mut bindings::sg_table,
        direction: bindings::dma_data_direction,
    ) {
        // SAFETY: As in `map_dma_buf_callback()`, which has made the table.
        unsafe {
            match Self::of_exported((*attach).dmabuf).backing {
                Backing::Shmem => bindings::drm_gem_unmap_dma_buf(attach, table, direction),
                Backing::Io => unmap_io((*attach).dev, table, direction),
                Backing::Imported => {}
            }
        }
    }

    extern "C" fn end_cpu_access_callback(
        buf: *mut bindings::dma_buf,
        _direction: bindings::dma_data_direction,
    ) -> c_int {
        // SAFETY: The core calls this with a dma-buf that has these operations.
        unsafe { Self::of_exported(buf) }.sync_for_device();
        0
    }

    extern "C" fn get_uuid_callback(
        buf: *mut bindings::dma_buf,
        uuid: *mut bindings::uuid_t,
    ) -> c_int {
        // SAFETY: As above.
        let obj = unsafe { Self::of_exported(buf) };

        from_result(|| {
            let b = T::uuid(obj)?;
            // SAFETY: The caller wants it there.
            unsafe { *uuid = bindings::uuid_t { b } };
            Ok(0)
        })
    }
}

/// Frees a table of device memory.
///
/// # Safety
///
/// [`Object::map_io`] must have made the table for `dev`; entries without a length are not mapped.
unsafe fn unmap_io(
    dev: *mut bindings::device,
    table: *mut bindings::sg_table,
    direction: bindings::dma_data_direction,
) {
    // SAFETY: By the safety requirements. An empty table has no list.
    unsafe {
        let mut sg = (*table).sgl;
        for _ in 0..(*table).orig_nents {
            let (addr, len) = (bindings::sg_dma_address(sg), bindings::sg_dma_len(sg));
            if len != 0 {
                bindings::dma_unmap_resource(dev, addr, len as usize, direction, ATTRS);
            }
            sg = bindings::sg_next(sg);
        }
        bindings::sg_free_table(table);
        drop(KBox::from_raw(table));
    }
}
