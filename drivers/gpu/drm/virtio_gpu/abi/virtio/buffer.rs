// SPDX-License-Identifier: GPL-2.0

//! What a virtqueue carries: [`Request`]s, which own all memory that the device may touch, and
//! [`Fifo`], an intrusive list of them, so that parking a request allocates nothing. A request of a
//! usual size with a usual reply is one allocation.

use super::payload::Payload;
use crate::abi::bindings;
use core::{
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull, //
};
use kernel::{
    alloc::Flags,
    prelude::*, //
};

/// Bytes of a command that are in the request itself: what almost all commands have.
const COMMAND: usize = 96;
/// The same of a reply: one that is a header.
const REPLY: usize = 24;

/// Bytes that the device reads or writes: `many`, or `few` if there are none of those. (Dropping a vector
/// without memory is a call of the allocator.)
pub(crate) struct Bytes<const N: usize> {
    /// How many of the few.
    len: usize,
    few: Aligned<N>,
    many: Option<KVec<u8>>,
}

/// Memory that structures of the protocol can be in.
#[repr(align(8))]
struct Aligned<const N: usize>([u8; N]);

/// The bytes of a reply.
pub(crate) type ReplyBytes = Bytes<REPLY>;

impl<const N: usize> Bytes<N> {
    /// None.
    fn none() -> Self {
        Self {
            len: 0,
            few: Aligned([0; N]),
            many: None,
        }
    }

    /// An initializer for `len` bytes that are zero.
    fn zeroed(len: usize, flags: Flags) -> Result<impl Init<Self>> {
        let (len, many) = match len > N {
            true => (0, Some(KVec::from_elem(0, len, flags)?)),
            false => (len, None),
        };

        Ok(init!(Self {
            len,
            few: Aligned([0; N]),
            many,
        }))
    }

    /// Makes `bytes` the bytes. Allocates nothing.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`] if there is no room for so many.
    fn set(&mut self, bytes: &[u8]) -> Result {
        let Some(many) = &mut self.many else {
            self.few
                .0
                .get_mut(..bytes.len())
                .ok_or(ENOSPC)?
                .copy_from_slice(bytes);
            self.len = bytes.len();
            return Ok(());
        };
        if bytes.len() > many.capacity() {
            return Err(ENOSPC);
        }
        many.clear();
        many.extend_from_slice(bytes, GFP_ATOMIC)?;
        Ok(())
    }

    /// The bytes, in memory of their own.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn into_vec(self) -> Result<KVec<u8>> {
        if let Some(many) = self.many {
            return Ok(many);
        }
        let mut bytes = KVec::with_capacity(self.len, GFP_KERNEL)?;

        bytes.extend_from_slice(&self, GFP_KERNEL)?;
        Ok(bytes)
    }

    /// Leaves the first `len` bytes.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        if let Some(many) = &mut self.many {
            many.truncate(len);
        }
    }
}

impl<const N: usize> Deref for Bytes<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.many {
            None => self.few.0.get(..self.len).unwrap_or_default(),
            Some(many) => many,
        }
    }
}

impl<const N: usize> DerefMut for Bytes<N> {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.many {
            None => self.few.0.get_mut(..self.len).unwrap_or_default(),
            Some(many) => many,
        }
    }
}

/// One request: a command, maybe an insert behind it and a payload, which the device reads, room for a
/// reply, which it writes, and the driver's `data` about it.
///
/// It is on a virtqueue, in a [`Fifo`] or in somebody's hands, always in one place.
pub(crate) struct Request<T> {
    command: Bytes<COMMAND>,
    insert: Option<KVec<u8>>,
    payload: Option<Payload>,
    reply: ReplyBytes,
    /// The next request while in a `Fifo`.
    next: Option<NonNull<Request<T>>>,
    /// What the driver keeps with the request.
    pub(crate) data: T,
}

