// SPDX-License-Identifier: GPL-2.0

//! [`Payload`]s: what a client hands in for the device to read, in as few pieces as the queue takes.

use crate::abi::bindings;
use kernel::{
    error::to_result,
    page::PAGE_SIZE,
    prelude::*,
    types::Opaque, //
};

/// How much a queue takes at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Most segments of a payload.
    pub(crate) segments: u32,
    /// Most bytes of a segment, at least a page.
    pub(crate) segment_len: u32,
}

/// Bytes that the device reads after the command proper, described by a scatter list.
///
/// # Invariants
///
/// A table describes exactly the bytes of `memory`, which are never reallocated. Without one they are
/// `Whole` and in one piece.
pub(crate) struct Payload {
    list: List,
    memory: Memory,
}

/// The scatter list of a payload.
enum List {
    /// Of one segment, as almost all are. It is filled in when it is needed.
    One(Opaque<bindings::scatterlist>),
    /// Of any number.
    Table(KBox<Opaque<bindings::sg_table>>),
}

/// Where the bytes of a payload are.
enum Memory {
    /// As they came.
    Whole(KVVec<u8>),
    /// Copied into pieces that are contiguous, all but the last a power of two of pages long.
    Pieces { _pieces: KVec<KVec<u8>> },
}

// SAFETY: The table refers to memory that the same object owns; neither is tied to a thread.
unsafe impl Send for Payload {}
// SAFETY: A shared `Payload` only gives out the number of its segments.
unsafe impl Sync for Payload {}

impl Payload {
    /// Describes `bytes` within `limits`. Adjacent pages share a segment; bytes that are scattered over
    /// more than there may be are copied into larger pieces.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if `bytes` is empty, [`E2BIG`] if they cannot be had in so few segments, [`ENOMEM`].
    pub(crate) fn new(bytes: KVVec<u8>, limits: Limits) -> Result<Self> {
        // SAFETY: This looks at the address only.
        let scattered = unsafe { bindings::abi_helper_is_vmalloc_addr(bytes.as_ptr().cast()) };
        let fits = limits.segments != 0 && bytes.len() <= usize::try_from(limits.segment_len)?;

        if !scattered && fits && !bytes.is_empty() {
            return Ok(Self {
                // INVARIANT: What is not vmalloc memory is kmalloc memory, which is in one piece.
                list: List::One(Opaque::zeroed()),
                memory: Memory::Whole(bytes),
            });
        }
        let mut pages = KVVec::new();

        push_pages(&mut pages, &bytes)?;
        let offset = bytes.as_ptr().addr() % PAGE_SIZE;
        let table = new_table(&mut pages, offset, bytes.len(), limits.segment_len)?;
        let payload = Self {
            // INVARIANT: Just built so.
            list: List::Table(table),
            memory: Memory::Whole(bytes),
        };
        if payload.segments() <= limits.segments {
            return Ok(payload);
        }

        let Memory::Whole(bytes) = &payload.memory else {
            return Err(EINVAL);
        };
        let max_segments = usize::try_from(limits.segments)?;
        if max_segments == 0 {
            return Err(E2BIG);
        }
        let piece_len = bytes
            .len()
            .div_ceil(max_segments)
            .checked_next_power_of_two()
            .ok_or(E2BIG)?
            .max(PAGE_SIZE);
        if piece_len > usize::try_from(bindings::KMALLOC_MAX_SIZE.min(limits.segment_len))? {
            return Err(E2BIG);
        }

        pages.clear();
        let mut pieces = KVec::with_capacity(max_segments, GFP_KERNEL)?;
        for chunk in bytes.chunks(piece_len) {
            // With the whole capacity, so that kmalloc aligns the piece to a page. That there is none is
            // told to whoever asks, and nothing for the log.
            let mut piece = KVec::with_capacity(piece_len, GFP_KERNEL | __GFP_NOWARN)?;
            piece.extend_from_slice(chunk, GFP_KERNEL)?;
            push_pages(&mut pages, &piece)?;
            pieces.push(piece, GFP_KERNEL)?;
        }
        Ok(Self {
            // INVARIANT: The pieces are page-aligned and follow each other in `pages`.
            list: List::Table(new_table(&mut pages, 0, bytes.len(), limits.segment_len)?),
            memory: Memory::Pieces { _pieces: pieces },
        })
    }

    /// Number of descriptors that the payload takes on a ring.
    pub(crate) fn segments(&self) -> u32 {
        match &self.list {
            List::One(_) => 1,
            // SAFETY: The table is initialised and nothing writes to it.
            List::Table(table) => unsafe { (*table.get()).orig_nents },
        }
    }

