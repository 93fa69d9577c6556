//! A fault on purpose: values that are stored as they are, so that the search for what leaks can show what it would find.

#[cfg(not(debug_assertions))]
compile_error!("the feature `controls` is for tests: a release build has no faults on purpose");

use std::sync::atomic::{AtomicBool, Ordering};

static OFF: AtomicBool = AtomicBool::new(false);

/// Seals nothing from now on, in the whole process. What was sealed before does not open any more.
pub fn turn_sealing_off() {
    OFF.store(true, Ordering::SeqCst);
}

pub(super) fn sealing_is_off() -> bool {
    OFF.load(Ordering::SeqCst)
}
