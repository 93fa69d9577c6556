//! What the API promises, at its public boundary.

mod documents;
mod harness;
mod races;
mod refusals;
mod talk;
