// SPDX-License-Identifier: GPL-2.0

//! What the feature bits mean that mean several things.
//!
//! Bit 5 is BLOB_ALIGNMENT in the specification, but other hosts have used it for seven other
//! things, and bits 6 and 7 are in no specification. A host cannot be asked which it means. So bit 5
//! is BLOB_ALIGNMENT where it can be nothing else, and every other meaning is one that the operator
//! of the guest has named by a parameter of the module. What is neither is refused, which is always
//! allowed.
#![forbid(unsafe_code)]

use crate::abi::{
    module_param::Word,
    virtio::Negotiation, //
};
use kernel::{
    fmt,
    prelude::*, //
};
use virtio_gpu_proto::{
    self as proto,
    Meaning, //
};

/// The bit that one version of query_layout has, and proposals since.
pub(super) const BIT_6: u32 = Meaning::QueryLayoutV1.bit();

/// What the operator has said of a bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// Nothing.
    Nothing,
    /// The driver is to leave it alone.
    Ignore,
    /// That.
    Means(Meaning),
}

/// The parameter `bit5`.
#[derive(Clone, Copy)]
pub(crate) struct Bit5(Said);

/// The parameter `bit6`.
#[derive(Clone, Copy)]
pub(crate) struct Bit6(Said);

impl Bit5 {
    /// As the specification has it, if the device can mean that.
    pub(crate) const AUTO: Self = Self(Said::Nothing);
}

impl Bit6 {
    /// It is left alone.
    pub(crate) const IGNORE: Self = Self(Said::Nothing);
}

impl Word for Bit5 {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("auto", Self::AUTO),
        ("blob_alignment", Self::AUTO),
        ("ignore", Self(Said::Ignore)),
        ("fence_passing", Self(Said::Means(Meaning::FencePassing))),
        ("fence_wait", Self(Said::Means(Meaning::FenceWait))),
        ("query_layout", Self(Said::Means(Meaning::QueryLayoutV2))),
    ];
}

impl Word for Bit6 {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("ignore", Self::IGNORE),
        ("query_layout", Self(Said::Means(Meaning::QueryLayoutV1))),
    ];
}

/// What becomes of a bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Bit {
    /// The device does not offer it.
    #[default]
    Absent,
    /// The device offers it, and nobody says what it means there.
    Refused,
    /// The device offers it, and the operator wants it left alone.
    Ignored,
    /// It is in use, and means alignment of blobs by so many bytes.
    Aligned(u32),
    /// It is in use, and means what the operator has said.
    Means(Meaning),
}

impl Bit {
    /// What bit 5 is, if the device offers it: `blob` is whether it offers RESOURCE_BLOB, `word` its
    /// configuration field, if it has one.
    fn five(said: Said, blob: bool, word: Option<u32>) -> Self {
        let alignment = word.filter(|word| blob && word.is_power_of_two());

        match (said, alignment) {
            (Said::Nothing, Some(alignment)) => Self::Aligned(alignment),
            (Said::Nothing, None) => Self::Refused,
            (Said::Ignore, _) => Self::Ignored,
            (Said::Means(meaning), _) => Self::Means(meaning),
        }
    }

    /// What bit 6 is, if the device offers it.
    fn six(said: Said) -> Self {
        match said {
            Said::Nothing => Self::Refused,
            Said::Ignore => Self::Ignored,
            Said::Means(meaning) => Self::Means(meaning),
        }
    }

    /// Whether it is accepted.
    fn is_taken(self) -> bool {
        matches!(self, Self::Aligned(_) | Self::Means(_))
    }

    /// Whether it is in use and means `meaning`.
    pub(super) fn means(self, meaning: Meaning) -> bool {
        self == Self::Means(meaning)
    }

    /// Whether the device offers it.
    pub(crate) fn is_offered(self) -> bool {
        self != Self::Absent
    }
}

impl fmt::Display for Bit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => write!(f, "not offered"),
            Self::Refused => write!(f, "refused"),
            Self::Ignored => write!(f, "ignored, as the parameter says"),
            Self::Aligned(bytes) => {
                write!(f, "{}, {} bytes", Meaning::BlobAlignment.name(), bytes)
            }
            Self::Means(meaning) => write!(f, "{}, as the parameter says", meaning.name()),
        }
    }
}

