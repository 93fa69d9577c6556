//! A user's conversations: newest first, what changed since, one alone.

use std::sync::atomic::Ordering;

use snug_model::{
    Action, Actor, ConversationId, Facts, UserId, UserKey, conversations::InboxItem, limits, members::Access,
    policy,
};
use snug_store::{InboxPlace, InboxQuery, InboxRow, InboxRows, UnreadRows};

use crate::{
    Core, Error, Result,
    authorize::{Allowed, Ask, decided},
    facts,
    people::People,
    publish::Left,
    sealing::{TokenKind, TokenUse},
    views::Shown,
};

/// A part of an inbox.
pub struct Inbox {
    /// The conversations.
    pub items: Vec<InboxItem>,
    /// Conversations that left the inbox since: deleted, or forgotten.
    pub gone: Vec<ConversationId>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// What to ask with later for what changed.
    pub sync_token: String,
    /// Whether to forget what one knows: too much has changed, and these are the newest.
    pub reset: bool,
    /// Whom the items mention.
    pub people: People,
}

/// Which part of an inbox is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct InboxAsk<'a> {
    /// Where to go on.
    pub cursor: Option<&'a str>,
    /// What changed since this token was given.
    pub since: Option<&'a str>,
    /// Only conversations with something unread.
    pub unread: bool,
    /// How many at most.
    pub limit: i64,
}

/// How many conversations hold something unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread {
    /// Among the newest.
    pub conversations: i64,
    /// Whether there are more than were looked at.
    pub capped: bool,
}

impl Core {
    /// A part of a user's inbox.
    pub async fn inbox(&self, actor: &Actor, user: &UserId, part: &InboxAsk<'_>) -> Result<Inbox> {
        let own = self.own_id(actor).await?.as_ref() == Some(user);
        let ask = Ask::in_app(actor, Action::ReadInbox { own }).on_visible(user, own);
        decided!(self, ask.clone(), |allowed| async {
            let user = match (own, allowed.permit.user()) {
                (true, Some(user)) => user,
                _ => allowed.target()?.user.key,
            };
            self.inbox_of(actor, &allowed, user, part).await
        })
    }

    /// The client's own inbox.
    pub(crate) async fn inbox_of(
        &self,
        actor: &Actor,
        allowed: &Allowed,
        user: UserKey,
        part: &InboxAsk<'_>,
    ) -> Result<Inbox> {
        let query = format!("inbox {user} {}", part.unread);
        let asked = match (part.since, part.cursor) {
            (Some(since), _) => match self.read_sync_token(actor, user, since).await? {
                Some(version) => InboxQuery::Since { version, limit: limits::PAGE_ITEMS_MAX as i64 },
                None => InboxQuery::Page { below: None, unread: part.unread, limit: part.limit },
            },
            (None, cursor) => {
                let below = match cursor {
                    Some(cursor) => {
                        let (at, conversation) =
                            self.open_cursor::<(i64, i64)>(actor, cursor, &query).await?;
                        Some(InboxPlace { at, conversation })
                    }
                    None => None,
                };
                InboxQuery::Page { below, unread: part.unread, limit: part.limit }
            }
        };
        let rows = self.store.inbox(&allowed.permit, user, asked).await?;
        if let InboxQuery::Since { .. } = asked {
            self.remember_inbox(actor.app(), &rows.items);
        }
        let reset = part.since.is_some() && (rows.reset || matches!(asked, InboxQuery::Page { .. }));
        self.show_inbox_rows(actor, allowed, user, rows, &query, reset).await
    }

    async fn show_inbox_rows(
        &self,
        actor: &Actor,
        allowed: &Allowed,
        user: UserKey,
        mut rows: InboxRows,
        query: &str,
        reset: bool,
    ) -> Result<Inbox> {
        rows.items.retain(|row| reaches(actor, row));
        let left: Vec<_> = rows.items.iter().map(|row| self.left_in(actor, allowed, row)).collect();
        let shown = self.show_inbox(&allowed.permit, &allowed.app, &rows.items, &left).await?;
        let mut gone = Vec::with_capacity(rows.gone.len());
        for row in &rows.gone {
            match self.gone_conversation_id(&allowed.permit, row).await {
                // Its deletion was done again after a restore, and what it was called is not known any more.
                Err(Error::Stale) => {}
                id => gone.push(id?),
            }
        }
        let next = match rows.next {
            Some(place) => Some(self.seal_cursor(actor, &(place.at, place.conversation), query).await?),
            None => None,
        };
        let sync_token = self.make_sync_token(actor, user, rows.version).await?;
        Ok(Inbox { items: shown.what, gone, next, sync_token, reset, people: shown.people })
    }

