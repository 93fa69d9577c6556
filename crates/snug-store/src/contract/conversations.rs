//! Conversations, as rows.

use snug_model::{
    ConversationKey, Epoch, Rev, Seq, Timestamp, UserKey, Version,
    conversations::{History, State},
    facts::IdMac,
};

use super::{JobRow, Mac, MemberAdd, MemberRow, Sealed};

/// How a conversation is looked up.
#[derive(Debug, Clone, Copy)]
pub enum ConversationRef {
    /// By its row number.
    Key(ConversationKey),
    /// By its id.
    Id(IdMac),
    /// By its alias.
    Alias(IdMac),
    /// By the MAC of its members, where it was made as the one of exactly these.
    Members(Mac),
}

/// For whom a conversation is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// For one who sees all of the app.
    Anyone,
    /// For a user, who finds it only with a row in it: what it may not see costs the same rows as what is not there.
    Member(UserKey),
    /// For a user who may join, and so finds it without a row in it too.
    Outsider(UserKey),
}

/// A conversation's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRow {
    /// Its row number.
    pub key: ConversationKey,
    /// Its id, to be found by.
    pub id_mac: IdMac,
    /// Its id.
    pub id: Sealed,
    /// Its alias.
    pub alias: Option<Sealed>,
    /// Name, picture, attributes.
    pub profile: Sealed,
    /// Of `profile`: 1, 2, 3 …
    pub profile_version: i64,
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
    /// The seq of its newest message.
    pub head_seq: Seq,
    /// The seq of the first message that is kept: those before it were purged.
    pub first_seq: Seq,
    /// The retention rule by which its messages are sealed: 0 is the app's.
    pub rule: i32,
    /// How many days its messages live at most, where it has a rule of its own.
    pub kept_days: Option<i64>,
    /// Its members with access `full` or `read`.
    pub member_count: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// The user who made it.
    pub created_by: Option<UserKey>,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
    /// Grows with every change of state, frozen, slow mode, history, retention, and with deletion: what decisions rest on.
    pub version: Version,
}

/// A conversation found, with the viewer's own row in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The conversation.
    pub conversation: ConversationRow,
    /// The viewer's own row, if it has one.
    pub member: Option<MemberRow>,
}

/// A conversation to be made.
#[derive(Debug, Clone)]
pub struct NewConversation {
    /// Its row number, reserved.
    pub key: ConversationKey,
    /// Its id, to be found by.
    pub id_mac: IdMac,
    /// Its id.
    pub id: Sealed,
    /// Its alias, to be found by, and itself.
    pub alias: Option<(IdMac, Sealed)>,
    /// Name, picture, attributes, sealed for version 1.
    pub profile: Sealed,
    /// Whether it is in use.
    pub state: State,
    /// Whether only who may freeze it can write.
    pub frozen: bool,
    /// How long one waits between two messages of one's own, in seconds; 0 is not at all.
    pub slow_mode_s: u32,
    /// How far back members read.
    pub history: History,
    /// Its epoch, random.
    pub epoch: Epoch,
    /// The MAC of its members' row numbers in ascending order, if it is to be the one of exactly these. Where there
    /// is one already, [`super::StoreError::Taken`] says `Conversation`.
    pub distinct: Option<Mac>,
    /// Its first members; they are part of its state at rev 0.
    pub members: Vec<MemberAdd>,
    /// The user who makes it.
    pub created_by: Option<UserKey>,
    /// Now.
    pub at: Timestamp,
}

/// What a conversation is to become. It takes one rev.
#[derive(Debug, Clone)]
pub struct ConversationEdit {
    /// Its alias, to be found by, and itself.
    pub alias: Option<(IdMac, Sealed)>,
    /// Name, picture, attributes.
    pub profile: Sealed,
    /// The version that `profile` was sealed for: one more than the row has, else [`super::StoreError::Changed`].
    pub profile_version: i64,
    /// Whether it is in use.
    pub state: State,
    /// Whether only who may freeze it can write.
    pub frozen: bool,
    /// How long one waits between two messages of one's own, in seconds; 0 is not at all.
    pub slow_mode_s: u32,
    /// How far back members read.
    pub history: History,
    /// The epoch and rev that it must have, where the caller asked for that, else [`super::StoreError::Changed`].
    pub if_match: Option<(Epoch, Rev)>,
    /// Now.
    pub at: Timestamp,
}

/// The end of a conversation.
#[derive(Debug, Clone)]
pub struct ConversationDeletion {
    /// Its id, sealed so that who is to hear that it is gone hears its name, although its secret is destroyed.
    pub gone_id: Sealed,
    /// What removes all that it holds.
    pub job: JobRow,
    /// The epoch and rev that it must have, where the caller asked for that, else [`super::StoreError::Changed`].
    pub if_match: Option<(Epoch, Rev)>,
}

/// Which conversations of an app a list has. What is absent does not matter.
#[derive(Debug, Clone, Default)]
pub struct ConversationFilter {
    /// In use, or archived.
    pub state: Option<State>,
    /// With this user as a member, access `full` or `read`.
    pub member: Option<UserKey>,
    /// Whose `updated_at` is later.
    pub active_after: Option<Timestamp>,
    /// Made later.
    pub created_after: Option<Timestamp>,
    /// With this alias.
    pub alias: Option<IdMac>,
}