// SAFETY: `next` is only used by the `Fifo` that owns the request.
unsafe impl<T: Send> Send for Request<T> {}
// SAFETY: A shared `Request` gives out nothing but shared references to its parts.
unsafe impl<T: Sync> Sync for Request<T> {}

impl<T> Request<T> {
    /// Makes a request from a copy of `command`, with zeroed room for `reply_len` bytes of reply,
    /// which may be 0.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if `command` is empty, [`ENOMEM`].
    pub(crate) fn new(
        command: &[u8],
        reply_len: usize,
        data: impl Init<T>,
        flags: Flags,
    ) -> Result<KBox<Self>> {
        if command.is_empty() {
            return Err(EINVAL);
        }
        let (bytes, reply) = (
            Bytes::zeroed(command.len(), flags)?,
            Bytes::zeroed(reply_len, flags)?,
        );

        // In place: it is large.
        let mut request = KBox::init(
            init!(Self {
                command <- bytes,
                insert: None,
                payload: None,
                reply <- reply,
                next: None,
                data <- data,
            }),
            flags,
        )?;
        request.command.copy_from_slice(command);
        Ok(request)
    }

    /// Adds a payload, in place of one already there.
    pub(crate) fn set_payload(&mut self, payload: Payload) {
        self.payload = Some(payload);
    }

    /// Puts an insert between the command and the payload, which is a segment of its own while there
    /// is anything in it. It can be written again, in the memory that it has, until the request goes
    /// on a queue.
    pub(crate) fn set_insert(&mut self, insert: KVec<u8>) {
        self.insert = Some(insert);
    }

    /// Takes all bytes out of the insert, but keeps its memory.
    pub(crate) fn clear_insert(&mut self) {
        if let Some(insert) = &mut self.insert {
            insert.clear();
        }
    }

    /// Adds bytes to the insert. Allocates nothing.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`] if there is no memory left in it.
    pub(crate) fn add_to_insert(&mut self, bytes: &[u8]) -> Result {
        let insert = self.insert.as_mut().ok_or(ENOSPC)?;

        if bytes.len() > insert.capacity() - insert.len() {
            return Err(ENOSPC);
        }
        insert.extend_from_slice(bytes, GFP_ATOMIC)?;
        Ok(())
    }

    /// The command's bytes.
    pub(crate) fn command(&self) -> &[u8] {
        &self.command
    }

    /// The command's bytes, to be completed before the request goes on a queue.
    pub(crate) fn command_mut(&mut self) -> &mut [u8] {
        &mut self.command
    }

    /// Makes `bytes` the command. Allocates nothing.
    ///
    /// # Errors
    ///
    /// [`ENOSPC`] if they are longer than the command that the request was made with.
    pub(crate) fn set_command(&mut self, bytes: &[u8]) -> Result {
        if bytes.is_empty() {
            return Err(ENOSPC);
        }
        self.command.set(bytes)
    }

    /// The whole room for the reply. What the device has not written is zero.
    pub(crate) fn reply(&self) -> &[u8] {
        &self.reply
    }

    /// Takes the reply's bytes out of the request.
    pub(crate) fn take_reply(&mut self) -> ReplyBytes {
        core::mem::replace(&mut self.reply, Bytes::none())
    }

    /// Whether its memory can be freed anywhere. Of `data` that says nothing.
    pub(crate) fn frees_anywhere(&self) -> bool {
        self.payload.as_ref().is_none_or(Payload::frees_anywhere)
    }

    /// The insert, if there is anything in it.
    fn insert(&self) -> Option<&[u8]> {
        self.insert.as_deref().filter(|insert| !insert.is_empty())
    }

    /// Number of descriptors that the request takes without an indirect table.
    pub(crate) fn segments(&self) -> u32 {
        let payload = self.payload.as_ref().map_or(0, Payload::segments);

        payload
            .saturating_add(1)
            .saturating_add(u32::from(self.insert().is_some()))
            .saturating_add(u32::from(!self.reply.is_empty()))
    }

