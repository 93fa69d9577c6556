//! Consents, as rows.

use snug_model::{Timestamp, UserKey, facts::ConsentMark};

use super::{Sealed, UserWrite};

/// That a user has accepted a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRow {
    /// Its row number.
    pub key: i64,
    /// Who.
    pub user: UserKey,
    /// What, to be compared by.
    pub mark: ConsentMark,
    /// What, and by whom it was accepted.
    pub record: Sealed,
    /// When.
    pub at: Timestamp,
}

/// A text that a user accepts.
#[derive(Debug, Clone)]
pub struct ConsentWrite {
    /// Who.
    pub user: UserKey,
    /// The user's row, where there is none yet: it is made in the same commit.
    pub newcomer: Option<UserWrite>,
    /// What, to be compared by.
    pub mark: ConsentMark,
    /// What, and by whom it is accepted.
    pub record: Sealed,
    /// Now.
    pub at: Timestamp,
}
