// SPDX-License-Identifier: GPL-2.0

//! Feature negotiation: which features are taken, and what those bits mean that mean several things.
//!
//! Bit 5 is BLOB_ALIGNMENT in the specification, but other hosts have used it for seven other
//! things. It is taken only where it can be nothing else: with RESOURCE_BLOB, and with a power of
//! two in the configuration field that comes with it. Anything else is refused, which is always
//! allowed.
#![forbid(unsafe_code)]

use crate::{
    abi::virtio::{
        self,
        Negotiation, //
    },
    config, //
};
use kernel::{
    device::Core,
    prelude::*, //
};
use virtio_gpu_proto as proto;

/// The features that the driver looks at.
pub(crate) const TABLE: &[u32] = &[
    proto::F_VIRGL,
    proto::F_EDID,
    proto::F_RESOURCE_UUID,
    proto::F_RESOURCE_BLOB,
    proto::F_CONTEXT_INIT,
    proto::F_BLOB_ALIGNMENT,
];

/// What was negotiated.
#[derive(Clone, Copy, Default)]
pub(crate) struct Features {
    /// Contexts with 3D rendering.
    pub(crate) virgl: bool,
    /// EDID blocks of the scanouts.
    pub(crate) edid: bool,
    /// UUIDs for resources that other devices take.
    pub(crate) resource_uuid: bool,
    /// Blob resources.
    pub(crate) resource_blob: bool,
    /// A window of host memory.
    pub(crate) host_visible: bool,
    /// Context types and rings.
    pub(crate) context_init: bool,
    /// Alignment of blobs in bytes, a power of two, where the host asks for one.
    pub(crate) blob_alignment: Option<u32>,
}

/// Decides on the offered features.
///
/// # Errors
///
/// [`ENODEV`] for a device that does not follow version 1 of the specification.
pub(crate) fn validate(negotiation: &mut Negotiation<'_>) -> Result {
    if !negotiation.device().has_feature(virtio::F_VERSION_1) {
        return Err(ENODEV);
    }

    if negotiation.device().has_feature(proto::F_BLOB_ALIGNMENT) {
        let blob = negotiation.device().has_feature(proto::F_RESOURCE_BLOB);
        let word = config::blob_alignment(&negotiation.config()).ok();

        if blob_alignment(blob, word).is_none() {
            dev_info!(
                negotiation.device().parent(),
                "[drm] feature bit 5 is not the alignment of blobs on this device, refused\n"
            );
            negotiation.refuse(proto::F_BLOB_ALIGNMENT);
        }
    }
    Ok(())
}

/// The alignment that a device with feature bit 5 asks for, if that is what the bit means there:
/// `blob` is whether it offers RESOURCE_BLOB, `word` its configuration field, if it has one.
fn blob_alignment(blob: bool, word: Option<u32>) -> Option<u32> {
    word.filter(|alignment| blob && alignment.is_power_of_two())
}

impl Features {
    /// What was negotiated with `dev`.
    pub(crate) fn of(dev: &virtio::Device<Core<'_>>) -> Self {
        let blob = dev.has_feature(proto::F_RESOURCE_BLOB);
        let aligned = dev.has_feature(proto::F_BLOB_ALIGNMENT);
        let word = aligned.then(|| config::blob_alignment(&dev.config()).ok());

        Self {
            virgl: dev.has_feature(proto::F_VIRGL),
            edid: dev.has_feature(proto::F_EDID),
            resource_uuid: dev.has_feature(proto::F_RESOURCE_UUID),
            resource_blob: blob,
            context_init: dev.has_feature(proto::F_CONTEXT_INIT),
            blob_alignment: word.and_then(|word| blob_alignment(blob, word)),
            ..Self::default()
        }
    }

    /// Logs the features, in lines that tools look for.
    pub(crate) fn log(&self, dev: &kernel::device::Device) {
        let sign = |on| if on { '+' } else { '-' };

        dev_info!(
            dev,
            "[drm] features: {}virgl {}edid {}resource_blob {}host_visible\n",
            sign(self.virgl),
            sign(self.edid),
            sign(self.resource_blob),
            sign(self.host_visible)
        );
        dev_info!(
            dev,
            "[drm] features: {}context_init {}blob_alignment\n",
            sign(self.context_init),
            sign(self.blob_alignment.is_some())
        );
    }
}

#[kunit_tests(virtio_gpu_features)]
mod tests {
    use super::*;

    #[test]
    fn bit5_needs_blobs() {
        assert_eq!(blob_alignment(true, Some(4096)), Some(4096));
        assert_eq!(blob_alignment(false, Some(4096)), None);
    }

    #[test]
    fn bit5_needs_a_field() {
        assert_eq!(blob_alignment(true, None), None);
    }

    #[test]
    fn bit5_needs_a_power_of_two() {
        for word in [0, 3, 65537, u32::MAX] {
            assert_eq!(blob_alignment(true, Some(word)), None);
        }
        for word in [1, 2, 65536, 1 << 31] {
            assert_eq!(blob_alignment(true, Some(word)), Some(word));
        }
    }
}
