// SPDX-License-Identifier: GPL-2.0

//! Dumb buffers: pictures that a CPU draws into and the display shows.
#![forbid(unsafe_code)]

use super::{
    blob::{
        create_blob,
        NewBlob, //
    },
    classic::{
        self,
        Image,
        Origin, //
    },
    Object, //
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
use virtio_gpu_proto::{
    self as proto,
    formats::{
        Format,
        HOST_XRGB8888, //
    }, //
};

/// The only pixel size there is, in bits.
const BPP: u32 = 32;
/// What the bytes of a line are a multiple of where the host reads the pages: what others want who
/// import them.
pub(crate) const BLOB_PITCH: u32 = 256;
/// The same where lines have nothing between them.
pub(super) const PACKED: u32 = 1;

/// Bytes from one line of `width` pixels to the next, a multiple of `unit`, if 32 bits count them.
pub(super) fn pitch(width: u32, unit: u32) -> Option<u32> {
    width
        .checked_mul(BPP / 8)
        .and_then(|pitch| pitch.checked_next_multiple_of(unit))
}

/// How a dumb buffer lies in memory.
#[derive(Debug, PartialEq, Eq)]
struct Layout {
    /// Bytes from one line to the next.
    pitch: u32,
    /// Bytes of the picture.
    size: usize,
}

impl Layout {
    /// The layout of `width` by `height` pixels of `bpp` bits, with lines of a multiple of
    /// `pitch_unit` bytes, all of it a multiple of `size_unit` bytes.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] for a pixel size that is not 32 bits, or a picture without pixels or of more bytes
    /// than 32 bits count.
    fn new(width: u32, height: u32, bpp: u32, (pitch_unit, size_unit): (u32, u32)) -> Result<Self> {
        if bpp != BPP {
            return Err(EINVAL);
        }
        let pitch = pitch(width, pitch_unit).ok_or(EINVAL)?;
        let size = pitch
            .checked_mul(height)
            .and_then(|size| size.checked_next_multiple_of(size_unit))
            .filter(|&size| size != 0)
            .ok_or(EINVAL)?;

        Ok(Self {
            pitch,
            size: usize::try_from(size)?,
        })
    }
}

/// Bytes of a dumb buffer that framebuffers can be in: its picture, in whole pages.
pub(crate) fn picture_bytes(object: &Object) -> u64 {
    let unit = match object.blob() {
        Some(_) => BLOB_PITCH,
        None => PACKED,
    };
    let image = object.image();
    let bytes = pitch(image.width, unit).map(|pitch| u64::from(pitch) * u64::from(image.height));

    // CAST: The size of a page.
    bytes.map_or(0, |bytes| {
        bytes.next_multiple_of(kernel::page::PAGE_SIZE as u64)
    })
}

/// Makes a dumb buffer and a handle for it: a blob that the host reads in place, if it can.
///
/// # Errors
///
/// [`EINVAL`] if `args` make no buffer, and those of [`classic::create`] and of handles.
pub(crate) fn dumb_create(dev: &DrmDevice, file: &drm::File<File>, args: &mut DumbArgs) -> Result {
    let features = dev.features();
    // With 3D, contexts name the buffer, for which it has to have a format.
    let blob = features.resource_blob && !features.virgl;
    let units = match blob {
        true => (BLOB_PITCH, features.blob_alignment.unwrap_or(1)),
        false if features.resource_blob => (PACKED, features.blob_alignment.unwrap_or(1)),
        false => (PACKED, 1),
    };
    // Hosts count what they show of a blob in whole lines (QEMU: from its first pixel on), so that the last
    // one reaches beyond the picture where what is shown begins right of the first column.
    let spare = u32::from(features.resource_blob && args.height != 0);
    let layout = Layout::new(
        args.width,
        args.height.saturating_add(spare),
        args.bpp,
        units,
    )
    .or_else(|_| Layout::new(args.width, args.height, args.bpp, units))?;
    let format = Format::from_fourcc(HOST_XRGB8888).ok_or(EINVAL)?;
    let image = Image {
        format: format.number(),
        width: args.width,
        height: args.height,
    };
    let credit = file.inner().credits().take()?;
    let object = if blob {
        let new = NewBlob {
            blob: proto::Blob {
                blob_mem: proto::BLOB_MEM_GUEST,
                blob_flags: proto::BLOB_FLAG_USE_SHAREABLE,
                blob_id: 0,
                // CAST: A length of memory.
                size: layout.size as u64,
            },
            ctx_id: 0,
            before: None,
            deferred: false,
            dumb: Some(image),
        };
        create_blob(dev, new, credit)?
    } else {
        classic::create(dev, layout.size, image, Origin::Dumb, credit)?
    };

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
        let layout = Layout::new(1021, 3, 32, (1, 1));
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
            assert_eq!(Layout::new(16, 16, bpp, (1, 1)), Err(EINVAL));
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
            assert_eq!(Layout::new(width, height, 32, (1, 1)), Err(EINVAL));
        }
        assert!(Layout::new((1 << 30) - 1, 1, 32, (1, 1)).is_ok());
        assert!(Layout::new(1, (1 << 30) - 1, 32, (1, 1)).is_ok());
        assert_eq!(
            Layout::new((1 << 30) - 1, 1, 32, (BLOB_PITCH, 1)),
            Err(EINVAL)
        );
        assert_eq!(
            Layout::new(1 << 12, (1 << 18) - 1, 32, (1, 1 << 31)),
            Err(EINVAL)
        );
    }

    #[test]
    fn blobs_are_rounded() {
        let layout = Layout::new(1021, 3, 32, (BLOB_PITCH, 65536));
        assert_eq!(
            layout,
            Ok(Layout {
                pitch: 4096,
                size: 65536
            })
        );
    }
}
