//! What was committed in apps, in its order, as rows.

use snug_model::{Rev, Seq, Timestamp};

use super::{ConversationRow, MemberRow, MessageRow, UserRow};

/// A place among what was committed in an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct EventPlace {
    /// Grows in the order in which conversations changed.
    pub event: i64,
    /// Among the messages that one commit added to one conversation.
    pub offset: i64,
}

/// Something that was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its place; of messages, that of the first.
    pub place: EventPlace,
    /// When.
    pub at: Timestamp,
    /// What it was.
    pub what: EventWhat,
}

/// What was committed. Everything is shown as it is now: what was deleted meanwhile is a tombstone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventWhat {
    /// New messages of a conversation, in their order.
    Messages(ConversationRow, Vec<MessageRow>),
    /// Another change of a conversation, and the rev that it took.
    Changed(ConversationRow, Rev, ChangedRow),
    /// A conversation was made.
    ConversationMade(ConversationRow),
    /// A conversation was deleted.
    ConversationDeleted(ConversationRow),
    /// A user was made or changed, put under a sanction of the app, or one was lifted.
    User(UserRow),
    /// A member was muted, or that was lifted.
    MemberMuted(ConversationRow, MemberRow),
}

/// What in a conversation changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangedRow {
    /// A message.
    Message(MessageRow),
    /// Members.
    Members(Vec<MemberRow>),
    /// The conversation itself.
    Conversation,
    /// Messages before this one were purged.
    Purged(Seq),
}

/// A part of what was committed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventPage {
    /// In their order. What is gone with its conversation or user is left out.
    pub rows: Vec<EventRow>,
    /// Up to where this goes: the place of the last that was looked at, and when it was committed. None where there is nothing
    /// after the place that was asked for.
    pub to: Option<(EventPlace, Timestamp)>,
    /// Whether there are as many as were asked for: there may be more.
    pub full: bool,
}

/// Why an event was written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    Messages,
    Change,
    ConversationMade,
    ConversationDeleted,
    User,
    MemberMuted,
}

impl EventKind {
    pub(crate) fn from_cell(cell: i64) -> Option<Self> {
        const ALL: [EventKind; 6] = [
            EventKind::Messages,
            EventKind::Change,
            EventKind::ConversationMade,
            EventKind::ConversationDeleted,
            EventKind::User,
            EventKind::MemberMuted,
        ];
        ALL.into_iter().find(|kind| kind.cell() == cell)
    }

    pub(crate) fn cell(self) -> i64 {
        self as i64
    }
}
