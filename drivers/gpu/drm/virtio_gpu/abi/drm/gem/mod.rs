// SPDX-License-Identifier: GPL-2.0

//! GEM objects.
//!
//! A driver has one type of object, [`Object`], whose driver part implements [`DriverObject`]. What
//! backs an object is in the submodules: [`shmem`] for guest memory, [`io`] for device memory. In
//! [`mod@export`] objects become dma-bufs, in [`prime`] dma-bufs become objects.
//!
//! When the last reference to an object goes, the driver gets it as a [`Released`] token and decides
//! how long its memory stays: a device may still be using it.
//!
//! C header: [`include/drm/drm_gem.h`](srctree/include/drm/drm_gem.h)

mod export;
mod io;
mod locked;
mod prime;
mod shmem;

pub(crate) use self::{
    io::{
        Cache,
        IoRegion, //
    },
    locked::Locked,
    shmem::AddressSpace, //
};

use super::{
    Device,
    Driver, //
};
use crate::abi::{
    bindings,
    refs::Counted,
    sg::Segment,
    sync::Reservation, //
};
use core::{
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        aref::{
            ARef,
            AlwaysRefCounted, //
        },
        atomic::{
            Atomic,
            Relaxed, //
        }, //
    },
    types::Opaque, //
};

/// The open file of the driver of object type `T`.
pub(crate) type File<T> = super::File<<<T as DriverObject>::Driver as Driver>::File>;

/// The driver's part of a GEM object.
pub(crate) trait DriverObject: Sized + Send + Sync + 'static {
    /// The driver.
    type Driver: Driver<Object = Self>;

    /// What [`DriverObject::new`] needs to know.
    type Args;

    /// Makes the driver's part of a new object of `size` bytes.
    fn new(dev: &Device<Self::Driver>, size: usize, args: Self::Args) -> impl PinInit<Self, Error>;

    /// A handle for the object is being given to `file`. An error takes the handle back.
    fn open(_obj: &Object<Self>, _file: &File<Self>) -> Result {
        Ok(())
    }

    /// A handle of `file` for the object is going away.
    fn close(_obj: &Object<Self>, _file: &File<Self>) {}

    /// Somebody maps an object of device memory. Says where that is, which must not change while the
    /// object lives. This may wait, but the caller's address space is locked.
    ///
    /// # Errors
    ///
    /// An error is what the caller gets.
    fn map(_obj: &Object<Self>) -> Result<IoRegion> {
        Err(EINVAL)
    }

    /// The same again, while it can be used. Must not wait.
    fn io_region(_obj: &Object<Self>) -> Option<IoRegion> {
        None
    }

    /// Whether an object of device memory can be mapped.
    fn is_mappable(_obj: &Object<Self>) -> bool {
        false
    }

    /// What an object of `size` bytes of another device's memory is made with.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if `dev` does not take such memory.
    fn import(_dev: &Device<Self::Driver>, _size: usize) -> Result<Self::Args> {
        Err(ENODEV)
    }

    /// Such an object has been made, and its memory is there.
    ///
    /// # Errors
    ///
    /// An error is what the caller gets.
    fn imported(_obj: &ARef<Object<Self>>, _segments: KVVec<Segment>) -> Result {
        Ok(())
    }

    /// The object becomes a dma-buf. Must not wait.
    ///
    /// # Errors
    ///
    /// An error is what the caller gets.
    fn exported(_obj: &Object<Self>) -> Result {
        Ok(())
    }

    /// Whether the object has a UUID, or is to get one.
    fn has_uuid(_obj: &Object<Self>) -> bool {
        false
    }

    /// The UUID by which other virtio devices know the object. May wait.
    ///
    /// # Errors
    ///
    /// [`ENODEV`] if there is none.
    fn uuid(_obj: &Object<Self>) -> Result<[u8; 16]> {
        Err(ENODEV)
    }

    /// The last reference to the object is gone. Its memory is freed when `obj` is dropped, which
    /// may be later and elsewhere, where sleeping is allowed.
    ///
    /// Called from whatever context the reference was dropped in.
    fn release(obj: Released<Self>) {
        drop(obj);
    }
}

