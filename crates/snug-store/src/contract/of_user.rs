//! What is stored of one user, in rows of others than its own.

use snug_model::{MessageId, Seq, Timestamp};

use super::Sealed;

/// A reaction of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnReactionRow {
    /// Its row number.
    pub key: i64,
    /// The seq of the message.
    pub seq: Seq,
    /// The message.
    pub message: MessageId,
    /// When the message was accepted.
    pub message_created_at: Timestamp,
    /// The emoji.
    pub emoji: Sealed,
    /// When it was set.
    pub at: Timestamp,
}
