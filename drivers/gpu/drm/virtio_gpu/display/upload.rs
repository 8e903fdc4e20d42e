// SPDX-License-Identifier: GPL-2.0

//! Copying what a CPU has drawn into a dumb buffer to the host's copy of it.
//!
//! The commands are made when an update is prepared; what they copy is known for sure only when it is
//! carried out, after the updates before it.
#![forbid(unsafe_code)]

use super::{
    damage::Region,
    framebuffer::Picture, //
};
use crate::{
    abi::drm::kms::Framebuffer,
    driver::VirtioGpu,
    object::Object,
    queue::{
        Command,
        Commands,
        Queues,
        Reply, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    }, //
};
use virtio_gpu_proto::{
    self as proto,
    formats::BYTES_PER_PIXEL, //
};

/// The copying of a framebuffer, or parts of it, to the host.
pub(super) struct Upload {
    object: ARef<Object>,
    picture: Picture,
    pitch: u32,
    commands: Commands,
}

impl Upload {
    /// The copying of `fb`, of which a CPU draws the copy that the host has, as that part of a picture.
    /// Without room for commands.
    pub(super) fn new(fb: &Framebuffer<VirtioGpu>, picture: Picture) -> Self {
        Self {
            object: ARef::from(fb.object()),
            picture,
            pitch: fb.pitch(),
            commands: Commands::new(),
        }
    }

    /// Makes commands for `count` rectangles, at least one.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn with_room(mut self, count: usize) -> Result<Self> {
        for _ in 0..count.max(1) {
            let command = self.command()?.quietly();
            self.commands.push(command);
        }
        Ok(self)
    }

    /// Makes a command for all of it, of whose end `then` is told.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn whole(mut self, then: KBox<dyn Reply>) -> Result<Self> {
        let command = self.command()?.on_reply(then);

        self.commands.push(command);
        Ok(self)
    }

    /// Makes a command for a rectangle that is not known yet.
    fn command(&self) -> Result<Command> {
        let request = proto::TransferToHost2d::new(self.picture.id, 0, proto::Rect::sized(0, 0));

        Ok(Command::new(request)?
            .hold(self.object.clone())
            .copies(self.picture.which))
    }

    /// The update that the host's copy was right at, 0 if that is not known.
    pub(super) fn right_at(&self) -> u64 {
        self.object
            .copies()
            .update(self.picture.which, self.picture.origin)
    }

    /// Queues the copying of `region` of the framebuffer, which makes the copy right for update
    /// `right_at`, or doubtful if that is 0. The device sees what has been drawn up to here.
    pub(super) fn push(mut self, queues: &Arc<Queues>, region: &mut Region, right_at: u64) {
        region.simplify(self.commands.len());
        let count = region.rects().len();
        let copies = self.object.copies();

        copies.copying(
            self.picture.which,
            self.picture.origin,
            right_at,
            u32::try_from(count).unwrap_or(u32::MAX),
        );
        self.object.sync_for_device();
        let left = (0..count).rev();
        for (rect, left) in region.rects().iter().zip(left) {
            let Some(mut command) = self.commands.pop() else {
                break;
            };
            let rect = proto::Rect::new(
                rect.x.saturating_add(self.picture.origin.0),
                rect.y.saturating_add(self.picture.origin.1),
                rect.width,
                rect.height,
            );
            // The framebuffer lies in the object: no overflow.
            let offset = rect.offset(BYTES_PER_PIXEL, self.pitch).unwrap_or(0);

            command.replace(proto::TransferToHost2d::new(self.picture.id, offset, rect));
            // The host must have read the pages before somebody may draw into them.
            queues.push_display(if left == 0 {
                command.when_done()
            } else {
                command
            });
        }
    }
}