/// What is behind an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Backing {
    /// Guest memory.
    Shmem,
    /// Device memory.
    Io,
    /// Another device's memory.
    Imported,
}

/// A GEM object of driver part `T`, which it dereferences to.
///
/// # Invariants
///
/// - `obj` is a valid `struct drm_gem_shmem_object` of a device of `T::Driver`, of which only the base
///   is in use if `backing` is not [`Backing::Shmem`], and the object holds a reference to that
///   device.
/// - If `pinned` is set, the object owns one pin of its pages.
/// - Instances are only ever made by [`Object::publish`], and behind a GEM reference or a
///   [`Released`].
#[repr(C)]
#[pin_data]
pub(crate) struct Object<T: DriverObject> {
    #[pin]
    obj: Opaque<bindings::drm_gem_shmem_object>,
    backing: Backing,
    pinned: Atomic<bool>,
    #[pin]
    inner: T,
}

// SAFETY: GEM objects are shared between tasks by design, and can be freed by any of them.
unsafe impl<T: DriverObject> Send for Object<T> {}
// SAFETY: As above, and `T` is `Sync`.
unsafe impl<T: DriverObject> Sync for Object<T> {}

impl<T: DriverObject> Object<T> {
    /// The functions of objects backed by guest memory.
    const SHMEM_FUNCS: bindings::drm_gem_object_funcs = bindings::drm_gem_object_funcs {
        free: Some(Self::free_callback),
        open: Some(Self::open_callback),
        close: Some(Self::close_callback),
        export: Some(Self::export_callback),
        print_info: Some(bindings::abi_helper_gem_shmem_print_info),
        pin: Some(bindings::abi_helper_gem_shmem_pin),
        unpin: Some(bindings::abi_helper_gem_shmem_unpin),
        get_sg_table: Some(bindings::abi_helper_gem_shmem_get_sg_table),
        vmap: Some(bindings::abi_helper_gem_shmem_vmap),
        vunmap: Some(bindings::abi_helper_gem_shmem_vunmap),
        mmap: Some(bindings::abi_helper_gem_shmem_mmap),
        vm_ops: &raw const bindings::drm_gem_shmem_vm_ops,
        ..pin_init::zeroed()
    };

    /// Allocates an object of `size` bytes, rounded up to whole pages, with `funcs`. The C part is zeroed
    /// otherwise, and is for the caller to initialise.
    fn alloc(
        dev: &Device<T::Driver>,
        size: usize,
        args: T::Args,
        backing: Backing,
        funcs: &'static bindings::drm_gem_object_funcs,
    ) -> Result<(Pin<KBox<Self>>, usize)> {
        let size = size
            .checked_next_multiple_of(PAGE_SIZE)
            .filter(|&size| size != 0)
            .ok_or(EINVAL)?;
        let obj = KBox::try_pin_init(
            try_pin_init!(Self {
                obj <- Opaque::zeroed(),
                backing,
                pinned: Atomic::new(false),
                inner <- T::new(dev, size, args),
            }? Error),
            GFP_KERNEL,
        )?;

        // SAFETY: The object is zeroed and not yet known to anybody.
        unsafe { (*obj.as_raw()).funcs = funcs };
        Ok((obj, size))
    }

    /// Makes a reference of an object.
    ///
    /// # Safety
    ///
    /// `obj` must have been made by [`Object::alloc`] for `dev`, and its C part be initialised.
    unsafe fn publish(dev: &Device<T::Driver>, obj: Pin<KBox<Self>>) -> ARef<Self> {
        // SAFETY: `dev` is valid. `Released` gives the reference back.
        unsafe { bindings::drm_dev_get(dev.as_raw()) };

        // INVARIANT: Initialised by the safety requirements, with a reference to the device, and not
        // pinned.
        // SAFETY: The object is not moved, as `ARef` keeps it pinned.
        let ptr = NonNull::from(KBox::leak(unsafe { Pin::into_inner_unchecked(obj) }));
        // SAFETY: The reference that initialisation made goes to the `ARef`.
        unsafe { ARef::from_raw(ptr) }
    }

