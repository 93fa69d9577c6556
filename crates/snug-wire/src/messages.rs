//! Messages: sent, edited, read, and how a client catches up.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use snug_model::{Invalid, messages as model};
use utoipa::ToSchema;

use crate::{
    attributes::{Attributes, AttributesPatch},
    conversations::Conversation,
    ids::{ConversationId, Epoch, MessageId, Rev, Seq, UserId},
    json::{is_off, lists, present},
    members::Member,
    people::People,
    reactions::Reactions,
    text::{BotName, Text},
    time::Time,
};

lists! {
    /// The people whom a message mentions.
    Mentions(UserId) up to MENTIONS_MAX;
}

/// Who wrote a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Sender {
    /// A bot.
    Bot {
        /// Its name; null where it has none.
        #[schema(required = true)]
        bot: Option<BotName>,
        /// Whether a back end said so itself, or by signature.
        verified: bool,
    },
    /// The app itself.
    System {
        /// Always `true`.
        system: bool,
    },
    // Stands last: a reader tries one after the other, and `user` may be null.
    /// A user.
    User {
        /// Its id; null of an erased one.
        #[schema(required = true)]
        user: Option<UserId>,
    },
}

/// By which way a message came, other than its sender's own client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// A back end wrote in the user's name.
    Api,
    /// An import.
    Import,
}

/// A message. A tombstone, which has `deleted_at`, lacks `text`, `attributes`, `reactions` and `attachments`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// The id that its sender chose.
    pub id: MessageId,
    /// Where it is.
    pub conversation: ConversationId,
    /// Its place there.
    pub seq: Seq,
    /// When it last changed, in the conversation's count.
    pub rev: Rev,
    /// Who wrote it.
    pub sender: Sender,
    /// By which way it came; null where its sender's own client sent it.
    #[schema(required = true)]
    pub via: Option<Via>,
    /// The text; null where it has none.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Text>)]
    pub text: Option<Option<Text>>,
    /// What the customer keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Attributes, required = false)]
    pub attributes: Option<Attributes>,
    /// What it answers.
    #[schema(required = true)]
    pub reply_to: Option<MessageId>,
    /// Who is mentioned.
    pub mentions: Vec<UserId>,
    /// How people reacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Reactions, required = false)]
    pub reactions: Option<Reactions>,
    /// The files that hang on it: none yet, in this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<Object>, required = false)]
    pub attachments: Option<Vec<Value>>,
    /// When it was accepted.
    pub created_at: Time,
    /// When it was last edited.
    #[schema(required = true)]
    pub edited_at: Option<Time>,
    /// When it was deleted.
    #[schema(required = true)]
    pub deleted_at: Option<Time>,
    /// There for who may read versions, where the author is shadow-banned: to the others this is a tombstone.
    #[serde(default, skip_serializing_if = "is_off")]
    pub hidden: bool,
}

/// What a message said at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MessageVersion {
    /// 1 is as it was sent.
    pub version: i64,
    /// The text; null where it had none.
    #[schema(required = true)]
    pub text: Option<Text>,
    /// What the customer kept.
    pub attributes: Attributes,
    /// Who was mentioned.
    pub mentions: Vec<UserId>,
    /// Since when.
    pub at: Time,
}

/// In whose name a back end sends: exactly one of the fields.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendAs {
    /// A user's; needs the scope `messages.as_user`, and is marked `via: "api"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// A bot's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bot: Option<BotName>,
}

/// Sends a message: with a text that is not empty, or with attributes, or with both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageDraft {
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
    /// In whose name, by back ends only; the system's where it is left out.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub send_as: Option<SendAs>,
    /// Whether it shall notify nobody; back ends only.
    #[serde(default, skip_serializing_if = "is_off")]
    pub silent: bool,
}

impl MessageDraft {
    /// A draft that says nothing yet.
    pub fn new(id: MessageId) -> Self {
        Self {
            id,
            text: None,
            attributes: None,
            reply_to: None,
            mentions: Mentions::default(),
            send_as: None,
            silent: false,
        }
    }
}

/// Edits a message; what is left out stays, `null` takes away.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessagePatch {
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

/// The answer to what writes a message: the message as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WrittenMessage {
    /// The message.
    pub message: Message,
}

/// Moves a read mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadRequest {
    /// Up to where one has read. Never above the newest message; below the mark it changes nothing, unless `unread` is set.
    pub seq: Seq,
    /// Whether the mark may go back.
    #[serde(default, skip_serializing_if = "is_off")]
    pub unread: bool,
}

/// Shows that somebody is typing, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Typing {
    /// Whether it is typing.
    pub on: bool,
}

/// Where a read mark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadMark {
    /// Up to where one has read.
    pub read_seq: Seq,
    /// When it was marked; null where it never was.
    #[schema(required = true)]
    pub read_at: Option<Time>,
    /// Messages above the mark.
    pub unread: i64,
}

