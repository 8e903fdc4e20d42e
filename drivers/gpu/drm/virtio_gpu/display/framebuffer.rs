// SPDX-License-Identifier: GPL-2.0

//! Framebuffers: what of a resource they are.
//!
//! The host has a picture of a size and format of its own for each resource. A framebuffer can be a
//! part of that picture, but it cannot lie in memory in another way. Where its colours are in other
//! bytes, the buffer gets a resource that has them there, if a CPU draws it; who draws by way of the
//! host has named the format himself. A blob is memory, and the host is told how a framebuffer lies in
//! it.
#![forbid(unsafe_code)]

use super::{
    primary,
    Sight,
    CURSOR_SIZE, //
};
use crate::{
    abi::drm::{
        self,
        kms::{
            Framebuffer,
            FramebufferRequest, //
        }, //
    },
    device::DrmDevice,
    driver::VirtioGpu,
    file::File,
    object::{
        self,
        Object,
        Which, //
    }, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};
use virtio_gpu_proto::formats::{
    Format,
    Fourcc,
    BYTES_PER_PIXEL, //
};

/// Checks whether `object` can be a framebuffer as in `request`, and has the host ready for it.
///
/// # Errors
///
/// [`EIO`] if the host has refused the resource, [`EINVAL`] if it is larger than the picture of a dumb buffer
/// or the host would take one colour for another, and those of [`object::provide`].
pub(super) fn check(
    dev: &DrmDevice,
    file: &drm::File<File>,
    object: &ARef<Object>,
    request: &FramebufferRequest,
) -> Result {
    object.check_usable()?;

    if object.is_dumb() && request.end > object::picture_bytes(object) {
        return Err(EINVAL);
    }
    if object.blob().is_some() {
        return Ok(());
    }
    // Formats that the device does not have are not shown; IGT's size-max wants them taken.
    let Some(wanted) = Format::from_fourcc(Fourcc(request.format)) else {
        return Ok(());
    };
    if object.is_copied() && primary::FORMATS.contains(&request.format) {
        let credit = || file.inner().credits().take();

        object::provide(dev, object, wanted, credit)?;
        match dev.shows_in_place() {
            Some(Sight::Unknown | Sight::InPlace) if may_be_beside(request) => {
                match object::provide_in_place(dev, object, credit) {
                    // The picture will do.
                    Err(e) if e != ERESTARTSYS => Ok(()),
                    result => result,
                }
            }
            _ => Ok(()),
        }
    } else if Format::from_number(object.image().format).is_none()
        || object.resource_as(wanted).is_some()
    {
        Ok(())
    } else {
        Err(EINVAL)
    }
}

/// Whether a framebuffer as in `request` may be shown by way of a blob beside the picture: its lines
/// are as those want them who import it from the host, and it is no pointer.
fn may_be_beside(request: &FramebufferRequest) -> bool {
    request.pitch % object::BLOB_PITCH == 0
        && (request.width > CURSOR_SIZE || request.height > CURSOR_SIZE)
}

/// A framebuffer as a part of the picture that the host has of a resource.
#[derive(Clone, Copy)]
pub(super) struct Picture {
    /// The resource, and the host's id of it.
    pub(super) which: Which,
    pub(super) id: u32,
    /// Column and row where the framebuffer begins.
    pub(super) origin: (u32, u32),
}

impl Picture {
    /// Of a framebuffer.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if it is none, which [`check`] has seen to.
    pub(super) fn of(fb: &Framebuffer<VirtioGpu>) -> Result<Self> {
        let (which, id) = resource(fb)?;
        let origin = match fb.object().is_copied() {
            true => origin(fb)?,
            false => (0, 0),
        };

        Ok(Self { which, id, origin })
    }
}

/// Whether what a CPU has drawn into `object` is to be handed to the device before that looks at it where
/// it is: into a dumb buffer behind the DMA API.
pub(super) fn is_handed_over(object: &Object) -> bool {
    object.is_dumb() && object.is_mapped()
}

/// As what the host is told to show a framebuffer.
#[derive(Clone, Copy)]
pub(super) enum View {
    /// A part of a picture.
    Picture(Picture),
    /// What is in the blob with that id.
    Blob(u32),
}

impl View {
    /// Of a framebuffer that has that [beside](Self::beside) it.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is none, which [`check`] has seen to.
    pub(super) fn of(fb: &Framebuffer<VirtioGpu>, beside: Option<(Self, Sight)>) -> Result<Self> {
        Ok(match (fb.object().blob(), beside) {
            (Some(_), _) => Self::Blob(fb.object().id()),
            (None, Some((blob, Sight::InPlace))) => blob,
            _ => Self::Picture(Picture::of(fb)?),
        })
    }

    /// The blob that there is beside the picture, and what is known of the host.
    pub(super) fn beside(fb: &Framebuffer<VirtioGpu>) -> Option<(Self, Sight)> {
        let object = fb.object();
        let sight = object.dev().shows_in_place()?;

        if object.in_place_refused() {
            object.dev().display().refused_in_place(object.dev());
        }
        // Another framebuffer may have been the one that it was made for.
        let id = match fb.pitch() % object::BLOB_PITCH {
            0 => object.shown_in_place()?,
            _ => return None,
        };

        Format::from_fourcc(Fourcc(fb.format()))?;
        Some((Self::Blob(id), sight))
    }

    /// The host's id of the resource.
    pub(super) fn id(self) -> u32 {
        match self {
            Self::Picture(Picture { id, .. }) | Self::Blob(id) => id,
        }
    }
}

/// The resource that a framebuffer is a part of, and the host's id of it.
///
/// # Errors
///
/// [`EINVAL`] if there is none, which [`check`] has seen to.
pub(super) fn resource(fb: &Framebuffer<VirtioGpu>) -> Result<(Which, u32)> {
    match Format::from_fourcc(Fourcc(fb.format())) {
        _ if fb.object().blob().is_some() => Ok((Which::First, fb.object().id())),
        Some(format) if Format::from_number(fb.object().image().format).is_some() => {
            fb.object().resource_as(format).ok_or(EINVAL)
        }
        _ => Ok((Which::First, fb.object().id())),
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
}
