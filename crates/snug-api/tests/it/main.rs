//! What the API promises, at its public boundary.

mod documents;
mod harness;
mod refusals;
mod talk;