/// What changed in a conversation since a rev, in order of rev, complete up to `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changes {
    /// Within which the revs mean something.
    pub epoch: Epoch,
    /// Up to which rev this is complete: the next `since`.
    pub to: Rev,
    /// The newest rev that the reader may see.
    pub head: Rev,
    /// Whether there is more above `to`.
    pub more: bool,
    /// Whether to forget what one knows: the epoch is another, or one was too far behind. Then the messages are the newest,
    /// and the members are to be read page by page.
    pub reset: bool,
    /// Messages that are new or changed.
    pub messages: Vec<Message>,
    /// Members that are new or changed.
    pub members: Vec<Member>,
    /// The conversation, where something of its own changed.
    #[schema(required = true)]
    pub conversation: Option<Conversation>,
    /// The first message that is kept, where messages were purged since: those before it are gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Seq, required = false)]
    pub purged_before: Option<Seq>,
    /// The reader's own read mark.
    #[schema(required = true)]
    pub read_seq: Option<Seq>,
    /// Name and picture of the people in it.
    pub users: People,
}

impl From<model::Sender> for Sender {
    fn from(sender: model::Sender) -> Self {
        match sender {
            model::Sender::User(user) => Self::User { user: user.map(Into::into) },
            model::Sender::Bot { name, verified } => Self::Bot { bot: name.map(Into::into), verified },
            model::Sender::System => Self::System { system: true },
        }
    }
}

impl From<model::Via> for Via {
    fn from(via: model::Via) -> Self {
        match via {
            model::Via::Api => Self::Api,
            model::Via::Import => Self::Import,
        }
    }
}

impl From<model::Message> for Message {
    fn from(message: model::Message) -> Self {
        let (content, mentions) = match message.content {
            Some(model::Content { text, attributes, mentions }) => (Some((text, attributes)), mentions),
            None => (None, Vec::new()),
        };
        let stands = content.is_some();
        let (text, attributes) = content.unzip();
        Self {
            id: message.id.into(),
            conversation: message.conversation.into(),
            seq: message.seq.into(),
            rev: message.rev.into(),
            sender: message.sender.into(),
            via: message.via.map(Into::into),
            text: text.map(|text| text.map(Into::into)),
            attributes: attributes.map(Into::into),
            reply_to: message.reply_to.map(Into::into),
            mentions: mentions.into_iter().map(Into::into).collect(),
            reactions: stands.then(|| message.reactions.into()),
            attachments: stands.then(Vec::new),
            created_at: message.created_at.into(),
            edited_at: message.edited_at.map(Into::into),
            deleted_at: message.deleted_at.map(Into::into),
            hidden: message.hidden,
        }
    }
}

impl From<model::MessageVersion> for MessageVersion {
    fn from(version: model::MessageVersion) -> Self {
        Self {
            version: version.version,
            text: version.content.text.map(Into::into),
            attributes: version.content.attributes.into(),
            mentions: version.content.mentions.into_iter().map(Into::into).collect(),
            at: version.at.into(),
        }
    }
}

impl TryFrom<SendAs> for model::Author {
    type Error = Invalid;

    fn try_from(send_as: SendAs) -> Result<Self, Invalid> {
        match send_as {
            SendAs { user: Some(user), bot: None } => Ok(Self::User(user.0)),
            SendAs { user: None, bot: Some(bot) } => Ok(Self::Bot(bot.0)),
            _ => Err(Invalid::new("as", "must have exactly one of `user` and `bot`")),
        }
    }
}

impl TryFrom<MessageDraft> for model::Draft {
    type Error = Invalid;

    fn try_from(draft: MessageDraft) -> Result<Self, Invalid> {
        let text = draft.text.map(snug_model::text::Text::from);
        let attributes = draft.attributes.unwrap_or_default();
        if text.as_ref().is_none_or(|text| text.as_str().is_empty()) && attributes.is_empty() {
            return Err(Invalid::new("text", "must not be empty, unless there are attributes"));
        }
        let mentions = draft.mentions.0.into_iter().map(Into::into).collect();
        Ok(Self {
            id: draft.id.0,
            author: draft.send_as.map_or(Ok(model::Author::Own), TryInto::try_into)?,
            content: model::Content { text, attributes: attributes.0, mentions },
            reply_to: draft.reply_to.map(Into::into),
            silent: draft.silent,
        })
    }
}

impl From<MessagePatch> for model::MessagePatch {
    fn from(patch: MessagePatch) -> Self {
        let ids =
            |mentions: Option<Mentions>| mentions.unwrap_or_default().0.into_iter().map(Into::into).collect();
        Self {
            text: patch.text.map(|text| text.map(Into::into)),
            attributes: patch.attributes.map(|attributes| attributes.0),
            mentions: patch.mentions.map(ids),
        }
    }
}
