//! Registered public keys, which vouch for tokens that a back end signs with the private ones.

use serde::{Deserialize, Serialize};
use snug_model::{Invalid, keys as model};
use utoipa::ToSchema;

use crate::{
    ids::KeyId,
    jose::Jwk,
    permissions::Scopes,
    text::{Name, RoleName},
    time::Time,
};

/// A registered public key. Tokens that are signed with its private half name its id as their `kid`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenKey {
    /// Its id.
    pub id: KeyId,
    /// What people call it.
    pub name: Name,
    /// What it may vouch for.
    pub scopes: Scopes,
    /// The widest app role whose permissions its tokens can carry.
    pub may_mint: RoleName,
    /// The public key; its `alg` is the one by which its tokens are signed.
    pub jwk: Jwk,
    /// When it was registered.
    pub created_at: Time,
}

/// Registers a public key: on P-256, for ES256, or on Ed25519, for EdDSA. It is given as `jwk` or as `pem`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenKeyDraft {
    /// What people call it.
    pub name: Name,
    /// What it may vouch for: `tokens`, `bot_messages`, or both. `tokens` where nothing is said.
    #[serde(default = "tokens")]
    pub scopes: Scopes,
    /// The widest app role that it can give; the app's default role where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub may_mint: Option<RoleName>,
    /// The public key as a JSON Web Key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwk: Option<Jwk>,
    /// The public key in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pem: Option<String>,
}

fn tokens() -> Scopes {
    Scopes(model::ScopeSet::EMPTY.with(model::Scope::Tokens))
}

/// A public key as it is given: one of the two.
#[derive(Debug)]
pub enum Given<'a> {
    /// As a JSON Web Key.
    Jwk(&'a Jwk),
    /// In PEM.
    Pem(&'a str),
}

impl TokenKeyDraft {
    /// The public key.
    ///
    /// # Errors
    /// `Invalid` where none is given, or two.
    pub fn given(&self) -> Result<Given<'_>, Invalid> {
        match (&self.jwk, &self.pem) {
            (Some(jwk), None) => Ok(Given::Jwk(jwk)),
            (None, Some(pem)) => Ok(Given::Pem(pem)),
            (None, None) => Err(Invalid::new("jwk", "must be there, or `pem`")),
            (Some(_), Some(_)) => Err(Invalid::new("pem", "must be absent where `jwk` is there")),
        }
    }
}
