// SPDX-License-Identifier: GPL-2.0

//! References that can be given up where nothing may be freed.

use crate::abi::bindings;
use kernel::sync::aref::{
    ARef,
    AlwaysRefCounted, //
};

/// What has a count of its references in a place of its own.
///
/// # Safety
///
/// [`count()`](Self::count) points to what [`inc_ref()`](AlwaysRefCounted::inc_ref) counts up, and nothing
/// but that going to zero has the object freed.
pub(crate) unsafe trait Counted: AlwaysRefCounted {
    /// The count.
    fn count(&self) -> *mut bindings::refcount_t;
}

/// Gives up the reference in `slot`, if there is one and it is not the last one. Returns whether there
/// is none left. Neither sleeps nor frees anything.
pub(crate) fn put_unless_last<T: Counted>(slot: &mut Option<ARef<T>>) -> bool {
    let Some(object) = slot.take() else {
        return true;
    };

    // SAFETY: The object is alive, we have a reference, and by the trait's contract that is the count.
    if unsafe { bindings::refcount_dec_not_one(object.count()) } {
        // Our reference is gone.
        let _ = ARef::into_raw(object);
        true
    } else {
        *slot = Some(object);
        false
    }
}
