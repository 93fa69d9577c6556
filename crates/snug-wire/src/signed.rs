//! Messages that a back end signs and an untrusted page carries: the body that brings one, and the claims in it.

use serde::{Deserialize, Serialize};
use snug_model::{
    ConversationId, Invalid, SessionId, UserId, limits,
    messages::Content,
    signed::{Carrier, SignedMessage},
};
use utoipa::ToSchema;

use crate::{
    attributes::Attributes,
    claims::{self, Audience},
    ids::{self, Seq},
    json::present,
    text::{BotName, Text},
};

/// The `typ` of a signed message, in its head.
pub const SIGNED_MESSAGE: &str = "snug-message+jwt";

/// How `conversation` says that the carrier's support conversation is meant.
const SUPPORT: &str = "auto";

/// Has a message appear that a back end signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedDraft {
    /// The message, as a compact JWS.
    pub jws: String,
}

/// `send_signed`: has a message appear that a back end signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendSignedRequest {
    /// Where; one's support conversation where it is left out.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ids::ConversationId, required = false)]
    pub conversation: Option<ids::ConversationId>,
    /// The message, as a compact JWS.
    pub jws: String,
}

/// The claims of a signed message. Others are passed over, as RFC 7519 asks; none is shown.
#[derive(Debug, Serialize, Deserialize)]
pub struct SignedClaims {
    /// The app's id.
    aud: Audience,
    /// The user whose page carries it; or `ses`, and one of the two.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// The session of the page that carries it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    ses: Option<String>,
    /// Where: a conversation's id, or `auto`.
    conversation: String,
    /// The bot's name.
    bot: BotName,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    text: Option<Text>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    attributes: Option<Attributes>,
    /// When it was signed, in seconds since 1970.
    iat: f64,
    /// Until when it may appear.
    exp: f64,
    /// Its own id.
    jti: String,
    /// The newest message that the conversation may have before it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    after_seq: Option<Seq>,
}

impl SignedClaims {
    /// The claims of a message for `app`.
    pub fn new(message: SignedMessage, app: &str) -> Self {
        let (sub, ses) = match message.carrier {
            Carrier::User(user) => (Some(user.as_str().to_owned()), None),
            Carrier::Session(session) => (None, Some(session.as_str().to_owned())),
        };
        Self {
            aud: Audience::One(app.to_owned()),
            sub,
            ses,
            conversation: message.conversation.map_or(SUPPORT.to_owned(), |id| id.as_str().to_owned()),
            bot: message.bot.into(),
            text: message.content.text.map(Into::into),
            attributes: Some(message.content.attributes.into()),
            iat: message.issued_at.0 as f64 / 1_000.0,
            exp: message.expires_at.0 as f64 / 1_000.0,
            jti: message.jti.into(),
            after_seq: message.after_seq.map(Into::into),
        }
    }

    /// The message as the model has it, whose signature was verified.
    ///
    /// # Errors
    /// `Invalid` where it is another app's, names no carrier or two, lives longer than a signed message may, says nothing, or
    /// has an id that is none.
    pub fn into_message(self, app: &str) -> Result<SignedMessage, Invalid> {
        if !self.aud.has(app) {
            return Err(Invalid::new("aud", "must be this app"));
        }
        let carrier = match (self.sub, self.ses) {
            (Some(sub), None) => Carrier::User(UserId::parse(&sub)?),
            (None, Some(ses)) => Carrier::Session(SessionId::parse(&ses)?),
            _ => return Err(Invalid::new("sub", "or `ses` must be there, and not both")),
        };
        let (issued_at, expires_at) = (claims::time("iat", self.iat)?, claims::time("exp", self.exp)?);
        let life_ms = expires_at.0 - issued_at.0;
        if !(1..=limits::SIGNED_LIFE_S_MAX as i64 * 1_000).contains(&life_ms) {
            let most = limits::SIGNED_LIFE_S_MAX;
            return Err(Invalid::new("exp", format!("must be at most {most} seconds after `iat`")));
        }
        if !(1..=limits::JTI_BYTES_MAX).contains(&(self.jti.len() as u64)) {
            return Err(Invalid::new("jti", format!("must have 1 to {} bytes", limits::JTI_BYTES_MAX)));
        }
        if self.text.is_none() && self.attributes.is_none() {
            return Err(Invalid::new("text", "or `attributes` must be there"));
        }
        let content = Content {
            text: self.text.map(Into::into),
            attributes: self.attributes.map(|attributes| attributes.0).unwrap_or_default(),
            mentions: Vec::new(),
        };
        Ok(SignedMessage {
            carrier,
            conversation: match self.conversation.as_str() {
                SUPPORT => None,
                id => Some(ConversationId::parse(id)?),
            },
            bot: self.bot.into(),
            content,
            issued_at,
            expires_at,
            jti: self.jti.into(),
            after_seq: self.after_seq.map(Into::into),
        })
    }
}
