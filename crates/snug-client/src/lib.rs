//! The Rust client.
//!
//! [`follower`] is how a client keeps up with a conversation, and [`closing`] what it does when it is cut off: rules
//! without a connection.

pub mod closing;
pub mod follower;
