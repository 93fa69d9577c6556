//! The client's tests.

mod closing;
mod follower;
