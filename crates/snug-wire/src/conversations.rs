//! Conversations, and how a user finds its own.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use snug_model::{Invalid, conversations as model, limits::SLOW_MODE_S_MAX};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::{
    attributes::{Attributes, AttributesPatch},
    consents::TextDigest,
    ids::{ConversationId, Epoch, Rev, Seq, UserId},
    json::{is_off, lists, present},
    members::{Member, MemberDraft, drafts},
    messages::Message,
    people::People,
    permissions::{Permissions, known},
    sanctions::Muted,
    text::{ImageUrl, Name},
    time::Time,
};

lists! {
    /// The first members of a conversation.
    FirstMembers(MemberDraft) up to MEMBERS_AT_CREATION_MAX;
}

/// Whether a conversation is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In use.
    #[default]
    Open,
    /// Read only, and out of the inbox.
    Archived,
}

/// How far back members read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum History {
    /// From the first message.
    #[default]
    All,
    /// From when they joined.
    SinceJoined,
}

/// How long one waits between two messages of one's own, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SlowMode(pub u32);

impl SlowMode {
    fn is_off(&self) -> bool {
        self.0 == 0
    }
}

impl<'de> Deserialize<'de> for SlowMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = u32::deserialize(deserializer)?;
        if u64::from(seconds) > SLOW_MODE_S_MAX {
            return Err(D::Error::custom(format!("must be from 0 to {SLOW_MODE_S_MAX}")));
        }
        Ok(Self(seconds))
    }
}

impl ToSchema for SlowMode {}

impl PartialSchema for SlowMode {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .description(Some("How long one waits between two messages of one's own, in seconds."))
            .minimum(Some(0))
            .maximum(Some(SLOW_MODE_S_MAX))
            .into()
    }
}

/// A conversation: where messages live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Conversation {
    /// The customer's id, or one that Snug made.
    pub id: ConversationId,
    /// A second id, unique and changeable, by back ends only.
    #[schema(required = true)]
    pub alias: Option<ConversationId>,
    /// What people call it.
    #[schema(required = true)]
    pub name: Option<Name>,
    /// The address of its picture.
    #[schema(required = true)]
    pub image_url: Option<ImageUrl>,
    /// What the customer keeps.
    pub attributes: Attributes,
    /// Whether it is in use.
    pub state: State,
    /// Whether only who may freeze it can write.
    pub frozen: bool,
    /// How long one waits between two messages of one's own, in seconds; 0 is not at all.
    pub slow_mode_s: u32,
    /// How far back members read.
    pub history: History,
    /// Within which `rev` means something.
    pub epoch: Epoch,
    /// Its visible changes so far.
    pub rev: Rev,
    /// The seq of its newest message; 0 where there is none.
    pub head_seq: Seq,
    /// Its members with access `full` or `read`.
    pub member_count: i64,
    /// When it was made.
    pub created_at: Time,
    /// The user who made it; null where a back end did, or where the user was erased.
    #[schema(required = true)]
    pub created_by: Option<UserId>,
    /// When it last changed.
    pub updated_at: Time,
}

/// Makes a conversation. What is left out takes its default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConversationDraft {
    /// Its id, back ends only; Snug makes one where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ConversationId>,
    /// A second id, unique and changeable, by back ends only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<ConversationId>,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// The address of its picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<ImageUrl>,
    /// What the customer keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
    /// Whether it is in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// Whether only who may freeze it can write.
    #[serde(default, skip_serializing_if = "is_off")]
    pub frozen: bool,
    /// How long one waits between two messages of one's own, in seconds; 0 is not at all.
    #[serde(default, skip_serializing_if = "SlowMode::is_off")]
    pub slow_mode_s: SlowMode,
    /// How far back members read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// Its first members. A client who makes it is one by itself.
    #[serde(default, skip_serializing_if = "FirstMembers::is_empty")]
    pub members: FirstMembers,
    /// Find the conversation that was made as the one of exactly these members, or make it.
    #[serde(default, skip_serializing_if = "is_off")]
    pub distinct: bool,
}

/// Makes or replaces the conversation whose id is in the path. What is left out takes its default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConversationReplacement {
    /// A second id, unique and changeable, by back ends only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<ConversationId>,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// The address of its picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<ImageUrl>,
    /// What the customer keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
    /// Whether it is in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// Whether only who may freeze it can write.
    #[serde(default, skip_serializing_if = "is_off")]
    pub frozen: bool,
    /// How long one waits between two messages of one's own, in seconds; 0 is not at all.
    #[serde(default, skip_serializing_if = "SlowMode::is_off")]
    pub slow_mode_s: SlowMode,
    /// How far back members read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// Its first members, where this makes it. The members of a conversation that is there already stay as they are.
    #[serde(default, skip_serializing_if = "FirstMembers::is_empty")]
    pub members: FirstMembers,
}

/// Ends a conversation of which the caller has a whole transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConversationEnd {
    /// The SHA-256 of the transcript's lines but the last one, as that one says and the caller has computed it.
    pub sha256: TextDigest,
    /// The receipt in its last line.
    pub receipt: String,
}

/// Changes a conversation; what is left out stays, `null` takes away.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConversationPatch {
    /// A second id, unique and changeable, by back ends only.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ConversationId>)]
    pub alias: Option<Option<ConversationId>>,
    /// What people call it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Name>)]
    pub name: Option<Option<Name>>,
    /// The address of its picture.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ImageUrl>)]
    pub image_url: Option<Option<ImageUrl>>,
    /// What to merge into what the customer keeps.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub attributes: Option<AttributesPatch>,
    /// Whether it is in use.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = State, required = false)]
    pub state: Option<State>,
    /// Whether only who may freeze it can write.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    pub frozen: Option<bool>,
    /// How long one waits between two messages of one's own, in seconds; 0 is not at all.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = SlowMode, required = false)]
    pub slow_mode_s: Option<SlowMode>,
    /// How far back members read; back ends only.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = History, required = false)]
    pub history: Option<History>,
}

