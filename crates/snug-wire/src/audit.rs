//! The audit: what operators and keys did, and what clients did to others.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use snug_model::{Invalid, audit as model, consents::TextDigest as Digest};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::{
    consents::TextDigest,
    ids::{AppId, ConversationId, KeyId, UserId},
    paging::{Limit, Order},
    sanctions::SanctionedBy,
    strings::Checked,
    time::Time,
};

/// An entry of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its place in the chain: 1, 2, 3 … without gaps.
    pub n: u64,
    /// When.
    pub at: Time,
    /// Who.
    pub by: SanctionedBy,
    /// From which address; null of the server's own commands, and of a user who was erased.
    #[schema(required = true)]
    pub address: Option<String>,
    /// What was done.
    #[schema(examples("user.ban"))]
    pub act: String,
    /// To what.
    pub target: AuditTarget,
    /// `done` or `refused`.
    #[schema(examples("done"))]
    pub outcome: String,
    /// How many it stands for: 1, or of refusals that are not entered one by one, more.
    pub count: u64,
    /// What else is to be known, by name; null where it was erased.
    #[schema(required = true)]
    pub details: Option<BTreeMap<String, String>>,
    /// The SHA-256 of what is hidden here: row numbers, and what is sealed.
    pub hidden: TextDigest,
    /// The SHA-256 of the entry and of the hash before it.
    pub hash: TextDigest,
}

/// What an act was done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditTarget {
    /// `app`, `key`, `token_key`, `role`, `template`, `user`, `conversation`, `member` or `message`.
    #[schema(examples("member"))]
    pub kind: String,
    /// Its id, of what has one that says nothing of a person: apps, keys, messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The user's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The conversation's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// What else it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl From<model::Entered> for AuditEntry {
    fn from(entered: model::Entered) -> Self {
        let model::ShownTarget { kind, id, user, conversation, name } = entered.target;
        Self {
            n: entered.n.unsigned_abs(),
            at: entered.at.into(),
            by: entered.by.into(),
            address: entered.address,
            act: entered.act.name().to_owned(),
            target: AuditTarget { kind: kind.to_owned(), id, user, conversation, name },
            outcome: entered.outcome.name().to_owned(),
            count: entered.count.unsigned_abs(),
            details: entered.details.map(|details| details.into_iter().collect()),
            hidden: Digest(entered.hidden).into(),
            hash: Digest(entered.hash).into(),
        }
    }
}

/// Where a chain ended at some time, signed. Kept elsewhere, it shows later whether what was entered by then still is what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditHead {
    /// Whose chain; null is the installation's.
    #[schema(required = true)]
    pub app: Option<AppId>,
    /// The place of its last entry; 0 where there is none.
    pub n: u64,
    /// That entry's hash; zeros where there is none.
    pub hash: TextDigest,
    /// When that was so.
    pub at: Time,
    /// The app's public key, of Ed25519, in hexadecimal.
    #[schema(min_length = 64, max_length = 64, pattern = "^[0-9a-f]{64}$")]
    pub key: String,
    /// Its signature, in hexadecimal, of four lines that end with a line feed each but for the last: `snug.audit.head.1` and `app` with a
    /// space between them (`installation` where that is null), then `n`, `hash` and `at`.
    #[schema(min_length = 128, max_length = 128, pattern = "^[0-9a-f]{128}$")]
    pub signature: String,
}

impl From<model::Head> for AuditHead {
    fn from(head: model::Head) -> Self {
        Self {
            app: head.app.map(Into::into),
            n: head.n.unsigned_abs(),
            hash: Digest(head.hash).into(),
            at: head.at.into(),
            key: hex::encode(head.key),
            signature: hex::encode(head.signature),
        }
    }
}

impl TryFrom<AuditHead> for model::Head {
    type Error = Invalid;

    fn try_from(head: AuditHead) -> Result<Self, Invalid> {
        let (mut key, mut signature) = ([0; 32], [0; 64]);
        let digits = |field: &str| {
            let field = field.to_owned();
            move |_| Invalid::new(field, "must have hexadecimal digits")
        };
        hex::decode_to_slice(&head.key, &mut key).map_err(digits("key"))?;
        hex::decode_to_slice(&head.signature, &mut signature).map_err(digits("signature"))?;
        Ok(Self {
            app: head.app.map(Into::into),
            n: head.n.cast_signed(),
            hash: head.hash.0.0,
            at: head.at.into(),
            key,
            signature,
        })
    }
}

/// An act, to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act(pub model::Act);

impl Checked for Act {
    fn check(text: &str) -> Result<Self, String> {
        model::Act::from_name(text).map(Self).ok_or_else(|| "must be an act that is entered".to_owned())
    }
}

impl Serialize for Act {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for Act {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::strings::deserialize(deserializer)
    }
}

impl PartialSchema for Act {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(model::Act::ALL.iter().map(|act| act.name())))
            .description(Some("An act that is entered in the audit."))
            .into()
    }
}

impl ToSchema for Act {}

/// Which entries are wanted: those that fit all that is said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Of this act.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<Act>,
    /// By this key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_key: Option<KeyId>,
    /// By this user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_user: Option<UserId>,
    /// About this user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// In this conversation, or about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// Not before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// How many items at most.
    #[serde(default)]
    pub limit: Limit,
    /// The `next` of the page before; the rest of the query must be the same as then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Oldest first, or newest first.
    #[serde(default)]
    pub order: Order,
}

impl From<AuditQuery> for model::AuditAsk {
    fn from(query: AuditQuery) -> Self {
        Self {
            act: query.act.map(|act| act.0),
            by_key: query.by_key.map(Into::into),
            by_user: query.by_user.map(Into::into),
            user: query.user.map(Into::into),
            conversation: query.conversation.map(Into::into),
            since: query.since.map(Into::into),
            until: query.until.map(Into::into),
        }
    }
}
