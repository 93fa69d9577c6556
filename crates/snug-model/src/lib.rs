//! The words of Snug as types, and every permission decision.
//!
//! No I/O, no clock, no randomness, no serialization: whoever needs those has them elsewhere, and hands in the result.
//! What this crate makes impossible to break: nothing is done without a [`policy::Permit`], and only
//! [`policy::decide`] makes one.

pub mod actor;
pub mod apps;
pub mod audit;
pub mod blocks;
pub mod consents;
pub mod conversations;
pub mod erasures;
pub mod facts;
pub mod identity;
pub mod ids;
pub mod invalid;
pub mod issuers;
pub mod keys;
pub mod limits;
pub mod members;
pub mod messages;
pub mod origins;
pub mod permissions;
pub mod policy;
pub mod rates;
pub mod retention;
pub mod role_tools;
pub mod roles;
pub mod sanctions;
pub mod secret;
pub mod signatures;
pub mod signed;
pub mod templates;
pub mod text;
pub mod time;
pub mod token_keys;
pub mod tokens;
pub mod usage;
pub mod users;
pub mod vouchers;

pub use actor::{Actor, KeyActor, UserActor};
pub use facts::Facts;
pub use ids::{
    AppId, AppKey, ConversationId, ConversationKey, Epoch, JobId, KeyId, MessageId, Rev, RoleKey, Seq,
    SessionId, TemplateId, TemplateKey, UserId, UserKey, Version,
};
pub use invalid::Invalid;
pub use permissions::{Permission, PermissionSet};
pub use policy::{Action, Denied, Permit};
pub use time::Timestamp;
pub use vouchers::Voucher;
