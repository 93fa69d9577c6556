//! The contract between the core and the backends: the two traits, and the rows that cross them.

mod apps;
mod blocks;
mod check;
mod conversations;
mod error;
mod idempotency;
mod inbox;
mod jobs;
mod key_store;
mod keys;
mod members;
mod messages;
mod sanctions;
mod sealed;
mod store;
mod token_keys;
mod usage;
mod users;

pub use apps::*;
pub use blocks::*;
pub use check::*;
pub use conversations::*;
pub use error::*;
pub use idempotency::*;
pub use inbox::*;
pub use jobs::*;
pub use key_store::*;
pub use keys::*;
pub use members::*;
pub use messages::*;
pub use sanctions::*;
pub use sealed::*;
pub use store::*;
pub use token_keys::*;
pub use usage::*;
pub use users::*;
