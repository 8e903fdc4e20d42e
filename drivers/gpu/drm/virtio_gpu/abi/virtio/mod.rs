// SPDX-License-Identifier: GPL-2.0

//! Abstractions for the virtio bus.
//!
//! [`Driver`] is what a driver implements, [`Adapter`] registers it with the bus, [`Device`] wraps
//! `struct virtio_device`. Queues are in [`virtqueue`], the device configuration in [`config`].
//!
//! C header: [`include/linux/virtio.h`](srctree/include/linux/virtio.h)

use crate::abi::bindings;
use core::{
    marker::PhantomData,
    mem::offset_of, //
};
use kernel::{
    device,
    device_id::RawDeviceId,
    driver,
    error::{
        from_result,
        to_result, //
    },
    prelude::*,
    types::Opaque, //
};

pub(crate) mod buffer;
pub(crate) mod config;
pub(crate) mod config_work;
pub(crate) mod payload;
pub(crate) mod shm;
pub(crate) mod virtqueue;

pub(crate) use self::{
    buffer::{
        Fifo,
        ReplyBytes,
        Request, //
    },
    payload::{
        Limits,
        Payload, //
    },
    virtqueue::{
        Handler,
        Virtqueue, //
    },
};

/// `VIRTIO_F_VERSION_1`: the device follows version 1 of the specification or later.
pub(crate) const F_VERSION_1: u32 = bindings::VIRTIO_F_VERSION_1;
/// `VIRTIO_ID_GPU`.
pub(crate) const ID_GPU: u32 = bindings::VIRTIO_ID_GPU;
/// `VIRTIO_RING_F_INDIRECT_DESC`: a request may use a table of descriptors of its own.
pub(crate) const F_RING_INDIRECT_DESC: u32 = bindings::VIRTIO_RING_F_INDIRECT_DESC;

/// Abstraction for `struct virtio_device_id`.
///
/// bindgen gives that type no `Copy`, which an id table needs, so this has the same layout instead.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct DeviceId {
    device: u32,
    vendor: u32,
}

const _: () = {
    assert!(size_of::<DeviceId>() == size_of::<bindings::virtio_device_id>());
    assert!(offset_of!(DeviceId, device) == offset_of!(bindings::virtio_device_id, device));
    assert!(offset_of!(DeviceId, vendor) == offset_of!(bindings::virtio_device_id, vendor));
};

impl DeviceId {
    /// Any vendor of the device type `device`, a `VIRTIO_ID_*` number.
    pub(crate) const fn new(device: u32) -> Self {
        Self {
            device,
            // `VIRTIO_DEV_ANY_ID`.
            vendor: u32::MAX,
        }
    }
}

// SAFETY: `RawType` is the type itself.
unsafe impl RawDeviceId for DeviceId {
    type RawType = Self;
}

/// Table of the device ids that a virtio driver takes.
pub(crate) type IdTable = &'static dyn kernel::device_id::IdTable<DeviceId, ()>;

/// Creates a virtio [`IdTable`] with its alias for modpost.
macro_rules! virtio_device_table {
    ($table_name:ident, [$($id:expr),* $(,)?]) => {
        kernel::module_device_table!(
            "virtio", $crate::abi::virtio::DeviceId, $table_name, @none, [$($id),*]
        );
    };
}
pub(crate) use virtio_device_table;

/// A virtio device.
///
/// # Invariants
///
/// Instances are only ever references to a valid `struct virtio_device`.
#[repr(transparent)]
pub(crate) struct Device<Ctx: device::DeviceContext = device::Normal>(
    Opaque<bindings::virtio_device>,
    PhantomData<Ctx>,
);

impl<Ctx: device::DeviceContext> Device<Ctx> {
    pub(in crate::abi) fn as_raw(&self) -> *mut bindings::virtio_device {
        self.0.get()
    }

