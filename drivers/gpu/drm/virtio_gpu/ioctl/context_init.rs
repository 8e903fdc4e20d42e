// SPDX-License-Identifier: GPL-2.0

//! `DRM_IOCTL_VIRTGPU_CONTEXT_INIT`: makes the context of the file as the client wants it.
#![forbid(unsafe_code)]

use super::File;
use crate::{
    abi::uapi,
    context::{
        Setup,
        NAME_LEN, //
    },
    device::DrmDevice, //
};
use kernel::{
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// Most parameters of a call, as the kernel's own interface has it.
const MAX_PARAMS: u32 = 4;
/// The same where the host can wait for fences, which adds a parameter.
const MAX_WITH_PASSING: u32 = 5;

/// Takes all parameters or none.
///
/// # Errors
///
/// [`EINVAL`] without context types, or for a bad parameter; [`EEXIST`] if the context was made
/// before; [`EFAULT`], [`ENOMEM`].
pub(super) fn context_init(
    dev: &DrmDevice,
    args: &mut uapi::drm_virtgpu_context_init,
    file: &File,
) -> Result<u32> {
    let file = file.inner();
    let context = file.context().ok_or(EINVAL)?;

    let most = match dev.features().passing() {
        Some(_) => MAX_WITH_PASSING,
        None => MAX_PARAMS,
    };
    if !dev.features().context_init || args.num_params > most {
        return Err(EINVAL);
    }
    let params = read(args)?;
    if context.created().is_some() {
        return Err(EEXIST);
    }

    let mut setup = Setup::default();
    for [param, value] in params {
        let param = u32::try_from(param).map_err(|_| EINVAL)?;

        match param {
            uapi::VIRTGPU_CONTEXT_PARAM_CAPSET_ID => {
                setup.set_capset(value, dev.capsets().mask())?
            }
            uapi::VIRTGPU_CONTEXT_PARAM_NUM_RINGS => setup.set_rings(value)?,
            uapi::VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK => setup.set_polled(value)?,
            uapi::VIRTGPU_CONTEXT_PARAM_DEBUG_NAME => setup.set_name(name(value)?)?,
            uapi::VIRTGPU_CONTEXT_PARAM_FENCE_PASSING => setup.set_passing(value)?,
            _ => return Err(EINVAL),
        }
    }
    // A program that does not know ours sees the kernel's own.
    if args.num_params > MAX_PARAMS && !setup.is_extended() {
        return Err(EINVAL);
    }
    setup.check(dev.features().passing(), dev.who_passes())?;
    context.create(dev, &setup)?;
    Ok(0)
}

/// The parameters, each a number and a value.
fn read(args: &uapi::drm_virtgpu_context_init) -> Result<KVec<[u64; 2]>> {
    let count = usize::try_from(args.num_params)?;
    let len = count.checked_mul(size_of::<[u64; 2]>()).ok_or(EINVAL)?;
    let addr = usize::try_from(args.ctx_set_params).map_err(|_| EFAULT)?;
    let mut reader = UserSlice::new(UserPtr::from_addr(addr), len).reader();
    let mut params = KVec::with_capacity(count, GFP_KERNEL)?;

    for _ in 0..count {
        params.push([reader.read::<u64>()?, reader.read::<u64>()?], GFP_KERNEL)?;
    }
    Ok(params)
}

/// The name at `addr`, as much of it as there is room for.
fn name(addr: u64) -> Result<[u8; NAME_LEN]> {
    let mut name = [0; NAME_LEN];
    let addr = usize::try_from(addr).map_err(|_| EFAULT)?;

    UserSlice::new(UserPtr::from_addr(addr), name.len())
        .reader()
        .strcpy_into_buf(&mut name)?;
    Ok(name)
}
