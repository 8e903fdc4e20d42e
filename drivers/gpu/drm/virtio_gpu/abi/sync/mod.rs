// SPDX-License-Identifier: GPL-2.0

//! Synchronisation primitives beyond those of `rust/kernel/sync`.

pub(crate) mod callback;
pub(crate) mod completion;
pub(crate) mod fence;
pub(crate) mod resv;
pub(crate) mod sync_file;
pub(crate) mod workqueue;

pub(crate) use self::{
    callback::{
        Callback,
        Signalled, //
    },
    completion::Completion,
    fence::{
        DriverFence,
        Fence,
        FenceContext,
        FenceMemory,
        FenceNames,
        Signalling, //
    },
    resv::{
        Reservation,
        Usage, //
    },
    workqueue::OwnedQueue, //
};
