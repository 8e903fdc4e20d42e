// SPDX-License-Identifier: GPL-2.0

//! Primary planes: what a scanout shows.
//!
//! An update copies what the host's copy of the buffer lacks, where the host has a copy, points the
//! scanout at the buffer if that or its place has changed, and has the host show the changes. A host that
//! has no copy is asked when it is done with what it showed.
#![forbid(unsafe_code)]

use super::{
    damage::{
        self,
        History,
        Region, //
    },
    framebuffer::{
        is_handed_over,
        origin,
        resource,
        View, //
    },
    in_place::Shown,
    pace::Question,
    scanout::{
        in_resource,
        Request, //
    },
    shown,
    upload::Upload,
    Scanout,
    Sight, //
};
use crate::{
    abi::drm::kms::{
        self,
        Crtc,
        DriverPlane,
        Plane,
        PlaneCheck,
        PlaneKind,
        PlanePrepare,
        PlaneState, //
    },
    driver::VirtioGpu,
    object::{
        Object,
        Which, //
    },
    queue::Command, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        aref::ARef,
        SpinLock, //
    }, //
};
use virtio_gpu_proto::{
    self as proto,
    formats, //
};

/// What primary planes show. There is nothing behind them, so alpha makes no difference: colours are
/// premultiplied with it.
pub(super) const FORMATS: [u32; 4] = [
    formats::HOST_XRGB8888.0,
    formats::HOST_ARGB8888.0,
    formats::HOST_XBGR8888.0,
    formats::HOST_ABGR8888.0,
];

/// The driver's part of a primary plane.
#[pin_data]
pub(super) struct Primary {
    #[pin]
    state: SpinLock<State>,
}

struct State {
    history: History,
    /// Whether an update was left out, so that the host does not show what it should: the next one
    /// is a full one.
    stale: bool,
    /// The host's id of the resource that the scanout shows.
    shown: u32,
}

impl Primary {
    /// Creates an initializer for a plane that is up to date.
    pub(super) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            state <- new_spinlock!(State {
                history: History::new(),
                stale: false,
                shown: 0,
            }),
        })
    }
}

/// An update.
pub(super) enum Update {
    /// The scanout shows nothing any more.
    Off(Command),
    /// The scanout shows a buffer. States of planes are copied more often than there is one.
    Show(KBox<Show>),
}

/// An update that shows something.
pub(super) struct Show {
    upload: Option<Upload>,
    /// Asks whether the host shows guest memory.
    trial: Option<Command>,
    scanout: Option<Command>,
    flush: Option<Command>,
    /// What has changed since the last update, in the framebuffer.
    damage: Region,
    /// The host's id of the resource that is shown.
    shown: u32,
    /// The visible part of the framebuffer.
    source: proto::Rect,
    /// Whether nothing of earlier updates matters any more.
    fresh: bool,
    /// The buffer that is not shown any more.
    left: Option<(ARef<Object>, Which)>,
    /// When the host is done with what it showed, if it reads the guest's pages.
    question: Option<Question>,
    /// The buffer, if it is shown in place and the device does not see by itself what is drawn.
    handed_over: Option<ARef<Object>>,
}

impl Show {
    /// Adds to `region` what has to be copied for update `number` of a plane in `state`. Returns the
    /// update that the copy is right for then, 0 if that cannot be told.
    fn lacking(&self, upload: &Upload, state: &State, number: u64, region: &mut Region) -> u64 {
        let whole = self.is_whole();
        let known = !whole && state.history.add_since(upload.right_at(), region);

        if whole || !known && self.scanout.is_some() {
            region.add(self.source);
            return number;
        }
        region.add_all(&self.damage);
        match known {
            true => number,
            // Somebody else has copied to what is shown.
            false => 0,
        }
    }

    /// Whether all of it is copied, whatever the copy has.
    fn is_whole(&self) -> bool {
        self.fresh || self.damage.rects() == [self.source]
    }

    /// The plane has been updated, which is its update `number`.
    fn enter(&self, state: &mut State, number: u64) {
        if self.fresh {
            state.history.clear();
            state.stale = false;
        }
        state.history.add(number, &self.damage);
        if self.scanout.is_some() {
            state.shown = self.shown;
        }
    }
}

