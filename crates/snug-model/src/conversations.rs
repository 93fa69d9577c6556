//! Conversations: where messages live.

use crate::{
    ids::{ConversationId, Epoch, Rev, Seq, UserId},
    members::{Member, MemberDraft},
    messages::Message,
    permissions::PermissionSet,
    text::{Attributes, AttributesPatch, ImageUrl, Name},
    time::Timestamp,
};

/// Whether a conversation is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// In use.
    Open,
    /// Read only, and out of the inbox.
    Archived,
}

/// How far back a member reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum History {
    /// From the first message.
    All,
    /// From when it joined.
    SinceJoined,
}

/// What a conversation is called and looks like, and what the customer keeps about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// What people call it.
    pub name: Option<Name>,
    /// The address of its picture.
    pub image_url: Option<ImageUrl>,
    /// What the customer keeps.
    pub attributes: Attributes,
}

/// A conversation as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// The customer's id, or one that Snug made.
    pub id: ConversationId,
    /// A second id, unique and changeable.
    pub alias: Option<ConversationId>,
    /// Name, picture, attributes.
    pub profile: Profile,
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
    pub created_at: Timestamp,
    /// The user who made it; none where a back end did.
    pub created_by: Option<UserId>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A conversation that is to be made, or what it is to become. What is left out takes the default of a new one.
#[derive(Debug, Clone)]
pub struct ConversationDraft {
    /// The id that a back end chose; Snug makes one otherwise.
    pub id: Option<ConversationId>,
    /// A second id; back ends only.
    pub alias: Option<ConversationId>,
    /// Name, picture, attributes.
    pub profile: Profile,
    /// Whether it is in use.
    pub state: State,
    /// Whether only who may freeze it can write.
    pub frozen: bool,
    /// How long one waits between two messages of one's own, in seconds; 0 is not at all.
    pub slow_mode_s: u32,
    /// How far back members read.
    pub history: History,
    /// Its first members.
    pub members: Vec<MemberDraft>,
    /// Find the one of exactly these members, or make it.
    pub distinct: bool,
}

/// What is to change of a conversation; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct ConversationPatch {
    /// A second id; `Some(None)` takes it away. Back ends only.
    pub alias: Option<Option<ConversationId>>,
    /// What people call it; `Some(None)` takes it away.
    pub name: Option<Option<Name>>,
    /// The address of its picture; `Some(None)` takes it away.
    pub image_url: Option<Option<ImageUrl>>,
    /// What to merge into what the customer keeps.
    pub attributes: Option<AttributesPatch>,
    /// Whether it is in use.
    pub state: Option<State>,
    /// Whether only who may freeze it can write.
    pub frozen: Option<bool>,
    /// How long one waits between two messages of one's own, in seconds; 0 is not at all.
    pub slow_mode_s: Option<u32>,
    /// How far back members read; back ends only.
    pub history: Option<History>,
}

/// One conversation in a user's inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxItem {
    /// The conversation, as the user may see it.
    pub conversation: Conversation,
    /// The user's own membership.
    pub member: Member,
    /// Messages above the read mark.
    pub unread: i64,
    /// The newest message that the user may see.
    pub last_message: Option<Message>,
    /// What the user may do in it.
    pub permissions: PermissionSet,
    /// Until when the user is muted in it, where it is.
    pub muted_until: Option<Timestamp>,
}
