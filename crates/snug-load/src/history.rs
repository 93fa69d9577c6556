//! What a reader took in, from pushes, its own answers and syncs alone.

use serde_json::{Map, Value};
use uuid::Uuid;

/// Who wrote a message, as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// A user of this id.
    User(String),
    /// The system.
    System,
    /// Somebody whom no log has, such as a bot.
    Other,
}

/// A message as a reader holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// Its id.
    pub id: Uuid,
    /// Its place among the conversation's messages, from 1.
    pub seq: u64,
    /// Its place among the conversation's changes.
    pub rev: u64,
    /// Who wrote it.
    pub author: Author,
    /// Its text; none where it is empty, left out or taken away.
    pub text: Option<String>,
    /// Its attributes.
    pub attributes: Map<String, Value>,
    /// The message that it answers.
    pub reply_to: Option<Uuid>,
}

/// A user and whether that user is a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The user's id.
    pub user: String,
    /// Whether the user's access is other than `none`.
    pub inside: bool,
}

/// One thing that a reader took in. The order of these is the order in which the reader applied them.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// A new message, by a push or by the answer to the reader's own send.
    Message(Held),
    /// A change of somebody's membership, by a push.
    Member {
        /// The change's place among the conversation's changes.
        rev: u64,
        /// What it says.
        member: Membership,
    },
    /// A change of another kind, of which a replay makes none.
    Foreign {
        /// The change's place among the conversation's changes.
        rev: u64,
        /// What it was.
        what: &'static str,
    },
    /// The answer to a sync: all that differs between two revs.
    Sync(Sync),
    /// The same as [`Seen::Sync`] from the very beginning: what the reader held before is void.
    Reset(Sync),
}

/// All that differs between two revs.
#[derive(Clone, Debug, PartialEq)]
pub struct Sync {
    /// The rev at which the reader stood.
    pub since: u64,
    /// The rev up to which nothing is missing.
    pub to: u64,
    /// The newest rev when the answer was made; above `to` where there is more.
    pub head: u64,
    /// The new messages, in order of rev.
    pub messages: Vec<Held>,
    /// The members that changed up to `to`, as they are at `head`.
    pub members: Vec<Membership>,
}
