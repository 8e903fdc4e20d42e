// SPDX-License-Identifier: GPL-2.0

//! Framebuffers: what of a resource they are.
//!
//! The host has a picture of a size and format of its own for each resource. A framebuffer can be a
//! part of that picture, but it cannot lie in memory in another way.
#![forbid(unsafe_code)]

use crate::{
    abi::drm::kms::{
        Framebuffer,
        FramebufferRequest, //
    },
    driver::VirtioGpu,
    object::Object, //
};
use kernel::prelude::*;
use virtio_gpu_proto::formats::{
    Format,
    Fourcc,
    BYTES_PER_PIXEL, //
};

/// Checks whether `object` can be a framebuffer as in `request`.
///
/// # Errors
///
/// [`EIO`] if the host has refused the resource, [`EINVAL`] if the host would take one colour for
/// another.
pub(super) fn check(object: &Object, request: &FramebufferRequest) -> Result {
    object.check_usable()?;

    let wanted = Format::from_fourcc(Fourcc(request.format));
    let there = Format::from_number(object.image().format);
    match (wanted, there) {
        (Some(wanted), Some(there)) if !same_order(wanted, there) => Err(EINVAL),
        // Formats that the device does not have are not shown; IGT's size-max wants them taken.
        _ => Ok(()),
    }
}

/// Where in its resource a framebuffer of a dumb buffer begins: column and row.
///
/// # Errors
///
/// [`EINVAL`] if its lines are not those of the resource, or not all of them are.
pub(super) fn origin(fb: &Framebuffer<VirtioGpu>) -> Result<(u32, u32)> {
    let image = fb.object().image();
    let pitch = image.width.checked_mul(BYTES_PER_PIXEL).ok_or(EINVAL)?;
    let (column, row) = place(fb.pitch(), fb.offset(), fb.width(), pitch)?;

    // The last page of the object can have room for more lines than the picture has.
    if row.checked_add(fb.height()).ok_or(EINVAL)? > image.height {
        return Err(EINVAL);
    }
    Ok((column, row))
}

/// Column and row of the pixel at `offset`, where lines of `pitch` bytes that begin there are those
/// of a picture with lines of `whole` bytes.
fn place(pitch: u32, offset: u32, width: u32, whole: u32) -> Result<(u32, u32)> {
    if pitch != whole || offset % BYTES_PER_PIXEL != 0 {
        return Err(EINVAL);
    }
    let row = offset.checked_div(whole).ok_or(EINVAL)?;
    let column = offset.checked_rem(whole).ok_or(EINVAL)? / BYTES_PER_PIXEL;
    let end = column.checked_add(width).ok_or(EINVAL)?;

    if end > whole / BYTES_PER_PIXEL {
        return Err(EINVAL);
    }
    Ok((column, row))
}

/// Whether both formats have the colours in the same bytes.
fn same_order(a: Format, b: Format) -> bool {
    opaque(a) == opaque(b)
}

/// The format that has padding where `format` has alpha.
fn opaque(format: Format) -> Format {
    match format {
        Format::B8G8R8A8Unorm | Format::B8G8R8X8Unorm => Format::B8G8R8X8Unorm,
        Format::A8R8G8B8Unorm | Format::X8R8G8B8Unorm => Format::X8R8G8B8Unorm,
        Format::R8G8B8A8Unorm | Format::R8G8B8X8Unorm => Format::R8G8B8X8Unorm,
        Format::A8B8G8R8Unorm | Format::X8B8G8R8Unorm => Format::X8B8G8R8Unorm,
    }
}

#[kunit_tests(virtio_gpu_framebuffer)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_picture() {
        assert_eq!(place(4096, 0, 1024, 4096), Ok((0, 0)));
        assert_eq!(place(4096, 40, 1014, 4096), Ok((10, 0)));
        assert_eq!(place(4096, 3 * 4096 + 8, 100, 4096), Ok((2, 3)));
    }

    #[test]
    fn other_lines() {
        assert_eq!(place(2048, 0, 512, 4096), Err(EINVAL));
        assert_eq!(place(8192, 0, 1024, 4096), Err(EINVAL));
        // Across the end of a line, and between pixels.
        assert_eq!(place(4096, 40, 1015, 4096), Err(EINVAL));
        assert_eq!(place(4096, 2, 16, 4096), Err(EINVAL));
        assert_eq!(place(0, 0, 16, 0), Err(EINVAL));
        assert_eq!(place(4096, 4, u32::MAX, 4096), Err(EINVAL));
    }

    #[test]
    fn channel_order() {
        assert!(same_order(Format::B8G8R8A8Unorm, Format::B8G8R8X8Unorm));
        assert!(!same_order(Format::B8G8R8X8Unorm, Format::R8G8B8X8Unorm));
        assert!(!same_order(Format::B8G8R8X8Unorm, Format::X8R8G8B8Unorm));
    }
}
