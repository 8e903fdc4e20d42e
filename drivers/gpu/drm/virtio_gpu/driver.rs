// SPDX-License-Identifier: GPL-2.0

//! The driver as the kernel sees it: a module, a virtio driver and a DRM driver.
#![forbid(unsafe_code)]

use crate::{
    abi::{
        drm::{
            self,
            aperture, //
        },
        vgaarb::LegacyVga,
        virtio::{
            self,
            config_work::{
                ConfigHandler,
                ConfigWork, //
            }, //
        }, //
    },
    capset,
    config,
    debugfs,
    device::{
        DrmDevice,
        Gpu, //
    },
    display,
    features,
    file::File,
    ioctl,
    object::{
        self,
        Resource, //
    },
    queue::QueueOwner, //
};
use kernel::{
    device::{
        self,
        Core, //
    },
    driver::Registration,
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            AtomicFlag,
            Full,
            Relaxed,
            Release, //
        },
        Arc,
        Mutex, //
    }, //
};
use virtio_gpu_proto as proto;

/// How long the host may answer nothing before the system sleeps, in milliseconds.
const SLEEP_MS: u32 = 5000;

/// The module: the driver's registration with the virtio bus.
#[pin_data]
pub(crate) struct Module {
    #[pin]
    _driver: Registration<virtio::Adapter<VirtioGpu>>,
}

impl kernel::InPlaceModule for Module {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(move || {
            // While a device may be probed, which leaves its VGA mode.
            let vga = LegacyVga::take(PCI_VENDOR, PCI_DEVICE)?;

            Ok(try_pin_init!(Self {
                _driver <- Registration::new(<Self as kernel::ModuleMetadata>::NAME, module),
            }? Error)
            .pin_chain(move |_| {
                drop(vga);
                Ok(())
            }))
        })
    }
}

/// What the device is on PCI.
const PCI_VENDOR: u32 = 0x1af4;
const PCI_DEVICE: u32 = 0x1050;

/// The driver.
pub(crate) struct VirtioGpu;

/// What a bound device owns.
pub(crate) struct Bound {
    card: Arc<Card>,
    /// Until the device is removed.
    queues: Pin<KBox<Mutex<Option<QueueOwner>>>>,
    config_work: ConfigWork<Arc<Card>>,
}

/// The DRM device of a bound device, as userspace sees it.
struct Card {
    drm: ARef<DrmDevice>,
    /// Whether it is registered.
    present: AtomicFlag,
    /// Whether the device was reset because it has failed.
    given_up: AtomicFlag,
    /// Whether displays may have changed without notice.
    look_again: AtomicFlag,
}

impl Card {
    /// Takes the device away from userspace, once.
    fn unplug(&self) {
        if self.present.xchg(false, Full) {
            self.drm.unplug();
        }
    }
}

impl ConfigHandler for Arc<Card> {
    fn config_changed(&self, dev: &virtio::Device<device::Bound>) {
        let queues = self.drm.queues();

        if self.given_up.load(Relaxed) {
            self.unplug();
            return;
        }
        if dev.needs_reset() || queues.is_broken() {
            if !self.given_up.xchg(true, Full) {
                dev_err!(
                    dev.parent(),
                    "[drm] *ERROR* the host has failed the device, it is lost\n"
                );
                // Before the rest, which may wait for fences.
                queues.empty(&dev.reset());
                self.unplug();
            }
            return;
        }
        if queues.is_lost() {
            return;
        }

        let config = dev.config();
        let Ok(events) = config::events(&config) else {
            return;
        };

        let again = self.look_again.xchg(false, Full);

        // Acknowledged first: a change while the last one is being handled is another event. Events
        // that are not known are not acknowledged, as they are not handled.
        let _ = config::clear_events(&config, events & proto::EVENT_DISPLAY);
        if again || events & proto::EVENT_DISPLAY != 0 {
            display::config_changed(&self.drm);
        }
    }
}

virtio::virtio_device_table!(IDS, [virtio::DeviceId::new(virtio::ID_GPU)]);

impl virtio::Driver for VirtioGpu {
    type Data = Bound;

    const ID_TABLE: virtio::IdTable = &IDS;
    const FEATURES: &'static [u32] = features::TABLE;

    fn validate(negotiation: &mut virtio::Negotiation<'_>) -> Result {
        features::validate(negotiation)
    }

    fn probe(dev: &virtio::Device<Core<'_>>) -> Result<Bound> {
        let modeset = crate::module_parameters::modeset.value();
        if modeset == 0 || (modeset == -1 && aperture::firmware_drivers_only()) {
            return Err(EINVAL);
        }

        let parent = dev.parent();
        if let Some(vga) = aperture::pci_vga(parent) {
            dev_info!(
                parent,
                "[drm] pci: {} detected at {}\n",
                if vga { "virtio-vga" } else { "virtio-gpu-pci" },
                parent.name()
            );
            if vga {
                aperture::evict_boot_display(parent, <Self as drm::Driver>::INFO.name)?;
            }
        }
        aperture::set_max_segment_size(parent);

        let drm = DrmDevice::new(
            parent,
            pin_init::pin_init_scope(|| Ok::<_, Error>(Gpu::new(dev))),
        )?;
        if let Err(e) = drm.use_huge_pages() {
            dev_info!(parent, "[drm] no huge pages for objects ({:?})\n", e);
        }
        let card = Arc::new(
            Card {
                drm,
                present: AtomicFlag::new(false),
                given_up: AtomicFlag::new(false),
                look_again: AtomicFlag::new(false),
            },
            GFP_KERNEL,
        )?;
        let config_work = ConfigWork::new(dev, card.clone())?;
        let queues = KBox::pin_init(new_mutex!(None), GFP_KERNEL)?;
        *queues.lock() = Some(QueueOwner::start(
            dev,
            card.drm.queues().clone(),
            card.drm.worker().clone(),
        )?);

        let bound = Bound {
            card,
            queues,
            config_work,
        };
        bound.start(dev).inspect_err(|_| bound.stop(dev))?;
        Ok(bound)
    }

