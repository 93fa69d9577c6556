//! A user's conversations, as rows.
//!
//! A member's row has a place in its user's inbox, written lazily and in batches. What was not placed yet, and the few
//! conversations that are too large to be placed, are compared when read, so that a reader sees the present all the same.

use snug_model::Seq;

use super::{ConversationRow, MemberRow, MessageRow};

/// Which part of an inbox is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InboxQuery {
    /// The newest, or those below a place.
    Page {
        /// Below this place.
        below: Option<InboxPlace>,
        /// Only those with messages above the read mark.
        unread: bool,
        /// How many at most.
        limit: i64,
    },
    /// What changed at this version or later, at most `limit`. Where that is more, or where the version is one that this
    /// database never answered, the newest page with `reset`.
    Since {
        /// What [`InboxRows::version`] said before.
        version: i64,
        /// How many at most.
        limit: i64,
    },
}

/// A place in an inbox: newest first by the time of the last message, then by row number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct InboxPlace {
    /// The time of the last message, or of joining, in milliseconds.
    pub at: i64,
    /// The conversation's row number.
    pub conversation: i64,
}

/// One conversation of a user, as that user may see it: with the conversation as at the removal where it was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRow {
    /// The conversation.
    pub conversation: ConversationRow,
    /// The user's own row.
    pub member: MemberRow,
    /// The newest message that the user may see, without reactions.
    pub last_message: Option<MessageRow>,
    /// The newest seq that the user may see.
    pub visible_head: Seq,
    /// Messages above the read mark that the user may see.
    pub unread: i64,
}

/// A part of an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRows {
    /// The conversations.
    pub items: Vec<InboxRow>,
    /// Conversations that left the inbox since the version that was asked from: deleted, or forgotten.
    pub gone: Vec<ConversationRow>,
    /// Where the next page begins; none where there is none.
    pub next: Option<InboxPlace>,
    /// Since when to ask for news: everything that happens after this was read, and perhaps some that happened before, is
    /// news since this version. It says nothing else; 0 is before everything.
    pub version: i64,
    /// Whether the answer cannot say what changed, so that it is the newest page instead.
    pub reset: bool,
}

/// How many conversations of a user hold something unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreadRows {
    /// Among the newest that were looked at.
    pub conversations: i64,
    /// Whether there are more than were looked at.
    pub capped: bool,
}
