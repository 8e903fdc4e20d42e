// SPDX-License-Identifier: GPL-2.0

//! Lists of memory segments as a device is told them: few and long, contiguous runs merged.

use kernel::{
    alloc::Flags,
    page::PAGE_SIZE,
    prelude::*,
    scatterlist::SGTable, //
};

/// A contiguous piece of memory in the address space of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Address of the first byte.
    pub(crate) addr: u64,
    /// Number of bytes.
    pub(crate) len: u32,
}

/// The longest segment that is made of pages.
const MAX_LEN: u32 = u32::MAX - (PAGE_SIZE as u32 - 1);

/// Merges `pieces`, each an address and a length of at most [`MAX_LEN`] bytes, into the segments
/// they form, in order, and hands each of them to `each`.
fn merge(
    pieces: impl Iterator<Item = (u64, u32)>,
    mut each: impl FnMut(Segment) -> Result,
) -> Result {
    let mut run: Option<Segment> = None;

    for (addr, len) in pieces {
        run = Some(match run {
            None => Segment { addr, len },
            Some(head) => {
                let joined = head.len.checked_add(len).filter(|&len| len <= MAX_LEN);
                let adjacent = head.addr.checked_add(u64::from(head.len)) == Some(addr);

                match joined {
                    Some(len) if adjacent => Segment { len, ..head },
                    _ => {
                        each(head)?;
                        Segment { addr, len }
                    }
                }
            }
        });
    }
    run.map_or(Ok(()), each)
}

/// Collects the segments that the pieces of `pieces()` form, in an allocation of the right size.
/// `pieces` is called twice and must give the same both times.
///
/// # Errors
///
/// [`ENOMEM`].
pub(super) fn collect<I: Iterator<Item = (u64, u32)>>(
    pieces: impl Fn() -> I,
    flags: Flags,
) -> Result<KVVec<Segment>> {
    let mut count = 0;
    merge(pieces(), |_| {
        count += 1;
        Ok(())
    })?;

    let mut segments = KVVec::with_capacity(count, flags)?;
    merge(pieces(), |segment| Ok(segments.push(segment, flags)?))?;
    Ok(segments)
}

/// The segments of a table that is mapped for a device, in the device's addresses.
///
/// # Errors
///
/// [`ENOMEM`].
pub(super) fn of_table(table: &SGTable) -> Result<KVVec<Segment>> {
    collect(
        || {
            table.iter().map(|entry| {
                // Has 32 bits on some architectures.
                #[allow(clippy::useless_conversion)]
                let addr = entry.dma_address().into();
                // CAST: `sg_dma_len()` has 32 bits.
                (addr, entry.dma_len() as u32)
            })
        },
        GFP_KERNEL,
    )
}

#[kunit_tests(abi_sg)]
mod tests {
    use super::*;

    const PAGE: u32 = PAGE_SIZE as u32;

    fn pages(addrs: &[u64]) -> Result<KVVec<Segment>> {
        collect(|| addrs.iter().map(|&addr| (addr, PAGE)), GFP_KERNEL)
    }

    #[test]
    fn nothing_makes_no_segment() -> Result {
        assert!(pages(&[])?.is_empty());
        Ok(())
    }

    #[test]
    fn adjacent_pages_merge_in_order() -> Result {
        let page = u64::from(PAGE);
        let segments = pages(&[4 * page, 5 * page, 9 * page, 8 * page, 9 * page])?;

        assert_eq!(
            &segments[..],
            &[
                Segment {
                    addr: 4 * page,
                    len: 2 * PAGE
                },
                Segment {
                    addr: 9 * page,
                    len: PAGE
                },
                Segment {
                    addr: 8 * page,
                    len: 2 * PAGE
                },
            ]
        );
        Ok(())
    }

    #[test]
    fn a_run_is_cut_before_its_length_overflows() -> Result {
        let half: u32 = 1 << 31;
        let end = 2 * u64::from(half) - u64::from(PAGE);
        let pieces = [(0, half), (u64::from(half), half - PAGE), (end, PAGE)];
        let segments = collect(|| pieces.into_iter(), GFP_KERNEL)?;

        assert_eq!(segments.len(), 2);
        assert_eq!(segments[0].len, MAX_LEN);
        assert_eq!(segments[1].len, PAGE);
        Ok(())
    }

    #[test]
    fn the_end_of_the_address_space_does_not_wrap() -> Result {
        let last = u64::MAX - u64::from(PAGE) + 1;
        assert_eq!(pages(&[last, 0])?.len(), 2);
        Ok(())
    }
}
