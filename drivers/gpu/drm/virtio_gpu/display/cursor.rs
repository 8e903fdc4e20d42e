// SPDX-License-Identifier: GPL-2.0

//! Cursor planes.
//!
//! Images go through the control queue, and what makes them a cursor through the cursor queue, which
//! the host may look at first. So a new image is made the cursor when the host has answered that it
//! has it, by whoever takes that answer; nobody waits. Meanwhile the old cursor stays, where it is.
//! The same goes for a blob of which the host has not said what it makes of it.
#![forbid(unsafe_code)]

use super::{
    damage::Region,
    framebuffer::{
        is_handed_over,
        origin,
        Picture, //
    },
    shown,
    upload::Upload,
    Scanout,
    CURSOR_SIZE, //
};
use crate::{
    abi::drm::kms::{
        Crtc,
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
        Reply,
        ReplyBytes, //
    }, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        SpinLock, //
    }, //
};
use virtio_gpu_proto::{
    self as proto,
    formats, //
};

/// The cursor of a scanout, as it was last asked for.
#[pin_data]
pub(super) struct Cursor {
    queues: Arc<Queues>,
    scanout: u32,
    /// The number of the next image.
    next_image: Atomic<u64>,
    #[pin]
    state: SpinLock<State>,
}

struct State {
    look: Look,
    /// The command that is sent when what comes before it, of that number, has ended.
    waiting: Option<(u64, Command)>,
    /// Whether a command was left out, so that the next one has to say everything.
    behind: bool,
    /// Whether an image was left out, so that the host shows an older one.
    stale: bool,
}

/// What a cursor looks like, and where it is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Look {
    /// The image's resource, 0 if there is no cursor.
    resource: u32,
    /// The point in the image that is at the pointer, in pixels.
    hotspot: (u32, u32),
    /// Where the image is on the scanout, in pixels.
    position: (i32, i32),
}

impl Look {
    /// The command that shows it.
    fn request(&self, scanout: u32) -> proto::UpdateCursor {
        let (x, y) = self.position;

        proto::UpdateCursor::new(scanout, self.resource, x, y, self.hotspot)
    }

    /// The command that shows it where only its position is new.
    fn move_request(&self, scanout: u32) -> proto::UpdateCursor {
        let (x, y) = self.position;

        proto::MoveCursor::new(scanout, self.resource, x, y, self.hotspot).0
    }
}

impl Cursor {
    /// Creates an initializer for the cursor of a scanout, which has none yet.
    pub(super) fn new(queues: Arc<Queues>, scanout: u32) -> impl PinInit<Self> {
        pin_init!(Self {
            queues,
            scanout,
            next_image: Atomic::new(0),
            state <- new_spinlock!(State {
                look: Look::default(),
                waiting: None,
                behind: false,
                stale: false,
            }),
        })
    }

    /// Pushes `command`, which becomes `request`.
    fn push(&self, mut command: Command, request: proto::UpdateCursor) {
        command.replace(request);
        self.queues.push_cursor(command);
    }

    /// What the host has to do before it shows the image in `fb`, if anything, with its number. The
    /// image is shown when it has.
    fn before(self: &Arc<Self>, fb: &Framebuffer<VirtioGpu>) -> Result<Option<(u64, Before)>> {
        let object = fb.object();

        if !object.is_copied() && object.is_answered() {
            return Ok(None);
        }
        let number = self.next_image.fetch_add(1, Relaxed);
        let reply = KBox::new(
            Uploaded {
                cursor: self.clone(),
                number,
            },
            GFP_KERNEL,
        )?;

        let before = if object.is_copied() {
            Before::Upload(Upload::new(fb, Picture::of(fb)?).whole(reply)?)
        } else {
            let question = Command::new(proto::GetDisplayInfo::new())?;
            Before::Answer(question.hold(ARef::from(object)).on_reply(reply))
        };

        Ok(Some((number, before)))
    }

    /// Carries an update out. Returns whether something was left out.
    fn update(&self, update: Prepared) -> bool {
        let Prepared {
            look,
            new_image,
            image,
            command,
            before,
            handed_over,
        } = update;

        if let Some(object) = handed_over {
            object.sync_for_device();
        }
        self.queues.collect_cursor();
        let mut state = self.state.lock();
        let last = core::mem::replace(&mut state.look, look);
        let mut left_out = false;

        // What is not needed any more is dropped after the lock.
        let _unneeded = match before {
            // A host that does not keep up goes on to show the old image.
            Some((number, _)) if self.queues.display_congested() => {
                state.look = last;
                state.stale = true;
                left_out = true;
                drop(state);
                Some((number, command))
            }
            Some((number, before)) => {
                let older = state.waiting.replace((number, command));
                state.stale = false;
                drop(state);
                match before {
                    Before::Upload(upload) => {
                        upload.push(&self.queues, &mut Region::of(image), 0);
                    }
                    Before::Answer(question) => self.queues.push_display(question),
                }
                older
            }
            None if new_image => {
                let older = state.waiting.take();
                state.stale = false;
                self.push(command, look.request(self.scanout));
                drop(state);
                older
            }
            None if state.waiting.is_some() => {
                // The command that waits takes the new position along.
                drop(state);
                Some((0, command))
            }
            // A host that does not keep up is told later where the cursor has got to.
            None if self.queues.cursor_congested() => {
                state.behind = true;
                left_out = true;
                drop(state);
                Some((0, command))
            }
            None => {
                let behind = core::mem::replace(&mut state.behind, false);
                let request = if last.hotspot == look.hotspot && !behind {
                    look.move_request(self.scanout)
                } else {
                    look.request(self.scanout)
                };
                self.push(command.quietly(), request);
                drop(state);
                None
            }
        };
        left_out
    }
}

