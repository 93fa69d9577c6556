//! The audit, as rows.

use snug_model::{
    ConversationKey, KeyId, Timestamp, UserKey,
    audit::{Act, Entry},
};

use crate::chain::Hash;

/// An entry at its place in a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its place: 1, 2, 3 … of its chain, without gaps.
    pub n: i64,
    /// The entry.
    pub entry: Entry,
    /// Its hash, over the entry and the hash before it.
    pub hash: Hash,
}

/// Which entries are wanted: those that fit all that is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this act.
    pub act: Option<Act>,
    /// By this key.
    pub by_key: Option<KeyId>,
    /// By this user.
    pub by_user: Option<UserKey>,
    /// About this user.
    pub user: Option<UserKey>,
    /// In this conversation, or about it.
    pub conversation: Option<ConversationKey>,
    /// Not before this.
    pub since: Option<Timestamp>,
    /// Before this.
    pub until: Option<Timestamp>,
}

/// Where a chain ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditEnd {
    /// The place of its last entry; 0 where there is none.
    pub n: i64,
    /// That entry's hash.
    pub hash: Hash,
}
