//! Members: users in conversations.

use crate::{
    ids::{ConversationId, Seq, UserId},
    text::{Attributes, AttributesPatch, Label, RoleName},
    time::Timestamp,
};

/// What a member may do at most, whatever its role says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Nothing new: a removed member, who keeps a view frozen at the removal.
    None,
    /// Reading, the read mark, and leaving.
    Read,
    /// All that the role allows.
    Full,
}

/// About what a member wants to be notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Notify {
    /// Every message.
    All,
    /// Messages that mention it.
    Mentions,
    /// Nothing.
    None,
}

/// A member as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The conversation.
    pub conversation: ConversationId,
    /// The user; none of an erased one.
    pub user: Option<UserId>,
    /// Its conversation role.
    pub role: RoleName,
    /// What it may do at most.
    pub access: Access,
    /// What the customer's own program calls it.
    pub label: Option<Label>,
    /// What the customer keeps.
    pub attributes: Attributes,
    /// About what it wants to be notified.
    pub notify: Notify,
    /// Up to where it has read; none where the reader may not see that.
    pub read_seq: Option<Seq>,
    /// When it marked that.
    pub read_at: Option<Timestamp>,
    /// When it joined, the last time.
    pub joined_at: Timestamp,
}

/// A member that is to be added.
#[derive(Debug, Clone)]
pub struct MemberDraft {
    /// The user.
    pub user: UserId,
    /// Its conversation role; the app's `member_role` where nothing is said.
    pub role: Option<RoleName>,
    /// What it may do at most: `Full` or `Read`.
    pub access: Access,
    /// What the customer's own program calls it.
    pub label: Option<Label>,
    /// What the customer keeps.
    pub attributes: Attributes,
    /// About what it wants to be notified.
    pub notify: Notify,
    /// Up to where it has read; back ends only.
    pub read_seq: Option<Seq>,
}

/// What is to change of a member; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct MemberPatch {
    /// Its conversation role.
    pub role: Option<RoleName>,
    /// What it may do at most.
    pub access: Option<Access>,
    /// What the customer's own program calls it; `Some(None)` takes it away.
    pub label: Option<Option<Label>>,
    /// What to merge into what the customer keeps.
    pub attributes: Option<AttributesPatch>,
    /// About what it wants to be notified.
    pub notify: Option<Notify>,
    /// Up to where it has read; back ends only.
    pub read_seq: Option<Seq>,
}
