//! API keys.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize};
use snug_model::keys as model;
use utoipa::ToSchema;

use crate::{
    ids::KeyId,
    json::lists,
    permissions::Scopes,
    secrets::KeySecret,
    strings::{Checked, schema},
    text::{Name, RoleName},
    time::Time,
};

lists! {
    /// From where a key may be used; nothing in it means from everywhere.
    AllowedAddresses(AddressBlock) up to KEY_ADDRESSES_MAX;
}

/// An address, or a block of addresses in CIDR notation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct AddressBlock(pub String);

schema! { AddressBlock { Some(2), Some(43), None, "192.0.2.0/24" }
"An address, or a block of addresses in CIDR notation." }

impl Checked for AddressBlock {
    fn check(text: &str) -> Result<Self, String> {
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let most = match address.parse() {
            Ok(IpAddr::V4(_)) => Some(32),
            Ok(IpAddr::V6(_)) => Some(128),
            Err(_) => None,
        };
        let digits = |bits: &str| bits.len() <= 3 && bits.bytes().all(|byte| byte.is_ascii_digit());
        let fits = |most: u8| {
            bits.is_none_or(|bits| digits(bits) && bits.parse::<u8>().is_ok_and(|bits| bits <= most))
        };
        if most.is_some_and(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be an address, or a block such as `192.0.2.0/24`".to_owned())
        }
    }
}

impl<'de> Deserialize<'de> for AddressBlock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::strings::deserialize(deserializer)
    }
}

/// An API key, a trusted back end's credential. Its secret is shown once, when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// What people call it.
    pub name: Name,
    /// What it may be used for; fixed at creation.
    pub scopes: Scopes,
    /// The widest app role that it can give; null where it makes no tokens.
    #[schema(required = true)]
    pub may_mint: Option<RoleName>,
    /// From where it may be used; nothing in it means from everywhere.
    pub allowed_addresses: AllowedAddresses,
    /// When it ends by itself.
    #[schema(required = true)]
    pub expires_at: Option<Time>,
    /// When it was last used, to the minute.
    #[schema(required = true)]
    pub last_used_at: Option<Time>,
    /// When it was made.
    pub created_at: Time,
}

/// An API key that was just made, with its secret, which is shown this once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewApiKey {
    /// The key.
    #[serde(flatten)]
    pub key: ApiKey,
    /// Its secret. The whole credential is `sk_<id without key_>_<secret>`.
    pub secret: KeySecret,
}

/// Makes an API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyDraft {
    /// What people call it.
    pub name: Name,
    /// What it may be used for: no more than the key that makes it.
    pub scopes: Scopes,
    /// The widest app role that it can give; the app's default role where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub may_mint: Option<RoleName>,
    /// From where it may be used; nothing in it means from everywhere.
    #[serde(default)]
    pub allowed_addresses: AllowedAddresses,
    /// When it ends by itself: no later than the key that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

impl From<model::ApiKey> for ApiKey {
    fn from(key: model::ApiKey) -> Self {
        Self {
            id: key.id.into(),
            name: key.name.into(),
            scopes: key.scopes.into(),
            may_mint: key.may_mint.map(Into::into),
            allowed_addresses: AllowedAddresses(
                key.allowed_addresses.into_iter().map(AddressBlock).collect(),
            ),
            expires_at: key.expires_at.map(Into::into),
            last_used_at: key.last_used_at.map(Into::into),
            created_at: key.created_at.into(),
        }
    }
}

impl From<KeyDraft> for model::KeyDraft {
    fn from(draft: KeyDraft) -> Self {
        Self {
            name: draft.name.0,
            scopes: draft.scopes.0,
            may_mint: draft.may_mint.map(Into::into),
            allowed_addresses: draft.allowed_addresses.0.into_iter().map(|block| block.0).collect(),
            expires_at: draft.expires_at.map(Into::into),
        }
    }
}
