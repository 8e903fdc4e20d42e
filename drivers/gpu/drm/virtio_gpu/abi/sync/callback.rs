// SPDX-License-Identifier: GPL-2.0

//! Being told when a fence signals, without waiting for it.
//!
//! C header: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h)

use super::Fence;
use crate::abi::bindings;
use kernel::{
    container_of,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        ArcBorrow, //
    },
    types::Opaque, //
};

/// Who is told of fences.
pub(crate) trait Signalled: Send + Sync + 'static {
    /// A fence has signalled. Runs with the lock of that fence and perhaps locks of its driver held,
    /// perhaps in an interrupt: it queues work and does nothing else.
    fn signalled(this: ArcBorrow<'_, Self>);
}

/// Has `target` told when a fence signals, unless it is dropped before. When it has been dropped,
/// nobody is being told any more.
#[pin_data(PinnedDrop)]
pub(crate) struct Callback<T: Signalled> {
    #[pin]
    callback: Opaque<bindings::dma_fence_cb>,
    fence: ARef<Fence>,
    target: Arc<T>,
}

// SAFETY: What it holds can be sent and shared; the callback is the fence's, which has a lock for it.
unsafe impl<T: Signalled> Send for Callback<T> {}
// SAFETY: A shared callback does nothing.
unsafe impl<T: Signalled> Sync for Callback<T> {}

impl<T: Signalled> Callback<T> {
    /// Has `target` told when `fence` signals, once. If it has signalled already, nobody is told and
    /// there is `None`.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn add(fence: &Fence, target: Arc<T>) -> Result<Option<Pin<KBox<Self>>>> {
        let this = KBox::pin_init(
            pin_init!(Self {
                // In no list, which taking it back understands if the fence never had it.
                callback <- Opaque::ffi_init(|slot: *mut bindings::dma_fence_cb| {
                    // SAFETY: `slot` is valid for writes.
                    unsafe {
                        let node = &raw mut (*slot).node;
                        (*node).next = node;
                        (*node).prev = node;
                    }
                }),
                fence: fence.into(),
                target,
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: Both are valid; the callback neither moves nor goes away before it is taken back.
        let ret = unsafe {
            bindings::dma_fence_add_callback(
                fence.as_raw(),
                this.callback.get(),
                Some(Self::signalled_callback),
            )
        };

        Ok((ret == 0).then_some(this))
    }

    extern "C" fn signalled_callback(
        _fence: *mut bindings::dma_fence,
        callback: *mut bindings::dma_fence_cb,
    ) {
        // SAFETY: The fence calls this with what it was given, which lives: `drop()` waits for it.
        let this = unsafe { &*container_of!(Opaque::cast_from(callback), Self, callback) };

        T::signalled(this.target.as_arc_borrow());
    }
}

#[pinned_drop]
impl<T: Signalled> PinnedDrop for Callback<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: Both are valid. This takes the fence's lock, which is held while callbacks run.
        unsafe {
            bindings::dma_fence_remove_callback(self.fence.as_raw(), self.callback.get());
        }
    }
}
