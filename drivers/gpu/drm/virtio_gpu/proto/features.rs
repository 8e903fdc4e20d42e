// SPDX-License-Identifier: GPL-2.0

//! Feature bits, and what the contested ones have been used for.
//!
//! Bit 5 is BLOB_ALIGNMENT in Linux and in the virtio specification, but hosts and forks have given it other meanings;
//! bits 6 and 7 are not specified at all. A driver acts on exactly one meaning a boot, and never guesses.
#![forbid(unsafe_code)]

/// 3D contexts, in virgl's protocol unless `F_CONTEXT_INIT` says otherwise.
pub const F_VIRGL: u32 = 0;
/// [`GetEdid`](crate::GetEdid) works.
pub const F_EDID: u32 = 1;
/// [`ResourceAssignUuid`](crate::ResourceAssignUuid) works.
pub const F_RESOURCE_UUID: u32 = 2;
/// Blob resources.
pub const F_RESOURCE_BLOB: u32 = 3;
/// Context types and several timelines a context.
pub const F_CONTEXT_INIT: u32 = 4;
/// `blob_alignment` in config space counts.
pub const F_BLOB_ALIGNMENT: u32 = 5;

/// The first of the bits with several meanings.
pub const F_CONTESTED_FIRST: u32 = 5;
/// The last of them.
pub const F_CONTESTED_LAST: u32 = 7;

/// What one of the bits 5 to 7 can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Bit 5, upstream: blob sizes and offsets are multiples of `blob_alignment`.
    BlobAlignment,
    /// Bit 5: submits carry ids of fences that the host waits for ([`Submit3d`](crate::Submit3d)).
    FencePassing,
    /// Bit 5: a command of its own makes a context wait for a fence ([`WaitFence`](crate::WaitFence)).
    FenceWait,
    /// Bit 6: [`QueryLayoutV1`](crate::QueryLayoutV1).
    QueryLayoutV1,
    /// Bit 5: [`QueryLayoutV2`](crate::QueryLayoutV2).
    QueryLayoutV2,
    /// Bit 6: blobs that give a guest handle. Proposed, not used here.
    CreateGuestHandle,
    /// Bit 7: `hdr.ctx_id` of blob creation is always filled in. Proposed, not used here.
    BlobCtxIdFix,
}

impl Meaning {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BlobAlignment => "blob_alignment",
            Self::FencePassing => "fence_passing",
            Self::FenceWait => "fence_wait",
            Self::QueryLayoutV1 | Self::QueryLayoutV2 => "query_layout",
            Self::CreateGuestHandle => "create_guest_handle",
            Self::BlobCtxIdFix => "blob_ctx_id_fix",
        }
    }

    /// The feature bit.
    pub const fn bit(self) -> u32 {
        match self {
            Self::BlobAlignment | Self::FencePassing | Self::FenceWait | Self::QueryLayoutV2 => 5,
            Self::QueryLayoutV1 | Self::CreateGuestHandle => 6,
            Self::BlobCtxIdFix => 7,
        }
    }
}
