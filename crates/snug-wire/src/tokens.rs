//! Access tokens: made and revoked by back ends.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use snug_model::{Invalid, limits, tokens as model};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use crate::{
    ids::{ConversationId, KeyId, UserId, integer, integer_schema},
    json::{lists, present},
    permissions::Permissions,
    secrets::AccessToken,
    time::Time,
};

lists! {
    /// The only conversations that a token reaches.
    OnlyConversations(ConversationId) up to TOKEN_ONLY_MAX;
}

/// How long an access token lives, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLife(pub i64);

impl Default for TokenLife {
    fn default() -> Self {
        Self(limits::TOKEN_LIFE_S_DEFAULT as i64)
    }
}

impl Serialize for TokenLife {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for TokenLife {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        integer(deserializer, 1, limits::TOKEN_LIFE_S_MAX as i64).map(Self)
    }
}

impl PartialSchema for TokenLife {
    fn schema() -> RefOr<Schema> {
        integer_schema(1, limits::TOKEN_LIFE_S_MAX as i64)
            .default(Some(limits::TOKEN_LIFE_S_DEFAULT.into()))
            .description(Some("How long an access token lives, in seconds."))
            .into()
    }
}

impl ToSchema for TokenLife {}

/// Makes an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenDraft {
    /// Whose token it is.
    pub user: UserId,
    /// How long it lives, in seconds.
    #[serde(default)]
    pub ttl_s: TokenLife,
    /// The only conversations that it reaches. All where it is left out; none where nothing is in it. `null` is refused,
    /// so that no slip of a program widens a token.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = OnlyConversations, required = false)]
    pub only: Option<OnlyConversations>,
    /// The only permissions that it carries. All of its user's where it is left out; none where nothing is in it. `null`
    /// is refused.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Permissions, required = false)]
    pub can: Option<Permissions>,
}

/// An access token that was just made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// The token: `Authorization: Bearer …`, or the first frame of a socket. Never in a URL.
    pub token: AccessToken,
    /// Whose it is.
    pub user: UserId,
    /// When it ends.
    pub expires_at: Time,
}

/// Revokes access tokens: exactly one of the fields.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// The one token with this `jti`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256)]
    pub jti: Option<String>,
    /// All that this key signed so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// All of the app so far; only `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<bool>,
}

impl From<TokenDraft> for model::TokenDraft {
    fn from(draft: TokenDraft) -> Self {
        let ids = |only: OnlyConversations| only.0.into_iter().map(Into::into).collect();
        Self {
            user: draft.user.0,
            ttl_s: draft.ttl_s.0,
            only: draft.only.map(ids),
            can: draft.can.map(|can| can.0),
        }
    }
}

impl TryFrom<Revocation> for model::Revocation {
    type Error = Invalid;

    fn try_from(revocation: Revocation) -> Result<Self, Invalid> {
        match revocation {
            Revocation { jti: Some(jti), key: None, app: None } => {
                if jti.is_empty() || jti.len() as u64 > limits::JTI_BYTES_MAX {
                    return Err(Invalid::new(
                        "jti",
                        format!("must have 1 to {} bytes", limits::JTI_BYTES_MAX),
                    ));
                }
                Ok(Self::Jti(jti.into()))
            }
            Revocation { jti: None, key: Some(key), app: None } => Ok(Self::Key(key.0)),
            Revocation { jti: None, key: None, app: Some(true) } => Ok(Self::App),
            _ => Err(Invalid::new("", "must have exactly one of `jti`, `key` and `app`, which is `true`")),
        }
    }
}
