// SPDX-License-Identifier: GPL-2.0

//! Pointing a scanout at a framebuffer.
//!
//! Of a resource of which it has a copy the host knows how it looks, and is told which part of it to
//! show. Of a blob it knows nothing, and is told all about the framebuffer.
#![forbid(unsafe_code)]

use super::framebuffer::View;
use crate::{
    abi::drm::kms::Framebuffer,
    driver::VirtioGpu,
    queue::Command, //
};
use kernel::prelude::*;
use virtio_gpu_proto::{
    self as proto,
    formats::{
        Format,
        Fourcc, //
    }, //
};

/// The request that has a scanout show a part of a framebuffer.
pub(super) enum Request {
    /// Of one that the host has a copy of.
    Copied(proto::SetScanout),
    /// Of memory.
    Blob(proto::SetScanoutBlob),
}

impl Request {
    /// Shows `source` of `fb` on scanout `index`, as `view`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if the host cannot be told, which has been checked before.
    pub(super) fn new(
        index: u32,
        fb: &Framebuffer<VirtioGpu>,
        source: proto::Rect,
        view: View,
    ) -> Result<Self> {
        let id = match view {
            View::Picture(picture) => {
                let place = in_resource(source, view)?;
                return Ok(Self::Copied(proto::SetScanout::new(
                    index, picture.id, place,
                )));
            }
            View::Blob(id) => id,
        };
        let layout = proto::BlobFramebuffer {
            width: fb.width(),
            height: fb.height(),
            format: Format::from_fourcc(Fourcc(fb.format())).ok_or(EINVAL)?,
            strides: [fb.pitch(), 0, 0, 0],
            offsets: [fb.offset(), 0, 0, 0],
        };
        Ok(Self::Blob(proto::SetScanoutBlob::new(
            index, id, source, &layout,
        )))
    }

    /// The command of it.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn command(&self) -> Result<Command> {
        match self {
            Self::Copied(request) => Command::new(*request),
            Self::Blob(request) => Command::new(*request),
        }
    }

    /// Its bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Copied(request) => request.as_bytes(),
            Self::Blob(request) => request.as_bytes(),
        }
    }
}

/// A rectangle of a framebuffer as one of what the host knows: its resource, or a blob's framebuffer.
///
/// # Errors
///
/// [`EINVAL`] if the framebuffer is not a part of the resource, which has been checked before.
pub(super) fn in_resource(rect: proto::Rect, view: View) -> Result<proto::Rect> {
    let (x, y) = match view {
        View::Picture(picture) => picture.origin,
        View::Blob(_) => (0, 0),
    };

    Ok(proto::Rect::new(
        rect.x.checked_add(x).ok_or(EINVAL)?,
        rect.y.checked_add(y).ok_or(EINVAL)?,
        rect.width,
        rect.height,
    ))
}
