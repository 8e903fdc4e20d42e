// SPDX-License-Identifier: GPL-2.0

//! What is known of the host's copies of a dumb buffer.
//!
//! A copy is right if it has what the plane was to show at an update of which the number is kept here.
//! It is doubtful if something else was copied since, if a copying has failed, or if the buffer was
//! left for another one before the host had copied all of it: whoever draws then draws into what is
//! still being copied.
#![forbid(unsafe_code)]

use kernel::{
    new_spinlock,
    prelude::*,
    sync::SpinLock, //
};

/// A resource of an object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// The one that it was made with.
    First,
    /// The one of another channel order.
    Twin,
}

/// The copies of an object.
#[pin_data]
pub(crate) struct Copies {
    #[pin]
    copies: SpinLock<[Copy; 2]>,
}

#[derive(Clone, Copy, Default)]
struct Copy {
    /// The update that it was right at, 0 if that is not known.
    update: u64,
    /// Where in the resource the picture of that update is.
    origin: (u32, u32),
    /// Copyings that the host has not answered.
    pending: u32,
}

impl Copies {
    /// Creates an initializer for copies of which nothing is known.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            copies <- new_spinlock!([Copy::default(); 2]),
        })
    }

    fn with<T>(&self, which: Which, f: impl FnOnce(&mut Copy) -> T) -> T {
        let [first, twin] = &mut *self.copies.lock();

        f(match which {
            Which::First => first,
            Which::Twin => twin,
        })
    }

    /// The update that the part from `origin` on was right at, 0 if that is not known.
    pub(crate) fn update(&self, which: Which, origin: (u32, u32)) -> u64 {
        self.with(which, |copy| {
            if copy.origin == origin {
                copy.update
            } else {
                0
            }
        })
    }

    /// `count` copyings are on the way that make the part from `origin` on right for `update`, or
    /// doubtful if that is 0. Each is [answered](Self::answered).
    pub(crate) fn copying(&self, which: Which, origin: (u32, u32), update: u64, count: u32) {
        self.with(which, |copy| {
            copy.update = update;
            copy.origin = origin;
            copy.pending = copy.pending.saturating_add(count);
        });
    }

    /// The host has answered a copying.
    pub(crate) fn answered(&self, which: Which, good: bool) {
        self.with(which, |copy| {
            copy.pending = copy.pending.saturating_sub(1);
            if !good {
                copy.update = 0;
            }
        });
    }

    /// The buffer is not shown any more, and may be drawn into.
    pub(crate) fn left(&self, which: Which) {
        self.with(which, |copy| {
            if copy.pending != 0 {
                copy.update = 0;
            }
        });
    }

    /// Something that is not known was copied.
    pub(crate) fn forget(&self) {
        for copy in self.copies.lock().iter_mut() {
            copy.update = 0;
        }
    }
}

#[kunit_tests(virtio_gpu_copies)]
mod tests {
    use super::*;

    const AT: (u32, u32) = (3, 4);

    fn copies() -> Result<Pin<KBox<Copies>>> {
        KBox::pin_init(Copies::new(), GFP_KERNEL)
    }

    #[test]
    fn a_copy_is_right() -> Result {
        let copies = copies()?;

        assert_eq!(copies.update(Which::First, (0, 0)), 0);
        copies.copying(Which::First, AT, 7, 2);
        copies.answered(Which::First, true);
        copies.answered(Which::First, true);
        copies.left(Which::First);
        assert_eq!(copies.update(Which::First, AT), 7);
        assert_eq!(copies.update(Which::First, (0, 0)), 0);
        assert_eq!(copies.update(Which::Twin, AT), 0);
        copies.forget();
        assert_eq!(copies.update(Which::First, AT), 0);
        Ok(())
    }

    #[test]
    fn a_copy_is_doubtful() -> Result {
        let copies = copies()?;

        // Left before it was there, and failed.
        copies.copying(Which::Twin, AT, 8, 2);
        copies.answered(Which::Twin, true);
        copies.left(Which::Twin);
        assert_eq!(copies.update(Which::Twin, AT), 0);
        copies.answered(Which::Twin, true);
        copies.copying(Which::Twin, AT, 9, 1);
        copies.answered(Which::Twin, false);
        assert_eq!(copies.update(Which::Twin, AT), 0);
        Ok(())
    }
}
