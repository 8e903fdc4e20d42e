// SPDX-License-Identifier: GPL-2.0

//! The virtio-gpu wire: every command, reply, flag and number that the driver exchanges with the device.
//!
//! The crate depends on `core` and `zerocopy` only and is built both by Kbuild, as a crate of its own inside the
//! driver's module, and by cargo, where golden vectors and a fuzzer run on it. Field names are those of
//! `include/uapi/linux/virtio_gpu.h`; what this project adds is described in `include/uapi/linux/virtio_gpu_ext.h`.
//!
//! A [`Request`] is a fixed-size command that starts with a [`CtrlHdr`]; its associated [`Response`] is the answer to
//! expect. Constructors and accessors take and give host-endian integers. Everything in a reply comes from the
//! host and is not trusted: [`check_reply`] bounds it before anyone looks, and no accessor can panic.

// Kbuild injects `no_std` on the command line.
#![cfg_attr(not(CONFIG_RUST), no_std)]
#![forbid(unsafe_code)]

#[macro_use]
mod macros;

pub mod cursor;
pub mod display;
pub mod edid;
pub mod features;
pub mod formats;
pub mod geometry;
pub mod hdr;
pub mod limits;
pub mod reply;
pub mod request;
pub mod resource2d;

pub use zerocopy::{
    FromBytes,
    FromZeros,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

pub use cursor::{
    MoveCursor,
    UpdateCursor, //
};
pub use display::{
    DisplayOne,
    GetDisplayInfo,
    ResourceFlush,
    RespDisplayInfo,
    SetScanout, //
};
pub use edid::{
    GetEdid,
    RespEdid, //
};
pub use features::*;
pub use geometry::{
    Box3d,
    Rect,
    WireBox,
    WireRect, //
};
pub use hdr::*;
pub use limits::*;
pub use reply::{
    check_reply,
    checked_bytes,
    reply_hdr,
    ErrorCode,
    ReplyError, //
};
pub use request::{
    NoReply,
    OkNodata,
    Request,
    Response, //
};
pub use resource2d::{
    MemEntry,
    ResourceAttachBacking,
    ResourceCreate2d,
    ResourceDetachBacking,
    ResourceUnref,
    TransferToHost2d, //
};
