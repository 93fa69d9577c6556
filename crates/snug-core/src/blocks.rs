//! Blocks between two people: made, lifted, listed by whose they are.

use snug_model::{Action, Actor, AppKey, Invalid, UserId, UserKey, audit::Act, blocks::Block};
use snug_store::BlockRow;

use crate::{
    Core, Error, Result,
    audit::Noted,
    authorize::{Allowed, Ask, decided},
    paging::{Listed, PageAsk},
    people::Faces,
};

impl Core {
    /// Has a user block another one, or lifts that: a client for itself, and whom it may see; a back end for anybody.
    ///
    /// # Errors
    /// `NotFound` where the other one does not exist, or may not be seen. To lift what is not there is no error.
    pub async fn block_user(&self, actor: &Actor, user: &UserId, other: &UserId, on: bool) -> Result<()> {
        if user == other {
            return Err(Invalid::new("other", "is the user itself").into());
        }
        let own = self.own_id(actor).await?.as_ref() == Some(user);
        let ask = Ask::in_app(actor, Action::BlockUser { own }).on_visible(user, own);
        // Whom a client blocks itself is nobody's business.
        let ask = match own {
            true => ask,
            false => ask.noted(Noted::either(!on, Act::BlockUser, Act::UnblockUser)),
        };
        decided!(self, ask.clone(), |allowed| async {
            let user = allowed.target()?.user.key;
            // Somebody whom one no longer meets is still let off.
            let among = actor.user().filter(|_| on);
            let Some(other) = self.whom(actor.app(), &allowed, other, among).await? else {
                return if on { Err(Error::NotFound) } else { Ok(()) };
            };
            let since = on.then(|| self.clock.now());
            self.store.set_block(&allowed.permit, user, other, since).await?;
            for user in [user, other] {
                self.facts.forget_user(actor.app(), user);
            }
            Ok(())
        })
    }

    /// The person of that id, if there is one; where somebody is named, one with whom that shares a conversation.
    async fn whom(
        &self,
        app: AppKey,
        allowed: &Allowed,
        other: &UserId,
        among: Option<UserKey>,
    ) -> Result<Option<UserKey>> {
        let id = self.keyed(app).await?.macs.user_id(other);
        let found = self.store.people_by_id(&allowed.permit, &[id], among).await?;
        Ok(found.first().map(|row| row.key))
    }

    /// Whom a user has blocked.
    pub async fn list_blocks(
        &self,
        actor: &Actor,
        user: &UserId,
        page: &PageAsk<'_>,
    ) -> Result<Listed<Block>> {
        let own = self.own_id(actor).await?.as_ref() == Some(user);
        let ask = Ask::in_app(actor, Action::ListBlocks { own }).on_visible(user, own);
        decided!(self, ask.clone(), |allowed| async {
            let from = self.open_page(actor, page).await?;
            let user = match (allowed.target(), actor.user()) {
                // A visitor of whom nothing is stored yet has blocked nobody.
                (Err(_), Some(_)) => return Ok(Listed::whole(Vec::new())),
                (target, _) => target?.user.key,
            };
            let rows = self.store.list_blocks(&allowed.permit, user, from).await?;
            let next = self.next_page(actor, page, rows.len(), rows.last().map(|row| row.other.0)).await?;
            let faces = self.faces(actor.app(), rows.iter().map(|row| row.other)).await?;
            Ok(Listed { items: blocks(&rows, &faces), next, people: faces.people() })
        })
    }
}

/// Blocks as they are shown; of who was erased meanwhile there are none.
pub(crate) fn blocks(rows: &[BlockRow], faces: &Faces) -> Vec<Block> {
    rows.iter().filter_map(|row| Some(Block { user: faces.id(row.other)?, since: row.since })).collect()
}