impl DriverPlane for Primary {
    type Driver = VirtioGpu;
    type Prepared = Update;

    const KIND: PlaneKind = PlaneKind::Primary;
    const FORMATS: &'static [u32] = &FORMATS;
    const ASYNC: bool = false;
    const PANIC: bool = true;

    fn check(_plane: &Plane<Self>, check: &mut PlaneCheck<'_, Self>) -> Result {
        let (old, new) = (check.old_state(), check.new_state());
        let Some(fb) = new.framebuffer() else {
            return Ok(());
        };
        // The host may have refused it after it became a framebuffer. What is shown again, after sleep or
        // because something was left out, brings nothing else down.
        if old.framebuffer().is_some() && !old.same_framebuffer(&new) {
            fb.object().check_usable()?;
        }
        if fb.object().is_copied() {
            origin(fb)?;
        }
        check.unscaled(false)
    }

    fn prepare(plane: &Plane<Self>, prepare: &PlanePrepare<'_, Self>) -> Result<Option<Update>> {
        let (old, new) = (prepare.old_state(), prepare.new_state());
        let (Some(crtc), Some(crtc_state)) = (prepare.crtc(), prepare.new_crtc_state()) else {
            return Ok(None);
        };
        let was_shown = shown(&old, prepare.old_crtc_state());

        let fb = match new.framebuffer() {
            Some(fb) if crtc_state.active() => fb,
            _ if was_shown => {
                let request = proto::SetScanout::disable(crtc.index);
                return Ok(Some(Update::Off(Command::new(request)?)));
            }
            _ => return Ok(None),
        };

        // Told to show that, the host may refuse.
        let beside = View::beside(fb);
        let view = View::of(fb, beside)?;
        let (stale, shown) = {
            let state = plane.state.lock();
            let refused = plane.dev().display().refusals.has(plane.mask());
            (state.stale || refused, state.shown)
        };
        let fresh = !was_shown
            || old.source() != new.source()
            || crtc_state.needs_modeset()
            || stale
            || shown != view.id() && old.same_framebuffer(&new);
        let flip = !old.same_framebuffer(&new);
        let source = rect_of(new.source());
        // In place: it is large.
        let mut show = KBox::init(
            init!(Show {
                upload: None,
                trial: None,
                scanout: None,
                flush: None,
                damage: Region::new(),
                shown: view.id(),
                source,
                fresh,
                left: None,
                question: None,
                handed_over: None,
            }),
            GFP_KERNEL,
        )?;
        prepare.for_each_damage(|rect| show.damage.add(rect_of(rect)));
        if show.damage.rects().is_empty() && !flip && !fresh {
            return Ok(None);
        }

        let object = fb.object();
        let told = |view| -> Result<Command> {
            let command = Request::new(crtc.index, fb, source, view)?.command()?;
            Ok(command.hold(ARef::from(object)))
        };
        let heard = |command: Command, trial| -> Result<Command> {
            Ok(command
                .may_fail()
                .on_reply(Shown::new(object, plane.mask(), trial)?))
        };
        let (scanout, flushed) = match (fresh || flip, beside) {
            (false, _) => (None, show.damage.bounds()),
            (true, Some((_, Sight::InPlace))) => (Some(heard(told(view)?, false)?), source),
            (true, _) => {
                let command = told(view)?.sets(plane.mask());
                // There is a next flip, mostly.
                let quiet = flip && !fresh;
                (
                    Some(if quiet { command.quietly() } else { command }),
                    source,
                )
            }
        };
        show.scanout = scanout;
        if let (true, Some((blob, Sight::Unknown))) = (fresh || flip, beside) {
            show.trial = Some(heard(told(blob)?, true)?);
        }
        let flushed = in_resource(flushed, view)?;
        let flush = proto::ResourceFlush::new(view.id(), flushed);
        show.flush = Some(Command::new(flush)?.hold(ARef::from(object)));
        show.left = match old.framebuffer() {
            Some(fb) if flip => Some((ARef::from(fb.object()), resource(fb)?.0)),
            _ => None,
        };
        let in_place = matches!(view, View::Blob(_)) && object.has_guest_pages();
        if in_place
            || show
                .left
                .as_ref()
                .is_some_and(|(left, _)| left.is_guest_blob())
        {
            // What is shown from now on is read until something else is.
            let done_with = show.left.as_ref().map_or(object, |(left, _)| left);
            show.question = Some(Question::new(plane.dev(), crtc.index, done_with)?);
        }

        if in_place && is_handed_over(object) {
            show.handed_over = Some(ARef::from(object));
        }

        if let (View::Picture(picture), true) = (view, object.is_copied()) {
            let upload = Upload::new(fb, picture);

            // As it looks now. If it has become more by then, what is between goes along.
            let room = if show.is_whole() {
                1
            } else {
                let mut region = Region::new();
                show.lacking(&upload, &plane.state.lock(), 0, &mut region);
                region.simplify(usize::MAX);
                region.rects().len()
            };
            show.upload = Some(upload.with_room(room)?);
        }
        Ok(Some(Update::Show(show)))
    }

