// SPDX-License-Identifier: GPL-2.0

//! DRM subsystem abstractions.

pub(crate) mod aperture;
pub(crate) mod debugfs;
pub(crate) mod device;
pub(crate) mod driver;
pub(crate) mod event;
pub(crate) mod file;
pub(crate) mod gem;
pub(crate) mod ioctl;
pub(crate) mod kms;
pub(crate) mod syncobj;

pub(crate) use self::{
    device::Device,
    driver::{
        Driver,
        DriverInfo,
        DumbArgs, //
    },
    event::Event,
    file::{
        DriverFile,
        File, //
    },
    syncobj::Syncobj, //
};

use crate::abi::bindings;

/// Mode setting.
pub(crate) const FEAT_MODESET: u32 = bindings::drm_driver_feature_DRIVER_MODESET;
/// Atomic mode setting.
pub(crate) const FEAT_ATOMIC: u32 = bindings::drm_driver_feature_DRIVER_ATOMIC;
/// GEM objects.
pub(crate) const FEAT_GEM: u32 = bindings::drm_driver_feature_DRIVER_GEM;
/// Render nodes.
pub(crate) const FEAT_RENDER: u32 = bindings::drm_driver_feature_DRIVER_RENDER;
/// Sync objects.
pub(crate) const FEAT_SYNCOBJ: u32 = bindings::drm_driver_feature_DRIVER_SYNCOBJ;
/// Timeline sync objects.
pub(crate) const FEAT_SYNCOBJ_TIMELINE: u32 = bindings::drm_driver_feature_DRIVER_SYNCOBJ_TIMELINE;
/// Cursor planes with a hotspot.
pub(crate) const FEAT_CURSOR_HOTSPOT: u32 = bindings::drm_driver_feature_DRIVER_CURSOR_HOTSPOT;
