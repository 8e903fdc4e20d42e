// SPDX-License-Identifier: GPL-2.0

//! Taking dma-bufs in as GEM objects.
//!
//! A dma-buf of the device itself is the object that it is of. Another one becomes an object of its
//! own, if the driver takes it. Its memory is pinned for as long as that object lives, so the exporter
//! never has to ask the device, and so nobody has to wait for it, to let go of it.
//!
//! C headers: [`include/drm/drm_prime.h`](srctree/include/drm/drm_prime.h),
//! [`include/linux/dma-buf.h`](srctree/include/linux/dma-buf.h)

use super::{
    Backing,
    DriverObject,
    Object, //
};
use crate::abi::{
    bindings,
    drm::Device,
    sg,
    sync::{
        Reservation,
        Usage, //
    }, //
};
use kernel::{
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*,
    scatterlist::SGTable,
    sync::aref::ARef,
    time::Jiffies, //
};

/// How long moving memory to where it is pinned may take: the exporter's fences signal in time, or a
/// signal ends the wait.
const WHILE_IT_TAKES: Jiffies = Jiffies::MAX >> 1;
/// What a device does to imported memory: anything.
const DIRECTION: bindings::dma_data_direction = bindings::dma_data_direction::DMA_BIDIRECTIONAL;

impl<T: DriverObject> Object<T> {
    /// The functions of imported objects.
    const IMPORT_FUNCS: bindings::drm_gem_object_funcs = bindings::drm_gem_object_funcs {
        free: Some(Self::free_callback),
        open: Some(Self::open_callback),
        close: Some(Self::close_callback),
        ..pin_init::zeroed()
    };

    /// Without a way to be told of moved memory: it is pinned.
    const ATTACH_OPS: bindings::dma_buf_attach_ops = bindings::dma_buf_attach_ops {
        allow_peer2peer: true,
        ..pin_init::zeroed()
    };

    /// The `gem_prime_import` hook of a driver.
    pub(in crate::abi::drm) extern "C" fn prime_import_callback(
        dev: *mut bindings::drm_device,
        buf: *mut bindings::dma_buf,
    ) -> *mut bindings::drm_gem_object {
        // SAFETY: The core calls this with a valid device of the driver and a valid dma-buf.
        if let Some(obj) = unsafe { Self::of_dma_buf(dev, buf) } {
            // SAFETY: The dma-buf has a reference to the object.
            unsafe { bindings::abi_helper_gem_object_get(obj.as_ptr()) };
            return obj.as_ptr();
        }
        // SAFETY: As above.
        match unsafe { Self::import(Device::from_raw(dev), buf) } {
            // The object is the first member.
            Ok(obj) => ARef::into_raw(obj).as_ptr().cast(),
            Err(e) => e.to_ptr(),
        }
    }

    /// Makes an object of the memory behind `buf`.
    ///
    /// # Safety
    ///
    /// `buf` must be valid.
    unsafe fn import(dev: &Device<T::Driver>, buf: *mut bindings::dma_buf) -> Result<ARef<Self>> {
        // SAFETY: By the safety requirements; what is read does not change.
        let (size, resv) = unsafe { ((*buf).size, (*buf).resv) };
        let args = T::import(dev, size)?;
        let funcs = const { &Self::IMPORT_FUNCS };
        let (obj, size) = Self::alloc(dev, size, args, Backing::Imported, funcs)?;

        // SAFETY: `dev` is valid, the object is zeroed but for its functions and the size is a
        // multiple of the page size. `buf` outlives the object, which gets a reference to it below.
        unsafe {
            (*obj.as_raw()).resv = resv;
            bindings::drm_gem_private_object_init(dev.as_raw(), obj.as_raw(), size);
        }
        // SAFETY: By the safety requirements; the device is the one that does DMA.
        let mapped = unsafe { map(buf, (*dev.as_raw()).dev, const { &Self::ATTACH_OPS }) };
        let (attach, table) = mapped.inspect_err(|_| {
            // SAFETY: Nobody else knows the object, whose memory this does not free.
            unsafe { bindings::drm_gem_object_release(obj.as_raw()) };
        })?;
        // SAFETY: Nobody else knows the object. It owns the attachment from here on.
        let obj = unsafe {
            bindings::abi_helper_get_dma_buf(buf);
            (*obj.as_raw()).import_attach = attach;
            (*obj.as_raw_shmem()).sgt = table;
            Self::publish(dev, obj)
        };

        // SAFETY: A valid table, which stays with the object.
        let segments = sg::of_table(unsafe { SGTable::from_raw(table) })?;
        T::imported(&obj, segments)?;
        Ok(obj)
    }

