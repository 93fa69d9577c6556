//! Members: users in conversations.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use snug_model::{Invalid, members as model};
use utoipa::ToSchema;

use crate::{
    attributes::{Attributes, AttributesPatch},
    ids::{ConversationId, Rev, Seq, UserId},
    json::{lists, present},
    text::{Label, RoleName},
    time::Time,
};

lists! {
    /// The members of one batch.
    MemberBatch(MemberDraft) up to BATCH_ITEMS_MAX;
}

/// What a member may do at most, whatever its role says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Nothing new: a removed member, who keeps a view frozen at the removal.
    None,
    /// Reading, the read mark, and leaving.
    Read,
    /// All that the role allows.
    Full,
}

/// With what access a member is added: one with none would be no member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GivenAccess {
    /// Reading, the read mark, and leaving.
    Read,
    /// All that the role allows.
    #[default]
    Full,
}

/// About what a member wants to be notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Notify {
    /// Every message.
    #[default]
    All,
    /// Messages that mention it.
    Mentions,
    /// Nothing.
    None,
}

/// A user in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The conversation.
    pub conversation: ConversationId,
    /// The user; null of an erased one.
    #[schema(required = true)]
    pub user: Option<UserId>,
    /// Its conversation role.
    pub role: RoleName,
    /// What it may do at most.
    pub access: Access,
    /// What the customer's own program calls it.
    #[schema(required = true)]
    pub label: Option<Label>,
    /// What the customer keeps.
    pub attributes: Attributes,
    /// About what it wants to be notified.
    pub notify: Notify,
    /// Up to where it has read; null where the reader may not see that.
    #[schema(required = true)]
    pub read_seq: Option<Seq>,
    /// When it marked that.
    #[schema(required = true)]
    pub read_at: Option<Time>,
    /// When it joined, the last time.
    pub joined_at: Time,
}

/// Adds a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberDraft {
    /// The user.
    pub user: UserId,
    /// Its conversation role; the app's `member_role` where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleName>,
    /// What it may do at most; `full` where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<GivenAccess>,
    /// What the customer's own program calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// What the customer keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
    /// About what it wants to be notified; `all` where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// Up to where it has read; back ends only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_seq: Option<Seq>,
}

/// Adds or replaces the member whose user is in the path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberReplacement {
    /// Its conversation role; the app's `member_role` where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleName>,
    /// What it may do at most; `full` where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<GivenAccess>,
    /// What the customer's own program calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
    /// What the customer keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
    /// About what it wants to be notified; `all` where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
    /// Up to where it has read; back ends only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_seq: Option<Seq>,
}

/// Adds members, all or none: one commit, one push.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberAddition {
    /// Whom.
    pub members: MemberBatch,
}

/// Members that were added together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddedMembers {
    /// The rev that this took; the conversation's where nothing changed.
    pub rev: Rev,
    /// The members as they are now, in the order of the request.
    pub members: Vec<Member>,
}

/// Changes a member; what is left out stays, `null` takes away.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberPatch {
    /// Its conversation role.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = RoleName, required = false)]
    pub role: Option<RoleName>,
    /// What it may do at most. Removing is done by DELETE.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = GivenAccess, required = false)]
    pub access: Option<GivenAccess>,
    /// What the customer's own program calls it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Label>)]
    pub label: Option<Option<Label>>,
    /// What to merge into what the customer keeps.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub attributes: Option<AttributesPatch>,
    /// About what it wants to be notified.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Notify, required = false)]
    pub notify: Option<Notify>,
    /// Up to where it has read; back ends only.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Seq, required = false)]
    pub read_seq: Option<Seq>,
}

impl From<model::Access> for Access {
    fn from(access: model::Access) -> Self {
        match access {
            model::Access::None => Self::None,
            model::Access::Read => Self::Read,
            model::Access::Full => Self::Full,
        }
    }
}

impl From<GivenAccess> for model::Access {
    fn from(access: GivenAccess) -> Self {
        match access {
            GivenAccess::Read => Self::Read,
            GivenAccess::Full => Self::Full,
        }
    }
}

impl From<model::Notify> for Notify {
    fn from(notify: model::Notify) -> Self {
        match notify {
            model::Notify::All => Self::All,
            model::Notify::Mentions => Self::Mentions,
            model::Notify::None => Self::None,
        }
    }
}

impl From<Notify> for model::Notify {
    fn from(notify: Notify) -> Self {
        match notify {
            Notify::All => Self::All,
            Notify::Mentions => Self::Mentions,
            Notify::None => Self::None,
        }
    }
}

impl From<model::Member> for Member {
    fn from(member: model::Member) -> Self {
        Self {
            conversation: member.conversation.into(),
            user: member.user.map(Into::into),
            role: member.role.into(),
            access: member.access.into(),
            label: member.label.map(Into::into),
            attributes: member.attributes.into(),
            notify: member.notify.into(),
            read_seq: member.read_seq.map(Into::into),
            read_at: member.read_at.map(Into::into),
            joined_at: member.joined_at.into(),
        }
    }
}

impl From<MemberDraft> for model::MemberDraft {
    fn from(draft: MemberDraft) -> Self {
        Self {
            user: draft.user.0,
            role: draft.role.map(Into::into),
            access: draft.access.unwrap_or_default().into(),
            label: draft.label.map(Into::into),
            attributes: draft.attributes.unwrap_or_default().0,
            notify: draft.notify.unwrap_or_default().into(),
            read_seq: draft.read_seq.map(Into::into),
        }
    }
}

/// The drafts of members who are added together.
///
/// # Errors
/// `Invalid` of the user who is named a second time.
pub(crate) fn drafts(members: Vec<MemberDraft>) -> Result<Vec<model::MemberDraft>, Invalid> {
    let mut users = HashSet::new();
    for (index, member) in members.iter().enumerate() {
        if !users.insert(&member.user) {
            return Err(Invalid::new(format!("members[{index}].user"), "is named twice"));
        }
    }
    Ok(members.into_iter().map(Into::into).collect())
}

impl MemberAddition {
    /// The drafts of the members.
    ///
    /// # Errors
    /// `Invalid` of the user who is named a second time.
    pub fn into_drafts(self) -> Result<Vec<model::MemberDraft>, Invalid> {
        drafts(self.members.0)
    }
}

impl MemberReplacement {
    /// The draft of the member of that user.
    pub fn into_draft(self, user: snug_model::UserId) -> model::MemberDraft {
        MemberDraft {
            user: user.into(),
            role: self.role,
            access: self.access,
            label: self.label,
            attributes: self.attributes,
            notify: self.notify,
            read_seq: self.read_seq,
        }
        .into()
    }
}

impl From<MemberPatch> for model::MemberPatch {
    fn from(patch: MemberPatch) -> Self {
        Self {
            role: patch.role.map(Into::into),
            access: patch.access.map(Into::into),
            label: patch.label.map(|label| label.map(Into::into)),
            attributes: patch.attributes.map(|attributes| attributes.0),
            notify: patch.notify.map(Into::into),
            read_seq: patch.read_seq.map(Into::into),
        }
    }
}
