//! The use cases: authorize, commit, publish. The hub, sealing, jobs.
//!
//! What this crate makes impossible to break: an act is decided, sealed, committed and published on one straight line, in
//! one function that can be read top to bottom. It knows neither HTTP nor SQL.

mod addresses;
mod apps;
mod authenticate;
mod authorize;
mod batches;
mod beside;
mod blocks;
mod cache;
mod carry;
pub mod clock;
mod consents;
mod context;
#[cfg(feature = "controls")]
pub mod controls;
mod conversations;
pub mod credentials;
mod door;
mod error;
mod events;
mod facts;
pub mod hub;
mod idempotency;
mod identity;
mod inbox;
mod issuers;
mod jobs;
mod jwks;
pub mod jws;
mod keys;
mod lint;
mod members;
mod memory;
mod messages;
mod origins;
mod outbound;
mod paging;
mod people;
mod presence;
mod publish;
mod rates;
mod role_use;
mod roles;
mod sanctions;
pub mod sealing;
mod sessions;
mod signed;
mod simulate;
mod sync;
mod templates;
mod token_keys;
mod token_times;
mod tokens;
mod usage;
mod users;
mod veil;
mod verify;
mod views;
mod visitors;
mod vouchers;
mod who_can;

mod core;

pub use self::core::{Core, Parts, Settings};
pub use conversations::Filter;
pub use door::{Entered, FromPage, Proof};
pub use error::{Error, Incident, Missing, Result};
pub use events::{Event, EventsAsk, Happened};
pub use idempotency::OnceKey;
pub use inbox::{Inbox, InboxAsk, Unread};
pub use jobs::Job;
pub use keys::{NewKey, REVOKED_EVERYWHERE_AFTER};
pub use members::{Added, Read};
pub use memory::Memory;
pub use messages::{History, Reaction};
pub use outbound::{FetchError, Outbound};
pub use paging::{Listed, PageAsk};
pub use people::People;
pub use publish::{Asked, Outcome};
pub use sessions::{Contents, Hello, Refreshed};
pub use signed::sign_message;
pub use snug_store::JobState;
pub use sync::{Changes, SyncAsk};
pub use tokens::{Minted, sign_token};