    fn publish(update: &mut Update) -> Result {
        let question = match update {
            Update::Show(show) => show.question.as_mut(),
            Update::Off(_) => None,
        };
        question.map_or(Ok(()), Question::publish)
    }

    fn panic_flush(plane: &Plane<Self>, state: &PlaneState<'_, VirtioGpu>) {
        let (Some(fb), Some(crtc)) = (state.framebuffer(), state.crtc()) else {
            return;
        };
        let source = rect_of(state.source());
        // What was to be shown may not have got as far as that.
        let Ok(view) = View::of(fb, View::beside(fb)) else {
            return;
        };
        let (Ok(place), Ok(scanout)) = (
            in_resource(source, view),
            Request::new(crtc.index, fb, source, view),
        ) else {
            return;
        };
        let id = view.id();
        let offset = place.offset(formats::BYTES_PER_PIXEL, fb.pitch());
        let upload = proto::TransferToHost2d::new(id, offset.unwrap_or(0), place);
        let flush = proto::ResourceFlush::new(id, place);
        let requests = [upload.as_bytes(), scanout.as_bytes(), flush.as_bytes()];
        // A blob is not copied.
        let copied = matches!(view, View::Picture(_)) && fb.object().is_copied();
        let first = usize::from(!copied);

        fb.object().sync_for_device();
        // Nobody to tell.
        let _ = plane
            .dev()
            .queues()
            .send_in_panic(requests.get(first..).unwrap_or_default());
    }

    fn update(plane: &Plane<Self>, crtc: Option<&Crtc<Scanout>>, update: Update) {
        let queues = plane.dev().queues();
        let mut show = match update {
            Update::Show(show) => show,
            Update::Off(command) => {
                let mut state = plane.state.lock();
                state.history.clear();
                state.stale = false;
                state.shown = 0;
                drop(state);
                plane.dev().display().refusals.setting(plane.mask(), true);
                queues.push_display(command);
                return;
            }
        };

        queues.collect();
        if queues.display_congested() {
            let mut state = plane.state.lock();
            state.history.clear();
            state.stale = true;
            drop(state);
            plane.dev().display().repaint.later(plane.mask());
            return;
        }
        if let Some((object, which)) = &show.left {
            object.copies().left(*which);
        }

        let number = damage::next_update();
        if let Some(upload) = show.upload.take() {
            let mut region = Region::new();
            let right_at = {
                let mut state = plane.state.lock();
                let right_at = show.lacking(&upload, &state, number, &mut region);

                show.enter(&mut state, number);
                right_at
            };
            upload.push(queues, &mut region, right_at);
        } else {
            show.enter(&mut plane.state.lock(), number);
        }
        if let Some(object) = show.handed_over.take() {
            object.sync_for_device();
        }
        if show.scanout.is_some() {
            let refusals = &plane.dev().display().refusals;
            refusals.setting(plane.mask(), show.left.is_some());
        }
        for command in [show.trial.take(), show.scanout.take()]
            .into_iter()
            .flatten()
        {
            queues.push_display(command);
        }
        let Some(flush) = show.flush.take() else {
            return;
        };
        queues.push_display(match (show.question.take(), crtc) {
            (Some(question), Some(crtc)) => question.ask(crtc, flush),
            _ => flush.quietly(),
        });
    }
}

/// A rectangle in the words of the protocol.
fn rect_of(rect: kms::Rect) -> proto::Rect {
    proto::Rect::new(rect.x, rect.y, rect.width, rect.height)
}
