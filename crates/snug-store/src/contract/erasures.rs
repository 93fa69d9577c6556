//! Erasures as rows, and how the data follows the ledger of the key store.

use snug_model::Timestamp;
pub use snug_model::erasures::ErasureCounts;

use super::JobRow;

/// An erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureRow {
    /// Its job.
    pub job: JobRow,
    /// What it found so far.
    pub counts: ErasureCounts,
}

/// How far the data has followed the ledger of the key store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// The position up to which it knows what was destroyed.
    pub position: i64,
    /// When it was restored from a backup; 1970 where it never was.
    pub restored_at: Timestamp,
}

/// How much is in a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BackupCounts {
    /// Apps.
    pub apps: i64,
    /// Users, erased ones too.
    pub users: i64,
    /// Conversations, deleted ones too.
    pub conversations: i64,
    /// Messages, tombstones too.
    pub messages: i64,
}

/// From where data goes on that was restored from a backup.
#[derive(Debug, Clone, Copy)]
pub struct Anew {
    /// When.
    pub at: Timestamp,
    /// Row numbers up to this one are not given any more: others had them since, whose secrets are there, or destroyed.
    pub beyond: i64,
    /// By what the epochs of conversations change; not 0.
    pub epochs: u64,
}
