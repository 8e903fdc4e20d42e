// SPDX-License-Identifier: GPL-2.0

//! Virtqueues.
//!
//! A [`Virtqueue`] is used under a lock of the driver's. Requests are moved in by [`Virtqueue::add`]
//! and come back out once: by [`Virtqueue::get`] when the device has used them, or by
//! [`Virtqueue::detach_unused`] after a reset.
//!
//! C header: [`include/linux/virtio.h`](srctree/include/linux/virtio.h)

use super::{
    buffer::Request,
    payload::Limits,
    Device,
    Reset, //
};
use crate::abi::bindings;
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    device,
    error::to_result,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        rcu,
        Arc, //
    }, //
};

/// Receives the interrupts of a device's queues.
pub(crate) trait Handler: Send + Sync + 'static {
    /// The device has used requests of queue `index`. Runs in interrupt context.
    fn interrupt(this: &Arc<Self>, index: u32);
}

/// A virtqueue that carries [`Request<T>`].
///
/// # Invariants
///
/// `vq` is valid until the [`Virtqueues`] that it was made with deletes it, which takes this object.
/// Every token in the ring is a `Request<T>` from `KBox::into_raw()`.
pub(crate) struct Virtqueue<T> {
    vq: NonNull<bindings::virtqueue>,
    _requests: PhantomData<KBox<Request<T>>>,
}

// SAFETY: A virtqueue may be used from any thread, by one at a time, which `&mut self` grants.
unsafe impl<T: Send> Send for Virtqueue<T> {}
// SAFETY: The `&self` methods read fields that do not change, or single words.
unsafe impl<T: Send> Sync for Virtqueue<T> {}

impl<T> Virtqueue<T> {
    pub(in crate::abi) fn as_raw(&self) -> *mut bindings::virtqueue {
        self.vq.as_ptr()
    }

    /// Number of descriptors of the ring.
    pub(crate) fn size(&self) -> u32 {
        // SAFETY: `vq` is valid by the type invariant.
        unsafe { bindings::virtqueue_get_vring_size(self.vq.as_ptr()) }
    }

    /// What a request with a payload and a reply can carry.
    pub(crate) fn limits(&self) -> Limits {
        // SAFETY: `vq` is valid by the type invariant, and so is its device.
        let max = unsafe { bindings::virtio_max_dma_size((*self.vq.as_ptr()).vdev) };

        Limits {
            // The command and its reply take one each.
            segments: self.size().saturating_sub(2),
            segment_len: u32::try_from(max).unwrap_or(u32::MAX) & !(PAGE_SIZE as u32 - 1),
        }
    }

    /// Number of free descriptors.
    pub(crate) fn num_free(&self) -> u32 {
        // SAFETY: `vq` is valid by the type invariant.
        unsafe { (*self.vq.as_ptr()).num_free }
    }

    /// Whether the ring can no longer be used.
    pub(crate) fn is_broken(&self) -> bool {
        // SAFETY: `vq` is valid by the type invariant.
        unsafe { bindings::virtqueue_is_broken(self.vq.as_ptr()) }
    }

    /// Moves a request into the ring. The device sees it after the next kick at the latest.
    ///
    /// # Errors
    ///
    /// Gives the request back: with [`ENOSPC`] if there is no room, [`ENOMEM`] if mapping it for DMA
    /// failed, [`EIO`] if the ring is broken.
    pub(crate) fn add(
        &mut self,
        mut request: KBox<Request<T>>,
    ) -> Result<(), (Error, KBox<Request<T>>)> {
        let mut command = bindings::scatterlist::default();
        let mut insert = bindings::scatterlist::default();
        let mut reply = bindings::scatterlist::default();
        let (mut lists, n_out, n_in) = request.lists(&mut command, &mut insert, &mut reply);
        let token = KBox::into_raw(request);

        // SAFETY: `vq` is valid by the type invariant and `&mut self` makes us its only user. The
        // lists describe memory that the request owns, and the request belongs to the ring until
        // it comes back. The list heads themselves are copied by the call.
        let ret = unsafe {
            bindings::virtqueue_add_sgs(
                self.vq.as_ptr(),
                lists.as_mut_ptr(),
                n_out,
                n_in,
                token.cast(),
                bindings::GFP_ATOMIC,
            )
        };

        // SAFETY: On failure the ring has not taken the token, so the box is still ours.
        to_result(ret).map_err(|e| (e, unsafe { KBox::from_raw(token) }))
    }

