//! What changed since a rev.
//!
//! `changes` has a row for every rev that is not a new message, with the head at that rev. So between two of its rows rev
//! and seq grow together, and the head at any rev is arithmetic.

use std::collections::BTreeSet;

use snug_model::{
    AppKey, ConversationKey, Epoch, Permit, Rev, Seq, Timestamp, UserKey,
    limits::{SYNC_RESET_MESSAGES, SYNC_REVS_MAX},
};

use super::{
    conversations, member_rows,
    messages::{Place, Side},
    sql::{Sql, corrupt, params},
};
use crate::{ConversationRow, MemberRow, MessageRow, StoreError, StoreResult, SyncFrom, SyncRows};

/// The head at a rev.
pub(super) async fn seq_at(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    rev: Rev,
) -> StoreResult<Seq> {
    let last = sql
        .maybe(
            "SELECT rev, head_seq FROM changes WHERE app = $1 AND conversation = $2 AND rev <= $3
         ORDER BY rev DESC LIMIT 1",
            params![app.0, conversation.0, rev.0],
            |row| Ok((row.int()?, row.int()?)),
        )
        .await?;
    Ok(Seq(last.map_or(rev.0, |(at, head)| head + rev.0 - at)))
}

pub(super) async fn sync(sql: &Sql<'_>, permit: &Permit, from: SyncFrom) -> StoreResult<SyncRows> {
    let place = Place::of(permit)?;
    let conversation =
        conversations::row(sql, place.app, place.conversation).await?.ok_or(StoreError::NotFound)?;
    let own = match permit.user() {
        Some(user) => member_rows::row(sql, place.app, place.conversation, user).await?,
        None => None,
    };
    let reading = Reading {
        head: place.view.until.unwrap_or(conversation.rev),
        epoch: conversation.epoch,
        conversation: as_at_removal(conversation, &place, own.as_ref()),
        own,
        place,
    };
    if reading.is_too_old(sql, from).await? {
        reading.anew(sql).await
    } else {
        reading.since(sql, from).await
    }
}

/// A conversation as the view shows it: that of a removed member as at the removal.
pub(super) fn as_at_removal(
    conversation: ConversationRow,
    place: &Place,
    own: Option<&MemberRow>,
) -> ConversationRow {
    let (Some(until), Some(frozen)) = (place.view.until, own.and_then(|own| own.frozen.as_ref())) else {
        return conversation;
    };
    ConversationRow {
        profile: frozen.profile.clone(),
        profile_version: frozen.profile_version,
        // What it was called then is not kept, and what it is called now is not for one who left.
        alias: None,
        state: frozen.state,
        frozen: frozen.frozen,
        rev: until,
        head_seq: frozen.head_seq,
        member_count: frozen.member_count,
        updated_at: frozen.at,
        ..conversation
    }
}

/// One reader's conversation, in one snapshot.
struct Reading {
    place: Place,
    conversation: ConversationRow,
    own: Option<MemberRow>,
    epoch: Epoch,
    head: Rev,
}

/// What took a rev that was not a new message.
enum Changed {
    Message(Seq),
    Member(UserKey),
    Conversation,
}

impl Reading {
    async fn seq_at(&self, sql: &Sql<'_>, rev: Rev) -> StoreResult<Seq> {
        seq_at(sql, self.place.app, self.place.conversation, rev).await
    }

    /// Whether the reader must start anew: it knows another epoch, or is too many changes or too long behind.
    async fn is_too_old(&self, sql: &Sql<'_>, from: SyncFrom) -> StoreResult<bool> {
        let behind = self.head.0 - from.since.0;
        if from.epoch != self.epoch || !(0..=SYNC_REVS_MAX.cast_signed()).contains(&behind) {
            return Ok(true);
        }
        if behind == 0 {
            return Ok(false);
        }
        let first = self.time_of(sql, from.since.next()).await?;
        Ok(first.is_none_or(|at| at < from.kept_since))
    }