    fn remove(dev: &virtio::Device<Core<'_>>, data: &Bound) {
        // First of all, so that whoever waits for the host or for a fence wakes up.
        data.card.drm.queues().lose();
        data.card.drm.queues().empty(&dev.reset());
        data.config_work.stop();
        data.card.unplug();
        display::shutdown(&data.card.drm);
        data.stop(dev);
    }

    fn shutdown(_dev: &virtio::Device<Core<'_>>, data: &Bound) {
        data.card.drm.queues().lose();
        data.card.unplug();
    }

    fn freeze(dev: &virtio::Device<Core<'_>>, data: &Bound) -> Result {
        let drm = &data.card.drm;

        data.config_work.stop();
        if drm.queues().is_lost() {
            data.stop(dev);
            return Ok(());
        }
        // The host forgets contexts. What is still to go there fails, and so does what it does not end:
        // before the display, which may wait for what it is to show.
        drm.queues().cancel_all();
        let answers = drm.queues().settle(SLEEP_MS).is_ok();
        if !answers {
            dev_warn!(
                dev.parent(),
                "[drm] the host does not answer before sleep, its commands are cancelled\n"
            );
            data.sleep(dev);
        }
        if let Err(e) = display::suspend(drm) {
            let awake = answers
                || data
                    .wake(dev)
                    .inspect_err(|e| data.give_up(dev, *e))
                    .is_ok();
            dev_warn!(
                dev.parent(),
                "[drm] no sleep, the display does not rest: {:?}{}\n",
                e,
                if awake {
                    ""
                } else {
                    ", and the device is lost"
                }
            );
            data.config_work.resume(dev);
            return Err(e);
        }
        if answers {
            // The display's own commands.
            let _ = drm.queues().settle(SLEEP_MS);
            data.sleep(dev);
        }
        Ok(())
    }

    fn restore(dev: &virtio::Device<Core<'_>>, data: &Bound) -> Result {
        let drm = &data.card.drm;
        let result = if drm.queues().is_lost() {
            Ok(())
        } else {
            data.wake(dev).inspect_err(|e| data.give_up(dev, *e))
        };

        // Also of a lost device, so that nobody waits for it.
        display::resume(drm);
        data.card.look_again.store(true, Relaxed);
        data.config_work.resume(dev);
        data.config_work.schedule();
        result
    }

    fn config_changed(data: &Bound) {
        data.config_work.schedule();
    }
}

impl Bound {
    /// Brings the device up, as far as its queues being at work.
    fn start(&self, dev: &virtio::Device<Core<'_>>) -> Result {
        let drm = &self.card.drm;

        if drm.num_scanouts() == 0 {
            drm.mask_features(drm::FEAT_MODESET | drm::FEAT_ATOMIC);
        }
        display::init(drm)?;

        dev.ready();
        capset::probe(drm);
        display::probe_info(drm);
        debugfs::init(drm);
        drm.register()?;
        self.card.present.store(true, Release);
        display::start_clients(drm);
        Ok(())
    }

    /// Puts the device to rest: it forgets everything, and nothing of it is in use.
    fn sleep(&self, dev: &virtio::Device<Core<'_>>) {
        self.card.drm.context_ids().forget();
        let owner = self.queues.lock().take();

        if let Some(owner) = owner {
            owner.sleep(dev);
        }
    }

    /// Puts the device to work again, and tells it what it has to know.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`], those of the transport, and those of [`object::replay`].
    fn wake(&self, dev: &virtio::Device<Core<'_>>) -> Result {
        let drm = &self.card.drm;

        *self.queues.lock() = Some(QueueOwner::start(
            dev,
            drm.queues().clone(),
            drm.worker().clone(),
        )?);
        dev.ready();
        object::replay(drm)?;
        // What was in the window is gone: a touch faults, and finds nothing.
        if drm.window().is_some() {
            drm.take_mappings_out();
        }
        Ok(())
    }

    /// Declares a device lost that does not come back from sleep. Userspace loses it later, for it
    /// sleeps, too.
    fn give_up(&self, dev: &virtio::Device<Core<'_>>, e: Error) {
        let queues = self.card.drm.queues();

        dev_err!(
            dev.parent(),
            "[drm] *ERROR* the host does not come back from sleep, the device is lost: {:?}\n",
            e
        );
        self.card.given_up.store(true, Relaxed);
        queues.lose();
        queues.empty(&dev.reset());
        self.stop(dev);
    }

    /// Takes the device down: afterwards nothing of it is in use.
    fn stop(&self, dev: &virtio::Device<Core<'_>>) {
        let owner = self.queues.lock().take();

        if let Some(owner) = owner {
            owner.stop(dev);
        }
    }
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
    const FEATURES: u32 = drm::FEAT_GEM
        | drm::FEAT_RENDER
        | drm::FEAT_MODESET
        | drm::FEAT_ATOMIC
        | drm::FEAT_SYNCOBJ
        | drm::FEAT_SYNCOBJ_TIMELINE
        | drm::FEAT_CURSOR_HOTSPOT;
    const IOCTLS: &'static [drm::ioctl::Descriptor] = ioctl::TABLE;

    fn takes_ioctl(nr: u32, size: usize) -> bool {
        ioctl::takes(nr, size)
    }

    fn dumb_create(dev: &DrmDevice, file: &drm::File<File>, args: &mut drm::DumbArgs) -> Result {
        object::dumb_create(dev, file, args)
    }
}
