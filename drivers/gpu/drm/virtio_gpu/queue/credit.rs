// SPDX-License-Identifier: GPL-2.0

//! Credits: how many commands an open file may have under way.
//!
//! The software queue takes any number of commands, so a client takes a credit for each first,
//! before it holds any lock, and waits there if it has used its own up. Other clients and the
//! display are not held up by it.
#![forbid(unsafe_code)]

use kernel::{
    new_condvar,
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        CondVar,
        SpinLock, //
    }, //
};

/// Commands that an open file may have under way: enough to keep the largest ring busy.
const PER_FILE: u32 = 1024;

/// The credits of an open file.
#[pin_data]
pub(crate) struct Credits {
    #[pin]
    left: SpinLock<u32>,
    #[pin]
    returned: CondVar,
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

    fn with(left: u32) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                left <- new_spinlock!(left),
                returned <- new_condvar!(),
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
        Ok(Credit(self.clone()))
    }
}

/// The right to have one command under way, given back when dropped.
pub(crate) struct Credit(Arc<Credits>);

impl Drop for Credit {
    fn drop(&mut self) {
        *self.0.left.lock() += 1;
        self.0.returned.notify_one();
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
    fn credits_outlive_their_file() -> Result {
        let credits = Credits::with(1)?;
        let credit = credits.take()?;

        drop(credits);
        drop(credit);
        Ok(())
    }
}
