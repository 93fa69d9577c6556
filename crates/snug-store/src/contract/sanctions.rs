//! Sanctions, as rows.

use snug_model::Timestamp;

use super::Sealed;

/// A ban, a mute or a shadow ban, of the app or of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SanctionRow {
    /// Until when; [`Timestamp::NEVER`] is for good.
    pub until: Timestamp,
    /// Why, and by whom.
    pub note: Option<Sealed>,
    /// Since when.
    pub since: Timestamp,
}