    /// Lets go of an imported object's memory.
    ///
    /// # Safety
    ///
    /// The object must be imported, and nobody use it.
    pub(super) unsafe fn release_imported(&self) {
        // SAFETY: By the safety requirements the object owns an attachment with that table, pinned by
        // `pin()`, and a reference to its dma-buf, which is valid until it is destroyed here. This does
        // not free the object's own memory.
        unsafe {
            let attach = (*self.as_raw()).import_attach;
            let resv = (*(*attach).dmabuf).resv;

            bindings::abi_helper_dma_resv_lock(resv);
            bindings::dma_buf_unmap_attachment(attach, (*self.as_raw_shmem()).sgt, DIRECTION);
            bindings::dma_buf_unpin(attach);
            bindings::abi_helper_dma_resv_unlock(resv);
            bindings::drm_prime_gem_destroy(self.as_raw(), core::ptr::null_mut());
            bindings::drm_gem_object_release(self.as_raw());
        }
    }
}

/// Pins the memory behind `buf`, and maps it for `dev`.
///
/// # Safety
///
/// `buf` and `dev` must be valid.
unsafe fn map(
    buf: *mut bindings::dma_buf,
    dev: *mut bindings::device,
    ops: &'static bindings::dma_buf_attach_ops,
) -> Result<(*mut bindings::dma_buf_attachment, *mut bindings::sg_table)> {
    // SAFETY: By the safety requirements.
    let attach = from_err_ptr(unsafe {
        bindings::dma_buf_dynamic_attach(buf, dev, ops, core::ptr::null_mut())
    })?;
    // SAFETY: Valid as long as `buf`.
    let resv = unsafe { (*buf).resv };
    // SAFETY: As above.
    let table = to_result(unsafe { bindings::abi_helper_dma_resv_lock_interruptible(resv) })
        .and_then(|()| {
            // SAFETY: Attached just now, by somebody who gave operations, and locked.
            let table = unsafe { pin(attach) };
            // SAFETY: Locked above.
            unsafe { bindings::abi_helper_dma_resv_unlock(resv) };
            table
        });

    match table {
        Ok(table) => Ok((attach, table)),
        Err(e) => {
            // SAFETY: Attached above, neither pinned nor mapped, and not locked.
            unsafe { bindings::dma_buf_detach(buf, attach) };
            Err(e)
        }
    }
}

/// Pins and maps what `attach` is attached to. Importers with operations of their own have to do the
/// former themselves, and to wait until the memory is where it is pinned.
///
/// # Safety
///
/// `attach` must be valid and made with importer operations, and the reservation of its dma-buf locked.
unsafe fn pin(attach: *mut bindings::dma_buf_attachment) -> Result<*mut bindings::sg_table> {
    // SAFETY: By the safety requirements.
    to_result(unsafe { bindings::dma_buf_pin(attach) })?;
    // SAFETY: The dma-buf of an attachment is valid as long as that.
    let resv = unsafe { Reservation::from_raw((*(*attach).dmabuf).resv) };
    let table = resv
        .wait_interruptible(Usage::Kernel, WHILE_IT_TAKES)
        .and_then(|()| {
            // SAFETY: By the safety requirements; the memory is pinned and nothing is under way.
            from_err_ptr(unsafe { bindings::dma_buf_map_attachment(attach, DIRECTION) })
        });

    // SAFETY: Pinned above, by the safety requirements locked.
    table.inspect_err(|_| unsafe { bindings::dma_buf_unpin(attach) })
}
