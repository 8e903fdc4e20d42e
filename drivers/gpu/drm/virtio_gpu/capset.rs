// SPDX-License-Identifier: GPL-2.0

//! Capability sets: which the host has, and what they say.
//!
//! A set is asked for once for each version that a client wants, and kept then: it does not change.
//! Clients that want the same one at the same time share the question.
#![forbid(unsafe_code)]

use crate::{
    device::DrmDevice,
    queue::TIMEOUT_MS, //
};
use kernel::{
    new_condvar,
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        CondVar,
        CondVarTimeoutResult,
        Mutex,
        SetOnce, //
    },
    time::msecs_to_jiffies, //
};
use virtio_gpu_proto::{
    self as proto,
    check_reply, //
};

/// Most capability sets that a device is asked about: their numbers fit a mask of 64 bits.
const MAX_SETS: u32 = 64;
/// Most versions of sets that are kept: more than any client asks for, unless it means harm.
const MAX_KEPT: usize = 64;

/// A capability set that the host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Info {
    id: u32,
    max_version: u32,
    max_size: u32,
}

/// The capability sets of a device.
#[pin_data]
pub(crate) struct Capsets {
    /// Those that the host has, once it was asked.
    infos: SetOnce<KVec<Info>>,
    #[pin]
    kept: Mutex<KVec<Kept>>,
    #[pin]
    answered: CondVar,
}

/// A version of a capability set that was asked for.
struct Kept {
    id: u32,
    version: u32,
    /// `None` while the host is being asked.
    data: Option<Arc<KVec<u8>>>,
}

impl Capsets {
    /// Creates an initializer; there are none until [`probe`].
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            infos: SetOnce::new(),
            kept <- new_mutex!(KVec::new()),
            answered <- new_condvar!(),
        })
    }

    fn infos(&self) -> &[Info] {
        self.infos.as_ref().map_or(&[], |infos| infos)
    }

    /// Whether the host has any.
    pub(crate) fn is_empty(&self) -> bool {
        self.infos().is_empty()
    }

    /// The numbers of those that the host has, a mask.
    pub(crate) fn mask(&self) -> u64 {
        mask(self.infos())
    }
}

fn mask(infos: &[Info]) -> u64 {
    infos
        .iter()
        .filter_map(|info| 1u64.checked_shl(info.id))
        .fold(0, |mask, bit| mask | bit)
}

/// Asks the host about its capability sets, and waits for the answers. They come with 3D.
pub(crate) fn probe(dev: &DrmDevice) {
    if !dev.features().virgl {
        return;
    }
    match read_infos(dev, dev.num_capsets().min(MAX_SETS)) {
        Ok(infos) => {
            dev.capsets().infos.populate(infos);
        }
        Err(e) => dev_err!(
            dev.parent(),
            "[drm] *ERROR* the host does not tell of its capability sets: {:?}\n",
            e
        ),
    }
}

fn read_infos(dev: &DrmDevice, count: u32) -> Result<KVec<Info>> {
    let mut pending = KVec::new();
    let mut infos = KVec::new();

    {
        let mut batch = dev.queues().batch();
        for index in 0..count {
            pending.push(batch.request(proto::GetCapsetInfo::new(index))?, GFP_KERNEL)?;
        }
    }
    for (index, pending) in pending.into_iter().enumerate() {
        let reply = pending.wait(TIMEOUT_MS)?;
        let reply = check_reply::<proto::RespCapsetInfo>(&reply, reply.len()).map_err(|_| EIO)?;
        let info = Info {
            id: reply.capset_id.get(),
            max_version: reply.capset_max_version.get(),
            max_size: reply.capset_max_size.get(),
        };

        dev_info!(
            dev.parent(),
            "[drm] cap set {}: id {}, max-version {}, max-size {}\n",
            index,
            info.id,
            info.max_version,
            info.max_size
        );
        infos.push(info, GFP_KERNEL)?;
    }
    Ok(infos)
}

