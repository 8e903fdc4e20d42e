// SPDX-License-Identifier: GPL-2.0

//! Driver ioctls.
//!
//! A driver's table is an array of [`Descriptor`]s indexed by number; [`descriptor!`] makes one from
//! a safe handler, [`HOLE`] is a number that does not exist. The DRM core copies the argument in and
//! out and extends a shorter one by zeroes, so a handler always sees its whole type.
//!
//! C header: [`include/drm/drm_ioctl.h`](srctree/include/drm/drm_ioctl.h)

use super::{
    Device,
    Driver,
    File, //
};
use crate::abi::bindings;
use kernel::{
    error::from_result,
    ioctl::{
        _IOC_NR,
        _IOC_SIZE,
        _IOC_TYPE, //
    },
    prelude::*,
    str::as_char_ptr_in_const_context, //
};

/// An entry of a driver's ioctl table.
pub(crate) type Descriptor = bindings::drm_ioctl_desc;

/// Callers of a primary node need not be authenticated, and render nodes allow it.
pub(crate) const RENDER_ALLOW: u32 = bindings::drm_ioctl_flags_DRM_RENDER_ALLOW;

/// An entry for a number without an ioctl.
pub(crate) const HOLE: Descriptor = pin_init::zeroed();

/// The ioctl number of a driver command `nr` (from 0) with an argument of type `T` that is read and
/// written.
pub(crate) const fn iowr<T>(nr: u32) -> u32 {
    kernel::ioctl::_IOWR::<T>(
        kernel::uapi::DRM_IOCTL_BASE as u32,
        kernel::uapi::DRM_COMMAND_BASE + nr,
    )
}

/// Whether the driver takes calls of `cmd`. Those that are not its own are for the core.
fn is_taken<D: Driver>(cmd: c_uint) -> bool {
    let nr = _IOC_NR(cmd).checked_sub(kernel::uapi::DRM_COMMAND_BASE);

    _IOC_TYPE(cmd) != u32::from(kernel::uapi::DRM_IOCTL_BASE)
        || nr.is_none_or(|nr| D::takes_ioctl(nr, _IOC_SIZE(cmd)))
}

/// The C entry point of ioctls of a process of the machine's own word size.
///
/// # Safety
///
/// To be called by the VFS only, for a file of a device of driver `D`.
pub(super) unsafe extern "C" fn native<D: Driver>(
    file: *mut bindings::file,
    cmd: c_uint,
    arg: c_ulong,
) -> c_long {
    from_result(|| match is_taken::<D>(cmd) {
        // SAFETY: By the safety requirements, which are those of this function.
        true => Ok(unsafe { bindings::drm_ioctl(file, cmd, arg) }),
        false => Err(EINVAL),
    })
}

/// The C entry point of ioctls of a 32-bit process on a 64-bit machine.
///
/// # Safety
///
/// To be called by the VFS only, for a file of a device of driver `D`.
#[cfg(CONFIG_COMPAT)]
pub(super) unsafe extern "C" fn compat<D: Driver>(
    file: *mut bindings::file,
    cmd: c_uint,
    arg: c_ulong,
) -> c_long {
    from_result(|| match is_taken::<D>(cmd) {
        // SAFETY: By the safety requirements, which are those of this function.
        true => Ok(unsafe { bindings::drm_compat_ioctl(file, cmd, arg) }),
        false => Err(EINVAL),
    })
}

/// An argument of an ioctl.
///
/// # Safety
///
/// The type must be a C structure of integers without padding, as every bit pattern is a value of
/// it and all of it is copied to userspace.
pub(crate) unsafe trait Argument {}

/// A handler of ioctls of driver `D`.
pub(crate) trait Handler<D: Driver> {
    /// The argument's type.
    type Arg: Argument;

    /// Handles a call. `arg` is copied back to the caller if this succeeds.
    fn call(dev: &Device<D>, arg: &mut Self::Arg, file: &File<D::File>) -> Result<u32>;
}

/// The C entry point of handler `H`.
///
/// # Safety
///
/// To be called by the DRM core only, for a device of driver `D`, with `data` of at least
/// `size_of::<H::Arg>()` bytes.
pub(crate) unsafe extern "C" fn entry<D: Driver, H: Handler<D>>(
    dev: *mut bindings::drm_device,
    data: *mut c_void,
    file: *mut bindings::drm_file,
) -> c_int
where
    H::Arg: Argument,
{
    // SAFETY: By the safety requirements, `dev` is a device of `D` and `file` one that it opened.
    let (dev, file) = unsafe { (Device::<D>::from_raw(dev), File::<D::File>::from_raw(file)) };
    // SAFETY: By the safety requirements and those of `Argument`. The buffer is the core's own, and
    // nobody else uses it during the call.
    let arg = unsafe { &mut *data.cast::<H::Arg>() };

    from_result(|| H::call(dev, arg, file).and_then(|ok| Ok(i32::try_from(ok)?)))
}

/// Makes a [`Descriptor`]: `descriptor!(Driver, NR, NAME, argument type, flags, handler)`, where `NR`
/// is the driver command and `handler` a `fn(&Device<Driver>, &mut type, &File<_>) -> Result<u32>`.
macro_rules! descriptor {
    ($driver:ty, $nr:expr, $name:literal, $arg:ty, $flags:expr, $handler:path) => {{
        struct Entry;

        impl $crate::abi::drm::ioctl::Handler<$driver> for Entry {
            type Arg = $arg;

            fn call(
                dev: &$crate::abi::drm::Device<$driver>,
                arg: &mut Self::Arg,
                file: &$crate::abi::drm::File<<$driver as $crate::abi::drm::Driver>::File>,
            ) -> ::kernel::error::Result<u32> {
                $handler(dev, arg, file)
            }
        }

        $crate::abi::drm::ioctl::new::<$driver, Entry>($nr, $name, $flags)
    }};
}
pub(crate) use descriptor;

/// The descriptor of handler `H`, see [`descriptor!`].
pub(crate) const fn new<D: Driver, H: Handler<D>>(
    nr: u32,
    name: &'static CStr,
    flags: u32,
) -> Descriptor {
    Descriptor {
        cmd: iowr::<H::Arg>(nr),
        flags,
        func: Some(entry::<D, H>),
        name: as_char_ptr_in_const_context(name),
    }
}
