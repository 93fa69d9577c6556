//! API keys, as rows.

use snug_model::{AppKey, KeyId, RoleKey, Timestamp, Version, keys::ScopeSet};

use super::Sealed;

/// An API key's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// The app that it belongs to; [`AppKey::INSTALLATION`] where it makes apps.
    pub app: AppKey,
    /// Its id.
    pub id: KeyId,
    /// SHA-256 of its secret, which has 256 random bits.
    pub secret_hash: [u8; 32],
    /// The secret itself, where its scopes sign.
    pub secret: Option<Sealed>,
    /// Name and allowed addresses.
    pub profile: Sealed,
    /// What it may be used for.
    pub scopes: ScopeSet,
    /// The widest app role that its tokens can carry.
    pub may_mint: Option<RoleKey>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Tokens of this time and before, signed by it, are void.
    pub tokens_not_before: Option<Timestamp>,
    /// Grows with every change but of `last_used_at`.
    pub version: Version,
}
