//! Blocks between two people.

use serde::{Deserialize, Serialize};
use snug_model::blocks as model;
use utoipa::ToSchema;

use crate::{ids::UserId, time::Time};

/// Somebody whom a user has blocked: where the two are alone, neither sends nor adds the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Block {
    /// Whom.
    pub user: UserId,
    /// Since when.
    pub since: Time,
}

impl From<model::Block> for Block {
    fn from(block: model::Block) -> Self {
        Self { user: block.user.into(), since: block.since.into() }
    }
}