    /// Whether feature `bit` is offered (before probe) or negotiated (from probe on).
    pub(crate) fn has_feature(&self, bit: u32) -> bool {
        // SAFETY: `as_raw()` is valid by the type invariant; the feature words do not change while
        // a driver is bound, and in `validate()` only that callback changes them.
        unsafe { bindings::abi_helper_virtio_has_feature(self.as_raw(), bit) }
    }

    /// Whether the device sees guest-physical addresses, so that buffers which are handed over by
    /// address inside a message need no DMA mapping.
    pub(crate) fn has_dma_quirk(&self) -> bool {
        // SAFETY: `as_raw()` is valid by the type invariant.
        unsafe { bindings::abi_helper_virtio_has_dma_quirk(self.as_raw()) }
    }

    /// The transport's device: a PCI function, a platform device ... This is the device that does
    /// DMA, and the parent of what a driver registers with its subsystem.
    pub(crate) fn parent(&self) -> &device::Device {
        // SAFETY: A virtio device has a parent, its transport, from before it is added to the bus,
        // and holds a reference to it.
        unsafe { device::Device::from_raw((*self.as_raw()).dev.parent) }
    }
}

impl<Ctx: device::DeviceContext> AsRef<device::Device<Ctx>> for Device<Ctx> {
    fn as_ref(&self) -> &device::Device<Ctx> {
        // SAFETY: `as_raw()` is valid by the type invariant, and so is the embedded device, which
        // is in the context that `Ctx` states because the virtio device is.
        unsafe { device::Device::from_raw(&raw mut (*self.as_raw()).dev) }
    }
}

impl Device<device::Core<'_>> {
    /// Lets the device use its queues (`DRIVER_OK`). Interrupts may arrive before this returns.
    pub(crate) fn ready(&self) {
        // SAFETY: `as_raw()` is valid by the type invariant; `Core` means that we are in a bus
        // callback, so nobody else changes the device's status.
        unsafe { bindings::abi_helper_virtio_device_ready(self.as_raw()) };
    }

    /// Whether the device offers feature `bit`, negotiated or not. May sleep.
    pub(crate) fn offers(&self, bit: u32) -> bool {
        // SAFETY: As in `ready()`.
        unsafe { bindings::abi_helper_virtio_offers(self.as_raw(), bit) }
    }

    /// Resets the device. It has stopped using every buffer when this returns.
    pub(crate) fn reset(&self) -> Reset {
        // SAFETY: As in `ready()`.
        unsafe { bindings::virtio_reset_device(self.as_raw()) };
        Reset(())
    }
}

impl Device<device::Bound> {
    /// Resets the device, for good: it has stopped using every buffer when this returns, and is not
    /// to be used before it is bound again.
    pub(crate) fn reset(&self) -> Reset {
        // SAFETY: `as_raw()` is valid by the type invariant, and the transport is in reach because
        // the device is bound.
        unsafe { bindings::virtio_reset_device(self.as_raw()) };
        Reset(())
    }

    /// Whether the device says that it can only be used again after a reset.
    pub(crate) fn needs_reset(&self) -> bool {
        // SAFETY: `as_raw()` is valid by the type invariant, and the transport is in reach because
        // the device is bound.
        unsafe { bindings::abi_helper_virtio_needs_reset(self.as_raw()) }
    }
}

/// Proof that a device was reset and not used since.
pub(crate) struct Reset(());

/// View of a device whose features are being decided, see [`Driver::validate`].
pub(crate) struct Negotiation<'a>(&'a Device);

impl Negotiation<'_> {
    /// The device, whose features are those that it offers and the driver's table names.
    pub(crate) fn device(&self) -> &Device {
        self.0
    }

    /// Does not accept feature `bit`.
    pub(crate) fn refuse(&mut self, bit: u32) {
        // SAFETY: `as_raw()` is valid by the type invariant of `Device`; in `validate()` nobody
        // else reads or writes the feature words.
        unsafe { bindings::abi_helper_virtio_clear_bit(self.0.as_raw(), bit) };
    }
}

