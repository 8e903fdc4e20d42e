// SPDX-License-Identifier: GPL-2.0
//! The host as the vhost-user crates want to see it. Rules kept here, because
//! QEMU 11.1.3 crashes otherwise: no message to QEMU while the device is not
//! running, and the host outlives QEMU.

use crate::host::{Host, Memory};
use crate::wire::{feature, Queue};
use std::io;
use std::path::Path;
use std::sync::Arc;
use vhost::vhost_user::message::{
    VhostUserProtocolFeatures, VhostUserShMemConfig, VhostUserVirtioFeatures,
};
use vhost::vhost_user::{Backend, Listener};
use vhost_user_backend::{VhostUserBackend, VhostUserDaemon, VringMutex};
use vm_memory::{GuestMemoryAtomic, GuestMemoryMmap};
use vmm_sys_util::epoll::EventSet;
use vmm_sys_util::event::{
    new_event_consumer_and_notifier, EventConsumer, EventFlag, EventNotifier,
};

/// Wraps the host for the crate's trait.
#[derive(Clone)]
struct Device(Arc<Host>);

impl VhostUserBackend for Device {
    type Bitmap = ();
    type Vring = VringMutex<Memory>;

    fn num_queues(&self) -> usize {
        2
    }

    fn max_queue_size(&self) -> usize {
        usize::from(self.0.options.scenario.device.queue)
    }

    fn features(&self) -> u64 {
        let offered = self
            .0
            .options
            .scenario
            .features()
            .unwrap_or(feature::VERSION_1);
        offered | VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits()
    }

    fn acked_features(&self, features: u64) {
        self.0.set_features(features);
    }

    fn protocol_features(&self) -> VhostUserProtocolFeatures {
        self.0.before_channel();
        use VhostUserProtocolFeatures as P;
        let all = P::MQ | P::CONFIG | P::REPLY_ACK | P::BACKEND_REQ | P::BACKEND_SEND_FD;
        match self.0.options.scenario.device.window {
            0 => all | P::RESET_DEVICE,
            _ => all | P::RESET_DEVICE | P::SHMEM,
        }
    }

    fn set_event_idx(&self, _enabled: bool) {}

    fn get_config(&self, offset: u32, size: u32) -> Vec<u8> {
        let mut config = self.0.config();
        config.resize(256, 0);
        config
            .into_iter()
            .skip(offset as usize)
            .take(size as usize)
            .collect()
    }

    fn set_config(&self, offset: u32, bytes: &[u8]) -> io::Result<()> {
        self.0.write_config(offset, bytes);
        Ok(())
    }

    fn update_memory(&self, memory: Memory) -> io::Result<()> {
        self.0.set_memory(memory);
        Ok(())
    }

    fn set_backend_req_fd(&self, backend: Backend) {
        self.0.find_channel(backend);
    }

    fn get_shmem_config(&self) -> io::Result<VhostUserShMemConfig> {
        let window = self.0.options.scenario.device.window << 20;
        // Region 1 is the window; there is no region 0.
        Ok(VhostUserShMemConfig::new(1, &[0, window]))
    }

    fn stop_vring(&self, index: u32) -> io::Result<()> {
        if let Some(queue) = Queue::from_index(index as usize) {
            self.0.stopped(queue);
        }
        Ok(())
    }

    fn exit_event(&self, _thread: usize) -> Option<(EventConsumer, EventNotifier)> {
        // Without it the crate waits for its worker for ever when the connection ends.
        new_event_consumer_and_notifier(EventFlag::NONBLOCK).ok()
    }

    fn handle_event(
        &self,
        index: u16,
        _: EventSet,
        vrings: &[VringMutex<Memory>],
        _: usize,
    ) -> io::Result<()> {
        if let Some(queue) = Queue::from_index(usize::from(index)) {
            self.0.kicked(queue, vrings);
        }
        Ok(())
    }
}

/// Serves one QEMU on that socket until it goes.
pub fn serve(host: &Arc<Host>, socket: &Path) -> Result<(), String> {
    let memory = GuestMemoryAtomic::new(GuestMemoryMmap::<()>::new());
    let mut daemon = VhostUserDaemon::new("gpuhost".into(), Arc::new(Device(host.clone())), memory)
        .map_err(|e| format!("daemon: {e}"))?;
    let mut listener =
        Listener::new(socket, true).map_err(|e| format!("{}: {e}", socket.display()))?;
    daemon
        .start(&mut listener)
        .map_err(|e| format!("connection: {e}"))?;
    if let Err(e) = daemon.wait() {
        println!("QEMU has gone: {e}");
    }
    Ok(())
}
