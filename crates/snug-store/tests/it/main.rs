//! One conformance suite for both backends, and what is peculiar to one.

mod bench;
mod conformance;
mod postgres;
mod sqlite;
mod sqlite_keys;
