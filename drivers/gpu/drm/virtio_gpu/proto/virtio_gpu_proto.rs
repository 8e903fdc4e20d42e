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

mod blob;
mod capset;
mod config;
mod context;
mod cursor;
mod display;
mod edid;
mod features;
mod fence;
pub mod formats;
mod geometry;
mod hdr;
mod layout;
mod limits;
mod plane_info;
mod reply;
mod request;
mod resource2d;
mod resource3d;
mod submit;
mod uuid;

pub use blob::*;
pub use capset::*;
pub use config::*;
pub use context::*;
pub use cursor::*;
pub use display::*;
pub use edid::*;
pub use features::*;
pub use fence::*;
pub use formats::{
    Format,
    Fourcc, //
};
pub use geometry::*;
pub use hdr::*;
pub use layout::*;
pub use limits::*;
pub use plane_info::*;
pub use reply::*;
pub use request::*;
pub use resource2d::*;
pub use resource3d::*;
pub use submit::*;
pub use uuid::*;