    async fn make_sync_token(&self, actor: &Actor, user: UserKey, version: i64) -> Result<String> {
        let query = self.sync_query(user);
        let used = TokenUse { kind: TokenKind::Sync, actor, query: &query };
        Ok(self.keyed(actor.app()).await?.tokens.make(used, &version)?)
    }

    /// The version that a sync token holds; none where it is none of this server's, so that its holder starts anew.
    async fn read_sync_token(&self, actor: &Actor, user: UserKey, token: &str) -> Result<Option<i64>> {
        let query = self.sync_query(user);
        let used = TokenUse { kind: TokenKind::Sync, actor, query: &query };
        Ok(self.keyed(actor.app()).await?.tokens.read(used, token).ok())
    }

    /// What a sync token is bound to. Once the data was restored from a backup, tokens from before are none: they may know of what is not
    /// there any more.
    fn sync_query(&self, user: UserKey) -> String {
        match self.restored_at.load(Ordering::Relaxed) {
            0 => format!("inbox {user}"),
            restored => format!("inbox {user} {restored}"),
        }
    }

    /// One conversation of a user.
    pub async fn inbox_item(
        &self,
        actor: &Actor,
        user: &UserId,
        conversation: &ConversationId,
    ) -> Result<(InboxItem, People)> {
        let own = self.own_id(actor).await?.as_ref() == Some(user);
        self.admit_inbox(actor, user, own).await?;
        let ask = Ask::in_conversation(actor, Action::ReadInboxItem, conversation)
            .perhaps_on((!own).then_some(user));
        decided!(self, ask.clone(), |allowed| async {
            let user = match (own, allowed.permit.user()) {
                (true, Some(user)) => user,
                _ => allowed.target()?.user.key,
            };
            let row = self.store.inbox_item(&allowed.permit, user).await?.ok_or(Error::NotFound)?;
            let left = self.left_in(actor, &allowed, &row);
            let rows = std::slice::from_ref(&row);
            let mut shown = self.show_inbox(&allowed.permit, &allowed.app, rows, &[left]).await?;
            Ok((shown.what.pop().ok_or(Error::NotFound)?, shown.people))
        })
    }

    /// Whether the actor may see this user's inbox at all.
    async fn admit_inbox(&self, actor: &Actor, user: &UserId, own: bool) -> Result<()> {
        let ask = Ask::in_app(actor, Action::ReadInbox { own }).on_visible(user, own);
        self.authorize(&mut crate::authorize::Decision::new(ask)).await?;
        Ok(())
    }

    /// The inbox item of a member, opened as that member sees it, for a push to it.
    pub(crate) async fn inbox_item_of(
        &self,
        allowed: &Allowed,
        user: UserKey,
    ) -> Result<Option<Shown<InboxItem>>> {
        let told = self.told(allowed.permit.app(), Some(allowed.conversation()?))?;
        let Some(row) = self.store.inbox_item(&told, user).await? else { return Ok(None) };
        let left = self.permissions_of_member(allowed, &row.member).await?;
        let rows = std::slice::from_ref(&row);
        let Shown { mut what, people } =
            self.show_inbox(&allowed.permit, &allowed.app, rows, &[left]).await?;
        Ok(what.pop().map(|what| Shown { what, people }))
    }

    /// What the client may do in a conversation of its inbox; a back end has no permissions of its own to show.
    fn left_in(&self, actor: &Actor, allowed: &Allowed, row: &InboxRow) -> Left {
        let facts = Facts {
            conversation: Some(facts::of_conversation(&row.conversation)),
            member: Some(facts::of_member(&row.member, &allowed.app)),
            ..allowed.facts.clone()
        };
        let now = self.clock.now();
        let present = row.member.access != Access::None && actor.user().is_some();
        let muted_until = policy::muted_until(facts.member.as_ref(), facts.user.as_ref(), now);
        Left {
            permissions: policy::permissions_in_conversation(actor, &facts, now),
            muted_until: muted_until.filter(|_| present),
        }
    }

    /// How many of the client's newest conversations hold something unread.
    pub(crate) async fn unread(&self, allowed: &Allowed, user: UserKey) -> Result<Unread> {
        let UnreadRows { conversations, capped } =
            self.store.unread(&allowed.permit, user, limits::UNREAD_LOOK_MAX as i64).await?;
        Ok(Unread { conversations, capped })
    }
}

/// Whether a token that is narrowed to some conversations reaches this one.
fn reaches(actor: &Actor, row: &InboxRow) -> bool {
    match actor {
        Actor::User(user) => {
            user.token.only.as_ref().is_none_or(|only| only.contains(&row.conversation.id_mac))
        }
        Actor::Key(_) | Actor::System(_) => true,
    }
}
