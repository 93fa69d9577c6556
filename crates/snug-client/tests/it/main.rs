//! The client's tests: its rules, and what it does with what comes over a wire.

mod endpoint;
mod follower;
mod peer;
mod rest;
mod session;
