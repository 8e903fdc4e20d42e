// SPDX-License-Identifier: GPL-2.0

//! Contexts: creation, destruction, and which resources they may use.
#![forbid(unsafe_code)]

use zerocopy::little_endian::U32;
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

use crate::{
    limits::DEBUG_NAME_LEN,
    CtrlHdr,
    OkNodata,
    Request, //
};

/// Bits of `context_init` that are the capset id.
pub const CONTEXT_INIT_CAPSET_ID_MASK: u32 = 0x000000ff;

/// `VIRTIO_GPU_CMD_CTX_CREATE`
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct CtxCreate {
    /// Header; `ctx_id` is the id that the guest chose, not 0.
    pub hdr: CtrlHdr,
    /// Bytes of `debug_name` that count.
    pub nlen: U32,
    /// Capset id, in the bits of [`CONTEXT_INIT_CAPSET_ID_MASK`]; 0 without CONTEXT_INIT.
    pub context_init: U32,
    /// A name for the host's logs, padded with zeroes.
    pub debug_name: [u8; DEBUG_NAME_LEN],
}

request!(CtxCreate, CMD_CTX_CREATE -> OkNodata, hdr);

impl CtxCreate {
    /// Creates context `ctx_id`. Of `debug_name` up to the first zero byte and at most 63 bytes are taken, so that
    /// hosts which look for a terminating zero find one.
    pub fn new(ctx_id: u32, context_init: u32, debug_name: &[u8]) -> Self {
        let mut name = [0; DEBUG_NAME_LEN];
        let mut nlen = 0u32;
        let source = debug_name.iter().take_while(|c| **c != 0);
        for (to, from) in name.iter_mut().take(DEBUG_NAME_LEN - 1).zip(source) {
            *to = *from;
            nlen = nlen.saturating_add(1);
        }
        Self {
            hdr: CtrlHdr::in_context(Self::TYPE, ctx_id),
            nlen: nlen.into(),
            context_init: context_init.into(),
            debug_name: name,
        }
    }
}

/// `VIRTIO_GPU_CMD_CTX_DESTROY`
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct CtxDestroy {
    /// Header; `ctx_id` is the context.
    pub hdr: CtrlHdr,
}

request!(CtxDestroy, CMD_CTX_DESTROY -> OkNodata, hdr);

impl CtxDestroy {
    /// Destroys context `ctx_id`.
    #[inline]
    pub fn new(ctx_id: u32) -> Self {
        Self {
            hdr: CtrlHdr::in_context(Self::TYPE, ctx_id),
        }
    }
}

/// `VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE`: lets a context use a resource.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct CtxAttachResource {
    /// Header; `ctx_id` is the context.
    pub hdr: CtrlHdr,
    /// The resource.
    pub resource_id: U32,
    /// Zero.
    pub padding: U32,
}

request!(CtxAttachResource, CMD_CTX_ATTACH_RESOURCE -> OkNodata, hdr);

impl CtxAttachResource {
    /// Lets `ctx_id` use `resource_id`.
    #[inline]
    pub fn new(ctx_id: u32, resource_id: u32) -> Self {
        Self {
            hdr: CtrlHdr::in_context(Self::TYPE, ctx_id),
            resource_id: resource_id.into(),
            padding: U32::ZERO,
        }
    }
}

/// `VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE`: the opposite of [`CtxAttachResource`].
#[repr(transparent)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
pub struct CtxDetachResource(pub CtxAttachResource);

request!(CtxDetachResource, CMD_CTX_DETACH_RESOURCE -> OkNodata, 0.hdr);

impl CtxDetachResource {
    /// Ends `ctx_id`'s use of `resource_id`.
    #[inline]
    pub fn new(ctx_id: u32, resource_id: u32) -> Self {
        let mut cmd = CtxAttachResource::new(ctx_id, resource_id);
        cmd.hdr.type_ = Self::TYPE.into();
        Self(cmd)
    }
}

wire_size! {
    CtxCreate = 96;
    CtxDestroy = 24;
    CtxAttachResource = 32;
    CtxDetachResource = 32;
}
