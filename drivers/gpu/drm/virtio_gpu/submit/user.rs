// SPDX-License-Identifier: GPL-2.0

//! What a submission reads from its caller's memory.
#![forbid(unsafe_code)]

use kernel::{
    alloc::Flags,
    prelude::*,
    uaccess::{
        UserPtr,
        UserSlice,
        UserSliceReader, //
    }, //
};

/// Most bytes of an array of a caller: what an allocation of the kernel can have.
const MAX_BYTES: usize = i32::MAX as usize;
/// For memory of which the caller says how much it is: failing is no reason for a warning.
const FLAGS: Flags = GFP_KERNEL_ACCOUNT;

fn reader(addr: u64, len: usize) -> Result<UserSliceReader> {
    let addr = usize::try_from(addr).map_err(|_| EFAULT)?;

    Ok(UserSlice::new(UserPtr::from_addr(addr), len).reader())
}

/// Reads the first `len` bytes of `to` from `addr`; what the caller has of more is not looked at.
///
/// # Errors
///
/// [`EFAULT`].
pub(super) fn read_prefix(addr: u64, to: &mut [u8], len: usize) -> Result {
    let len = len.min(to.len());
    let to = to.get_mut(..len).ok_or(EFAULT)?;

    reader(addr, len)?.read_slice(to)
}

/// Reads `len` bytes.
///
/// # Errors
///
/// [`EFAULT`], [`ENOMEM`].
pub(crate) fn bytes(addr: u64, len: u32) -> Result<KVVec<u8>> {
    let len = usize::try_from(len)?;
    if len > MAX_BYTES {
        return Err(ENOMEM);
    }
    let mut bytes = KVVec::with_capacity(len, FLAGS | __GFP_NOWARN)?;

    reader(addr, len)?.read_all(&mut bytes, FLAGS)?;
    Ok(bytes)
}

/// Room for `count` things of a caller.
///
/// # Errors
///
/// [`ENOMEM`].
pub(super) fn room<T>(count: u32) -> Result<KVVec<T>> {
    let count = usize::try_from(count)?;
    let len = count.checked_mul(size_of::<T>()).ok_or(ENOMEM)?;

    if len > MAX_BYTES {
        return Err(ENOMEM);
    }
    Ok(KVVec::with_capacity(count, FLAGS | __GFP_NOWARN)?)
}

/// Calls `f` with each of the `count` numbers of four bytes at `addr`, and keeps what it returns.
///
/// # Errors
///
/// [`EFAULT`], [`ENOMEM`], [`ERESTARTSYS`] if a signal is pending, and those of `f`.
pub(crate) fn words<T>(
    addr: u64,
    count: u32,
    mut f: impl FnMut(u32) -> Result<T>,
) -> Result<KVVec<T>> {
    let mut results = room(count)?;
    let len = usize::try_from(count)?
        .checked_mul(size_of::<u32>())
        .ok_or(ENOMEM)?;
    let mut reader = reader(addr, len)?;

    for i in 0..count {
        may_go_on(i)?;
        results.push(f(reader.read::<u32>()?)?, FLAGS)?;
    }
    Ok(results)
}

/// Called in each round of a loop that a caller has asked to be long.
///
/// # Errors
///
/// [`ERESTARTSYS`] if a signal is pending.
pub(super) fn may_go_on(round: u32) -> Result {
    if round % 1024 == 1023 && kernel::current!().signal_pending() {
        return Err(ERESTARTSYS);
    }
    Ok(())
}