/// A virtio driver.
pub(crate) trait Driver {
    /// What a bound device owns; dropped after [`Driver::remove`].
    type Data: Send + Sync + 'static;

    /// The device ids that the driver takes.
    const ID_TABLE: IdTable;

    /// The feature bits that the driver understands.
    const FEATURES: &'static [u32];

    /// Looks at the offered features and refuses those that make no sense. The configuration may be
    /// read.
    ///
    /// # Errors
    ///
    /// An error ends the probe.
    fn validate(negotiation: &mut Negotiation<'_>) -> Result;

    /// Takes a device. [`Device::ready`] must have been called when this returns.
    fn probe(dev: &Device<device::Core<'_>>) -> Result<Self::Data>;

    /// Gives a device up. It must have been reset and its queues deleted when this returns.
    fn remove(dev: &Device<device::Core<'_>>, data: &Self::Data);

    /// Stops using the device, because the machine goes down.
    fn shutdown(dev: &Device<device::Core<'_>>, data: &Self::Data);

    /// The configuration has changed. May run in interrupt context.
    fn config_changed(data: &Self::Data);

    /// Puts the device to rest before the system sleeps.
    ///
    /// # Errors
    ///
    /// An error keeps the system awake.
    fn freeze(dev: &Device<device::Core<'_>>, data: &Self::Data) -> Result;

    /// Puts the device to work again, after [`Driver::freeze`] has succeeded. It was reset, and has
    /// the features that it had.
    ///
    /// # Errors
    ///
    /// An error marks the device as failed. It stays bound.
    fn restore(dev: &Device<device::Core<'_>>, data: &Self::Data) -> Result;
}

/// An adapter for the registration of virtio drivers.
pub(crate) struct Adapter<T: Driver>(T);

// SAFETY:
// - `bindings::virtio_driver` is a C type declared as `repr(C)`.
// - `T::Data` is the type of the driver's device private data.
// - `struct virtio_driver` embeds a `struct device_driver` at `DEVICE_DRIVER_OFFSET`.
unsafe impl<T: Driver + 'static> driver::DriverLayout for Adapter<T> {
    type DriverType = bindings::virtio_driver;
    type DriverData<'bound> = T::Data;
    const DEVICE_DRIVER_OFFSET: usize = offset_of!(Self::DriverType, driver);
}

// SAFETY: A call to `unregister` for a given instance of `DriverType` is guaranteed to be valid if
// a preceding call to `register` has been successful.
unsafe impl<T: Driver + 'static> driver::RegistrationOps for Adapter<T> {
    unsafe fn register(
        vdrv: &Opaque<Self::DriverType>,
        name: &'static CStr,
        module: &'static ThisModule,
    ) -> Result {
        // CAST: `FEATURES` is a slice in a constant, far shorter than `u32::MAX`.
        let n_features = T::FEATURES.len() as u32;

        // SAFETY: It's safe to set the fields of `struct virtio_driver` on initialization.
        unsafe {
            let vdrv = vdrv.get();
            (*vdrv).driver.name = name.as_char_ptr();
            (*vdrv).id_table = T::ID_TABLE.as_ptr().cast();
            (*vdrv).feature_table = T::FEATURES.as_ptr();
            (*vdrv).feature_table_size = n_features;
            (*vdrv).validate = Some(Self::validate_callback);
            (*vdrv).probe = Some(Self::probe_callback);
            (*vdrv).remove = Some(Self::remove_callback);
            (*vdrv).shutdown = Some(Self::shutdown_callback);
            (*vdrv).config_changed = Some(Self::config_changed_callback);
            (*vdrv).freeze = Some(Self::freeze_callback);
            (*vdrv).restore = Some(Self::restore_callback);
        }

        // SAFETY: `vdrv` is guaranteed to be a valid `DriverType`.
        to_result(unsafe { bindings::__register_virtio_driver(vdrv.get(), module.as_ptr()) })
    }

    unsafe fn unregister(vdrv: &Opaque<Self::DriverType>) {
        // SAFETY: `vdrv` is guaranteed to be a valid `DriverType`.
        unsafe { bindings::unregister_virtio_driver(vdrv.get()) }
    }
}

impl<T: Driver + 'static> Adapter<T> {
    extern "C" fn validate_callback(vdev: *mut bindings::virtio_device) -> c_int {
        // SAFETY: The virtio bus calls this with a valid device; `Device` is transparent.
        let dev = unsafe { &*vdev.cast::<Device>() };

        from_result(|| {
            T::validate(&mut Negotiation(dev))?;
            Ok(0)
        })
    }

    extern "C" fn probe_callback(vdev: *mut bindings::virtio_device) -> c_int {
        // SAFETY: The virtio bus calls this with a valid device; `Device` is transparent, and a
        // probe callback is the `Core` context.
        let core = unsafe { &*vdev.cast::<Device<device::Core<'_>>>() };
        // SAFETY: As above; the same callback is the `CoreInternal` context.
        let internal = unsafe { &*vdev.cast::<Device<device::CoreInternal<'_>>>() };

        from_result(|| {
            // The scope runs once the memory is there, so that nothing fails after the probe.
            internal
                .as_ref()
                .set_drvdata(pin_init::pin_init_scope(|| Ok::<_, Error>(T::probe(core))))?;
            Ok(0)
        })
    }

    extern "C" fn remove_callback(vdev: *mut bindings::virtio_device) {
        // SAFETY: As in `probe_callback()`.
        let core = unsafe { &*vdev.cast::<Device<device::Core<'_>>>() };

        T::remove(core, Self::data(vdev));
    }

    extern "C" fn shutdown_callback(vdev: *mut bindings::virtio_device) {
        // SAFETY: As in `probe_callback()`; shutdown runs under the device lock as probe does.
        let core = unsafe { &*vdev.cast::<Device<device::Core<'_>>>() };

        // A device on the bus is shut down whether or not its driver's probe has finished.
        // SAFETY: `vdev` is valid, and the device lock, which is held, covers the driver data.
        if !unsafe { bindings::dev_get_drvdata(&raw mut (*vdev).dev) }.is_null() {
            T::shutdown(core, Self::data(vdev));
        }
    }

    extern "C" fn config_changed_callback(vdev: *mut bindings::virtio_device) {
        // SAFETY: `vdev` is valid. The bus delivers no change before probe has succeeded nor after
        // remove has begun.
        if !unsafe { bindings::dev_get_drvdata(&raw mut (*vdev).dev) }.is_null() {
            T::config_changed(Self::data(vdev));
        }
    }

    extern "C" fn freeze_callback(vdev: *mut bindings::virtio_device) -> c_int {
        // SAFETY: As in `probe_callback()`; the bus freezes only devices that are bound.
        let core = unsafe { &*vdev.cast::<Device<device::Core<'_>>>() };

        from_result(|| {
            T::freeze(core, Self::data(vdev))?;
            Ok(0)
        })
    }

    extern "C" fn restore_callback(vdev: *mut bindings::virtio_device) -> c_int {
        // SAFETY: As in `freeze_callback()`.
        let core = unsafe { &*vdev.cast::<Device<device::Core<'_>>>() };

        from_result(|| {
            T::restore(core, Self::data(vdev))?;
            Ok(0)
        })
    }

    /// The driver's data of a device whose probe has succeeded.
    fn data<'a>(vdev: *mut bindings::virtio_device) -> &'a T::Data {
        // SAFETY: `vdev` is valid in every bus callback; the pointer is that of a live device.
        let internal = unsafe { &*vdev.cast::<Device<device::CoreInternal<'a>>>() };

        // SAFETY: Callers run after `set_drvdata::<T::Data>()` succeeded in `probe_callback()` and
        // before the post-unbind callback of `driver::Registration` takes the data back.
        unsafe { internal.as_ref().drvdata_borrow::<T::Data>() }.get_ref()
    }
}
