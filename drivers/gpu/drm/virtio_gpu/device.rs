// SPDX-License-Identifier: GPL-2.0

//! The state of a device: what it can do, its queues, its display.
#![forbid(unsafe_code)]

use crate::{
    abi::{
        drm,
        sync::OwnedQueue,
        virtio, //
    },
    capset::Capsets,
    config,
    context::{
        self,
        Who, //
    },
    display::Display,
    driver::VirtioGpu,
    features::{
        Features,
        Generation, //
    },
    fence::{
        SharedFences,
        Timeline, //
    },
    object::{
        Ids,
        Live, //
    },
    queue::Queues,
    window::Window, //
};
use kernel::{
    device::Core,
    prelude::*,
    sync::Arc, //
};
use virtio_gpu_proto as proto;

/// The DRM device, which dereferences to [`Gpu`].
pub(crate) type DrmDevice = drm::Device<VirtioGpu>;

/// The state of a device.
pub(crate) struct Gpu {
    /// The negotiated features.
    features: Features,
    /// Number of scanouts, 0 if there is no display.
    num_scanouts: u32,
    num_capsets: u32,
    /// The window of host memory, if there is one.
    window: Option<Arc<Window>>,
    /// Whether buffers are handed over by DMA address rather than by guest-physical address.
    uses_dma_api: bool,
    queues: Arc<Queues>,
    /// Where commands are completed and jobs released.
    worker: Arc<OwnedQueue>,
    display: Pin<KBox<Display>>,
    resource_ids: Arc<Ids>,
    context_ids: Arc<context::Ids>,
    capsets: Pin<KBox<Capsets>>,
    live: Arc<Live>,
    /// The order of fenced commands that are of no context.
    timeline: Arc<Timeline>,
    /// The fences that the host can be asked to wait for.
    shared_fences: Arc<SharedFences>,
    who_passes: Who,
}

impl Gpu {
    /// Looks at a device that is being probed.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`]; [`EINVAL`] if the configuration space is too short; [`EBUSY`] if the window of
    /// host memory is taken.
    pub(crate) fn new(dev: &virtio::Device<Core<'_>>) -> Result<Self> {
        let config = dev.config();
        let offered = config::num_scanouts(&config)?;
        let mut features = Features::of(dev);
        let num_scanouts = offered.min(proto::MAX_SCANOUTS);
        let num_capsets = config::num_capsets(&config)?;

        if num_scanouts == 0 {
            features.edid = false;
        }
        let region = dev
            .shared_memory(proto::SHM_ID_HOST_VISIBLE)
            .inspect_err(|_| {
                dev_err!(
                    dev.parent(),
                    "[drm] *ERROR* Could not reserve host visible region\n"
                );
            })?;
        let window = match region {
            Some(region) => {
                dev_info!(
                    dev.parent(),
                    "[drm] Host memory window: {:#x} +{:#x}\n",
                    region.start,
                    region.len
                );
                features.host_visible = true;
                Some(Window::new(region, features.blob_alignment)?)
            }
            None => None,
        };
        features.log(dev.parent());
        if num_scanouts == 0 {
            dev_info!(dev.parent(), "[drm] KMS disabled\n");
        } else {
            dev_info!(dev.parent(), "[drm] number of scanouts: {}\n", offered);
        }
        dev_info!(dev.parent(), "[drm] number of cap sets: {}\n", num_capsets);

        let queues = Queues::new(dev.parent())?;
        if features.passing() == Some(Generation::Ids) {
            queues.keep_fences();
        }

        Ok(Self {
            features,
            num_scanouts,
            num_capsets,
            window,
            uses_dma_api: !dev.has_dma_quirk(),
            queues,
            worker: Arc::new(OwnedQueue::new_highpri(c"virtio_gpu")?, GFP_KERNEL)?,
            display: KBox::try_pin_init(Display::new(), GFP_KERNEL)?,
            resource_ids: Ids::new()?,
            context_ids: context::Ids::new()?,
            capsets: KBox::pin_init(Capsets::new(), GFP_KERNEL)?,
            live: Live::new()?,
            timeline: Timeline::new(None)?,
            shared_fences: SharedFences::new()?,
            who_passes: crate::module_words::pass_fences.value(),
        })
    }

    /// The negotiated features.
    pub(crate) fn features(&self) -> &Features {
        &self.features
    }

    /// Number of scanouts, at most 16; 0 if there is no display.
    pub(crate) fn num_scanouts(&self) -> u32 {
        self.num_scanouts
    }

    /// Number of capability sets that the device offers.
    pub(crate) fn num_capsets(&self) -> u32 {
        self.num_capsets
    }

    /// The window of host memory, if there is one.
    pub(crate) fn window(&self) -> Option<&Arc<Window>> {
        self.window.as_ref()
    }

    /// Whether the host is told of guest pages by DMA address rather than by guest-physical address.
    pub(crate) fn uses_dma_api(&self) -> bool {
        self.uses_dma_api
    }

    /// The queues.
    pub(crate) fn queues(&self) -> &Arc<Queues> {
        &self.queues
    }

    /// Where commands are completed and jobs released.
    pub(crate) fn worker(&self) -> &Arc<OwnedQueue> {
        &self.worker
    }

    /// What is known of the displays.
    pub(crate) fn display(&self) -> &Display {
        &self.display
    }

    /// The ids of the device's resources.
    pub(crate) fn resource_ids(&self) -> &Arc<Ids> {
        &self.resource_ids
    }

    /// The ids of the device's contexts.
    pub(crate) fn context_ids(&self) -> &Arc<context::Ids> {
        &self.context_ids
    }

    /// The capability sets.
    pub(crate) fn capsets(&self) -> &Capsets {
        &self.capsets
    }

    /// The objects that the host knows.
    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// The timeline of commands that are of no context.
    pub(crate) fn timeline(&self) -> &Arc<Timeline> {
        &self.timeline
    }

    /// The fences that the host can be asked to wait for.
    pub(crate) fn shared_fences(&self) -> &Arc<SharedFences> {
        &self.shared_fences
    }

    /// Which contexts have the host wait for fences, where it can.
    pub(crate) fn who_passes(&self) -> Who {
        self.who_passes
    }
}