/// The bits with several meanings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits {
    /// Bit 5.
    pub(crate) five: Bit,
    /// Bit 6.
    pub(crate) six: Bit,
}

impl Bits {
    /// Decides. `offers` is whether the device offers a bit, `word` reads the configuration field
    /// that would be the alignment of blobs.
    pub(super) fn decide(offers: impl Fn(u32) -> bool, word: impl Fn() -> Option<u32>) -> Self {
        let (five, six) = (said_of_five(), said_of_six());
        let blob = offers(proto::F_RESOURCE_BLOB);

        Self {
            five: match offers(proto::F_BLOB_ALIGNMENT) {
                // The field is read only where it has a meaning.
                true => Bit::five(five, blob, word().filter(|_| five == Said::Nothing)),
                false => Bit::Absent,
            },
            six: match offers(BIT_6) {
                true => Bit::six(six),
                false => Bit::Absent,
            },
        }
    }

    /// Refuses what is not in use, and says so.
    pub(super) fn negotiate(self, negotiation: &mut Negotiation<'_>) {
        for (number, bit, said) in [
            (proto::F_BLOB_ALIGNMENT, self.five, said_of_five()),
            (BIT_6, self.six, said_of_six()),
        ] {
            let dev = negotiation.device().parent();

            match (bit, said) {
                (Bit::Absent, Said::Means(_)) => dev_info!(
                    dev,
                    "[drm] feature bit {} is not offered, parameter bit{} has no effect\n",
                    number,
                    number
                ),
                (Bit::Refused, _) if number == proto::F_BLOB_ALIGNMENT => dev_info!(
                    dev,
                    "[drm] feature bit 5 is not the alignment of blobs on this device, refused\n"
                ),
                // In no specification: nothing is missing without them.
                (Bit::Absent | Bit::Refused, _) => {}
                (Bit::Ignored | Bit::Aligned(_) | Bit::Means(_), _) => {
                    dev_info!(dev, "[drm] feature bit {}: {}\n", number, bit);
                }
            }
            if bit.is_offered() && !bit.is_taken() {
                negotiation.refuse(number);
            }
        }
    }
}

fn said_of_five() -> Said {
    crate::module_words::bit5.value().0
}

fn said_of_six() -> Said {
    crate::module_words::bit6.value().0
}

#[kunit_tests(virtio_gpu_meaning)]
mod tests {
    use super::*;

    #[test]
    fn bit5_needs_blobs() {
        assert_eq!(
            Bit::five(Said::Nothing, true, Some(4096)),
            Bit::Aligned(4096)
        );
        assert_eq!(Bit::five(Said::Nothing, false, Some(4096)), Bit::Refused);
    }

    #[test]
    fn bit5_needs_a_field() {
        assert_eq!(Bit::five(Said::Nothing, true, None), Bit::Refused);
    }

    #[test]
    fn bit5_needs_a_power_of_two() {
        for word in [0, 3, 65537, u32::MAX] {
            assert_eq!(Bit::five(Said::Nothing, true, Some(word)), Bit::Refused);
        }
        for word in [1, 2, 65536, 1 << 31] {
            assert_eq!(
                Bit::five(Said::Nothing, true, Some(word)),
                Bit::Aligned(word)
            );
        }
    }

    #[test]
    fn who_says_something_is_believed() {
        for (_, Bit5(said)) in Bit5::WORDS {
            let bit = Bit::five(*said, true, Some(4096));

            match said {
                Said::Nothing => assert_eq!(bit, Bit::Aligned(4096)),
                Said::Ignore => assert!(!bit.is_taken()),
                Said::Means(meaning) => assert_eq!(bit, Bit::Means(*meaning)),
            }
        }
    }

    #[test]
    fn words_are_of_their_bit() {
        for (word, Bit5(said)) in Bit5::WORDS {
            if let Said::Means(meaning) = said {
                assert_eq!((meaning.bit(), meaning.name()), (5, *word));
            }
        }
        for (word, Bit6(said)) in Bit6::WORDS {
            if let Said::Means(meaning) = said {
                assert_eq!((meaning.bit(), meaning.name()), (6, *word));
            }
        }
    }

    #[test]
    fn bit6_is_never_guessed() {
        assert!(!Bit::six(Said::Nothing).is_taken());
        assert!(Bit::six(Said::Means(Meaning::QueryLayoutV1)).is_taken());
    }
}
