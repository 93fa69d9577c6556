//! What the API promises, at its public boundary.

mod documents;
