// SPDX-License-Identifier: GPL-2.0

//! GEM objects.

/// The driver's part of a GEM object.
pub(crate) trait DriverObject: Sized + Send + Sync + 'static {
    /// The driver.
    type Driver: super::Driver<Object = Self>;
}
