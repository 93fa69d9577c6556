//! HTTP and WebSocket: parse, call, answer. Decides nothing.
//!
//! What this crate makes impossible to break: a request is authenticated, read strictly and answered in the forms of
//! the contract, whichever route it takes, and nothing gets around the core.

pub mod asyncapi;
mod browsers;
mod call;
mod credentials;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod health;
mod metrics;
pub mod openapi;
mod problem;
mod proxies;
mod rest;
mod routes;
mod serve;
mod socket;

pub use call::Node;
pub use metrics::serve_metrics;
pub use proxies::Proxies;
pub use routes::{Route, Takes, routes};
pub use serve::{Serving, Tls, serve};
