//! Public keys that an app registers, so that its back end can sign tokens with the private ones, which nobody else has.

use crate::{
    ids::KeyId,
    keys::ScopeSet,
    signatures::Algorithm,
    text::{Name, RoleName},
    time::Timestamp,
};

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// By which algorithm its owner signs.
    pub algorithm: Algorithm,
    /// The key, as SubjectPublicKeyInfo in DER (RFC 5280).
    pub der: Vec<u8>,
}

/// A registered public key as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKey {
    /// Its id, which tokens name as their `kid`.
    pub id: KeyId,
    /// What people call it.
    pub name: Name,
    /// What it may vouch for.
    pub scopes: ScopeSet,
    /// The widest app role whose permissions its tokens can carry.
    pub may_mint: RoleName,
    /// The key itself.
    pub public_key: PublicKey,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// A public key that is to be registered.
#[derive(Debug, Clone)]
pub struct TokenKeyDraft {
    /// What people call it.
    pub name: Name,
    /// What it may vouch for.
    pub scopes: ScopeSet,
    /// The widest app role that it can give; the app's default role where nothing is said.
    pub may_mint: Option<RoleName>,
    /// The key itself.
    pub public_key: PublicKey,
}
