// SPDX-License-Identifier: GPL-2.0

//! What a context is made with.
#![forbid(unsafe_code)]

use super::{
    passing,
    Who, //
};
use crate::{
    abi::task,
    features::Generation, //
};
use kernel::prelude::*;

/// Most rings that a context has.
pub(crate) const MAX_RINGS: u64 = 64;
/// Bytes of a name that userspace gives, with the zero at its end.
pub(crate) const NAME_LEN: usize = 64;

/// A context in the making: each property is given once at most.
#[derive(Default)]
pub(crate) struct Setup {
    capset: Option<u32>,
    rings: Option<u64>,
    polled: Option<u64>,
    name: Option<[u8; NAME_LEN]>,
    passing: Option<bool>,
}

impl Setup {
    /// The capability set that the context is of, one of those in `mask`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is none of that number, or it was given before.
    pub(crate) fn set_capset(&mut self, id: u64, mask: u64) -> Result {
        let id = u32::try_from(id).map_err(|_| EINVAL)?;

        if mask.checked_shr(id).unwrap_or(0) & 1 == 0 || self.capset.replace(id).is_some() {
            return Err(EINVAL);
        }
        Ok(())
    }

    /// The number of rings, [`MAX_RINGS`] at most.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] for none or too many, or if it was given before.
    pub(crate) fn set_rings(&mut self, count: u64) -> Result {
        if count == 0 || count > MAX_RINGS || self.rings.replace(count).is_some() {
            return Err(EINVAL);
        }
        Ok(())
    }

    /// The rings whose fences are told of by events, a mask.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if a mask that is not 0 was given before.
    pub(crate) fn set_polled(&mut self, mask: u64) -> Result {
        if self.polled.replace(mask).is_some_and(|before| before != 0) {
            return Err(EINVAL);
        }
        Ok(())
    }

    /// The name that the host knows the context by.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if it was given before.
    pub(crate) fn set_name(&mut self, name: [u8; NAME_LEN]) -> Result {
        if self.name.replace(name).is_some() {
            return Err(EINVAL);
        }
        Ok(())
    }

    /// Whether the host is to wait for fences in place of the guest, 0 or 1.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] for another number, or if it was given before.
    pub(crate) fn set_passing(&mut self, value: u64) -> Result {
        if value > 1 || self.passing.replace(value == 1).is_some() {
            return Err(EINVAL);
        }
        Ok(())
    }

    /// Looks whether the properties go together, on a device that can have contexts of `who` wait for
    /// fences in that way, if in any.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if rings are polled that there are not, or if the host is to wait that cannot.
    pub(crate) fn check(&self, generation: Option<Generation>, who: Who) -> Result {
        let rings = self.rings.unwrap_or(0);
        let there = match rings {
            MAX_RINGS => u64::MAX,
            count => (1 << count) - 1,
        };

        if self.polled() & !there != 0 {
            return Err(EINVAL);
        }
        if self.passing() && !passing::can(generation, who, self.capset()) {
            return Err(EINVAL);
        }
        Ok(())
    }

    /// Whether more than the kernel's own properties were given.
    pub(crate) fn is_extended(&self) -> bool {
        self.passing.is_some()
    }

    /// Whether the host is to wait for fences in place of the guest.
    pub(super) fn passing(&self) -> bool {
        self.passing.unwrap_or(false)
    }

    /// The capability set, 0 for the host's own choice.
    pub(super) fn capset(&self) -> u32 {
        self.capset.unwrap_or(0)
    }

    /// The number of rings.
    pub(super) fn rings(&self) -> u8 {
        // Never more than 64.
        u8::try_from(self.rings.unwrap_or(0)).unwrap_or(0)
    }

    /// The rings whose fences are told of by events, a mask.
    pub(super) fn polled(&self) -> u64 {
        self.polled.unwrap_or(0)
    }

    /// The name: that given, or the current task's.
    pub(super) fn name(&self) -> [u8; NAME_LEN] {
        self.name.unwrap_or_else(|| {
            let mut name = [0; NAME_LEN];

            for (to, from) in name.iter_mut().zip(task::current_name()) {
                *to = from;
            }
            name
        })
    }
}

#[kunit_tests(virtio_gpu_context_setup)]
mod tests {
    use super::*;

    #[test]
    fn a_capset_that_is_there() {
        let mask = 1 << 1 | 1 << 63;

        for id in [0, 2, 64, 65, 1 << 32, (1 << 32) + 1, u64::MAX] {
            assert_eq!(Setup::default().set_capset(id, mask), Err(EINVAL));
        }
        let mut setup = Setup::default();
        assert_eq!(setup.set_capset(63, mask), Ok(()));
        assert_eq!(setup.set_capset(1, mask), Err(EINVAL));
    }

    #[test]
    fn rings() {
        for count in [0, 65, u64::MAX] {
            assert_eq!(Setup::default().set_rings(count), Err(EINVAL));
        }
        let mut setup = Setup::default();
        assert_eq!(setup.set_rings(64), Ok(()));
        assert_eq!(setup.set_rings(64), Err(EINVAL));
        assert_eq!(setup.rings(), 64);
    }

    #[test]
    fn polled_rings_are_there() {
        for (rings, mask, ok) in [
            (None, 0, true),
            (None, 1, false),
            (Some(1), 1, true),
            (Some(1), 2, false),
            (Some(63), 1 << 63, false),
            (Some(64), u64::MAX, true),
        ] {
            let mut setup = Setup::default();
            assert_eq!(setup.set_polled(mask), Ok(()));
            assert!(rings.is_none_or(|count| setup.set_rings(count).is_ok()));
            assert_eq!(setup.check(None, Who::Asking).is_ok(), ok);
        }
    }

    #[test]
    fn passing_needs_a_host() {
        let mut setup = Setup::default();
        let ids = Some(Generation::Ids);

        assert_eq!(setup.set_passing(2), Err(EINVAL));
        assert_eq!(setup.set_passing(1), Ok(()));
        // Whatever the order: the type is known in the end.
        assert_eq!(setup.check(ids, Who::Asking), Err(EINVAL));
        assert_eq!(setup.set_capset(6, 1 << 6), Ok(()));
        assert_eq!(setup.check(ids, Who::Asking), Ok(()));
        assert_eq!(setup.check(None, Who::All), Err(EINVAL));
        let mut without = Setup::default();
        assert_eq!(without.set_passing(0), Ok(()));
        assert_eq!(without.check(None, Who::Asking), Ok(()));
        assert_eq!(without.set_passing(1), Err(EINVAL));
    }

    #[test]
    fn a_mask_of_none_can_be_given_again() {
        let mut setup = Setup::default();

        assert_eq!(setup.set_polled(0), Ok(()));
        assert_eq!(setup.set_polled(1), Ok(()));
        assert_eq!(setup.set_polled(1), Err(EINVAL));
    }
}