    /// Takes the next request that the device has used, with the number of bytes that it says it
    /// wrote, which is not to be trusted.
    pub(crate) fn get(&mut self) -> Option<(KBox<Request<T>>, u32)> {
        let mut len = 0;

        // SAFETY: `vq` is valid by the type invariant, and we are its only user.
        let token = unsafe { bindings::virtqueue_get_buf(self.vq.as_ptr(), &mut len) };
        if token.is_null() {
            return None;
        }
        // SAFETY: By the type invariant the token is a request from `KBox::into_raw()`. The ring
        // code has checked that this token was in the ring, and forgets it.
        Some((unsafe { KBox::from_raw(token.cast()) }, len))
    }

    /// Takes a request that the device has not used and, for it was reset, will not.
    pub(crate) fn detach_unused(&mut self, _reset: &Reset) -> Option<KBox<Request<T>>> {
        // SAFETY: `vq` is valid by the type invariant, and we are its only user.
        let token = unsafe { bindings::virtqueue_detach_unused_buf(self.vq.as_ptr()) };
        if token.is_null() {
            return None;
        }
        // SAFETY: As in `get()`.
        Some(unsafe { KBox::from_raw(token.cast()) })
    }

    /// Has [`Driver::config_changed`](super::Driver::config_changed) called, so that the driver looks
    /// at the device: for a queue that [is broken](Self::is_broken).
    pub(crate) fn report(&self) {
        // SAFETY: `vq` is valid by the type invariant, and so is its device.
        unsafe { bindings::virtio_config_changed((*self.vq.as_ptr()).vdev) };
    }

    /// Has the [`Handler`] called as by an interrupt, for requests that were [taken](Self::get) by
    /// somebody else than who it tells.
    pub(crate) fn call_handler(&self) {
        // SAFETY: `vq` is valid by the type invariant, and so is what its callback was found with. The
        // callback is `Virtqueues::callback()`, which any context may call.
        unsafe {
            if let Some(callback) = (*self.vq.as_ptr()).callback {
                callback(self.vq.as_ptr());
            }
        }
    }

    /// Asks for no interrupts, as a hint.
    pub(crate) fn disable_interrupts(&mut self) {
        // SAFETY: `vq` is valid by the type invariant, and we are its only user.
        unsafe { bindings::virtqueue_disable_cb(self.vq.as_ptr()) };
    }

    /// Asks for interrupts. Returns `false` if there are used requests already, so that none may
    /// come for them.
    pub(crate) fn enable_interrupts(&mut self) -> bool {
        // SAFETY: `vq` is valid by the type invariant, and we are its only user.
        unsafe { bindings::virtqueue_enable_cb(self.vq.as_ptr()) }
    }

    /// Publishes what was added. The returned kick, if the device wants one, is to be given once the
    /// driver's lock is dropped.
    pub(crate) fn prepare_kick(&mut self) -> Option<Kick> {
        // SAFETY: `vq` is valid by the type invariant, and we are its only user.
        if !unsafe { bindings::virtqueue_kick_prepare(self.vq.as_ptr()) } {
            return None;
        }
        // INVARIANT: `vq` is valid here, and the read section starts here.
        Some(Kick {
            vq: self.vq,
            _rcu: rcu::read_lock(),
        })
    }
}

/// A doorbell to be rung.
///
/// # Invariants
///
/// `vq` was valid when the RCU read section began that this object holds. [`Virtqueues::delete`]
/// waits for such sections.
#[must_use]
pub(crate) struct Kick {
    vq: NonNull<bindings::virtqueue>,
    _rcu: rcu::Guard,
}

impl Kick {
    /// Tells the device to look at the ring.
    pub(crate) fn ring(self) {
        // SAFETY: `vq` is valid by the type invariant. Notifying needs no lock, and is refused on a
        // broken ring.
        unsafe { bindings::virtqueue_notify(self.vq.as_ptr()) };
    }
}

