//! What the tokens of other systems say, as far as the door reads it; each as its vendor's public documents name it. What is not
//! named here is passed over: none of it widens anything.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error},
};
use snug_model::Timestamp;

use crate::{
    claims::{self, Audience},
    json::present,
};

/// What can be read of a token's JSON.
pub trait Claims: Sized {
    /// Reads it; none where it lacks what is needed, or says it twice.
    fn read(json: &[u8]) -> Option<Self>;
}

impl<T: DeserializeOwned> Claims for T {
    fn read(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }
}

/// A JWT's time: seconds since 1970, which may have a fraction, rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub Timestamp);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        claims::time("time", seconds).map(Self).map_err(|invalid| D::Error::custom(invalid.reason))
    }
}

/// The times of a token. One that is there and no time refuses the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Times {
    /// When it was made.
    #[serde(default, deserialize_with = "present")]
    pub iat: Option<Seconds>,
    /// From when it is good.
    #[serde(default, deserialize_with = "present")]
    pub nbf: Option<Seconds>,
    /// When it ends.
    #[serde(default, deserialize_with = "present")]
    pub exp: Option<Seconds>,
}

/// TalkJS's user token.
#[derive(Debug, Deserialize)]
pub struct TalkjsClaims {
    /// `user` for a user's.
    #[serde(rename = "tokenType")]
    pub token_type: String,
    /// The vendor's app id.
    pub iss: String,
    /// The user.
    pub sub: String,
}

/// Twilio's access token.
#[derive(Debug, Deserialize)]
pub struct TwilioClaims {
    /// The id of the API key that signed it.
    pub iss: String,
    /// The account.
    pub sub: String,
    /// `<key id>-<iat>`.
    #[serde(default, deserialize_with = "present")]
    pub jti: Option<String>,
    /// What it grants.
    pub grants: TwilioGrants,
}

/// What Twilio's access token grants.
#[derive(Debug, Deserialize)]
pub struct TwilioGrants {
    /// The user.
    pub identity: String,
    /// Chat, as it is called today.
    #[serde(default, deserialize_with = "present")]
    pub chat: Option<TwilioChatGrant>,
    /// Chat, as it was called.
    #[serde(default, deserialize_with = "present")]
    pub ip_messaging: Option<TwilioChatGrant>,
}

/// Twilio's grant for chat.
#[derive(Debug, Deserialize)]
pub struct TwilioChatGrant {
    /// For which of the account's services it is good.
    pub service_sid: String,
}

/// A Stream-style user token.
#[derive(Debug, Deserialize)]
pub struct StreamClaims {
    /// The user.
    pub user_id: String,
}

/// A token of an issuer.
#[derive(Debug, Deserialize)]
pub struct IssuersClaims {
    /// The issuer.
    pub iss: String,
    /// The user.
    pub sub: String,
    /// For whom it was made.
    aud: Audience,
    /// When it was made.
    #[serde(default, deserialize_with = "present")]
    pub iat: Option<Seconds>,
    /// From when it is good.
    #[serde(default, deserialize_with = "present")]
    pub nbf: Option<Seconds>,
    /// When it ends.
    pub exp: Seconds,
}

impl IssuersClaims {
    /// Whether it was made for this audience, among others.
    pub fn is_for(&self, audience: &str) -> bool {
        self.aud.has(audience)
    }
}
