// SPDX-License-Identifier: GPL-2.0

//! How the host is told which fences it is to wait for, where bit 5 means that it can.
#![forbid(unsafe_code)]

use super::{
    meaning::Bit,
    Features, //
};
use kernel::prelude::*;
use virtio_gpu_proto::Meaning;

/// How the host is told which fences to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    /// By ids in the submission that has to wait.
    Ids,
    /// By commands of their own before it.
    Waits,
}

impl Generation {
    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ids => "ids in submissions",
            Self::Waits => "wait commands",
        }
    }
}

impl Features {
    /// How the host can be told to wait for fences, if it can.
    pub(crate) fn passing(&self) -> Option<Generation> {
        // Fences of rings are what it can wait for.
        if !self.virgl || !self.context_init {
            return None;
        }
        match self.bits.five {
            Bit::Means(Meaning::FencePassing) => Some(Generation::Ids),
            Bit::Means(Meaning::FenceWait) => Some(Generation::Waits),
            _ => None,
        }
    }
}

#[kunit_tests(virtio_gpu_generation)]
mod tests {
    use super::*;
    use crate::features::Bits;

    #[test]
    fn as_the_operator_says() {
        let with = |five| Features {
            virgl: true,
            context_init: true,
            bits: Bits {
                five,
                ..Bits::default()
            },
            ..Features::default()
        };

        assert_eq!(
            with(Bit::Means(Meaning::FencePassing)).passing(),
            Some(Generation::Ids)
        );
        assert_eq!(
            with(Bit::Means(Meaning::FenceWait)).passing(),
            Some(Generation::Waits)
        );
        for five in [
            Bit::Absent,
            Bit::Refused,
            Bit::Ignored,
            Bit::Aligned(4096),
            Bit::Means(Meaning::QueryLayoutV2),
        ] {
            assert_eq!(with(five).passing(), None);
        }
    }

    #[test]
    fn not_without_rings() {
        for (virgl, context_init) in [(false, true), (true, false)] {
            let features = Features {
                virgl,
                context_init,
                bits: Bits {
                    five: Bit::Means(Meaning::FencePassing),
                    ..Bits::default()
                },
                ..Features::default()
            };
            assert_eq!(features.passing(), None);
        }
    }
}
