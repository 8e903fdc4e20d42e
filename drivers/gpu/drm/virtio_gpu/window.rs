// SPDX-License-Identifier: GPL-2.0

//! The window of host memory: which part of it belongs to which object.
//!
//! An object has its place until the host has let go of it, so that no two objects ever have the same
//! one.
#![forbid(unsafe_code)]

use crate::abi::virtio::shm::SharedMemory;
use kernel::{
    new_mutex,
    page::PAGE_SIZE,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNodeReservation, //
    },
    sync::{
        atomic::{
            AtomicFlag,
            Relaxed, //
        },
        Arc,
        Mutex, //
    }, //
};

/// The window of a device.
#[pin_data]
pub(crate) struct Window {
    region: SharedMemory,
    /// What the host wants offsets to be a multiple of, a power of two.
    alignment: u64,
    /// Where places begin, and how long they are.
    #[pin]
    places: Mutex<RBTree<u64, u64>>,
}

impl Window {
    /// A window in which nothing is.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new(region: SharedMemory, alignment: Option<u32>) -> Result<Arc<Self>> {
        // CAST: It fits.
        let page = PAGE_SIZE as u64;

        Arc::pin_init(
            pin_init!(Self {
                region,
                alignment: u64::from(alignment.unwrap_or(0)).max(page),
                places <- new_mutex!(RBTree::new(), "virtio_gpu::Window"),
            }),
            GFP_KERNEL,
        )
    }

    /// Physical address of its first byte.
    pub(crate) fn start(&self) -> u64 {
        self.region.start
    }

    /// Number of its bytes.
    pub(crate) fn len(&self) -> u64 {
        self.region.len
    }

    /// Finds a place of `len` bytes.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if `len` is 0, [`ENOSPC`] if there is no room, [`ENOMEM`].
    pub(crate) fn place(self: &Arc<Self>, len: u64) -> Result<Place> {
        if len == 0 {
            return Err(EINVAL);
        }
        let node = RBTreeNodeReservation::new(GFP_KERNEL)?;
        let mut places = self.places.lock();
        let mut offset: u64 = 0;

        for (&taken, &taken_len) in places.iter() {
            if offset.checked_add(len).ok_or(ENOSPC)? <= taken {
                break;
            }
            offset = taken
                .checked_add(taken_len)
                .and_then(|end| end.checked_next_multiple_of(self.alignment))
                .ok_or(ENOSPC)?;
        }
        if offset.checked_add(len).ok_or(ENOSPC)? > self.region.len {
            return Err(ENOSPC);
        }
        places.insert(node.into_node(offset, len));
        drop(places);
        Ok(Place {
            window: self.clone(),
            offset,
            len,
            kept: AtomicFlag::new(false),
        })
    }

    /// Calls `f` with the beginning and the end of each part that is in use or free, in order, and
    /// which of them it is.
    pub(crate) fn for_each_part(&self, mut f: impl FnMut(u64, u64, bool)) {
        let places = self.places.lock();
        let mut last = 0;

        for (&offset, &len) in places.iter() {
            if offset > last {
                f(last, offset, false);
            }
            last = offset.saturating_add(len);
            f(offset, last, true);
        }
        if self.region.len > last {
            f(last, self.region.len, false);
        }
    }
}

/// A place in a window. Dropping it gives it back.
pub(crate) struct Place {
    window: Arc<Window>,
    offset: u64,
    len: u64,
    /// Whether the host has not let go of it.
    kept: AtomicFlag,
}

impl Place {
    /// Where it begins in the window.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Physical address of its first byte.
    pub(crate) fn start(&self) -> u64 {
        self.window.start().saturating_add(self.offset)
    }

    /// Number of its bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The host may go on to use it, for all that is known: it is nobody else's any more.
    pub(crate) fn keep(&self) {
        self.kept.store(true, Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.kept.load(Relaxed) {
            return;
        }
        let node = self.window.places.lock().remove_node(&self.offset);

        // Without the lock.
        drop(node);
    }
}

#[kunit_tests(virtio_gpu_window)]
mod tests {
    use super::*;

    const PAGE: u64 = PAGE_SIZE as u64;

    fn window(pages: u64, alignment: Option<u32>) -> Result<Arc<Window>> {
        let region = SharedMemory {
            start: 1 << 32,
            len: pages * PAGE,
        };
        Window::new(region, alignment)
    }

    fn used(window: &Window) -> u64 {
        let mut used = 0;
        window.for_each_part(|start, end, taken| used += if taken { end - start } else { 0 });
        used
    }

    #[test]
    fn places_do_not_meet() -> Result {
        let window = window(4, None)?;
        let first = window.place(PAGE)?;
        let second = window.place(2 * PAGE)?;
        let third = window.place(PAGE)?;

        assert_eq!(
            (first.offset(), second.offset(), third.offset()),
            (0, PAGE, 3 * PAGE)
        );
        assert_eq!(first.start(), 1 << 32);
        assert_eq!(window.place(PAGE).err(), Some(ENOSPC));
        assert_eq!(used(&window), 4 * PAGE);
        drop(second);
        assert_eq!(window.place(3 * PAGE).err(), Some(ENOSPC));
        assert_eq!(window.place(2 * PAGE)?.offset(), PAGE);
        assert_eq!(used(&window), 2 * PAGE);
        Ok(())
    }

    #[test]
    fn places_are_aligned() -> Result {
        let window = window(64, Some(16 * PAGE as u32))?;
        let first = window.place(PAGE)?;
        let second = window.place(16 * PAGE)?;

        assert_eq!((first.offset(), second.offset()), (0, 16 * PAGE));
        assert_eq!(window.place(16 * PAGE)?.offset(), 32 * PAGE);
        Ok(())
    }

    #[test]
    fn absurd_lengths() -> Result {
        let window = window(2, None)?;
        let _first = window.place(PAGE)?;

        assert_eq!(window.place(0).err(), Some(EINVAL));
        for len in [2 * PAGE, u64::MAX, u64::MAX - PAGE + 1] {
            assert_eq!(window.place(len).err(), Some(ENOSPC));
        }
        Ok(())
    }

    #[test]
    fn what_the_host_keeps_is_gone() -> Result {
        let window = window(2, None)?;
        let first = window.place(PAGE)?;

        first.keep();
        drop(first);
        assert_eq!(used(&window), PAGE);
        assert_eq!(window.place(PAGE)?.offset(), PAGE);
        Ok(())
    }
}
