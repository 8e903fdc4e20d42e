// SPDX-License-Identifier: GPL-2.0

//! Which contexts have the host wait for fences in place of the guest.
//!
//! The host must know how, which the operator says, and the context's type must take it: native contexts
//! do, virgl and Venus refuse a submission that brings fences. Then it is for the client to ask, or
//! for the module's parameter `pass_fences`, for clients that do not.
#![forbid(unsafe_code)]

use crate::{
    abi::module_param::Word,
    features::Generation, //
};
use kernel::prelude::*;
use virtio_gpu_proto as proto;

/// Who has the host wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Contexts whose client asks for it, where their type takes it.
    Asking,
    /// All contexts whose type takes it.
    Native,
    /// All contexts, whatever their type.
    All,
}

/// The parameter `pass_fences`.
impl Word for Who {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("asking", Self::Asking),
        ("native", Self::Native),
        ("all", Self::All),
    ];
}

/// How a context has the host wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passing {
    /// How the host is told.
    pub(crate) generation: Generation,
    /// Whether all fences of its rings are offered, not just those for which the client says so.
    pub(crate) all: bool,
}

/// Whether contexts of type `capset` take fences.
fn takes(capset: u32) -> bool {
    matches!(capset, proto::CAPSET_DRM | proto::CAPSET_TEST)
}

/// Whether a context of type `capset` can have the host wait.
pub(super) fn can(generation: Option<Generation>, who: Who, capset: u32) -> bool {
    generation.is_some() && (who == Who::All || takes(capset))
}

/// How a context of type `capset` has the host wait, if it does. `asked` is whether its client wants it.
pub(super) fn decide(
    generation: Option<Generation>,
    who: Who,
    capset: u32,
    asked: bool,
) -> Option<Passing> {
    let all = who != Who::Asking;

    generation
        .filter(|_| can(generation, who, capset) && (all || asked))
        .map(|generation| Passing { generation, all })
}

#[kunit_tests(virtio_gpu_passing)]
mod tests {
    use super::*;

    const IDS: Option<Generation> = Some(Generation::Ids);

    #[test]
    fn not_without_a_host_that_can() {
        for who in [Who::Asking, Who::Native, Who::All] {
            assert_eq!(decide(None, who, proto::CAPSET_DRM, true), None);
            assert!(!can(None, who, proto::CAPSET_DRM));
        }
    }

    #[test]
    fn who_asks() {
        let asked = decide(IDS, Who::Asking, proto::CAPSET_DRM, true);

        assert_eq!(
            asked,
            Some(Passing {
                generation: Generation::Ids,
                all: false
            })
        );
        assert_eq!(decide(IDS, Who::Asking, proto::CAPSET_DRM, false), None);
        assert_eq!(decide(IDS, Who::Asking, proto::CAPSET_VENUS, true), None);
        assert_eq!(decide(IDS, Who::Asking, 0, true), None);
    }

    #[test]
    fn for_who_does_not() {
        let given = |who, capset| decide(IDS, who, capset, false).is_some_and(|p| p.all);

        assert!(given(Who::Native, proto::CAPSET_DRM));
        assert!(given(Who::Native, proto::CAPSET_TEST));
        assert!(!given(Who::Native, proto::CAPSET_VIRGL2));
        assert!(!given(Who::Native, proto::CAPSET_CROSS_DOMAIN));
        assert!(given(Who::All, proto::CAPSET_VIRGL2));
        assert!(given(Who::All, 0));
    }
}
