//! Blocks: one person wants to hear nothing from another where they are alone.

use crate::{ids::UserId, time::Timestamp};

/// A block as it is shown to whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Whom.
    pub user: UserId,
    /// Since when.
    pub since: Timestamp,
}
