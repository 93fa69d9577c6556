//! Blocks, as rows.

use snug_model::{Timestamp, UserKey};

/// Somebody whom a user has blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockRow {
    /// Whom.
    pub other: UserKey,
    /// Since when.
    pub since: Timestamp,
}
