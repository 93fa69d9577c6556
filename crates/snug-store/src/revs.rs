//! What took a conversation's revs: the arithmetic of both backends.

use snug_model::{Rev, Seq, Timestamp, UserKey};

/// What took a rev that was not a new message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changed {
    Message(Seq),
    Member(UserKey),
    Conversation,
    /// The messages before this one were purged.
    Purge(Seq),
}

impl Changed {
    /// What a row says; none where no row can.
    pub(crate) fn from_row(kind: i64, reference: i64) -> Option<Self> {
        match kind {
            1 => Some(Self::Message(Seq(reference))),
            2 => Some(Self::Member(UserKey(reference))),
            3 => Some(Self::Conversation),
            4 => Some(Self::Purge(Seq(reference))),
            _ => None,
        }
    }
}

/// A rev that was not a new message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    pub(crate) rev: Rev,
    pub(crate) what: Changed,
    /// The head at this rev.
    pub(crate) head: Seq,
    pub(crate) at: Timestamp,
}

/// The revs of a window that were not new messages, and the last such before it. Between two of them rev and seq grow
/// together, and so the head at any rev of the window is arithmetic.
pub(crate) struct Revs {
    before: Option<Change>,
    within: Vec<Change>,
}

impl Revs {
    /// Of the changes above `since`, in any order, and one of the last rev that had one before.
    pub(crate) fn new(changes: Vec<Change>, since: Rev) -> Self {
        let (mut within, before): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|change| change.rev > since);
        within.sort_by_key(|change| change.rev);
        Self { before: before.into_iter().next(), within }
    }

    /// The head at a rev of the window.
    pub(crate) fn head_at(&self, rev: Rev) -> Seq {
        let end = self.within.partition_point(|change| change.rev <= rev);
        let last = end.checked_sub(1).map(|last| &self.within[last]).or(self.before.as_ref());
        last.map_or(Seq(rev.0), |last| Seq(last.head.0 + rev.0 - last.rev.0))
    }

    /// When a rev was taken, unless by a new message.
    pub(crate) fn time_of(&self, rev: Rev) -> Option<Timestamp> {
        self.within.iter().find(|change| change.rev == rev).map(|change| change.at)
    }

    /// What took the revs of the window that were not new messages, in their order.
    pub(crate) fn changed(&self) -> impl Iterator<Item = Changed> {
        self.within.iter().map(|change| change.what)
    }
}
