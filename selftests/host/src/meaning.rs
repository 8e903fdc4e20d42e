// SPDX-License-Identifier: GPL-2.0
//! What the contested feature bits 5, 6 and 7 mean on this device, the types of
//! contexts that it has, and how it answers questions about layouts: the part of
//! a scenario that no two hosts agree on.

use crate::wire::feature;
use serde::Deserialize;

/// Bit 5.
#[derive(Clone, Copy, Debug, Deserialize, Default, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Bit5 {
    /// The specification's: blob_alignment counts.
    #[default]
    BlobAlignment,
    /// Submits bring ids of fences that the host waits for.
    FencePassing,
    /// A command of its own makes a context wait for a fence.
    FenceWait,
    /// RESOURCE_QUERY_LAYOUT, second version.
    QueryLayout,
    /// Something that nobody knows.
    Nothing,
}

/// Bit 6.
#[derive(Clone, Copy, Debug, Deserialize, Default, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Bit6 {
    /// Something that nobody knows.
    #[default]
    Nothing,
    /// RESOURCE_QUERY_LAYOUT, first version.
    QueryLayout,
    /// Blob flag 8 asks for a guest handle.
    GuestHandle,
}

/// Bit 7.
#[derive(Clone, Copy, Debug, Deserialize, Default, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Bit7 {
    /// Something that nobody knows.
    #[default]
    Nothing,
    /// RESOURCE_CREATE_BLOB always names its context.
    CtxIdFix,
}

/// All three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meanings {
    /// Bit 5.
    pub bit5: Bit5,
    /// Bit 6.
    pub bit6: Bit6,
    /// Bit 7.
    pub bit7: Bit7,
}

impl Meanings {
    /// Feature bits beyond the specification that a driver may accept here.
    pub fn defined(&self) -> u64 {
        let six = if self.bit6 == Bit6::Nothing {
            0
        } else {
            1 << 6
        };
        let seven = if self.bit7 == Bit7::Nothing {
            0
        } else {
            1 << 7
        };
        six | seven
    }

    /// Whether, with these features, bit 5 is in use and means that.
    pub fn uses(&self, features: u64, meaning: Bit5) -> bool {
        features & feature::BIT_5 != 0 && self.bit5 == meaning
    }
}

/// A type of contexts, as a scenario names it; each is a capability set.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Type {
    /// The test host's own language and nothing else.
    Test,
    /// Shaped like a native context.
    Native,
    /// Shaped like cross-domain.
    CrossDomain,
}

impl Type {
    /// All of them.
    pub const ALL: [Type; 3] = [Type::Test, Type::Native, Type::CrossDomain];

    /// The capability set's id.
    pub fn capset(self) -> u32 {
        match self {
            Type::CrossDomain => 5,
            Type::Native => 6,
            // Below 32: the C driver counts capability sets in a word.
            Type::Test => 30,
        }
    }

    /// By that id.
    pub fn by_capset(id: u32) -> Option<Type> {
        Type::ALL.into_iter().find(|t| t.capset() == id)
    }

    /// Its newest version.
    pub fn version(self) -> u32 {
        u32::from(self == Type::Test)
    }

    /// Whether its submits may bring ids of fences.
    pub fn takes_fences(self) -> bool {
        self != Type::CrossDomain
    }
}

/// What happens to a submit that names a fence which the host does not have.
#[derive(Clone, Copy, Debug, Deserialize, Default, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Unknown {
    /// It counts as signalled (virglrenderer).
    #[default]
    Signalled,
    /// The submit is refused (rutabaga).
    Error,
}

/// How the device answers questions about layouts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LayoutOptions {
    /// RESOURCE_CREATE_3D is answered with PLANE_INFO where there is room.
    pub plane_info: bool,
    /// What rows of pictures are multiples of.
    pub align: u32,
    /// The modifier that replies name.
    pub modifier: u64,
    /// How many planes replies claim; 1 where it is not given.
    pub planes: Option<u32>,
}

impl Default for LayoutOptions {
    fn default() -> Self {
        LayoutOptions {
            plane_info: false,
            align: 256,
            modifier: 0,
            planes: None,
        }
    }
}
