//! What the model promises, at its public boundary.

mod ids;
mod keys;
mod limits;
mod permissions;
mod policy;
mod roles;
