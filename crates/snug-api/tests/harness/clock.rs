//! A clock whose hands are moved.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use snug_core::clock::Clock;
use snug_model::Timestamp;

/// A clock whose hands are moved.
pub(crate) struct Hands(AtomicI64);

impl Hands {
    /// One that stands at that many milliseconds after 1970.
    pub(crate) fn at(ms: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(ms)))
    }

    /// Moves it on.
    pub(crate) fn forward(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}
