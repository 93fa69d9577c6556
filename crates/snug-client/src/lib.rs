//! The Rust client of a Snug server.
//!
//! [`backend::Backend`] is what a customer's back end asks by REST, with an API key. [`session::Session`] is a live
//! connection of a user, with an access token. [`follower::Follower`] is how a client keeps up with a conversation over
//! such connections: rules alone, which any program can feed.

pub mod backend;
mod connection;
pub mod endpoint;
pub mod error;
pub mod follower;
mod rest;
pub mod session;
mod socket;

pub use backend::{Backend, Installation, Put};
pub use endpoint::Endpoint;
pub use error::{Closed, Error};
pub use follower::Follower;
pub use session::{Event, Events, Session};
pub use snug_wire as wire;
