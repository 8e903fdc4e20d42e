// SPDX-License-Identifier: GPL-2.0
//! A virtio-gpu device that answers, records and misbehaves: the test host.

pub mod backend;
pub mod chain;
mod channel;
pub mod checks;
pub mod client;
pub mod control;
pub mod device;
pub mod edid;
pub mod faults;
pub mod fuzz;
pub mod host;
pub mod meaning;
pub mod pages;
pub mod picture;
pub mod scenario;
pub mod trace;
pub mod verdict;
pub mod viewer;
pub mod wire;
