// SPDX-License-Identifier: GPL-2.0

//! Telling the host what it waits for in place of a submission that goes on the ring. What it has
//! answered by then is not named: some hosts refuse an id that they do not have.
#![forbid(unsafe_code)]

use super::{
    emit::Emit,
    Class,
    Inner,
    Meta, //
};
use crate::abi::virtio::Request;
use kernel::prelude::*;
use virtio_gpu_proto as proto;
use zerocopy::{
    FromBytes,
    IntoBytes, //
};

/// Puts the ids of what the host is to wait for into a submission. Returns how many they are.
pub(super) fn name_fences(request: &mut Request<Meta>) -> u32 {
    // Out of the request, which is written to.
    let Some(passes) = request.data.passes.take() else {
        return 0;
    };
    let mut count = 0;

    request.clear_insert();
    for id in passes.ids() {
        // There is room for all of them, where they are told so.
        if request
            .add_to_insert(proto::InFence::new(id).as_bytes())
            .is_err()
        {
            break;
        }
        count += 1;
    }
    if let Ok((submit, _)) = proto::Submit3d::mut_from_prefix(request.command_mut()) {
        submit.num_in_fences = count.into();
    }
    request.data.passes = Some(passes);
    count
}

impl Inner {
    /// Looks what the host has answered, if a command is to name fences.
    pub(super) fn look_at_fences(&mut self, request: &Request<Meta>) {
        if request.data.passes.is_some() {
            self.take_early();
        }
    }

    /// Puts the commands that go before `request` on the ring. Gives it back if all are there, or says
    /// what becomes of it.
    pub(super) fn emit_waits(
        &mut self,
        mut request: KBox<Request<Meta>>,
        class: Class,
    ) -> Result<KBox<Request<Meta>>, Emit> {
        while let Some(mut wait) = Self::next_wait(&mut request) {
            // Nothing to wait for any more.
            let Some(id) = wait.data.names.as_ref().and_then(|fence| fence.id()) else {
                continue;
            };
            if let Ok((command, _)) = proto::WaitFence::mut_from_prefix(wait.command_mut()) {
                command.fence_id = id.into();
            }
            wait.data.seq = self.passed;
            match self.put(wait, class) {
                Emit::Done => self.passes += 1,
                Emit::Later(wait) => {
                    if let Some(passes) = request.data.passes.as_mut() {
                        passes.waits.push_front(wait);
                    }
                    return Err(Emit::Later(request));
                }
                // Without it the host would not wait.
                Emit::Failed(_, e) => return Err(Emit::Failed(request, e)),
            }
        }
        Ok(request)
    }

    fn next_wait(request: &mut Request<Meta>) -> Option<KBox<Request<Meta>>> {
        request.data.passes.as_mut()?.waits.pop()
    }
}