    /// Whether it can be freed anywhere: what came in one piece is kmalloc memory.
    pub(super) fn frees_anywhere(&self) -> bool {
        matches!(self.list, List::One(_))
    }

    /// The scatter list, for the ring code to read.
    pub(super) fn list(&mut self) -> *mut bindings::scatterlist {
        match (&self.list, &self.memory) {
            (List::One(list), Memory::Whole(bytes)) => {
                // CAST: It fitted into a segment's length.
                let len = bytes.len() as u32;
                // SAFETY: `list` is valid for writes, and nobody else uses it; the bytes are kmalloc
                // memory of that length by the type invariant.
                unsafe { bindings::sg_init_one(list.get(), bytes.as_ptr().cast(), len) };
                list.get()
            }
            // SAFETY: The table is initialised; the ring code only reads it.
            (List::Table(table), _) => unsafe { (*table.get()).sgl },
            // By the type invariant there is none.
            (List::One(_), Memory::Pieces { .. }) => core::ptr::null_mut(),
        }
    }
}

/// Adds the pages that `bytes`, kmalloc or vmalloc memory, lie in.
fn push_pages(pages: &mut KVVec<*mut bindings::page>, bytes: &[u8]) -> Result {
    let start = bytes.as_ptr();
    let offset = start.addr() % PAGE_SIZE;
    let n_pages = offset
        .checked_add(bytes.len())
        .ok_or(EINVAL)?
        .div_ceil(PAGE_SIZE);

    pages.reserve(n_pages, GFP_KERNEL)?;
    for i in 0..n_pages {
        let addr = start.wrapping_sub(offset).wrapping_add(i * PAGE_SIZE);
        // SAFETY: `addr` is in a page of the allocation, which is kmalloc or vmalloc memory.
        let page = unsafe { bindings::abi_helper_buf_to_page(addr.cast()) };
        pages.push(page, GFP_KERNEL)?;
    }
    Ok(())
}

/// Makes a table for `len` bytes from `offset` on in `pages`, with one segment for each run of
/// adjacent pages, of at most `segment_len` bytes.
fn new_table(
    pages: &mut KVVec<*mut bindings::page>,
    offset: usize,
    len: usize,
    segment_len: u32,
) -> Result<KBox<Opaque<bindings::sg_table>>> {
    if len == 0 {
        return Err(EINVAL);
    }
    let table = KBox::new(Opaque::<bindings::sg_table>::zeroed(), GFP_KERNEL)?;

    // SAFETY: `table` is valid for writes and zeroed, `pages` has that many pages, and the range lies
    // within them.
    to_result(unsafe {
        bindings::sg_alloc_table_from_pages_segment(
            table.get(),
            pages.as_mut_ptr(),
            u32::try_from(pages.len())?,
            u32::try_from(offset)?,
            len,
            segment_len,
            bindings::GFP_KERNEL,
        )
    })?;
    Ok(table)
}

impl Drop for List {
    fn drop(&mut self) {
        if let Self::Table(table) = self {
            // SAFETY: The table was allocated in `new_table()` and is freed once.
            unsafe { bindings::sg_free_table(table.get()) };
        }
    }
}

#[kunit_tests(rust_virtio_payload)]
mod tests {
    use super::*;

    const ANY: Limits = Limits {
        segments: 8,
        segment_len: u32::MAX,
    };

    #[test]
    fn payload_keeps_within_its_segments() -> Result {
        for len in [1, PAGE_SIZE, 3 * PAGE_SIZE + 1, 64 * PAGE_SIZE + 5] {
            for segments in [1, 2, 64] {
                let limits = Limits { segments, ..ANY };
                let payload = Payload::new(KVVec::from_elem(0, len, GFP_KERNEL)?, limits)?;
                assert!(payload.segments() >= 1 && payload.segments() <= segments);
            }
        }
        assert!(Payload::new(KVVec::new(), ANY).is_err());
        Ok(())
    }

    #[test]
    fn payload_keeps_its_segments_short() -> Result {
        let limits = Limits {
            segments: 64,
            segment_len: 2 * PAGE_SIZE as u32,
        };
        let bytes = || Ok::<_, Error>(KVVec::from_elem(0, 16 * PAGE_SIZE, GFP_KERNEL)?);

        assert!(Payload::new(bytes()?, limits)?.segments() >= 8);
        let few = Limits {
            segments: 4,
            ..limits
        };
        assert!(Payload::new(bytes()?, few).is_err());
        let none = Limits {
            segments: 0,
            ..limits
        };
        assert!(Payload::new(bytes()?, none).is_err());
        Ok(())
    }
}