/// One conversation in a user's inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InboxItem {
    /// The conversation, as the user may see it.
    pub conversation: Conversation,
    /// The user's own membership.
    pub member: Member,
    /// Messages above the read mark.
    pub unread: i64,
    /// The newest message that the user may see.
    #[schema(required = true)]
    pub last_message: Option<Message>,
    /// What the user may do in it.
    #[serde(deserialize_with = "known")]
    pub permissions: Permissions,
    /// There while the user is muted in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Muted, required = false)]
    pub muted: Option<Muted>,
}

/// A part of a user's inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Inbox {
    /// The newest conversations, newest first; or those that changed since the `sync_token` of the request.
    pub items: Vec<InboxItem>,
    /// Conversations that left the inbox since the `sync_token` of the request: deleted, or forgotten.
    pub gone: Vec<ConversationId>,
    /// The cursor of the next page; null where there is none.
    #[schema(required = true)]
    pub next: Option<String>,
    /// What to ask with, as `since`, for what changes from now on.
    pub sync_token: String,
    /// Whether to forget what one knows: more changed than an answer holds, so that this is the newest page instead.
    pub reset: bool,
    /// Name and picture of the people in it; in the answer to `hello` they stand beside the inbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = People, required = false)]
    pub users: Option<People>,
}

impl From<model::State> for State {
    fn from(state: model::State) -> Self {
        match state {
            model::State::Open => Self::Open,
            model::State::Archived => Self::Archived,
        }
    }
}

impl From<State> for model::State {
    fn from(state: State) -> Self {
        match state {
            State::Open => Self::Open,
            State::Archived => Self::Archived,
        }
    }
}

impl From<model::History> for History {
    fn from(history: model::History) -> Self {
        match history {
            model::History::All => Self::All,
            model::History::SinceJoined => Self::SinceJoined,
        }
    }
}

impl From<History> for model::History {
    fn from(history: History) -> Self {
        match history {
            History::All => Self::All,
            History::SinceJoined => Self::SinceJoined,
        }
    }
}

impl From<model::Conversation> for Conversation {
    fn from(conversation: model::Conversation) -> Self {
        Self {
            id: conversation.id.into(),
            alias: conversation.alias.map(Into::into),
            name: conversation.profile.name.map(Into::into),
            image_url: conversation.profile.image_url.map(Into::into),
            attributes: conversation.profile.attributes.into(),
            state: conversation.state.into(),
            frozen: conversation.frozen,
            slow_mode_s: conversation.slow_mode_s,
            history: conversation.history.into(),
            epoch: conversation.epoch.into(),
            rev: conversation.rev.into(),
            head_seq: conversation.head_seq.into(),
            member_count: conversation.member_count,
            created_at: conversation.created_at.into(),
            created_by: conversation.created_by.map(Into::into),
            updated_at: conversation.updated_at.into(),
        }
    }
}

impl From<model::InboxItem> for InboxItem {
    fn from(item: model::InboxItem) -> Self {
        Self {
            conversation: item.conversation.into(),
            member: item.member.into(),
            unread: item.unread,
            last_message: item.last_message.map(Into::into),
            permissions: item.permissions.into(),
            muted: item.muted_until.map(Muted::new),
        }
    }
}

impl TryFrom<ConversationDraft> for model::ConversationDraft {
    type Error = Invalid;

    fn try_from(draft: ConversationDraft) -> Result<Self, Invalid> {
        let profile = model::Profile {
            name: draft.name.map(Into::into),
            image_url: draft.image_url.map(Into::into),
            attributes: draft.attributes.unwrap_or_default().0,
        };
        Ok(Self {
            id: draft.id.map(Into::into),
            alias: draft.alias.map(Into::into),
            profile,
            state: draft.state.unwrap_or_default().into(),
            frozen: draft.frozen,
            slow_mode_s: draft.slow_mode_s.0,
            history: draft.history.unwrap_or_default().into(),
            members: drafts(draft.members.0)?,
            distinct: draft.distinct,
        })
    }
}

impl ConversationReplacement {
    /// The draft of the conversation of that id.
    ///
    /// # Errors
    /// `Invalid` of the member who is named a second time.
    pub fn into_draft(self, id: snug_model::ConversationId) -> Result<model::ConversationDraft, Invalid> {
        ConversationDraft {
            id: Some(id.into()),
            alias: self.alias,
            name: self.name,
            image_url: self.image_url,
            attributes: self.attributes,
            state: self.state,
            frozen: self.frozen,
            slow_mode_s: self.slow_mode_s,
            history: self.history,
            members: self.members,
            distinct: false,
        }
        .try_into()
    }
}

impl From<ConversationPatch> for model::ConversationPatch {
    fn from(patch: ConversationPatch) -> Self {
        Self {
            alias: patch.alias.map(|alias| alias.map(Into::into)),
            name: patch.name.map(|name| name.map(Into::into)),
            image_url: patch.image_url.map(|url| url.map(Into::into)),
            attributes: patch.attributes.map(|attributes| attributes.0),
            state: patch.state.map(Into::into),
            frozen: patch.frozen,
            slow_mode_s: patch.slow_mode_s.map(|pause| pause.0),
            history: patch.history.map(Into::into),
        }
    }
}