    /// Fills scatter lists for the parts of a request in a box: `command`, `insert`, payload, `reply`. Returns the lists in
    /// the order of the parts and how many of them the device reads and writes.
    pub(super) fn lists(
        &mut self,
        command: &mut bindings::scatterlist,
        insert: &mut bindings::scatterlist,
        reply: &mut bindings::scatterlist,
    ) -> ([*mut bindings::scatterlist; 4], u32, u32) {
        let mut lists = [core::ptr::null_mut(); 4];

        // CAST, here and below: A KVec is at most INT_MAX bytes long, and so is a request.
        let len = self.command.len() as u32;
        // SAFETY: `command` is valid for writes. The bytes are kmalloc memory of that length: a vector's, or
        // the request's, which is in a box and stays there.
        unsafe { bindings::sg_init_one(command, self.command.as_ptr().cast(), len) };
        lists[0] = command;
        let mut n_out = 1;

        if let Some(bytes) = self.insert() {
            let len = bytes.len() as u32;
            // SAFETY: As for `command`.
            unsafe { bindings::sg_init_one(insert, bytes.as_ptr().cast(), len) };
            lists[n_out as usize] = insert;
            n_out += 1;
        }

        if let Some(payload) = &mut self.payload {
            lists[n_out as usize] = payload.list();
            n_out += 1;
        }

        if self.reply.is_empty() {
            return (lists, n_out, 0);
        }

        let len = self.reply.len() as u32;
        // SAFETY: As for `command`.
        unsafe { bindings::sg_init_one(reply, self.reply.as_mut_ptr().cast(), len) };
        lists[n_out as usize] = reply;
        (lists, n_out, 1)
    }
}

/// A first-in first-out list of requests that links them through themselves.
///
/// # Invariants
///
/// `head` is the first of a list linked by `next` that ends with `tail`; the list owns its members,
/// each of which came from `KBox::into_raw()`. Both are `None` if it is empty. `len` counts them.
pub(crate) struct Fifo<T> {
    head: Option<NonNull<Request<T>>>,
    tail: Option<NonNull<Request<T>>>,
    len: usize,
}

// SAFETY: A `Fifo` owns its members as a vector would.
unsafe impl<T: Send> Send for Fifo<T> {}
// SAFETY: A shared `Fifo` gives out shared references to its members only.
unsafe impl<T: Sync> Sync for Fifo<T> {}

impl<T> Fifo<T> {
    /// An empty list.
    pub(crate) const fn new() -> Self {
        Self {
            head: None,
            tail: None,
            len: 0,
        }
    }

    /// The number of requests in it.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Adds a request at the end.
    pub(crate) fn push(&mut self, mut request: KBox<Request<T>>) {
        request.next = None;
        let node = NonNull::from(&mut *KBox::leak(request));

        match self.tail {
            // SAFETY: By the type invariant `tail` is a request that the list owns.
            Some(mut tail) => unsafe { tail.as_mut() }.next = Some(node),
            None => self.head = Some(node),
        }
        // INVARIANT: `node` is linked behind the old tail, or is the only member.
        self.tail = Some(node);
        self.len += 1;
    }

    /// Puts a request back at the front.
    pub(crate) fn push_front(&mut self, mut request: KBox<Request<T>>) {
        request.next = self.head;
        let node = NonNull::from(&mut *KBox::leak(request));

        // INVARIANT: `node` is linked before the old head, or is the only member.
        self.head = Some(node);
        if self.tail.is_none() {
            self.tail = Some(node);
        }
        self.len += 1;
    }

    /// Looks at the first request.
    pub(crate) fn front(&self) -> Option<&Request<T>> {
        // SAFETY: By the type invariant `head` is a request that the list owns.
        self.head.map(|head| unsafe { head.as_ref() })
    }

