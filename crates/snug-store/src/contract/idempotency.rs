//! What an `Idempotency-Key` was used for.

use snug_model::Timestamp;

use super::{Mac, Sealed};

/// A request that carries an `Idempotency-Key`. It is remembered in the commit of the act that it asks for.
#[derive(Debug, Clone, Copy)]
pub struct Once {
    /// Of app, credential, method, path and key.
    pub scope: Mac,
    /// Of the body.
    pub body: Mac,
    /// Now.
    pub at: Timestamp,
}

/// What is known of a request with an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Of the body that came with it.
    pub body: Mac,
    /// The answer; none between the act's commit and the answer's.
    pub answer: Option<Sealed>,
    /// When the act was committed.
    pub at: Timestamp,
}
