//! What changed since a rev.
//!
//! `changes` has a row for every rev that is not a new message, with the head at that rev. So between two of its rows rev
//! and seq grow together, and the head at any rev is arithmetic.

use std::collections::BTreeSet;

use rusqlite::params;
use snug_model::{
    AppKey, ConversationKey, Epoch, Permit, Rev, Seq, Timestamp, UserKey,
    limits::{SYNC_RESET_MESSAGES, SYNC_REVS_MAX},
};

use super::{
    conversations, members,
    messages::{Place, Side},
    sql::{Sql, corrupt},
};
use crate::{
    ConversationRow, MemberRow, MessageRow, StoreError, StoreResult, SyncFrom, SyncRows,
    revs::{Change, Changed, Revs},
};

/// The head at a rev.
pub(super) fn seq_at(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    rev: Rev,
) -> StoreResult<Seq> {
    let last = sql.maybe(
        "SELECT rev, head_seq FROM changes WHERE app = ?1 AND conversation = ?2 AND rev <= ?3
         ORDER BY rev DESC LIMIT 1",
        params![app.0, conversation.0, rev.0],
        |row| Ok((row.int()?, row.int()?)),
    )?;
    Ok(Seq(last.map_or(rev.0, |(at, head)| head + rev.0 - at)))
}

pub(super) fn sync(sql: &Sql<'_>, permit: &Permit, from: SyncFrom) -> StoreResult<SyncRows> {
    let place = Place::of(permit)?;
    let conversation = conversations::row(sql, place.app, place.conversation)?.ok_or(StoreError::NotFound)?;
    let own = match permit.user() {
        Some(user) => members::row(sql, place.app, place.conversation, user)?,
        None => None,
    };
    let reading = Reading {
        head: place.view.until.unwrap_or(conversation.rev),
        epoch: conversation.epoch,
        conversation: as_at_removal(conversation, &place, own.as_ref()),
        own,
        place,
    };
    if reading.is_too_far(from) { reading.anew(sql) } else { reading.since(sql, from) }
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
        // How it goes on there now is not for one who left.
        slow_mode_s: 0,
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

impl Reading {
    /// Whether the reader must start anew: it knows another epoch, or is too many changes behind.
    fn is_too_far(&self, from: SyncFrom) -> bool {
        let behind = self.head.0 - from.since.0;
        from.epoch != self.epoch || !(0..=SYNC_REVS_MAX.cast_signed()).contains(&behind)
    }

    /// When the first rev above `since` was taken.
    fn first_at(&self, sql: &Sql<'_>, revs: &Revs, since: Rev) -> StoreResult<Option<Timestamp>> {
        if let Some(at) = revs.time_of(since.next()) {
            return Ok(Some(at));
        }
        let (app, conversation) = (self.place.app.0, self.place.conversation.0);
        sql.maybe(
            "SELECT created_at FROM messages WHERE app = ?1 AND conversation = ?2 AND seq = ?3",
            params![app, conversation, revs.head_at(since.next()).0],
            |row| row.time(),
        )
    }

    fn anew(self, sql: &Sql<'_>) -> StoreResult<SyncRows> {
        let newest = self.place.visible_head(sql)?;
        let limit = SYNC_RESET_MESSAGES.cast_signed();
        let messages = self.place.page(sql, self.place.view.from_seq, newest, Side::Newest, limit)?;
        Ok(SyncRows {
            reset: true,
            epoch: self.epoch,
            to: self.head,
            head: self.head,
            messages: by_rev(messages),
            read_seq: self.own.as_ref().map(|own| own.read_seq),
            members: self.own.into_iter().collect(),
            conversation: Some(self.conversation),
            purged_before: None,
        })
    }

    fn since(self, sql: &Sql<'_>, from: SyncFrom) -> StoreResult<SyncRows> {
        let to = Rev(from.since.0.saturating_add(from.limit.max(0)).min(self.head.0));
        let revs = self.revs(sql, from.since, to)?;
        if from.since < self.head
            && self.first_at(sql, &revs, from.since)?.is_none_or(|at| at < from.kept_since)
        {
            return self.anew(sql);
        }
        let (known, newest) = (revs.head_at(from.since), revs.head_at(to));
        let first = known.next().max(self.place.view.from_seq);
        let mut messages = self.place.page(sql, first, newest, Side::Oldest, from.limit)?;
        let (mut edited, mut users, mut itself) = (BTreeSet::new(), BTreeSet::new(), false);
        let mut purged_before = None;
        for changed in revs.changed() {
            match changed {
                Changed::Message(seq) if (self.place.view.from_seq..=known).contains(&seq) => {
                    edited.insert(seq);
                }
                // New within the window, so it is there already; or not to be seen.
                Changed::Message(_) => {}
                Changed::Member(user) => {
                    users.insert(user);
                }
                Changed::Conversation => itself = true,
                // What was purged within the window, or since, is gone at once.
                Changed::Purge(_) => purged_before = Some(self.conversation.first_seq),
            }
        }
        for seq in edited {
            messages.extend(self.place.page(sql, seq, seq, Side::Oldest, 1)?);
        }
        Ok(SyncRows {
            reset: false,
            epoch: self.epoch,
            to,
            head: self.head,
            messages: by_rev(messages),
            members: self.members(sql, users)?,
            conversation: itself.then_some(self.conversation),
            purged_before,
            read_seq: self.own.map(|own| own.read_seq),
        })
    }

    /// The revs above `since`, up to `to`, that were not new messages.
    fn revs(&self, sql: &Sql<'_>, since: Rev, to: Rev) -> StoreResult<Revs> {
        let changes = sql.all(
            "SELECT rev, kind, reference, head_seq, at FROM (
                 SELECT rev, kind, reference, head_seq, at FROM changes
                 WHERE app = ?1 AND conversation = ?2 AND rev <= ?3 ORDER BY rev DESC LIMIT 1
             ) last
             UNION ALL SELECT rev, kind, reference, head_seq, at FROM changes
             WHERE app = ?1 AND conversation = ?2 AND rev > ?3 AND rev <= ?4",
            params![self.place.app.0, self.place.conversation.0, since.0, to.0],
            |row| {
                let (rev, kind) = (Rev(row.int()?), row.int()?);
                let what = Changed::from_row(kind, row.int()?);
                let what = what.ok_or_else(|| corrupt("a change's kind", kind))?;
                Ok(Change { rev, what, head: Seq(row.int()?), at: row.time()? })
            },
        )?;
        Ok(Revs::new(changes, since))
    }

    /// Members that changed, in order of rev; a removed member sees its own row alone.
    fn members(&self, sql: &Sql<'_>, users: BTreeSet<UserKey>) -> StoreResult<Vec<MemberRow>> {
        let own = self.own.as_ref().map(|own| own.user);
        let visible = |user: &UserKey| self.place.view.until.is_none() || Some(*user) == own;
        let rows = users
            .into_iter()
            .filter(visible)
            .map(|user| members::row(sql, self.place.app, self.place.conversation, user));
        let mut rows: Vec<_> = rows.filter_map(Result::transpose).collect::<StoreResult<_>>()?;
        rows.sort_by_key(|row| (row.rev, row.user));
        Ok(rows)
    }
}

fn by_rev(mut messages: Vec<MessageRow>) -> Vec<MessageRow> {
    messages.sort_by_key(|message| (message.rev, message.seq));
    messages
}
