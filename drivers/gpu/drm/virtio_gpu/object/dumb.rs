// SPDX-License-Identifier: GPL-2.0

//! Dumb buffers: pictures that a CPU draws into and the display shows.
#![forbid(unsafe_code)]

use super::{
    classic::{
        self,
        Image,
        Origin, //
    }, //
};
use crate::{
    abi::drm::{
        self,
        DumbArgs, //
    },
    device::DrmDevice,
    file::File, //
};
use kernel::prelude::*;
use virtio_gpu_proto::formats::{
    Format,
    HOST_XRGB8888, //
};

/// The only pixel size there is, in bits.
const BPP: u32 = 32;

/// How a dumb buffer lies in memory.
#[derive(Debug, PartialEq, Eq)]
struct Layout {
    /// Bytes from one line to the next.
    pitch: u32,
    /// Bytes of the picture.
    size: usize,
}

impl Layout {
    /// The layout of `width` by `height` pixels of `bpp` bits.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] for a pixel size that is not 32 bits, or a picture without pixels or of more bytes
    /// than 32 bits count.
    fn new(width: u32, height: u32, bpp: u32) -> Result<Self> {
        if bpp != BPP {
            return Err(EINVAL);
        }
        let pitch = width.checked_mul(BPP / 8).ok_or(EINVAL)?;
        let size = pitch
            .checked_mul(height)
            .filter(|&size| size != 0)
            .ok_or(EINVAL)?;

        Ok(Self {
            pitch,
            size: usize::try_from(size)?,
        })
    }
}

/// Makes a dumb buffer and a handle for it.
///
/// # Errors
///
/// [`EINVAL`] if `args` make no buffer, and those of [`classic::create`] and of handles.
pub(crate) fn dumb_create(dev: &DrmDevice, file: &drm::File<File>, args: &mut DumbArgs) -> Result {
    let layout = Layout::new(args.width, args.height, args.bpp)?;
    let format = Format::from_fourcc(HOST_XRGB8888).ok_or(EINVAL)?;
    let image = Image {
        format: format.number(),
        width: args.width,
        height: args.height,
    };
    let credit = file.inner().credits().take()?;
    let object = classic::create(dev, layout.size, image, Origin::Dumb, credit)?;

    args.handle = object.create_handle(file)?;
    args.pitch = layout.pitch;
    // A multiple of the page size, of an object that was made: no loss.
    args.size = object.size() as u64;
    Ok(())
}

#[kunit_tests(virtio_gpu_dumb)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_not_padded() {
        let layout = Layout::new(1021, 3, 32);
        assert_eq!(
            layout,
            Ok(Layout {
                pitch: 4084,
                size: 12252
            })
        );
    }

    #[test]
    fn only_32_bits() {
        for bpp in [0, 8, 16, 24, 31, 33, 64, u32::MAX] {
            assert_eq!(Layout::new(16, 16, bpp), Err(EINVAL));
        }
    }

    #[test]
    fn sizes_do_not_wrap() {
        for (width, height) in [
            (1 << 30, 1),
            (u32::MAX, 1),
            (1, 1 << 30),
            (1 << 15, 1 << 15),
            (0, 1),
            (1, 0),
        ] {
            assert_eq!(Layout::new(width, height, 32), Err(EINVAL));
        }
        assert!(Layout::new((1 << 30) - 1, 1, 32).is_ok());
        assert!(Layout::new(1, (1 << 30) - 1, 32).is_ok());
    }
}
