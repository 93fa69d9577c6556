//! Batches of a back end: each item with an outcome of its own.

use std::collections::HashSet;

use futures_util::{StreamExt, stream};
use snug_model::{
    Action, Actor, ConversationId, Invalid, UserId,
    messages::{Draft, Message},
    users::{User, UserDraft},
};

use crate::{
    Core, Error, Outcome, Result,
    authorize::{Ask, Decision},
};

/// Users that are written side by side: they share commits, and leave the database to others too.
const USERS_AT_ONCE: usize = 16;

impl Core {
    /// Makes or replaces users, each by an act of its own; the acts share commits. One whose id stands in the batch before is
    /// `Invalid`.
    ///
    /// # Errors
    /// What concerns them all: that the actor may not write users.
    pub async fn put_users(
        &self,
        actor: &Actor,
        drafts: &[(UserId, UserDraft)],
    ) -> Result<Vec<Result<Outcome<User>>>> {
        self.authorize(&mut Decision::new(Ask::in_app(actor, Action::WriteUser))).await?;
        let mut seen = HashSet::new();
        let acts: Vec<_> = drafts
            .iter()
            .map(|(id, draft)| {
                let first = seen.insert(id);
                async move {
                    if !first {
                        return Err(Error::from(Invalid::new("id", "is in the batch twice")));
                    }
                    self.charge(actor).await?;
                    self.put_user(actor, id, draft).await
                }
            })
            .collect();
        Ok(stream::iter(acts).buffered(USERS_AT_ONCE).collect().await)
    }

    /// Sends drafts to a conversation, in their order, as one act with one decision and one commit. Each has an outcome of
    /// its own, as [`Core::send`] says.
    ///
    /// # Errors
    /// What concerns them all.
    pub async fn send_batch(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        drafts: &[&Draft],
    ) -> Result<Vec<Result<Outcome<Message>>>> {
        self.decide_to_send(actor, conversation, drafts, None).await
    }
}
