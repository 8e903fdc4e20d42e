// SPDX-License-Identifier: GPL-2.0
//! The backend's own channel to QEMU, for the one message that the vhost crate
//! has no call for: "the configuration changed".

use std::collections::HashSet;
use std::io::Write;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;

/// VHOST_USER_BACKEND_CONFIG_CHANGE_MSG.
const CONFIG_CHANGE: u32 = 2;
/// Version 1, no reply wanted.
const FLAGS: u32 = 1;

/// A duplicate of the channel's socket.
#[derive(Debug)]
pub struct Channel(UnixStream);

/// The descriptors of this process that are sockets.
pub fn sockets() -> HashSet<RawFd> {
    let is_socket = |fd: &RawFd| {
        let link = std::fs::read_link(format!("/proc/self/fd/{fd}"));
        link.is_ok_and(|l| l.to_string_lossy().starts_with("socket:"))
    };
    let Ok(dir) = std::fs::read_dir("/proc/self/fd") else {
        return HashSet::new();
    };
    dir.flatten()
        .filter_map(|e| e.file_name().to_str()?.parse().ok())
        .filter(is_socket)
        .collect()
}

impl Channel {
    /// Finds the socket that was not there `before`, and duplicates it. `before` was
    /// taken when QEMU asked for the protocol features; the channel is the only
    /// socket that comes into being between that and the call that hands it over.
    pub fn find(before: &HashSet<RawFd>) -> Option<Channel> {
        let new = sockets().difference(before).copied().min()?;
        // SAFETY: the descriptor was just seen open, and the vhost crate keeps it open for as
        // long as the connection lasts, which includes this call.
        #[allow(unsafe_code)]
        let fd = unsafe { BorrowedFd::borrow_raw(new) };
        Some(Channel(UnixStream::from(fd.try_clone_to_owned().ok()?)))
    }

    /// Tells QEMU that the configuration space changed. Only while the device runs:
    /// QEMU 11.1.3 crashes on a message before that.
    pub fn config_changed(&mut self) -> bool {
        let mut message = Vec::new();
        crate::wire::put32(&mut message, &[CONFIG_CHANGE, FLAGS, 0]);
        self.0.write_all(&message).is_ok()
    }
}
