// SPDX-License-Identifier: GPL-2.0

//! The driver as the kernel sees it: a module, a virtio driver and a DRM driver.
#![forbid(unsafe_code)]

use crate::{
    abi::{
        drm,
        virtio, //
    },
    device::{
        DrmDevice,
        Gpu, //
    },
    file::File,
    object::Resource, //
};
use kernel::{
    device::Core,
    driver::Registration,
    prelude::*,
    sync::aref::ARef, //
};

/// The module: the driver's registration with the virtio bus.
#[pin_data]
pub(crate) struct Module {
    #[pin]
    _driver: Registration<virtio::Adapter<VirtioGpu>>,
}

impl kernel::InPlaceModule for Module {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _driver <- Registration::new(<Self as kernel::ModuleMetadata>::NAME, module),
        })
    }
}

/// The driver.
pub(crate) struct VirtioGpu;

/// What a bound device owns.
pub(crate) struct Bound {
    drm: ARef<DrmDevice>,
}

virtio::virtio_device_table!(IDS, [virtio::DeviceId::new(16)]);

impl virtio::Driver for VirtioGpu {
    type Data = Bound;

    const ID_TABLE: virtio::IdTable = &IDS;
    const FEATURES: &'static [u32] = &[1];

    fn validate(_negotiation: &mut virtio::Negotiation<'_>) -> Result {
        Ok(())
    }

    fn probe(dev: &virtio::Device<Core<'_>>) -> Result<Bound> {
        let drm = DrmDevice::new(dev.parent(), Gpu::new())?;

        dev.ready();
        drm.register()?;
        Ok(Bound { drm })
    }

    fn remove(dev: &virtio::Device<Core<'_>>, data: &Bound) {
        data.drm.unplug();
        dev.reset();
    }

    fn shutdown(_dev: &virtio::Device<Core<'_>>, data: &Bound) {
        data.drm.unplug();
    }

    fn config_changed(_data: &Bound) {}
}

impl drm::Driver for VirtioGpu {
    type Data = Gpu;
    type Owner = Module;
    type File = File;
    type Object = Resource;

    const INFO: drm::DriverInfo = drm::DriverInfo {
        major: 0,
        minor: 1,
        patchlevel: 0,
        name: c"virtio_gpu",
        desc: c"virtio GPU",
    };
    const FEATURES: u32 = drm::FEAT_GEM | drm::FEAT_RENDER;
    const IOCTLS: &'static [drm::ioctl::Descriptor] = &[];

    fn dumb_create(
        _dev: &DrmDevice,
        _file: &drm::File<File>,
        _args: &mut drm::DumbArgs,
    ) -> Result {
        Err(ENOSYS)
    }
}