    pub(in crate::abi) fn as_raw(&self) -> *mut bindings::drm_gem_object {
        // The base is the first member.
        self.obj.get().cast()
    }

    fn as_raw_shmem(&self) -> *mut bindings::drm_gem_shmem_object {
        self.obj.get()
    }

    /// # Safety
    ///
    /// `obj` must be a valid object of a device of `T::Driver` with a reference that lives as long
    /// as the result is used.
    pub(in crate::abi) unsafe fn from_raw<'a>(obj: *mut bindings::drm_gem_object) -> &'a Self {
        // SAFETY: By the safety requirements and the type invariants, `obj` is the first member of
        // a `Self`.
        unsafe { &*obj.cast() }
    }

    /// The device that the object is of.
    pub(crate) fn dev(&self) -> &Device<T::Driver> {
        // SAFETY: By the type invariants `dev` is such a device, which the object keeps alive.
        unsafe { Device::from_raw((*self.as_raw()).dev) }
    }

    /// The size in bytes, a multiple of the page size.
    pub(crate) fn size(&self) -> usize {
        // SAFETY: `obj` is valid by the type invariants, and the size does not change.
        unsafe { (*self.as_raw()).size }
    }

    /// Whether the object is another device's memory.
    pub(crate) fn is_imported(&self) -> bool {
        // SAFETY: `obj` is valid by the type invariants.
        unsafe { bindings::abi_helper_gem_is_imported(self.as_raw()) }
    }

    /// Whether other devices may know the object, by a dma-buf.
    pub(crate) fn is_shared(&self) -> bool {
        // SAFETY: The object is valid by the type invariant. The pointer is looked at and not followed; it
        // may change at any time, so that it is read once.
        let buf = unsafe { (&raw const (*self.as_raw()).dma_buf).read_volatile() };

        self.is_imported() || !buf.is_null()
    }

    /// The fences of the object.
    pub(crate) fn reservation(&self) -> &Reservation {
        // SAFETY: Every object has a reservation object that lives at least as long as it does.
        unsafe { Reservation::from_raw((*self.as_raw()).resv) }
    }

    /// Gives `file` a handle for the object.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if `file` is of another device, [`ENOMEM`], [`ENOSPC`] and those of
    /// [`DriverObject::open`].
    pub(crate) fn create_handle(&self, file: &File<T>) -> Result<u32> {
        let mut handle = 0;

        // SAFETY: An open file has a minor, which has a device.
        let dev = unsafe { (*(*file.as_raw()).minor).dev };
        if !core::ptr::eq(dev, self.dev().as_raw()) {
            return Err(EINVAL);
        }
        // SAFETY: Both are valid and of one device.
        to_result(unsafe {
            bindings::drm_gem_handle_create(file.as_raw(), self.as_raw(), &mut handle)
        })?;
        Ok(handle)
    }

    /// Finds the object that `handle` is of in `file`.
    ///
    /// # Errors
    ///
    /// [`ENOENT`] if there is none.
    pub(crate) fn lookup(file: &File<T>, handle: u32) -> Result<ARef<Self>> {
        // SAFETY: `file` is valid.
        let obj = unsafe { bindings::drm_gem_object_lookup(file.as_raw(), handle) };
        let obj = NonNull::new(obj).ok_or(ENOENT)?;

        // SAFETY: By the type invariants all objects of a device of the driver are a `Self`, of
        // which `obj` is the first member. The reference goes to the `ARef`.
        Ok(unsafe { ARef::from_raw(obj.cast()) })
    }

    /// The offset at which the object can be mapped through the device file.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], [`ENOSPC`].
    pub(crate) fn create_mmap_offset(&self) -> Result<u64> {
        // SAFETY: `obj` is valid by the type invariants.
        to_result(unsafe { bindings::drm_gem_create_mmap_offset(self.as_raw()) })?;
        // SAFETY: As above, and the offset was just created.
        Ok(unsafe { bindings::abi_helper_gem_mmap_offset(self.as_raw()) })
    }

