//! What is purged, as rows.

use snug_model::{ConversationKey, JobId, Rev, Seq, Timestamp};

use super::{Class, ConversationRow, JobRow};

/// Where to look for conversations with messages that are due.
#[derive(Debug, Clone, Copy)]
pub struct DueQuery {
    /// The conversation after which to begin; row number 0 is before all.
    pub after: ConversationKey,
    /// Messages that were accepted before this are due.
    pub before: Timestamp,
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
    /// Whether as much went as could at once: there may be more.
    pub more: bool,
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
    /// What went so far; of a dry run, what would go.
    pub counts: PurgeCounts,
    /// The newest time that had been seen when it stopped because the clock was ahead of it.
    pub stopped: Option<Timestamp>,
    /// The buckets whose secrets it destroyed, in their order.
    pub days: Vec<PurgedDay>,
}