/// The queues of a device as a whole: finds and deletes them.
///
/// # Invariants
///
/// `vdev->priv` holds an `Arc<H>` that belongs to this object, until the queues are deleted.
#[must_use]
pub(crate) struct Virtqueues<H: Handler> {
    _handler: PhantomData<Arc<H>>,
}

impl<H: Handler> Virtqueues<H> {
    /// Sets up the first `N` queues of `dev`, all with interrupts to `handler`.
    ///
    /// # Errors
    ///
    /// Those of the transport, [`ENOENT`] if the device lacks a queue.
    pub(crate) fn find<T: Send, const N: usize>(
        dev: &Device<device::Core<'_>>,
        names: [&'static CStr; N],
        handler: Arc<H>,
    ) -> Result<(Self, [Virtqueue<T>; N])> {
        let mut infos = names.map(|name| bindings::virtqueue_info {
            name: name.as_char_ptr(),
            callback: Some(Self::callback),
            ctx: false,
        });
        let mut vqs = [core::ptr::null_mut(); N];
        let vdev = dev.as_raw();

        // Set first, for interrupts may come as soon as the device is ready.
        // SAFETY: `vdev` is valid, `priv` is the driver's, and no queue exists that reads it.
        unsafe { (*vdev).priv_ = Arc::into_raw(handler).cast_mut().cast() };
        // INVARIANT: `vdev->priv` is the `Arc<H>`.
        let this = Self {
            _handler: PhantomData,
        };

        // SAFETY: `vdev` is valid, and both arrays have `N` elements, which is what is passed.
        let ret = unsafe {
            bindings::abi_helper_virtio_find_vqs(
                vdev,
                N as u32,
                vqs.as_mut_ptr(),
                infos.as_mut_ptr(),
            )
        };
        if let Err(e) = to_result(ret) {
            this.drop_handler(dev);
            return Err(e);
        }

        let mut missing = false;
        let queues = vqs.map(|vq| {
            missing |= vq.is_null();
            // INVARIANT: The call has succeeded, so `vq` is a queue; the ring is empty.
            Virtqueue {
                vq: NonNull::new(vq).unwrap_or(NonNull::dangling()),
                _requests: PhantomData,
            }
        });
        if missing {
            // A transport reports a queue that does not exist as an error, so this is not met.
            this.delete(dev, queues);
            return Err(ENOENT);
        }
        Ok((this, queues))
    }

    /// Deletes the queues. The device must have been reset and the queues emptied with
    /// [`Virtqueue::detach_unused`]; what is left in them is leaked.
    pub(crate) fn delete<T, const N: usize>(
        self,
        dev: &Device<device::Core<'_>>,
        _queues: [Virtqueue<T>; N],
    ) {
        // For the kicks that were prepared before the queues were taken from their lock.
        rcu::synchronize_rcu();
        // SAFETY: `vdev` is valid; no user is left, `Virtqueue`s and `Kick`s are gone.
        unsafe { bindings::abi_helper_virtio_del_vqs(dev.as_raw()) };
        self.drop_handler(dev);
    }

    /// Drops the handler. There are no queues, so no interrupt uses it.
    fn drop_handler(self, dev: &Device<device::Core<'_>>) {
        let vdev = dev.as_raw();

        // SAFETY: `vdev` is valid, and by the type invariant `priv` is an `Arc<H>` of ours.
        unsafe {
            drop(Arc::<H>::from_raw((*vdev).priv_.cast::<H>().cast_const()));
            (*vdev).priv_ = core::ptr::null_mut();
        }
    }

    extern "C" fn callback(vq: *mut bindings::virtqueue) {
        // SAFETY: The transport calls this with a queue of the device, while it exists, so that by
        // the type invariant of `Virtqueues` `priv` holds an `Arc<H>`.
        let (handler, index) = unsafe {
            let handler = Arc::<H>::from_raw((*(*vq).vdev).priv_.cast::<H>().cast_const());
            // Borrowed: the reference stays with `priv`.
            (core::mem::ManuallyDrop::new(handler), (*vq).index)
        };

        H::interrupt(&handler, index);
    }
}
