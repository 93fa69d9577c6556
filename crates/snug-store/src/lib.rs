//! One narrow [`Store`]: a method is one atomic act, named by its intent. `sqlite` and `postgres` stand side by side, and
//! one conformance suite runs on both.
//!
//! What this crate makes impossible to break: an act is done whole or not at all, with a permit that still holds, and with
//! everything that must follow it in the same commit. It never sees what people wrote: whatever a person wrote or is
//! arrives sealed, ids as keyed MACs beside their sealed form.

#[cfg(all(feature = "controls", not(debug_assertions)))]
compile_error!("the feature `controls` makes faults on purpose: it is for tests, never for a release build");

pub mod chain;
mod contract;
pub mod postgres;
mod revs;
mod secret_names;
pub mod sqlite;

pub use contract::*;