    extern "C" fn open_callback(
        obj: *mut bindings::drm_gem_object,
        file: *mut bindings::drm_file,
    ) -> c_int {
        // SAFETY: The core calls this with a referenced object and an open file of one device.
        let (obj, file) = unsafe { (Self::from_raw(obj), File::<T>::from_raw(file)) };

        kernel::error::from_result(|| T::open(obj, file).map(|()| 0))
    }

    extern "C" fn close_callback(
        obj: *mut bindings::drm_gem_object,
        file: *mut bindings::drm_file,
    ) {
        // SAFETY: As in `open_callback()`.
        let (obj, file) = unsafe { (Self::from_raw(obj), File::<T>::from_raw(file)) };

        T::close(obj, file);
    }

    extern "C" fn free_callback(obj: *mut bindings::drm_gem_object) {
        // SAFETY: The core calls this once for an object, which is not NULL.
        let ptr = unsafe { NonNull::new_unchecked(obj.cast()) };

        // INVARIANT: There are no references left.
        T::release(Released { ptr });
    }
}

impl<T: DriverObject> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

// SAFETY: GEM objects are reference-counted, and all instances are behind such a reference: a
// `Released` gives out no reference to the object.
unsafe impl<T: DriverObject> AlwaysRefCounted for Object<T> {
    fn inc_ref(&self) {
        // SAFETY: A reference exists, so the count is not zero.
        unsafe { bindings::abi_helper_gem_object_get(self.as_raw()) };
    }

    unsafe fn dec_ref(this: NonNull<Self>) {
        // SAFETY: The caller gives up a reference; the object is the first member.
        unsafe { bindings::abi_helper_gem_object_put(this.as_ptr().cast()) };
    }
}

// SAFETY: `drm_gem_object_get()` and `drm_gem_object_put()` count in `refcount`, and only the last put
// frees the object.
unsafe impl<T: DriverObject> Counted for Object<T> {
    fn count(&self) -> *mut bindings::refcount_t {
        // SAFETY: The object is valid.
        unsafe { &raw mut (*self.as_raw()).refcount.refcount }
    }
}

/// An object without references, which owns the memory. Dereferences to the driver's part.
///
/// # Invariants
///
/// `ptr` is an object as in the invariants of [`Object`], except that nobody has a reference to it.
pub(crate) struct Released<T: DriverObject> {
    ptr: NonNull<Object<T>>,
}

// SAFETY: An object can be freed by any task.
unsafe impl<T: DriverObject> Send for Released<T> {}
// SAFETY: A shared `Released` gives out nothing but shared references to `T`, which is `Sync`.
unsafe impl<T: DriverObject> Sync for Released<T> {}

impl<T: DriverObject> Released<T> {
    /// The device that the object is of.
    pub(crate) fn dev(&self) -> &Device<T::Driver> {
        // SAFETY: `ptr` is valid by the type invariant.
        unsafe { self.ptr.as_ref() }.dev()
    }
}

impl<T: DriverObject> Deref for Released<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `ptr` is valid by the type invariant.
        unsafe { &self.ptr.as_ref().inner }
    }
}

impl<T: DriverObject> Drop for Released<T> {
    fn drop(&mut self) {
        // SAFETY: `ptr` is valid by the type invariant.
        let this = unsafe { self.ptr.as_ref() };
        let shmem = this.as_raw_shmem();
        let dev = this.dev().as_raw();

        if this.pinned.load(Relaxed) {
            // SAFETY: The object owns a pin by its invariants, and nobody else uses it.
            unsafe { bindings::drm_gem_shmem_unpin(shmem) };
        }
        // SAFETY: Nobody uses the object. This does not free its memory.
        unsafe {
            match this.backing {
                Backing::Shmem => bindings::drm_gem_shmem_release(shmem),
                Backing::Io => bindings::drm_gem_object_release(this.as_raw()),
                Backing::Imported => this.release_imported(),
            }
        }
        // SAFETY: The memory came from a `KBox` in `Object::alloc()`; it is not used any more.
        drop(unsafe { KBox::from_raw(self.ptr.as_ptr()) });
        // SAFETY: The object's own reference, which goes with it.
        unsafe { bindings::drm_dev_put(dev) };
    }
}
