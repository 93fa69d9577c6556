//! Registered public keys, as rows.

use snug_model::{AppKey, KeyId, RoleKey, Timestamp, Version, keys::ScopeSet};

use super::Sealed;

/// A registered public key's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKeyRow {
    /// The app that it belongs to.
    pub app: AppKey,
    /// Its id; no API key has it too.
    pub id: KeyId,
    /// Name, algorithm and the key itself.
    pub profile: Sealed,
    /// What it may vouch for.
    pub scopes: ScopeSet,
    /// The widest app role that its tokens can carry.
    pub may_mint: RoleKey,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Tokens of this time and before, for which it vouches, are void.
    pub tokens_not_before: Option<Timestamp>,
    /// Grows with every change.
    pub version: Version,
}
