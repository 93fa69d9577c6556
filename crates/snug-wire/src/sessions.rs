//! The door: what a client can prove itself by, exchanged for an access token.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ids::UserId, json::present, secrets::AccessToken, time::Time};

/// What a client brings to the door: the name of a scheme, and what that asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionDraft {
    /// `hmac`, `talkjs`, `twilio`, `agora`, `stream`, `jwt` or `visitor`.
    pub scheme: String,
    /// For `hmac`: the user.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = UserId, required = false)]
    pub user: Option<UserId>,
    /// For `hmac`: the HMAC-SHA256 of the user's id, in hexadecimal.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = AccessToken, required = false)]
    pub signature: Option<AccessToken>,
    /// For `talkjs`, `twilio`, `agora`, `stream` and `jwt`: the token.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = AccessToken, required = false)]
    pub token: Option<AccessToken>,
    /// For `visitor`: what the last answer gave to return by.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = AccessToken, required = false)]
    pub resume: Option<AccessToken>,
}

/// What the door gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionToken {
    /// The token: `Authorization: Bearer …`, or the first frame of a socket. Never in a URL.
    pub token: AccessToken,
    /// Whose it is.
    pub user: UserId,
    /// When it ends.
    pub expires_at: Time,
    /// What a visitor returns by: once, for each return gives a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub resume: Option<AccessToken>,
}
