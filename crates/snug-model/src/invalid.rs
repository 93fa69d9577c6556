//! What is wrong with an input.

use thiserror::Error;

/// An input that was refused: which field, and why, in words that a person can act on.
///
/// Neither part ever repeats the refused value, so that it may be shown and logged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {reason}")]
pub struct Invalid {
    /// The field as the caller wrote it, `members[3].user` for nested ones.
    pub field: String,
    /// The rule that was broken, with its limit, as what a sentence says of the field: `must have at most 256 bytes`.
    pub reason: String,
}

impl Invalid {
    /// Says that `field` breaks the rule `reason`.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    /// The same, found below `parent`: `user` becomes `parent.user`.
    #[must_use]
    pub fn below(mut self, parent: &str) -> Self {
        self.field = format!("{parent}.{}", self.field);
        self
    }
}
