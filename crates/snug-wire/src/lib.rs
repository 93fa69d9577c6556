//! All that a customer's program can see: bodies, queries, frames and errors, as the contract promises them (`docs/openapi.json`, `docs/asyncapi.json`).
//!
//! Only this crate serializes. A wire type is neither a domain type nor a row: it says how a thing looks to a program,
//! and converts from and to the model, which says what the thing is. Requests are checked while they are read
//! ([`json::parse`], [`query::parse`]), so that what comes out is within every limit; answers are written from the
//! model's types, and read by clients, who pass over fields that they do not know.
//!
//! What this crate makes impossible to break unseen: the API. Its snapshots are the contract, and a diff of them is a
//! change of it.

pub mod apps;
pub mod attributes;
pub mod audit;
pub mod batches;
pub mod blocks;
pub mod claims;
pub mod consents;
pub mod conversations;
pub mod erasures;
pub mod events;
pub mod exports;
pub mod foreign;
pub mod identity;
pub mod ids;
pub mod issuers;
pub mod jobs;
pub mod jose;
pub mod json;
pub mod keys;
pub mod limits;
pub mod members;
pub mod messages;
pub mod of_user;
pub mod origins;
pub mod paging;
pub mod people;
pub mod permissions;
pub mod preconditions;
pub mod problem;
pub mod query;
pub mod rates;
pub mod reactions;
pub mod retention;
pub mod role_tools;
pub mod roles;
pub mod sanctions;
pub mod secrets;
pub mod sessions;
pub mod signed;
pub mod socket;
mod strings;
pub mod templates;
pub mod text;
pub mod time;
pub mod token_keys;
pub mod tokens;
pub mod usage;
pub mod users;

pub use problem::{Code, Problem};
