// SPDX-License-Identifier: GPL-2.0

//! Primary planes: what a scanout shows.
//!
//! An update copies what has changed to the host, where the host has a copy, points the scanout at
//! the buffer if that or its place has changed, and has the host show the changes.
#![forbid(unsafe_code)]

use super::{
    framebuffer::{
        origin,
        resource, //
    },
    shown, //
};
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
    object::Object,
    queue::{
        Command,
        Queues,
        Reply, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            AtomicFlag,
            Relaxed, //
        },
        Arc, //
    }, //
};
use virtio_gpu_proto::{
    self as proto,
    formats, //
};

/// Most rectangles that are copied one by one; more of them are copied with what is between them.
const MAX_UPLOADS: usize = 16;

/// What primary planes show. There is nothing behind them, so alpha makes no difference: colours are
/// premultiplied with it.
pub(super) const FORMATS: [u32; 4] = [
    formats::HOST_XRGB8888.0,
    formats::HOST_ARGB8888.0,
    formats::HOST_XBGR8888.0,
    formats::HOST_ABGR8888.0,
];

/// The driver's part of a primary plane.
pub(super) struct Primary {
    /// Whether an update was left out, so that the host does not show what it should: the next one
    /// is a full one.
    stale: AtomicFlag,
}

impl Primary {
    /// A plane that is up to date.
    pub(super) fn new() -> Self {
        Self {
            stale: AtomicFlag::new(false),
        }
    }
}

/// The commands of an update, in their order.
pub(super) struct Commands {
    upload: Option<Upload>,
    scanout: Option<Command>,
    flush: Option<Command>,
    /// Whether nothing of earlier updates matters any more.
    full: bool,
}

impl DriverPlane for Primary {
    type Driver = VirtioGpu;
    type Prepared = Commands;

    const KIND: PlaneKind = PlaneKind::Primary;
    const FORMATS: &'static [u32] = &FORMATS;
    const ASYNC: bool = false;

    fn check(_plane: &Plane<Self>, check: &mut PlaneCheck<'_, Self>) -> Result {
        match check.new_state().framebuffer() {
            None => return Ok(()),
            Some(fb) if fb.object().is_dumb() => {
                origin(fb)?;
            }
            Some(_) => {}
        }
        // Damage is that since the last update, and uploads are per buffer.
        if !check.old_state().same_framebuffer(&check.new_state()) {
            check.ignore_damage();
        }
        check.unscaled(false)
    }

    fn prepare(plane: &Plane<Self>, prepare: &PlanePrepare<'_, Self>) -> Result<Option<Commands>> {
        let (old, new) = (prepare.old_state(), prepare.new_state());
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
                    full: true,
                }))
            }
            _ => return Ok(None),
        };

        let source = new.source();
        let moved = !was_shown
            || !old.same_framebuffer(&new)
            || old.source() != source
            || crtc_state.needs_modeset()
            || plane.stale.load(Relaxed);
        let damage = match prepare.damage() {
            _ if moved => source,
            Some(damage) => damage,
            None => return Ok(None),
        };

        let object = fb.object();
        let id = resource(fb)?;
        let source = in_resource(fb, source)?;
        let damage = in_resource(fb, damage)?;
        let scanout = if moved {
            let request = proto::SetScanout::new(crtc.index, id, source);
            Some(Command::new(request)?.hold(ARef::from(object)))
        } else {
            None
        };
        let flush = Command::new(proto::ResourceFlush::new(id, damage))?;

        let upload = if moved {
            upload(fb, &[damage], None)?
        } else {
            upload(fb, &stale(fb, prepare, damage)?, None)?
        };

        Ok(Some(Commands {
            upload,
            scanout,
            flush: Some(flush.hold(ARef::from(object))),
            full: moved,
        }))
    }

    fn update(plane: &Plane<Self>, commands: Commands) {
        let queues = plane.dev().queues();

        if commands.flush.is_some() && queues.display_congested() {
            plane.stale.store(true, Relaxed);
            return;
        }
        if commands.full {
            plane.stale.store(false, Relaxed);
        }
        if let Some(upload) = commands.upload {
            upload.push(queues);
        }
        for command in [commands.scanout, commands.flush].into_iter().flatten() {
            queues.push_display(command);
        }
    }
}

/// The rectangles of a framebuffer's resource that are to be copied for what has changed, which is
/// all in `damage`.
fn stale(
    fb: &Framebuffer<VirtioGpu>,
    prepare: &PlanePrepare<'_, Primary>,
    damage: proto::Rect,
) -> Result<KVec<proto::Rect>> {
    let area = |rect: &proto::Rect| u64::from(rect.width) * u64::from(rect.height);
    let mut rects = KVec::new();
    let mut sum = 0u64;

    prepare.for_each_damage(|rect| {
        let rect = in_resource(fb, rect)?;

        sum = sum.saturating_add(area(&rect));
        if rects.len() <= MAX_UPLOADS {
            rects.push(rect, GFP_KERNEL)?;
        }
        Ok(())
    })?;
    if rects.len() > MAX_UPLOADS || sum >= area(&damage) {
        rects.clear();
        rects.push(damage, GFP_KERNEL)?;
    }
    Ok(rects)
}

/// The copying of pixels to the host.
pub(super) struct Upload {
    object: ARef<Object>,
    commands: KVec<Command>,
}

impl Upload {
    /// Queues the copying. The device sees what has been drawn up to here.
    pub(super) fn push(self, queues: &Arc<Queues>) {
        self.object.sync_for_device();
        for command in self.commands {
            queues.push_display(command);
        }
    }
}

/// The copying of `rects` of the resource of a framebuffer to the host, if the host has a copy that
/// the CPU draws. `reply` is told when the last one has been carried out.
///
/// # Errors
///
/// [`ENOMEM`].
pub(super) fn upload(
    fb: &Framebuffer<VirtioGpu>,
    rects: &[proto::Rect],
    mut reply: Option<KBox<dyn Reply>>,
) -> Result<Option<Upload>> {
    let object = fb.object();
    if !object.is_dumb() {
        return Ok(None);
    }
    let id = resource(fb)?;

    let mut commands = KVec::with_capacity(rects.len(), GFP_KERNEL)?;
    for (left, rect) in (0..rects.len()).rev().zip(rects) {
        let offset = rect
            .offset(formats::BYTES_PER_PIXEL, fb.pitch())
            .ok_or(EINVAL)?;
        let request = proto::TransferToHost2d::new(id, offset, *rect);
        let mut command = Command::new(request)?.hold(ARef::from(object));

        if left == 0 {
            if let Some(reply) = reply.take() {
                command = command.on_reply(reply).when_done();
            }
        }
        commands.push(command, GFP_KERNEL)?;
    }
    Ok(Some(Upload {
        object: ARef::from(object),
        commands,
    }))
}

/// A rectangle of a framebuffer as one of its resource.
fn in_resource(fb: &Framebuffer<VirtioGpu>, rect: kms::Rect) -> Result<proto::Rect> {
    let (x, y) = if fb.object().is_dumb() {
        origin(fb)?
    } else {
        (0, 0)
    };

    Ok(proto::Rect::new(
        rect.x.checked_add(x).ok_or(EINVAL)?,
        rect.y.checked_add(y).ok_or(EINVAL)?,
        rect.width,
        rect.height,
    ))
}
