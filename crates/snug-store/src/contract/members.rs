//! Members, as rows.

use snug_model::{
    ConversationKey, Rev, RoleKey, Seq, Timestamp, UserKey, Version,
    conversations::State,
    members::{Access, Notify},
};

use super::{SanctionRow, Sealed};

/// A member's row. It stays when the member is removed, with access `none`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// The conversation.
    pub conversation: ConversationKey,
    /// The user.
    pub user: UserKey,
    /// Its conversation role.
    pub role: RoleKey,
    /// What it may do at most.
    pub access: Access,
    /// Its ban from the conversation.
    pub ban: Option<SanctionRow>,
    /// Its mute in the conversation.
    pub mute: Option<SanctionRow>,
    /// Label and attributes; none where neither was ever set.
    pub profile: Option<Sealed>,
    /// Of `profile`: 0 where it is absent, then 1, 2, 3 …
    pub profile_version: i64,
    /// About what it wants to be notified.
    pub notify: Notify,
    /// Up to where it has read.
    pub read_seq: Seq,
    /// When it marked that.
    pub read_at: Option<Timestamp>,
    /// When it joined, the last time.
    pub joined_at: Timestamp,
    /// The first message after it joined.
    pub joined_seq: Seq,
    /// The rev of its removal: where its view ends.
    pub frozen_rev: Option<Rev>,
    /// The conversation as at the removal.
    pub frozen: Option<FrozenRow>,
    /// Whether the view was dropped too, and the inbox item with it.
    pub forgotten: bool,
    /// Of its last counted change; 0 where it was there when the conversation was made.
    pub rev: Rev,
    /// Grows with every change of role, access, sanctions, and forgetting: what decisions rest on.
    pub version: Version,
}

/// What a removed member keeps of the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenRow {
    /// Name, picture, attributes of the conversation.
    pub profile: Sealed,
    /// The version that `profile` was sealed for.
    pub profile_version: i64,
    /// Whether it was in use.
    pub state: State,
    /// Whether only who may freeze it could write.
    pub frozen: bool,
    /// The newest message.
    pub head_seq: Seq,
    /// Its members but the one who was removed.
    pub member_count: i64,
    /// When that was.
    pub at: Timestamp,
}

/// A member to be added. A removed or forgotten one is a member again, and keeps its read mark where `read_seq` is absent.
/// Who is banned from the conversation at the time stays out: its row is answered as it is.
#[derive(Debug, Clone)]
pub struct MemberAdd {
    /// The user.
    pub user: UserKey,
    /// Its conversation role.
    pub role: RoleKey,
    /// What it may do at most: `Full` or `Read`.
    pub access: Access,
    /// Label and attributes.
    pub profile: Option<Sealed>,
    /// The version that `profile` was sealed for: one more than the row has (1 where there is none), else
    /// [`super::StoreError::Changed`]; not looked at where `profile` is absent, which leaves what is there.
    pub profile_version: i64,
    /// About what it wants to be notified.
    pub notify: Notify,
    /// Up to where it has read; above the head: [`super::StoreError::Full`]. Absent: 0 for a new member where history is
    /// `all`, else the head.
    pub read_seq: Option<Seq>,
    /// What becomes of who is a member already, with access `full` or `read`: it gets these values instead of its own, or
    /// its row is answered as it is.
    pub replace: bool,
}

/// What a member is to become; what is absent stays.
#[derive(Debug, Clone)]
pub struct MemberEdit {
    /// The user.
    pub user: UserKey,
    /// Its conversation role.
    pub role: Option<RoleKey>,
    /// What it may do at most: `Full` or `Read`; removing is an act of its own.
    pub access: Option<Access>,
    /// Label and attributes, with the version that they were sealed for: one more than the row has.
    pub profile: Option<(Sealed, i64)>,
    /// About what it wants to be notified.
    pub notify: Option<Notify>,
    /// Up to where it has read: free to go back; above the head: [`super::StoreError::Full`].
    pub read_seq: Option<Seq>,
    /// Now.
    pub at: Timestamp,
}

/// What became of members: one commit, one rev.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembersChanged {
    /// The rev that the change took; none where nothing changed.
    pub rev: Option<Rev>,
    /// The rows as they are now, in the order in which they were given.
    pub members: Vec<MemberRow>,
    /// Members with access `full` or `read` now.
    pub member_count: i64,
    /// The users among `members` who had neither `full` nor `read` before.
    pub joined: Vec<UserKey>,
}

/// Where a read mark is to go.
#[derive(Debug, Clone, Copy)]
pub struct ReadMark {
    /// Whose: a member with access `full` or `read`.
    pub user: UserKey,
    /// Up to where it has read. Above the head: [`super::StoreError::Full`].
    pub seq: Seq,
    /// Whether it may go back.
    pub back: bool,
    /// Now.
    pub at: Timestamp,
}

/// Who is to hear of a conversation: its members with access `full` or `read`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// The rev at which the list was read.
    pub rev: Rev,
    /// The members, in no order.
    pub members: Vec<AudienceMember>,
}

/// A member as far as it matters for what it is to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudienceMember {
    /// The user.
    pub user: UserKey,
    /// The first message that it may see.
    pub from_seq: Seq,
    /// Its conversation role.
    pub role: RoleKey,
    /// What it may do at most: `Full` or `Read`.
    pub access: Access,
}
