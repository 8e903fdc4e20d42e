// SPDX-License-Identifier: GPL-2.0

//! Framebuffers with one plane on one GEM object.
//!
//! C header: [`include/drm/drm_framebuffer.h`](srctree/include/drm/drm_framebuffer.h)

use super::KmsDriver;
use crate::abi::{
    bindings,
    drm::{
        gem,
        Device,
        File, //
    }, //
};
use core::marker::PhantomData;
use kernel::{
    error::to_result,
    prelude::*,
    sync::aref::ARef,
    types::Opaque, //
};

/// What a framebuffer is to be.
pub(crate) struct FramebufferRequest {
    /// Pixel format, a code as `DRM_FORMAT_*`.
    pub(crate) format: u32,
    /// Width in pixels.
    pub(crate) width: u32,
    /// Height in pixels.
    pub(crate) height: u32,
    /// Bytes from one line to the next.
    pub(crate) pitch: u32,
    /// Where in the object the last line ends.
    pub(crate) end: u64,
}

/// A framebuffer.
///
/// # Invariants
///
/// Instances are only ever references to a valid `struct drm_framebuffer` that
/// [`Framebuffer::create_callback`] has made for a device of `D`.
#[repr(transparent)]
pub(crate) struct Framebuffer<D: KmsDriver>(Opaque<bindings::drm_framebuffer>, PhantomData<D>);

impl<D: KmsDriver> Framebuffer<D> {
    const FUNCS: bindings::drm_framebuffer_funcs = bindings::drm_framebuffer_funcs {
        destroy: Some(Self::destroy_callback),
        create_handle: Some(bindings::drm_gem_fb_create_handle),
        dirty: Some(bindings::drm_atomic_helper_dirtyfb),
    };

    /// Ends a framebuffer. The helper `drm_gem_fb_destroy()` puts the object while the framebuffer is
    /// still in the device's list, where debugfs then reads an object that is gone.
    extern "C" fn destroy_callback(fb: *mut bindings::drm_framebuffer) {
        // SAFETY: The core calls this with a framebuffer without references, which `create_callback()`
        // has made: it has one plane, a reference to its object, and is of `kmalloc()`.
        unsafe {
            let obj = (*fb).obj[0];

            bindings::drm_framebuffer_cleanup(fb);
            bindings::abi_helper_gem_object_put(obj);
            bindings::kfree(fb.cast());
        }
    }

    /// # Safety
    ///
    /// `fb` must be a valid framebuffer of a device of `D` as long as the result is used.
    pub(super) unsafe fn from_raw<'a>(fb: *mut bindings::drm_framebuffer) -> &'a Self {
        // SAFETY: By the safety requirements.
        unsafe { &*fb.cast() }
    }

    fn raw(&self) -> &bindings::drm_framebuffer {
        // SAFETY: Valid by the type invariants; what is read of it does not change.
        unsafe { &*self.0.get() }
    }

    /// The object that the pixels are in.
    pub(crate) fn object(&self) -> &gem::Object<D::Object> {
        // SAFETY: By the type invariants the framebuffer has one object, of a device of `D`, with a
        // reference of its own.
        unsafe { gem::Object::from_raw(self.raw().obj[0]) }
    }

    /// Pixel format, a code as `DRM_FORMAT_*`.
    pub(crate) fn format(&self) -> u32 {
        // SAFETY: By the type invariants the framebuffer is initialised, with a format that is static.
        unsafe { (*self.raw().format).format }
    }

    pub(super) fn raw_format(&self) -> *const bindings::drm_format_info {
        self.raw().format
    }

    /// Whether each pixel has so many bytes.
    pub(super) fn has_pixels_of(&self, bytes: usize) -> bool {
        // SAFETY: As in `format()`. Both members of the union are bytes.
        usize::from(unsafe { (*self.raw().format).__bindgen_anon_1.cpp.as_ref()[0] }) == bytes
    }

    /// Width in pixels.
    pub(crate) fn width(&self) -> u32 {
        self.raw().width
    }

    /// Height in pixels.
    pub(crate) fn height(&self) -> u32 {
        self.raw().height
    }

    /// Bytes from one line to the next.
    pub(crate) fn pitch(&self) -> u32 {
        self.raw().pitches[0]
    }

    /// Where in the object the first line is, in bytes.
    pub(crate) fn offset(&self) -> u32 {
        self.raw().offsets[0]
    }

    /// The `fb_create` hook of a driver.
    ///
    /// # Safety
    ///
    /// For its slot in a C vtable only.
    pub(super) unsafe extern "C" fn create_callback(
        dev: *mut bindings::drm_device,
        file: *mut bindings::drm_file,
        info: *const bindings::drm_format_info,
        cmd: *const bindings::drm_mode_fb_cmd2,
    ) -> *mut bindings::drm_framebuffer {
        // SAFETY: The DRM core calls this with a device of this driver, an open file, and a request
        // that it has checked, with its format.
        unsafe {
            Self::create(
                Device::<D>::from_raw(dev),
                File::<D::File>::from_raw(file),
                info,
                &*cmd,
            )
        }
        .unwrap_or_else(|e| e.to_ptr())
    }

    /// # Safety
    ///
    /// `info` must be the valid format of `cmd`.
    unsafe fn create(
        dev: &Device<D>,
        file: &File<D::File>,
        info: *const bindings::drm_format_info,
        cmd: &bindings::drm_mode_fb_cmd2,
    ) -> Result<*mut bindings::drm_framebuffer> {
        // SAFETY: By the safety requirements.
        if unsafe { (*info).num_planes } != 1 {
            return Err(EINVAL);
        }
        let object = gem::Object::<D::Object>::lookup(file, cmd.handles[0]).map_err(|_| EINVAL)?;

        // SAFETY: By the safety requirements.
        let line = unsafe { bindings::drm_format_info_min_pitch(info, 0, cmd.width) };
        let end = u64::from(cmd.pitches[0])
            .checked_mul(u64::from(cmd.height).saturating_sub(1))
            .and_then(|bytes| bytes.checked_add(line))
            .and_then(|bytes| bytes.checked_add(u64::from(cmd.offsets[0])))
            .ok_or(EINVAL)?;
        if end > u64::try_from(object.size())? {
            return Err(EINVAL);
        }
        let request = FramebufferRequest {
            format: cmd.pixel_format,
            width: cmd.width,
            height: cmd.height,
            pitch: cmd.pitches[0],
            end,
        };
        D::check_framebuffer(dev, file, &object, &request)?;

        let fb = KBox::into_raw(KBox::new(
            pin_init::zeroed::<bindings::drm_framebuffer>(),
            GFP_KERNEL,
        )?);
        let object = ARef::into_raw(object);
        // SAFETY: `fb` is zeroed, `dev` valid, and `info` the format of `cmd`. INVARIANT: The
        // framebuffer has one object, and owns the reference to it.
        let ret = to_result(unsafe {
            (*fb).obj[0] = object.as_ref().as_raw();
            bindings::drm_helper_mode_fill_fb_struct(dev.as_raw(), fb, info, cmd);
            bindings::drm_framebuffer_init(dev.as_raw(), fb, const { &Self::FUNCS })
        });
        if let Err(e) = ret {
            // SAFETY: Both were made above; the core has not taken them.
            unsafe {
                drop(ARef::from_raw(object));
                drop(KBox::from_raw(fb));
            }
            return Err(e);
        }
        Ok(fb)
    }
}