/// The bytes of version `version` of capability set `id`, `size` of them at most.
///
/// # Errors
///
/// [`EINVAL`] if the host has no such set, [`EBUSY`] if it does not answer, [`EIO`] if it refuses,
/// [`ERESTARTSYS`] if the task is interrupted, [`ENODEV`], [`ENOMEM`].
pub(crate) fn get(dev: &DrmDevice, id: u32, version: u32) -> Result<Arc<KVec<u8>>> {
    let capsets = dev.capsets();
    let info = capsets
        .infos()
        .iter()
        .find(|info| info.id == id && info.max_version >= version)
        .ok_or(EINVAL)?;

    if let Some(data) = capsets.find(id, version)? {
        return Ok(data);
    }
    // It is this task's to ask, whatever comes of it.
    let result = ask(dev, info, version);
    let mut kept = capsets.kept.lock();
    match &result {
        Ok(data) => {
            if let Some(entry) = kept.iter_mut().find(|kept| kept.is(id, version)) {
                entry.data = Some(data.clone());
            }
        }
        Err(_) => kept.retain(|kept| !kept.is(id, version)),
    }
    capsets.answered.notify_all();
    result
}

impl Kept {
    fn is(&self, id: u32, version: u32) -> bool {
        (self.id, self.version) == (id, version)
    }
}

impl Capsets {
    /// What is kept, or waited for if it was asked for already. If there is neither it is the caller's
    /// to ask, as is noted.
    fn find(&self, id: u32, version: u32) -> Result<Option<Arc<KVec<u8>>>> {
        let mut left = msecs_to_jiffies(TIMEOUT_MS);
        let mut kept = self.kept.lock();

        loop {
            let Some(entry) = kept.iter().find(|kept| kept.is(id, version)) else {
                if kept.len() >= MAX_KEPT {
                    kept.retain(|kept| kept.data.is_none());
                }
                kept.push(
                    Kept {
                        id,
                        version,
                        data: None,
                    },
                    GFP_KERNEL,
                )?;
                return Ok(None);
            };
            if let Some(data) = &entry.data {
                return Ok(Some(data.clone()));
            }
            left = match self.answered.wait_interruptible_timeout(&mut kept, left) {
                CondVarTimeoutResult::Woken { jiffies } => jiffies,
                CondVarTimeoutResult::Timeout => return Err(EBUSY),
                CondVarTimeoutResult::Signal { .. } => return Err(ERESTARTSYS),
            };
        }
    }
}

fn ask(dev: &DrmDevice, info: &Info, version: u32) -> Result<Arc<KVec<u8>>> {
    let len = proto::RespCapset::buf_len(info.max_size).ok_or(E2BIG)?;
    let pending = dev
        .queues()
        .batch()
        .request_for(proto::GetCapset::new(info.id, version), len)?;
    let mut reply = pending
        .wait(TIMEOUT_MS)
        .map_err(|e| if e == ETIMEDOUT { EBUSY } else { e })?;
    let from = size_of::<proto::RespCapset>();
    let data = proto::RespCapset::data(&reply).len();

    // What the host has not written is zero, as clients see it.
    reply.copy_within(from..from.saturating_add(data), 0);
    reply.truncate(data);
    reply.resize(usize::try_from(info.max_size)?, 0, GFP_KERNEL)?;
    Ok(Arc::new(reply, GFP_KERNEL)?)
}

#[kunit_tests(virtio_gpu_capset)]
mod tests {
    use super::*;

    #[test]
    fn numbers_beyond_the_mask() {
        let info = |id| Info {
            id,
            max_version: 1,
            max_size: 4,
        };

        assert_eq!(mask(&[]), 0);
        assert_eq!(
            mask(&[info(1), info(2), info(63), info(64), info(u32::MAX)]),
            1 << 1 | 1 << 2 | 1 << 63
        );
    }
}
