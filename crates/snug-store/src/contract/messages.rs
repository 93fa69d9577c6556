//! Messages, as rows.

use snug_model::{Epoch, MessageId, Rev, Seq, Timestamp, UserKey, messages::Via};

use super::{ConversationRow, Mac, MemberRow, Sealed, StoreError, StoreResult};

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SenderRow {
    /// A user.
    User(UserKey),
    /// A bot, whose name is part of the body; whether a back end vouches for it.
    Bot {
        /// Whether a back end said so itself or by signature.
        verified: bool,
    },
    /// The app itself.
    System,
}

/// A message's row, as its reader may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// The id that its sender chose.
    pub id: MessageId,
    /// Its place.
    pub seq: Seq,
    /// When it last changed, in the conversation's count; to a removed member nothing has a rev above the end of its view.
    pub rev: Rev,
    /// Who wrote it.
    pub sender: SenderRow,
    /// By which way it came.
    pub via: Option<Via>,
    /// Text, attributes, mentions, a bot's name; none of a tombstone.
    pub body: Option<Sealed>,
    /// Of `body`: 1, 2, 3 …
    pub version: i64,
    /// What it answers.
    pub reply_to: Option<MessageId>,
    /// How people reacted, in the order in which each emoji came first.
    pub reactions: Vec<ReactionRow>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub edited_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Since when it is hidden from all but its author and who may read versions: the author was shadow-banned as it was
    /// written, or edited. Who shows it sees to that.
    pub hidden_at: Option<Timestamp>,
}

/// How often an emoji was used on a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReactionRow {
    /// The emoji, to be compared.
    pub emoji_mac: Mac,
    /// The emoji, as the first who used it and still does sealed it.
    pub emoji: Sealed,
    /// Who that is.
    pub reactor: UserKey,
    /// How many people used it.
    pub count: i64,
    /// Whether the permit's user did.
    pub mine: bool,
}

/// A message to be appended; where it goes, the permit says.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// The id that its sender chose.
    pub id: MessageId,
    /// Who wrote it.
    pub sender: SenderRow,
    /// By which way it came.
    pub via: Option<Via>,
    /// Text, attributes, mentions, a bot's name, sealed for version 1.
    pub body: Sealed,
    /// Of all that the sender said, to tell a repeat from a conflict.
    pub draft: Mac,
    /// What it answers: a message of the conversation that the permit's view shows, else
    /// [`super::StoreError::NotFound`].
    pub reply_to: Option<MessageId>,
    /// The newest message that the conversation may have before it, else [`super::StoreError::Changed`]; any where absent.
    pub after_seq: Option<Seq>,
    /// Now: its `created_at`, which is part of what `body` was sealed for.
    pub at: Timestamp,
}

/// What became of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// It is a new message. The mark of its sender, if it is a user, moved to it.
    New {
        /// Its place.
        seq: Seq,
        /// The rev that it took.
        rev: Rev,
    },
    /// The same sender sent the same draft by the same id before: the message as it is now.
    Repeat(MessageRow),
}

/// Refuses a message at `at` whose sender was last heard at `sent_at`, and waits `pace_ms` between two.
pub(crate) fn wait_for(sent_at: Option<Timestamp>, pace_ms: i64, at: Timestamp) -> StoreResult<()> {
    let Some(sent_at) = sent_at else { return Ok(()) };
    let left_ms = sent_at.0.saturating_add(pace_ms).saturating_sub(at.0);
    match u64::try_from(left_ms) {
        Ok(retry_after_ms @ 1..) => Err(StoreError::TooSoon { retry_after_ms }),
        Ok(0) | Err(_) => Ok(()),
    }
}

/// What a message is to say from now on; what it said is kept as a version.
#[derive(Debug, Clone)]
pub struct MessageEdit {
    /// Which message: one that the permit's view shows.
    pub id: MessageId,
    /// What it says.
    pub body: Sealed,
    /// The version that `body` was sealed for: one more than the row has, else [`super::StoreError::Changed`].
    pub version: i64,
    /// Now.
    pub at: Timestamp,
}

