// SPDX-License-Identifier: GPL-2.0

//! The sync objects of a submission: those whose fences come before it, and those that get its fence.
#![forbid(unsafe_code)]

use super::user;
use crate::{
    abi::{
        drm::{
            self,
            syncobj::Link,
            Syncobj, //
        },
        sync::Fence,
        uapi, //
    },
    file, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

type File = drm::File<file::File>;

/// Where the descriptions of sync objects are in the caller's memory.
pub(crate) struct Array {
    /// The first one.
    pub(crate) addr: u64,
    /// How many there are.
    pub(crate) count: u32,
    /// Bytes from one to the next, which is how many of each the caller knows.
    pub(crate) stride: u32,
}

impl Array {
    /// Calls `f` with each description.
    fn for_each(
        &self,
        mut f: impl FnMut(uapi::drm_virtgpu_execbuffer_syncobj) -> Result,
    ) -> Result {
        let mut addr = self.addr;

        for i in 0..self.count {
            user::may_go_on(i)?;
            let mut bytes = [0; size_of::<uapi::drm_virtgpu_execbuffer_syncobj>()];
            user::read_prefix(addr, &mut bytes, usize::try_from(self.stride)?)?;
            f(uapi::execbuffer_syncobj(bytes))?;
            addr = addr.checked_add(self.stride.into()).ok_or(EFAULT)?;
        }
        Ok(())
    }
}

/// What comes before a submission.
pub(crate) struct Before {
    /// The fences.
    pub(crate) fences: KVVec<ARef<Fence>>,
    /// The objects that lose their fence by a submission that succeeds.
    reset: KVVec<Syncobj>,
}

impl Before {
    /// Looks the sync objects of `array` up, if there are any.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] for an unknown flag or an object without the fence that is asked for, [`ENOENT`] if
    /// there is no such object, [`EFAULT`], [`ENOMEM`].
    pub(crate) fn read(file: &File, array: &Array) -> Result<Option<Self>> {
        if array.count == 0 {
            return Ok(None);
        }
        let mut this = Self {
            fences: user::room(array.count)?,
            reset: KVVec::new(),
        };

        array.for_each(|item| {
            if item.flags & !uapi::VIRTGPU_EXECBUF_SYNCOBJ_RESET != 0 {
                return Err(EINVAL);
            }
            let fence = Syncobj::find_fence(file, item.handle, item.point)?;
            this.fences.push(fence, GFP_KERNEL)?;
            if item.flags & uapi::VIRTGPU_EXECBUF_SYNCOBJ_RESET != 0 {
                let syncobj = Syncobj::find(file, item.handle)?;
                this.reset.push(syncobj, GFP_KERNEL | __GFP_NOWARN)?;
            }
            Ok(())
        })?;
        Ok(Some(this))
    }

    /// The submission has succeeded.
    pub(crate) fn reset(&self) {
        for syncobj in &self.reset {
            syncobj.replace(None);
        }
    }
}

/// What gets the fence of a submission.
pub(crate) struct After(Option<KVVec<Target>>);

struct Target {
    syncobj: Syncobj,
    /// The point that the fence becomes, if the object is a timeline.
    point: Option<(Link, u64)>,
}

impl After {
    /// Looks the sync objects of `array` up.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] for an unknown flag or if there is no such object, [`EFAULT`], [`ENOMEM`].
    pub(crate) fn read(file: &File, array: &Array) -> Result<Self> {
        if array.count == 0 {
            return Ok(Self(None));
        }
        let mut targets = user::room(array.count)?;

        array.for_each(|item| {
            if item.flags != 0 {
                return Err(EINVAL);
            }
            let target = Target {
                syncobj: Syncobj::find(file, item.handle).map_err(|_| EINVAL)?,
                point: match item.point {
                    0 => None,
                    point => Some((Link::new()?, point)),
                },
            };
            Ok(targets.push(target, GFP_KERNEL)?)
        })?;
        Ok(Self(Some(targets)))
    }

    /// Whether nothing gets it.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The submission has succeeded, with `fence`.
    pub(crate) fn give(self, fence: &Fence) {
        for Target { syncobj, point } in self.0.into_iter().flatten() {
            match point {
                None => syncobj.replace(Some(fence)),
                Some((link, point)) => syncobj.add_point(link, fence, point),
            }
        }
    }
}
