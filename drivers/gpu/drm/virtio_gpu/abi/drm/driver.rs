// SPDX-License-Identifier: GPL-2.0

//! DRM drivers: the trait a driver implements and the C vtable made of it.
//!
//! C header: [`include/drm/drm_drv.h`](srctree/include/drm/drm_drv.h)

use super::{
    gem,
    ioctl,
    Device,
    File, //
};
use crate::abi::bindings;
use kernel::{
    error::from_result,
    prelude::*,
    str::as_char_ptr_in_const_context, //
};

/// What a driver calls itself.
pub(crate) struct DriverInfo {
    /// Major version.
    pub(crate) major: i32,
    /// Minor version.
    pub(crate) minor: i32,
    /// Patch level.
    pub(crate) patchlevel: i32,
    /// Name.
    pub(crate) name: &'static CStr,
    /// Description.
    pub(crate) desc: &'static CStr,
}

/// Arguments and results of [`Driver::dumb_create`], see `struct drm_mode_create_dumb`.
pub(crate) struct DumbArgs {
    /// Width in pixels.
    pub(crate) width: u32,
    /// Height in pixels.
    pub(crate) height: u32,
    /// Bits per pixel.
    pub(crate) bpp: u32,
    /// Out: handle of the new object.
    pub(crate) handle: u32,
    /// Out: bytes from one line to the next.
    pub(crate) pitch: u32,
    /// Out: size of the object in bytes.
    pub(crate) size: u64,
}

/// A DRM driver.
pub(crate) trait Driver: Sized + Send + Sync + 'static {
    /// The driver's data of a device, which [`Device`] dereferences to. Dropped with the last
    /// reference to the device.
    type Data: Send + Sync;

    /// The module that the driver is in, which open files keep loaded.
    type Owner: kernel::ModuleMetadata;

    /// The driver's data of an open file.
    type File: super::DriverFile<Driver = Self>;

    /// The driver's part of a GEM object.
    type Object: gem::DriverObject<Driver = Self>;

    /// What the driver calls itself.
    const INFO: DriverInfo;

    /// The features of the driver, an or of `FEAT_*`.
    const FEATURES: u32;

    /// The driver's ioctls, indexed by number.
    const IOCTLS: &'static [ioctl::Descriptor];

    /// Whether a call of the driver's ioctl `nr` with an argument of `size` bytes gets to its handler.
    /// A handler cannot tell: it always sees its whole type. Any other call fails with [`EINVAL`].
    fn takes_ioctl(nr: u32, size: usize) -> bool;

    /// Creates a buffer that a CPU can draw into.
    fn dumb_create(dev: &Device<Self>, file: &File<Self::File>, args: &mut DumbArgs) -> Result;
}

/// Carrier of the C vtable of a driver.
pub(super) struct VTable<T: Driver>(core::marker::PhantomData<T>);

impl<T: Driver> VTable<T> {
    /// The file operations.
    pub(super) const FOPS: bindings::file_operations = bindings::file_operations {
        open: Some(bindings::drm_open),
        release: Some(bindings::drm_release),
        unlocked_ioctl: Some(ioctl::native::<T>),
        #[cfg(CONFIG_COMPAT)]
        compat_ioctl: Some(ioctl::compat::<T>),
        poll: Some(bindings::drm_poll),
        read: Some(bindings::drm_read),
        llseek: Some(bindings::noop_llseek),
        mmap: Some(bindings::drm_gem_mmap),
        show_fdinfo: Some(bindings::drm_show_fdinfo),
        get_unmapped_area: Some(bindings::drm_gem_get_unmapped_area),
        fop_flags: bindings::FOP_UNSIGNED_OFFSET,
        owner: kernel::module::this_module::<T::Owner>().as_ptr(),
        ..pin_init::zeroed()
    };

    /// The driver. Callbacks that exist only for mode setting are in here for all devices; a device
    /// without it masks the feature.
    pub(super) const DRIVER: bindings::drm_driver = bindings::drm_driver {
        open: Some(File::<T::File>::open_callback),
        postclose: Some(File::<T::File>::postclose_callback),
        release: Some(Device::<T>::release_callback),
        dumb_create: Some(Self::dumb_create_callback),
        // For the console. Takes whatever objects `dumb_create` makes, as they are all on shmem.
        #[cfg(CONFIG_DRM_FBDEV_EMULATION)]
        fbdev_probe: Some(bindings::drm_fbdev_shmem_driver_fbdev_probe),
        show_fdinfo: Some(bindings::drm_show_memory_stats),
        gem_prime_import: Some(gem::Object::<T::Object>::prime_import_callback),

        major: T::INFO.major,
        minor: T::INFO.minor,
        patchlevel: T::INFO.patchlevel,
        name: as_char_ptr_in_const_context(T::INFO.name).cast_mut(),
        desc: as_char_ptr_in_const_context(T::INFO.desc).cast_mut(),
        driver_features: T::FEATURES,
        ioctls: T::IOCTLS.as_ptr(),
        num_ioctls: T::IOCTLS.len() as i32,
        fops: &Self::FOPS,
        ..pin_init::zeroed()
    };

    extern "C" fn dumb_create_callback(
        file: *mut bindings::drm_file,
        dev: *mut bindings::drm_device,
        args: *mut bindings::drm_mode_create_dumb,
    ) -> c_int {
        // SAFETY: The DRM core calls this with a device of this driver, an open file and arguments
        // that are its own.
        let (dev, file, args) = unsafe {
            (
                Device::<T>::from_raw(dev),
                File::<T::File>::from_raw(file),
                &mut *args,
            )
        };

        from_result(|| {
            let mut dumb = DumbArgs {
                width: args.width,
                height: args.height,
                bpp: args.bpp,
                handle: 0,
                pitch: 0,
                size: 0,
            };
            T::dumb_create(dev, file, &mut dumb)?;
            args.handle = dumb.handle;
            args.pitch = dumb.pitch;
            args.size = dumb.size;
            Ok(0)
        })
    }
}
