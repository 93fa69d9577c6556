//! The fields of a client's requests, beside `n` and `op`.

use serde::{Deserialize, Serialize};
use snug_model::{Invalid, messages::Window};
use utoipa::ToSchema;

use crate::{
    attributes::{Attributes, AttributesPatch},
    ids::{ConversationId, Epoch, MessageId, Rev, Seq},
    json::{is_off, lists, present},
    messages::{Mentions, MessageDraft, MessagePatch},
    paging::{Limit, Order, window},
    secrets::AccessToken,
    text::{Emoji, Name, Text},
};

lists! {
    /// The conversations whose presence a session watches.
    Watched(ConversationId) up to WATCH_MAX;
}

/// `hello`: must come first, within 10 s of the upgrade.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HelloRequest {
    /// The access token.
    pub token: AccessToken,
    /// What program it is, `snug-js/1.0` say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Name>,
    /// The `sync_token` of the inbox that one has: the answer then has only what changed since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
}

/// `token`: another token of the same user. What it narrows holds before the answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// The access token.
    pub token: AccessToken,
}

/// `send`: a message, with a text that is not empty, or with attributes, or with both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendRequest {
    /// Where to.
    pub conversation: ConversationId,
    /// The id that the sender chooses. The same send with the same id again answers with the first result.
    pub id: MessageId,
    /// The text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// What the customer keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
    /// What it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// Who is mentioned.
    #[serde(default, skip_serializing_if = "Mentions::is_empty")]
    pub mentions: Mentions,
}

impl SendRequest {
    /// Where it goes, and what its twin on REST would have as its body.
    pub fn into_parts(self) -> (ConversationId, MessageDraft) {
        let draft = MessageDraft {
            text: self.text,
            attributes: self.attributes,
            reply_to: self.reply_to,
            mentions: self.mentions,
            ..MessageDraft::new(self.id)
        };
        (self.conversation, draft)
    }
}

/// `edit`: what is left out stays, `null` takes away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditRequest {
    /// Where the message is.
    pub conversation: ConversationId,
    /// The message.
    pub id: MessageId,
    /// The text.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Text>)]
    pub text: Option<Option<Text>>,
    /// What to merge into what the customer keeps.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub attributes: Option<AttributesPatch>,
    /// Who is mentioned, whole; `null` is nobody.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Mentions>)]
    pub mentions: Option<Option<Mentions>>,
}

impl EditRequest {
    /// Which message, and what its twin on REST would have as its body.
    pub fn into_parts(self) -> (ConversationId, MessageId, MessagePatch) {
        let patch = MessagePatch { text: self.text, attributes: self.attributes, mentions: self.mentions };
        (self.conversation, self.id, patch)
    }
}

/// `delete`: leaves a tombstone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteRequest {
    /// Where the message is.
    pub conversation: ConversationId,
    /// The message.
    pub id: MessageId,
}

/// `react`: with one RGI emoji, or one of the app's own reactions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReactRequest {
    /// Where the message is.
    pub conversation: ConversationId,
    /// The message.
    pub id: MessageId,
    /// With what.
    pub emoji: Emoji,
    /// Whether to react, or to take it back.
    pub on: bool,
}

/// `read`: moves one's own read mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadMarkRequest {
    /// Where.
    pub conversation: ConversationId,
    /// Up to where one has read. Never above the newest message; below the mark it changes nothing, unless `unread` is set.
    pub seq: Seq,
    /// Whether the mark may go back.
    #[serde(default, skip_serializing_if = "is_off")]
    pub unread: bool,
}

/// `typing`: ends by itself after 6 s.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TypingRequest {
    /// Where.
    pub conversation: ConversationId,
    /// Whether one is typing.
    pub on: bool,
}

/// `conversation`: one item of one's inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConversationRequest {
    /// Which.
    pub conversation: ConversationId,
}

/// `history`: the newest messages, or those around a seq. Always ascending by seq.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HistoryRequest {
    /// Where.
    pub conversation: ConversationId,
    /// Those just below this seq.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Seq>,
    /// Those just above this seq.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Seq>,
    /// Those on both sides of this seq, itself included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub around: Option<Seq>,
    /// How many items at most.
    #[serde(default)]
    pub limit: Limit,
    /// The `next` of the page before; the rest of the request must be the same as then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl HistoryRequest {
    /// Which messages are asked for.
    ///
    /// # Errors
    /// `Invalid` of the second one where more than one of `before`, `after` and `around` is given.
    pub fn window(&self) -> Result<Window, Invalid> {
        window(self.before, self.after, self.around)
    }
}

/// `sync`: what changed in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncRequest {
    /// Where.
    pub conversation: ConversationId,
    /// The epoch that one knows.
    pub epoch: Epoch,
    /// The rev up to which one knows everything.
    pub since: Rev,
    /// How many changes at most.
    #[serde(default)]
    pub limit: Limit,
}

/// `members`: a page of a conversation's members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MembersRequest {
    /// Where.
    pub conversation: ConversationId,
    /// How many items at most.
    #[serde(default)]
    pub limit: Limit,
    /// The `next` of the page before; the rest of the request must be the same as then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Oldest first, or newest first.
    #[serde(default)]
    pub order: Order,
}

/// `watch`: these conversations' presence is wanted from now on, and no other's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WatchRequest {
    /// Which.
    pub conversations: Watched,
}

/// `ping`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PingRequest {}
