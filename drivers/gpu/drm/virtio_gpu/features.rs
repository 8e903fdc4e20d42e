// SPDX-License-Identifier: GPL-2.0

//! Feature negotiation: which features are taken. What those bits mean that mean several things is
//! [`meaning`]'s to say.
#![forbid(unsafe_code)]

mod meaning;
mod passing;

pub(crate) use self::{
    meaning::{
        Bit5,
        Bit6,
        Bits, //
    },
    passing::Generation, //
};

use self::meaning::{
    Bit,
    BIT_6, //
};
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
    BIT_6,
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
    /// The bits with several meanings.
    pub(crate) bits: Bits,
}

/// A command that asks the host for layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueryLayout {
    /// The first that was published: of a resource.
    First,
    /// The second: of a resource, or of one that there could be.
    Second,
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

    let bits = {
        let negotiation = &*negotiation;

        Bits::decide(
            |bit| negotiation.device().has_feature(bit),
            || config::blob_alignment(&negotiation.config()).ok(),
        )
    };
    bits.negotiate(negotiation);
    Ok(())
}

impl Features {
    /// What was negotiated with `dev`.
    pub(crate) fn of(dev: &virtio::Device<Core<'_>>) -> Self {
        let bits = Bits::decide(
            |bit| dev.offers(bit),
            || config::blob_alignment(&dev.config()).ok(),
        );

        Self {
            virgl: dev.has_feature(proto::F_VIRGL),
            edid: dev.has_feature(proto::F_EDID),
            resource_uuid: dev.has_feature(proto::F_RESOURCE_UUID),
            resource_blob: dev.has_feature(proto::F_RESOURCE_BLOB),
            context_init: dev.has_feature(proto::F_CONTEXT_INIT),
            blob_alignment: match bits.five {
                Bit::Aligned(bytes) => Some(bytes),
                _ => None,
            },
            bits,
            ..Self::default()
        }
    }

    /// How the host can be asked for layouts, if it can. The second way is preferred, which can do more.
    pub(crate) fn query_layout(&self) -> Option<QueryLayout> {
        if self.bits.five.means(proto::Meaning::QueryLayoutV2) {
            Some(QueryLayout::Second)
        } else if self.bits.six.means(proto::Meaning::QueryLayoutV1) {
            Some(QueryLayout::First)
        } else {
            None
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
    fn who_is_asked_for_layouts() {
        let features = |five, six| Features {
            bits: Bits { five, six },
            ..Features::default()
        };
        let first = Bit::Means(proto::Meaning::QueryLayoutV1);
        let second = Bit::Means(proto::Meaning::QueryLayoutV2);
        let other = Bit::Means(proto::Meaning::FencePassing);

        for (five, six, ask) in [
            (Bit::Absent, Bit::Absent, None),
            (Bit::Aligned(4096), Bit::Refused, None),
            (other, Bit::Ignored, None),
            (other, first, Some(QueryLayout::First)),
            (second, Bit::Refused, Some(QueryLayout::Second)),
            (second, first, Some(QueryLayout::Second)),
        ] {
            assert_eq!(features(five, six).query_layout(), ask);
        }
    }
}