    /// Takes the first request.
    pub(crate) fn pop(&mut self) -> Option<KBox<Request<T>>> {
        let node = self.head?;

        // SAFETY: By the type invariant `head` came from a box that the list owns, and it leaves
        // the list here.
        let mut request = unsafe { KBox::from_raw(node.as_ptr()) };
        // INVARIANT: The rest of the list; if it is empty, `tail` was `node`.
        self.head = request.next.take();
        if self.head.is_none() {
            self.tail = None;
        }
        self.len -= 1;
        Some(request)
    }
}

impl<T> Drop for Fifo<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

#[kunit_tests(rust_virtio_buffer)]
mod tests {
    use super::*;
    use crate::abi::virtio::Limits;

    fn request(data: u32) -> Result<KBox<Request<u32>>> {
        Request::new(&[0; 24], 24, data, GFP_KERNEL)
    }

    #[test]
    fn fifo_keeps_order() -> Result {
        let mut fifo = Fifo::new();

        for i in 0..3 {
            fifo.push(request(i)?);
        }
        assert_eq!(fifo.front().map(|r| r.data), Some(0));
        for i in 0..3 {
            assert_eq!(fifo.pop().map(|r| r.data), Some(i));
        }
        assert!(fifo.pop().is_none());
        assert!(fifo.is_empty());
        Ok(())
    }

    #[test]
    fn fifo_takes_back_at_the_front() -> Result {
        let mut fifo = Fifo::new();

        fifo.push_front(request(1)?);
        fifo.push(request(2)?);
        fifo.push_front(request(0)?);
        for i in 0..3 {
            assert_eq!(fifo.pop().map(|r| r.data), Some(i));
        }
        fifo.push(request(3)?);
        assert_eq!(fifo.pop().map(|r| r.data), Some(3));
        Ok(())
    }

    #[test]
    fn fifo_frees_what_is_left() -> Result {
        struct Count<'a>(&'a core::cell::Cell<u32>);

        impl Drop for Count<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let count = core::cell::Cell::new(0);
        let mut fifo = Fifo::new();

        for _ in 0..5 {
            fifo.push(Request::new(&[0], 0, Count(&count), GFP_KERNEL)?);
        }
        drop(fifo.pop());
        assert_eq!(count.get(), 1);
        drop(fifo);
        assert_eq!(count.get(), 5);
        Ok(())
    }

    #[test]
    fn request_counts_segments() -> Result {
        let mut with_reply = Request::new(&[0; 8], 24, (), GFP_KERNEL)?;
        let without = Request::new(&[0; 8], 0, (), GFP_KERNEL)?;

        assert_eq!((with_reply.segments(), without.segments()), (2, 1));
        let any = Limits {
            segments: 8,
            segment_len: u32::MAX,
        };
        with_reply.set_payload(Payload::new(KVVec::from_elem(7, 100, GFP_KERNEL)?, any)?);
        assert_eq!(with_reply.segments(), 3);
        assert!(Request::new(&[], 0, (), GFP_KERNEL).is_err());
        Ok(())
    }

    #[test]
    fn an_insert_is_a_segment_while_it_has_bytes() -> Result {
        let mut request = Request::new(&[0; 8], 24, (), GFP_KERNEL)?;

        request.set_insert(KVec::with_capacity(16, GFP_KERNEL)?);
        assert_eq!(request.segments(), 2);
        let room = request.insert.as_ref().map_or(0, KVec::capacity);
        assert_eq!(request.add_to_insert(&[1; 16]), Ok(()));
        assert_eq!(request.segments(), 3);
        assert_eq!(request.add_to_insert(&[2; 4096][..room - 15]), Err(ENOSPC));
        request.clear_insert();
        assert_eq!(request.segments(), 2);
        assert_eq!(request.add_to_insert(&[3; 8]), Ok(()));
        let insert = request.insert.as_ref();
        assert_eq!(insert.map(|i| (i.len(), i.capacity())), Some((8, room)));
        Ok(())
    }
}