/// A reaction to be set or taken back.
#[derive(Debug, Clone)]
pub struct ReactionWrite {
    /// On which message: one that the permit's view shows.
    pub id: MessageId,
    /// Who reacts.
    pub user: UserKey,
    /// The emoji, to be compared.
    pub emoji_mac: Mac,
    /// The emoji, sealed by who reacts; absent takes the reaction back.
    pub emoji: Option<Sealed>,
    /// Now.
    pub at: Timestamp,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageChanged {
    /// The rev that the change took; none where it was so already.
    pub rev: Option<Rev>,
    /// The message as it is now.
    pub message: MessageRow,
}

/// A page of messages, ascending by seq.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagePage {
    /// The messages.
    pub messages: Vec<MessageRow>,
    /// Whether the view shows older ones than the first.
    pub older: bool,
    /// Whether the view shows newer ones than the last.
    pub newer: bool,
}

/// What a message said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// 1 is as it was sent.
    pub version: i64,
    /// What it said.
    pub body: Sealed,
    /// Since when.
    pub at: Timestamp,
}

/// From where a reader asks what changed.
#[derive(Debug, Clone, Copy)]
pub struct SyncFrom {
    /// The epoch that it knows.
    pub epoch: Epoch,
    /// The rev up to which it knows everything.
    pub since: Rev,
    /// How many revs the answer covers at most.
    pub limit: i64,
    /// Changes before this time are forgotten: who misses one of them starts anew.
    pub kept_since: Timestamp,
}

/// What changed, complete up to `to`; with `reset`, where to start anew. Each message and member is there once, as it is
/// now, however often it changed: its rev may be above `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncRows {
    /// Whether the reader must forget what it has: another epoch, a rev that was not reached yet, more than
    /// [`SYNC_REVS_MAX`] behind, or missing a change that is forgotten. Then `messages` are the newest
    /// [`SYNC_RESET_MESSAGES`], `members` the own row, `conversation` is there, and `to` is `head`.
    ///
    /// [`SYNC_REVS_MAX`]: snug_model::limits::SYNC_REVS_MAX
    /// [`SYNC_RESET_MESSAGES`]: snug_model::limits::SYNC_RESET_MESSAGES
    pub reset: bool,
    /// The epoch now.
    pub epoch: Epoch,
    /// Up to which rev the answer is complete.
    pub to: Rev,
    /// The newest rev that the reader may see.
    pub head: Rev,
    /// Messages that are new or changed, in order of rev.
    pub messages: Vec<MessageRow>,
    /// Members that changed, in order of rev.
    pub members: Vec<MemberRow>,
    /// The conversation, where its own row changed.
    pub conversation: Option<ConversationRow>,
    /// The first message that is kept, where some were purged.
    pub purged_before: Option<Seq>,
    /// The reader's own read mark.
    pub read_seq: Option<Seq>,
}

impl SyncRows {
    /// How much of it is sealed: what people wrote, for which alone there is no small bound.
    pub(crate) fn sealed_bytes(&self) -> usize {
        let bodies = self.messages.iter().filter_map(|message| message.body.as_ref());
        let profiles = self.members.iter().filter_map(|member| member.profile.as_ref());
        bodies.chain(profiles).map(|sealed| sealed.0.len()).sum()
    }
}

/// Answers of several syncs, until they are as large as may be.
pub(crate) struct SyncAnswers {
    answers: Vec<StoreResult<SyncRows>>,
    bytes: usize,
    bytes_max: usize,
}

impl SyncAnswers {
    /// None yet.
    pub(crate) fn up_to(bytes_max: usize) -> Self {
        Self { answers: Vec::new(), bytes: 0, bytes_max }
    }

    /// Takes the next; whether it has room for more.
    ///
    /// # Errors
    /// What concerns all of them.
    pub(crate) fn take(&mut self, answer: StoreResult<SyncRows>) -> StoreResult<bool> {
        match &answer {
            Ok(rows) => self.bytes += rows.sealed_bytes(),
            Err(StoreError::Stale | StoreError::NotFound) => {}
            Err(error) => return Err(error.clone()),
        }
        self.answers.push(answer);
        Ok(self.bytes <= self.bytes_max)
    }

    /// All that were taken.
    pub(crate) fn into_inner(self) -> Vec<StoreResult<SyncRows>> {
        self.answers
    }
}
