// SPDX-License-Identifier: GPL-2.0

//! Credits: how many commands an open file may have under way, and how many descriptors the fences
//! of rings of contexts.
//!
//! The software queue takes any number of commands, so a client takes a credit for each first,
//! before it holds any lock, and waits there if it has used its own up. Other clients and the
//! display are not held up by it.
//!
//! A command keeps its descriptors until its fence has signalled, and work on a ring of a context may
//! take for ever: some hosts forget it, with a context or always. So such commands take credits of
//! the device when they go to the host, and leave half of its descriptors to all that makes no use of
//! rings.
#![forbid(unsafe_code)]

use kernel::{
    new_condvar,
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        CondVar,
        CondVarTimeoutResult,
        SpinLock, //
    },
    time::msecs_to_jiffies, //
};

/// Commands that an open file may have under way: enough to keep the largest ring busy.
const PER_FILE: u32 = 1024;

/// Credits of an open file, or those of the device for rings of contexts.
#[pin_data]
pub(crate) struct Credits {
    #[pin]
    left: SpinLock<u32>,
    #[pin]
    returned: CondVar,
    all: u32,
}

impl Credits {
    /// The credits of a new file.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(crate) fn new() -> Result<Arc<Self>> {
        Self::with(PER_FILE)
    }

    /// So many credits.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`].
    pub(super) fn with(all: u32) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                left <- new_spinlock!(all),
                returned <- new_condvar!(),
                all,
            }),
            GFP_KERNEL,
        )
    }

    /// Takes a credit, once there is one. Not to be called with a lock held.
    ///
    /// # Errors
    ///
    /// [`ERESTARTSYS`] if a signal arrives first.
    pub(crate) fn take(self: &Arc<Self>) -> Result<Credit> {
        let mut left = self.left.lock();

        while *left == 0 {
            if self.returned.wait_interruptible(&mut left) {
                return Err(ERESTARTSYS);
            }
        }
        *left -= 1;
        Ok(Credit {
            of: self.clone(),
            count: 1,
        })
    }

    /// Takes a credit, once there is one, within `ms` milliseconds. Not to be called with a lock held.
    ///
    /// # Errors
    ///
    /// [`ETIMEDOUT`], [`ERESTARTSYS`] if a signal arrives first.
    pub(crate) fn take_within(self: &Arc<Self>, ms: u32) -> Result<Credit> {
        let mut left = self.left.lock();
        let mut time = msecs_to_jiffies(ms);

        while *left == 0 {
            time = match self.returned.wait_interruptible_timeout(&mut left, time) {
                CondVarTimeoutResult::Woken { jiffies } => jiffies,
                CondVarTimeoutResult::Timeout => return Err(ETIMEDOUT),
                CondVarTimeoutResult::Signal { .. } => return Err(ERESTARTSYS),
            };
        }
        *left -= 1;
        Ok(Credit {
            of: self.clone(),
            count: 1,
        })
    }

    /// Takes `count` credits, or all that there can be if that is less, unless they are not there now.
    pub(super) fn try_take(self: &Arc<Self>, count: u32) -> Option<Credit> {
        let count = count.min(self.all);
        let mut left = self.left.lock();

        *left = left.checked_sub(count)?;
        Some(Credit {
            of: self.clone(),
            count,
        })
    }
}

/// The right to have one command under way, given back when dropped.
pub(crate) struct Credit {
    of: Arc<Credits>,
    count: u32,
}

impl Drop for Credit {
    fn drop(&mut self) {
        *self.of.left.lock() += self.count;
        self.of.returned.notify_one();
    }
}

#[kunit_tests(virtio_gpu_credit)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_credit_comes_back() -> Result {
        let credits = Credits::with(2)?;
        let first = credits.take()?;
        let second = credits.take()?;

        assert_eq!(*credits.left.lock(), 0);
        drop(first);
        assert_eq!(*credits.left.lock(), 1);
        let third = credits.take()?;
        drop((second, third));
        assert_eq!(*credits.left.lock(), 2);
        Ok(())
    }

    #[test]
    fn more_than_there_are_is_all() -> Result {
        let credits = Credits::with(3)?;
        let two = credits.try_take(2);

        assert_eq!(*credits.left.lock(), 1);
        assert!(credits.try_take(4).is_none());
        drop(two);
        let all = credits.try_take(4);
        assert_eq!(*credits.left.lock(), 0);
        drop(all);
        assert_eq!(*credits.left.lock(), 3);
        Ok(())
    }

    #[test]
    fn a_wait_for_one_ends() -> Result {
        let credits = Credits::with(1)?;
        let credit = credits.take_within(10)?;

        assert_eq!(credits.take_within(10).err(), Some(ETIMEDOUT));
        drop(credit);
        assert!(credits.take_within(10).is_ok());
        Ok(())
    }

    #[test]
    fn credits_outlive_their_file() -> Result {
        let credits = Credits::with(1)?;
        let credit = credits.take()?;

        drop(credits);
        drop(credit);
        Ok(())
    }
}
