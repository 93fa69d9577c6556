//! One conformance suite for both backends.

mod bench;
mod conformance;
