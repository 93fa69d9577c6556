//! What is purged, as rows.

use snug_model::{ConversationKey, JobId, MessageId, Rev, Seq, Timestamp, UserKey};

use super::{Class, ConversationRow, JobRow, Mac, MessageRow, Sealed, VersionRow};

/// Where to look for conversations with messages that are due.
#[derive(Debug, Clone, Copy)]
pub struct DueQuery {
    /// The conversation after which to begin; row number 0 is before all.
    pub after: ConversationKey,
    /// Messages that were accepted before this are due, by the app's rule.
    pub before: Timestamp,
    /// Now: from it a conversation's own rule is counted.
    pub now: Timestamp,
    /// At how many conversations to look.
    pub look: i64,
}

/// Conversations with messages that are due.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DuePage {
    /// These, by row number.
    pub rows: Vec<ConversationRow>,
    /// The last one that was looked at; none where there was none left.
    pub looked_to: Option<ConversationKey>,
}

/// A part of a purge, within one conversation.
#[derive(Debug, Clone)]
pub struct PurgeStep {
    /// The purge that it is part of.
    pub job: JobId,
    /// Messages that were accepted before this are due.
    pub before: Timestamp,
    /// How many go at once at most.
    pub rows: i64,
    /// Now.
    pub at: Timestamp,
    /// Until when nobody else takes the purge.
    pub lease_until: Timestamp,
}

/// What went, or would go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PurgeCounts {
    /// Messages.
    pub messages: i64,
    /// What they said before they were edited.
    pub versions: i64,
    /// Reactions to them.
    pub reactions: i64,
    /// Messages that were due and stay, for they are held. They are none of the others.
    pub held: i64,
    /// When the oldest of them was accepted.
    pub oldest: Option<Timestamp>,
    /// When the newest of them was accepted.
    pub newest: Option<Timestamp>,
}

impl PurgeCounts {
    /// These and those.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let oldest = match (self.oldest, other.oldest) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Self {
            messages: self.messages + other.messages,
            versions: self.versions + other.versions,
            reactions: self.reactions + other.reactions,
            held: self.held + other.held,
            oldest,
            newest: self.newest.max(other.newest),
        }
    }
}

/// What a step of a purge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    /// The rev that it took; none where nothing was due.
    pub rev: Option<Rev>,
    /// The first message that is kept.
    pub before: Seq,
    /// What went.
    pub counts: PurgeCounts,
    /// What comes next.
    pub next: PurgeNext,
}

/// What comes after a step of a purge, in the same conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurgeNext {
    /// As much went as could at once: there may be more.
    More,
    /// A message that is due and held: [`super::Store::due_held`] has it.
    Held,
    /// Nothing is due any more.
    Nothing,
}

/// A bucket whose secret a purge destroys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PurgedDay {
    /// The class of data.
    pub class: Class,
    /// The retention rule.
    pub rule: i32,
    /// The day, counted from 1970-01-01 UTC.
    pub day: i32,
}

/// How a purge ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurgeEnd {
    /// All that was due is gone.
    Done,
    /// All that was due is gone, and that was nothing; nobody asked for it, so nothing is kept of it.
    Forgotten,
    /// It did nothing more, because the clock is ahead of what was seen of it.
    Stopped {
        /// The newest time that was seen.
        seen: Timestamp,
    },
}

/// A purge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgeRow {
    /// Its job.
    pub job: JobRow,
    /// Whether somebody asked for it.
    pub asked: bool,
    /// Which of the app's purges it is: 1, 2, 3 …
    pub number: i64,
    /// What went so far; of a dry run, what would go.
    pub counts: PurgeCounts,
    /// The newest time that had been seen when it stopped because the clock was ahead of it.
    pub stopped: Option<Timestamp>,
    /// The buckets whose secrets it destroyed, in their order.
    pub days: Vec<PurgedDay>,
}

/// What a legal hold is on: nothing that was said there, or by that person, is purged, and neither is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HoldOn {
    /// A conversation.
    Conversation(ConversationKey),
    /// A user.
    User(UserKey),
}

impl HoldOn {
    /// The integers that stand for it.
    pub(crate) fn cells(self) -> (i64, i64) {
        match self {
            Self::Conversation(conversation) => (1, conversation.0),
            Self::User(user) => (2, user.0),
        }
    }
}

/// A legal hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldRow {
    /// Its number, by which they are listed.
    pub number: i64,
    /// What it is on.
    pub on: HoldOn,
    /// Since when.
    pub since: Timestamp,
}

/// A message that is due and held, with all that was sealed for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueMessage {
    /// The message.
    pub message: MessageRow,
    /// What it said before.
    pub versions: Vec<VersionRow>,
    /// Who reacted to it, by which emoji.
    pub reactions: Vec<(UserKey, Mac, Sealed)>,
}

/// The same, sealed anew.
#[derive(Debug, Clone)]
pub struct HeldMessage {
    /// Which one.
    pub id: MessageId,
    /// Its rev as it was sealed: it may have changed since.
    pub rev: Rev,
    /// What it says.
    pub body: Option<Sealed>,
    /// What it said before, by version.
    pub versions: Vec<(i64, Sealed)>,
    /// Who reacted to it; the emoji's MAC as it was, as it is, and the emoji.
    pub reactions: Vec<(UserKey, Mac, Mac, Sealed)>,
}

/// A conversation with a rule of its own, deleted or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuledRow {
    /// The conversation.
    pub key: ConversationKey,
    /// Its rule.
    pub rule: i32,
    /// How many days its messages live at most by it.
    pub kept_days: Option<i64>,
    /// Whether it was deleted, with all it held.
    pub deleted: bool,
}
