//! How an act fails.

use thiserror::Error;

/// Why an act was not done. Whatever the reason, nothing of it was.
#[derive(Debug, Clone, Error)]
pub enum StoreError {
    /// A fact of the permit has changed: decide again.
    #[error("a fact that the permit rests on has changed")]
    Stale,
    /// Something that must be unique is taken.
    #[error("{0} is taken")]
    Taken(Unique),
    /// The row has changed since it was read: read again.
    #[error("the row has changed since it was read")]
    Changed,
    /// What the act is about is not there.
    #[error("there is no such row")]
    NotFound,
    /// What the act is about was purged.
    #[error("it was purged")]
    Gone,
    /// What is to be deleted is held, or holds something that is.
    #[error("it is held")]
    Held,
    /// A limit of what may be stored is reached.
    #[error("{0} is reached")]
    Full(&'static str),
    /// The permit's user must wait longer between two messages.
    #[error("too soon after the last message")]
    TooSoon {
        /// How long, in milliseconds.
        retry_after_ms: u64,
    },
    /// The permit's user would be alone with somebody whom it has blocked, or who has blocked it.
    #[error("one has blocked the other")]
    Blocked,
    /// An act with the same `Idempotency-Key` was done before.
    #[error("the idempotency key was used")]
    Repeated,
    /// The secret of that name was destroyed, and none is kept in its place.
    #[error("the secret was destroyed")]
    Destroyed,
    /// The database cannot be asked now; trying again may help.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The connection broke after the act was sent: it may have been done.
    #[error("the outcome is unknown: {0}")]
    Unknown(String),
    /// What the database holds, or says, cannot be: a fault of ours, or of the disk.
    #[error("the database holds what it cannot: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// Whether it concerns one message alone, of several that are appended together.
    pub(crate) fn is_of_one_message(&self) -> bool {
        matches!(
            self,
            Self::Taken(_)
                | Self::Changed
                | Self::NotFound
                | Self::Gone
                | Self::Blocked
                | Self::TooSoon { .. }
        )
    }
}

/// What must be unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unique {
    /// A user's id.
    User,
    /// A conversation's id.
    Conversation,
    /// A conversation's alias.
    Alias,
    /// A message's id, by another sender or with another draft.
    Message,
    /// A role's name, or its last use.
    Role,
    /// A template's id.
    Template,
}

impl std::fmt::Display for Unique {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Conversation => "conversation",
            Self::Alias => "alias",
            Self::Message => "message",
            Self::Role => "role",
            Self::Template => "template",
        })
    }
}

/// What an act answers.
pub type StoreResult<T> = Result<T, StoreError>;