    /// When a rev was taken.
    async fn time_of(&self, sql: &Sql<'_>, rev: Rev) -> StoreResult<Option<Timestamp>> {
        let (app, conversation) = (self.place.app.0, self.place.conversation.0);
        let changed = sql
            .maybe(
                "SELECT at FROM changes WHERE app = $1 AND conversation = $2 AND rev = $3 LIMIT 1",
                params![app, conversation, rev.0],
                |row| row.time(),
            )
            .await?;
        if changed.is_some() {
            return Ok(changed);
        }
        sql.maybe(
            "SELECT created_at FROM messages WHERE app = $1 AND conversation = $2 AND seq = $3",
            params![app, conversation, self.seq_at(sql, rev).await?.0],
            |row| row.time(),
        )
        .await
    }

    async fn anew(self, sql: &Sql<'_>) -> StoreResult<SyncRows> {
        let newest = self.place.visible_head(sql).await?;
        let limit = SYNC_RESET_MESSAGES.cast_signed();
        let messages = self.place.page(sql, self.place.view.from_seq, newest, Side::Newest, limit).await?;
        Ok(SyncRows {
            reset: true,
            epoch: self.epoch,
            to: self.head,
            head: self.head,
            messages: by_rev(messages),
            read_seq: self.own.as_ref().map(|own| own.read_seq),
            members: self.own.into_iter().collect(),
            conversation: Some(self.conversation),
        })
    }

    async fn since(self, sql: &Sql<'_>, from: SyncFrom) -> StoreResult<SyncRows> {
        let to = Rev(from.since.0.saturating_add(from.limit.max(0)).min(self.head.0));
        let (known, newest) = (self.seq_at(sql, from.since).await?, self.seq_at(sql, to).await?);
        let first = known.next().max(self.place.view.from_seq);
        let mut messages = self.place.page(sql, first, newest, Side::Oldest, from.limit).await?;
        let (mut edited, mut users, mut itself) = (BTreeSet::new(), BTreeSet::new(), false);
        for changed in self.changes(sql, from.since, to).await? {
            match changed {
                Changed::Message(seq) if (self.place.view.from_seq..=known).contains(&seq) => {
                    edited.insert(seq.0);
                }
                // New within the window, so it is there already; or not to be seen.
                Changed::Message(_) => {}
                Changed::Member(user) => {
                    users.insert(user);
                }
                Changed::Conversation => itself = true,
            }
        }
        messages.extend(self.place.some(sql, edited.into_iter().collect()).await?);
        Ok(SyncRows {
            reset: false,
            epoch: self.epoch,
            to,
            head: self.head,
            messages: by_rev(messages),
            members: self.members(sql, users).await?,
            conversation: itself.then_some(self.conversation),
            read_seq: self.own.map(|own| own.read_seq),
        })
    }

    /// What took the revs above `since`, up to `to`, other than new messages.
    async fn changes(&self, sql: &Sql<'_>, since: Rev, to: Rev) -> StoreResult<Vec<Changed>> {
        sql.all(
            "SELECT kind, reference FROM changes
             WHERE app = $1 AND conversation = $2 AND rev > $3 AND rev <= $4",
            params![self.place.app.0, self.place.conversation.0, since.0, to.0],
            |row| match (row.int()?, row.int()?) {
                (1, seq) => Ok(Changed::Message(Seq(seq))),
                (2, user) => Ok(Changed::Member(UserKey(user))),
                (3, _) => Ok(Changed::Conversation),
                (kind, _) => Err(corrupt("a change's kind", kind)),
            },
        )
        .await
    }

    /// Members that changed, in order of rev; a removed member sees its own row alone.
    async fn members(&self, sql: &Sql<'_>, users: BTreeSet<UserKey>) -> StoreResult<Vec<MemberRow>> {
        let own = self.own.as_ref().map(|own| own.user);
        let visible = |user: &UserKey| self.place.view.until.is_none() || Some(*user) == own;
        let users: Vec<UserKey> = users.into_iter().filter(visible).collect();
        let mut rows = member_rows::all(sql, self.place.app, self.place.conversation, &users).await?;
        rows.sort_by_key(|row| (row.rev, row.user));
        Ok(rows)
    }
}

fn by_rev(mut messages: Vec<MessageRow>) -> Vec<MessageRow> {
    messages.sort_by_key(|message| (message.rev, message.seq));
    messages
}
