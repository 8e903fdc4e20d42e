// SPDX-License-Identifier: GPL-2.0

//! Primary planes: what a scanout shows.
//!
//! An update copies what has changed to the host, where the host has a copy, points the scanout at
//! the buffer if that or its place has changed, and has the host show the changes.
#![forbid(unsafe_code)]

use super::shown;
use crate::{
    abi::drm::kms::{
        self,
        DriverPlane,
        Framebuffer,
        Plane,
        PlaneCheck,
        PlaneKind,
        PlanePrepare, //
    },
    driver::VirtioGpu,
    queue::Command, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};
use virtio_gpu_proto::{
    self as proto,
    formats, //
};

/// The driver's part of a primary plane.
pub(super) struct Primary;

/// The commands of an update, in their order.
pub(super) struct Commands {
    upload: Option<Command>,
    scanout: Option<Command>,
    flush: Option<Command>,
}

impl DriverPlane for Primary {
    type Driver = VirtioGpu;
    type Prepared = Commands;

    const KIND: PlaneKind = PlaneKind::Primary;
    const FORMATS: &'static [u32] = &[formats::HOST_XRGB8888.0];
    const ASYNC: bool = false;

    fn check(_plane: &Plane<Self>, check: &mut PlaneCheck<'_, Self>) -> Result {
        if check.new().framebuffer().is_none() {
            return Ok(());
        }
        // Damage is that since the last update, and uploads are per buffer.
        if !check.old().same_framebuffer(&check.new()) {
            check.ignore_damage();
        }
        check.unscaled(false)
    }

    fn prepare(_plane: &Plane<Self>, prepare: &PlanePrepare<'_, Self>) -> Result<Option<Commands>> {
        let (old, new) = (prepare.old(), prepare.new());
        let (Some(crtc), Some(crtc_state)) = (prepare.crtc(), prepare.new_crtc_state()) else {
            return Ok(None);
        };
        let was_shown = shown(&old, prepare.old_crtc_state());

        let fb = match new.framebuffer() {
            Some(fb) if crtc_state.active() => fb,
            _ if was_shown => {
                return Ok(Some(Commands {
                    upload: None,
                    scanout: Some(Command::new(proto::SetScanout::disable(crtc.index))?),
                    flush: None,
                }))
            }
            _ => return Ok(None),
        };

        let source = new.source();
        let moved = !was_shown
            || !old.same_framebuffer(&new)
            || old.source() != source
            || crtc_state.needs_modeset();
        let damage = match prepare.damage() {
            _ if moved => source,
            Some(damage) => damage,
            None => return Ok(None),
        };

        Ok(Some(Commands {
            upload: upload(fb, wire(damage))?,
            scanout: moved
                .then(|| {
                    Command::new(proto::SetScanout::new(
                        crtc.index,
                        fb.object().id(),
                        wire(source),
                    ))
                    .map(|command| command.hold(ARef::from(fb.object())))
                })
                .transpose()?,
            flush: Some(
                Command::new(proto::ResourceFlush::new(fb.object().id(), wire(damage)))?
                    .hold(ARef::from(fb.object())),
            ),
        }))
    }

    fn update(plane: &Plane<Self>, commands: Commands) {
        let mut batch = plane.dev().queues().display_batch();
        let commands = [commands.upload, commands.scanout, commands.flush];

        for command in commands.into_iter().flatten() {
            batch.push(command);
        }
    }
}

/// The command that copies `rect` of a framebuffer to the host, if the host has a copy that is
/// written to by the CPU.
pub(super) fn upload(fb: &Framebuffer<VirtioGpu>, rect: proto::Rect) -> Result<Option<Command>> {
    if !fb.object().is_dumb() {
        return Ok(None);
    }
    let offset = rect
        .offset(formats::BYTES_PER_PIXEL, fb.pitch())
        .and_then(|offset| offset.checked_add(u64::from(fb.offset())))
        .ok_or(EINVAL)?;
    let command = Command::new(proto::TransferToHost2d::new(fb.object().id(), offset, rect))?;

    Ok(Some(command.hold(ARef::from(fb.object()))))
}

/// A rectangle as the wire has it.
fn wire(rect: kms::Rect) -> proto::Rect {
    proto::Rect::new(rect.x, rect.y, rect.width, rect.height)
}