/// Shows an image once the host has it.
struct Uploaded {
    cursor: Arc<Cursor>,
    number: u64,
}

impl Reply for Uploaded {
    fn done(&mut self, _result: Result<ReplyBytes>) {
        let mut state = self.cursor.state.lock();

        // Not if there is a newer image. An upload that failed has been logged.
        if let Some((_, command)) = state.waiting.take_if(|(number, _)| *number == self.number) {
            let request = state.look.request(self.cursor.scanout);

            // Under the lock, so that later moves stay behind.
            self.cursor.push(command, request);
        }
    }
}

/// An update of the cursor.
pub(super) struct Prepared {
    look: Look,
    /// Whether the image is another one, or none any more.
    new_image: bool,
    /// The pixels of the image.
    image: proto::Rect,
    /// For the cursor queue.
    command: Command,
    /// What comes before a new image, with its number.
    before: Option<(u64, Before)>,
    /// A new image that is to be handed over.
    handed_over: Option<ARef<Object>>,
}

/// What the host has to do before it can show an image.
enum Before {
    /// Copy it.
    Upload(Upload),
    /// Make it: what is asked after that is answered after that.
    Answer(Command),
}

/// The driver's part of a cursor plane.
pub(super) struct CursorPlane {
    pub(super) cursor: Arc<Cursor>,
}

impl DriverPlane for CursorPlane {
    type Driver = VirtioGpu;
    type Prepared = Prepared;

    const KIND: PlaneKind = PlaneKind::Cursor;
    const FORMATS: &'static [u32] = &[formats::HOST_ARGB8888.0];
    const ASYNC: bool = true;
    const PANIC: bool = false;

    fn check(_plane: &Plane<Self>, check: &mut PlaneCheck<'_, Self>) -> Result {
        match check.new_state().framebuffer() {
            None => return Ok(()),
            Some(fb) if fb.width() > CURSOR_SIZE || fb.height() > CURSOR_SIZE => {
                return Err(EINVAL);
            }
            // A cursor is a resource, not a part of one.
            Some(fb) if fb.object().is_copied() && origin(fb)? != (0, 0) => return Err(EINVAL),
            // Nor can the host be told how it lies in memory.
            Some(fb) if fb.object().blob().is_some() && !is_packed(fb) => return Err(EINVAL),
            Some(_) => {}
        }
        check.unscaled(true)
    }

    fn prepare(plane: &Plane<Self>, prepare: &PlanePrepare<'_, Self>) -> Result<Option<Prepared>> {
        let (old, new) = (prepare.old_state(), prepare.new_state());
        let was_shown = shown(&old, prepare.old_crtc_state());
        let is_shown = shown(&new, prepare.new_crtc_state());
        let cursor = &plane.cursor;

        let Some(fb) = new.framebuffer().filter(|_| is_shown) else {
            if !was_shown {
                return Ok(None);
            }
            let look = Look::default();
            return Ok(Some(Prepared {
                look,
                new_image: true,
                image: proto::Rect::sized(0, 0),
                command: Command::new(look.request(cursor.scanout))?,
                before: None,
                handed_over: None,
            }));
        };

        let (hot_x, hot_y) = new.hotspot();
        let look = Look {
            resource: fb.object().id(),
            hotspot: (
                u32::try_from(hot_x).unwrap_or(0),
                u32::try_from(hot_y).unwrap_or(0),
            ),
            position: new.position(),
        };
        let new_image = !was_shown || !old.same_framebuffer(&new) || cursor.state.lock().stale;
        let before = if new_image { cursor.before(fb)? } else { None };
        let object = fb.object();
        let handed_over = new_image && !object.is_copied() && is_handed_over(object);

        Ok(Some(Prepared {
            look,
            new_image,
            image: proto::Rect::sized(fb.width(), fb.height()),
            command: Command::new(look.request(cursor.scanout))?.hold(ARef::from(object)),
            before,
            handed_over: handed_over.then(|| ARef::from(object)),
        }))
    }

    fn update(plane: &Plane<Self>, _crtc: Option<&Crtc<Scanout>>, prepared: Prepared) {
        if plane.cursor.update(prepared) {
            plane.dev().display().repaint.later(plane.mask());
        }
    }
}

/// Whether the lines of `fb` are those of a cursor from the first byte of the object on.
fn is_packed(fb: &Framebuffer<VirtioGpu>) -> bool {
    fb.offset() == 0 && fb.pitch() == CURSOR_SIZE * formats::BYTES_PER_PIXEL
}
