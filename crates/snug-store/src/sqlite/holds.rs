//! Legal holds, conversations' own retention rules, and what is set aside because it is due and held.

use rusqlite::{named_params, params};
use snug_model::{AppKey, ConversationKey, Permit, Seq, Timestamp, UserKey};

use super::{
    conversations::{self, Change, Step, advance, note_change},
    members, retention,
    rows::{self, message_columns},
    sql::{Cells, Sql, after, corrupt, paged},
};
use crate::{
    Class, ConversationRow, DueMessage, HeldMessage, HoldOn, HoldRow, MessageRow, Page, PurgeCounts,
    PurgeNext, PurgeStep, Purged, PurgedDay, RuledRow, StoreError, StoreResult, VersionRow,
};

/// Whether a message `g` is held: its conversation, or who sent it.
macro_rules! held {
    () => {
        "(EXISTS (SELECT 1 FROM holds h WHERE h.app = g.app AND h.kind = 1 AND h.subject = g.conversation)
          OR EXISTS (SELECT 1 FROM holds h WHERE h.app = g.app AND h.kind = 2 AND h.subject = g.sender))"
    };
}
pub(super) use held;

pub(super) fn set_kept_days(
    sql: &Sql<'_>,
    permit: &Permit,
    days: Option<u16>,
) -> StoreResult<ConversationRow> {
    let (app, key) = (permit.app(), conversations::of(permit)?);
    let rule = i32::try_from(key.0).map_err(|_| StoreError::Full("the number of retention rules"))?;
    let set = sql.run(
        "UPDATE conversations SET kept_days = ?1, rule = iif(?1 IS NULL, rule, ?2), version = version + 1
         WHERE conversation = ?3 AND app = ?4 AND deleted_at IS NULL",
        params![days, rule, key.0, app.0],
    )?;
    if set == 0 {
        return Err(StoreError::NotFound);
    }
    conversations::row(sql, app, key)?.ok_or(StoreError::NotFound)
}

pub(super) fn set(sql: &Sql<'_>, permit: &Permit, on: HoldOn, held: bool, at: Timestamp) -> StoreResult<()> {
    let (kind, subject) = on.cells();
    let statement = if held {
        "INSERT INTO holds (app, kind, subject, at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING"
    } else {
        "DELETE FROM holds WHERE app = ?1 AND kind = ?2 AND subject = ?3 AND ?4 IS NOT NULL"
    };
    sql.run(statement, params![permit.app().0, kind, subject, at.0]).map(drop)
}

pub(super) fn list(sql: &Sql<'_>, permit: &Permit, page: Page) -> StoreResult<Vec<HoldRow>> {
    sql.all(
        &paged("SELECT h.hold, h.kind, h.subject, h.at FROM holds h WHERE h.app = :app", "h.hold", &page),
        named_params! { ":app": permit.app().0, ":after": after(&page), ":limit": page.limit },
        hold_row,
    )
}

fn hold_row(row: &mut Cells<'_>) -> StoreResult<HoldRow> {
    Ok(HoldRow {
        number: row.int()?,
        on: match (row.int()?, row.int()?) {
            (1, conversation) => HoldOn::Conversation(ConversationKey(conversation)),
            (2, user) => HoldOn::User(UserKey(user)),
            (kind, _) => return Err(corrupt("what a hold is on", kind)),
        },
        since: row.time()?,
    })
}

/// Refuses to delete a conversation that is held, or in which somebody is, or was, who is held.
pub(super) fn check_conversation(sql: &Sql<'_>, app: AppKey, key: ConversationKey) -> StoreResult<()> {
    refuse(sql.exists(
        "SELECT 1 FROM holds WHERE app = ?1 AND kind = 1 AND subject = ?2
         UNION ALL SELECT 1 FROM holds h CROSS JOIN members m
             ON m.app = h.app AND m.conversation = ?2 AND m.user = h.subject
             WHERE h.app = ?1 AND h.kind = 2",
        params![app.0, key.0],
    )?)
}

/// Refuses to erase a user who is held, or is, or was, in a conversation that is held.
pub(super) fn check_user(sql: &Sql<'_>, app: AppKey, user: UserKey) -> StoreResult<()> {
    refuse(sql.exists(
        "SELECT 1 FROM holds WHERE app = ?1 AND kind = 2 AND subject = ?2
         UNION ALL SELECT 1 FROM holds h CROSS JOIN members m
             ON m.app = h.app AND m.conversation = h.subject AND m.user = ?2
             WHERE h.app = ?1 AND h.kind = 1",
        params![app.0, user.0],
    )?)
}

/// Refuses to delete an app in which anything is held.
pub(super) fn check_app(sql: &Sql<'_>, app: AppKey) -> StoreResult<()> {
    refuse(sql.exists("SELECT 1 FROM holds WHERE app = ?1", params![app.0])?)
}

fn refuse(held: bool) -> StoreResult<()> {
    if held { Err(StoreError::Held) } else { Ok(()) }
}

pub(super) fn due(
    sql: &Sql<'_>,
    permit: &Permit,
    before: Timestamp,
    limit: i64,
) -> StoreResult<Vec<DueMessage>> {
    let (app, key) = (permit.app(), conversations::of(permit)?);
    let conversation = conversations::row(sql, app, key)?.ok_or(StoreError::NotFound)?;
    let stored = sql.all(
        concat!(
            "SELECT ",
            message_columns!(),
            ", ",
            held!(),
            " FROM messages g WHERE g.app = ?1 AND g.conversation = ?2 AND g.seq >= ?3 ORDER BY g.seq LIMIT ?4"
        ),
        params![app.0, key.0, conversation.first_seq.0, limit],
        |row| Ok((rows::stored(row)?.message, row.flag()?)),
    )?;
    let due = stored.into_iter().take_while(|(message, held)| *held && message.created_at < before);
    due.map(|(message, _)| whole(sql, app, key, message)).collect()
}

/// A message with all that was sealed for it.
fn whole(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    message: MessageRow,
) -> StoreResult<DueMessage> {
    let versions = sql.all(
        "SELECT version, body, at FROM message_versions WHERE app = ?1 AND conversation = ?2 AND seq = ?3
         ORDER BY version",
        params![app.0, conversation.0, message.seq.0],
        |row| Ok(VersionRow { version: row.int()?, body: row.sealed()?, at: row.time()? }),
    )?;
    let reactions = sql.all(
        "SELECT user, emoji_mac, emoji FROM reactions WHERE app = ?1 AND conversation = ?2 AND seq = ?3
         ORDER BY reaction",
        params![app.0, conversation.0, message.seq.0],
        |row| Ok((UserKey(row.int()?), row.mac()?, row.sealed()?)),
    )?;
    Ok(DueMessage { message, versions, reactions })
}

pub(super) fn hold(
    sql: &Sql<'_>,
    permit: &Permit,
    step: &PurgeStep,
    rule: i32,
    messages: &[HeldMessage],
) -> StoreResult<Purged> {
    let (app, key) = (permit.app(), conversations::of(permit)?);
    let first = conversations::row(sql, app, key)?.ok_or(StoreError::NotFound)?.first_seq;
    let (mut kept, mut counts) = (first, PurgeCounts::default());
    for message in messages {
        let still = sql.exists(
            concat!(
                "SELECT 1 FROM messages g WHERE g.app = ?1 AND g.conversation = ?2 AND g.seq = ?3 AND g.id = ?4
                     AND g.rev = ?5 AND g.created_at < ?6 AND ",
                held!()
            ),
            params![app.0, key.0, kept.0, message.id.as_bytes(), message.rev.0, step.before.0],
        )?;
        if !still {
            break;
        }
        write(sql, app, key, kept, rule, message)?;
        kept = kept.next();
        counts.held += 1;
    }
    let next = PurgeNext::More;
    if kept == first {
        return Ok(Purged { rev: None, before: first, counts, next });
    }
    sql.run(
        "UPDATE conversations SET first_seq = ?1 WHERE conversation = ?2 AND app = ?3",
        params![kept.0, key.0, app.0],
    )?;
    members::purged(sql, app, key, kept)?;
    let moved = advance(sql, app, key, Step { at: step.at, members: 0 })?;
    note_change(sql, app, key, &moved, Change::Purge(kept), step.at)?;
    retention::note(sql, &step.job, &counts, &[], step.lease_until)?;
    Ok(Purged { rev: Some(moved.rev), before: kept, counts, next })
}

fn write(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    seq: Seq,
    rule: i32,
    message: &HeldMessage,
) -> StoreResult<()> {
    let (app, conversation) = (app.0, conversation.0);
    sql.run(
        "UPDATE messages SET body = ?1, held = ?2 WHERE app = ?3 AND conversation = ?4 AND seq = ?5",
        params![message.body.as_ref().map(|body| &body.0), rule, app, conversation, seq.0],
    )?;
    for (version, body) in &message.versions {
        sql.run(
            "UPDATE message_versions SET body = ?1 WHERE app = ?2 AND conversation = ?3 AND seq = ?4 AND version = ?5",
            params![body.0, app, conversation, seq.0, version],
        )?;
    }
    for (user, was, mac, emoji) in &message.reactions {
        sql.run(
            "UPDATE reactions SET emoji_mac = ?1, emoji = ?2
             WHERE app = ?3 AND conversation = ?4 AND seq = ?5 AND emoji_mac = ?6 AND user = ?7",
            params![mac.0, emoji.0, app, conversation, seq.0, was.0, user.0],
        )?;
    }
    sql.run(
        "INSERT INTO held_days (app, rule, day)
         SELECT app, held, created_at / 86400000 FROM messages WHERE app = ?1 AND conversation = ?2 AND seq = ?3
         ON CONFLICT DO NOTHING",
        params![app, conversation, seq.0],
    )
    .map(drop)
}

pub(super) fn messages(
    sql: &Sql<'_>,
    permit: &Permit,
    after: Seq,
    limit: i64,
) -> StoreResult<Vec<DueMessage>> {
    let place = super::messages::Place::of(permit)?;
    let stored = sql.all(
        concat!(
            "SELECT ",
            message_columns!(),
            " FROM messages g
              JOIN conversations c ON c.conversation = g.conversation AND c.app = g.app
              WHERE g.app = ?1 AND g.conversation = ?2 AND g.seq > ?3 AND g.seq < c.first_seq AND g.held IS NOT NULL
              ORDER BY g.seq LIMIT ?4"
        ),
        params![place.app.0, place.conversation.0, after.0, limit],
        rows::stored,
    )?;
    let mut messages = Vec::new();
    for stored in stored {
        let message = place.shown(sql, stored)?;
        messages.push(whole(sql, place.app, place.conversation, message)?);
    }
    Ok(messages)
}

pub(super) fn released(
    sql: &Sql<'_>,
    permit: &Permit,
    limit: i64,
) -> StoreResult<Vec<(ConversationKey, Seq)>> {
    sql.all(
        concat!(
            "SELECT g.conversation, g.seq FROM messages g WHERE g.app = ?1 AND g.held IS NOT NULL AND NOT ",
            held!(),
            " LIMIT ?2"
        ),
        params![permit.app().0, limit],
        |row| Ok((ConversationKey(row.int()?), Seq(row.int()?))),
    )
}

pub(super) fn purge_released(
    sql: &Sql<'_>,
    permit: &Permit,
    step: &PurgeStep,
    messages: &[(ConversationKey, Seq)],
) -> StoreResult<PurgeCounts> {
    let app = permit.app();
    let mut went = PurgeCounts::default();
    for (conversation, seq) in messages {
        let id = sql.maybe(
            concat!(
                "SELECT g.id FROM messages g WHERE g.app = ?1 AND g.conversation = ?2 AND g.seq = ?3
                     AND g.held IS NOT NULL AND NOT ",
                held!()
            ),
            params![app.0, conversation.0, seq.0],
            |row| row.message_id(),
        )?;
        if id.is_some() {
            went = went.and(retention::remove(sql, app, *conversation, *seq, seq.next(), step.at)?);
        }
    }
    retention::note(sql, &step.job, &went, &[], step.lease_until)?;
    Ok(went)
}

pub(super) fn empty_days(sql: &Sql<'_>, permit: &Permit, limit: i64) -> StoreResult<Vec<PurgedDay>> {
    sql.all(
        "SELECT d.rule, d.day FROM held_days d WHERE d.app = ?1 AND NOT EXISTS (
             SELECT 1 FROM messages g WHERE g.app = d.app AND g.held = d.rule
                 AND g.created_at >= d.day * 86400000 AND g.created_at < (d.day + 1) * 86400000)
         ORDER BY d.rule, d.day LIMIT ?2",
        params![permit.app().0, limit],
        |row| Ok(PurgedDay { class: Class::Messages, rule: row.take()?, day: row.take()? }),
    )
}

pub(super) fn forget_days(sql: &Sql<'_>, permit: &Permit, days: &[PurgedDay]) -> StoreResult<()> {
    for day in days {
        sql.run(
            "DELETE FROM held_days WHERE app = ?1 AND rule = ?2 AND day = ?3",
            params![permit.app().0, day.rule, day.day],
        )?;
    }
    Ok(())
}

pub(super) fn ruled(
    sql: &Sql<'_>,
    permit: &Permit,
    after: ConversationKey,
    limit: i64,
) -> StoreResult<Vec<RuledRow>> {
    sql.all(
        "SELECT conversation, rule, kept_days, deleted_at IS NOT NULL FROM conversations
         WHERE app = ?1 AND conversation > ?2 AND rule <> 0 ORDER BY conversation LIMIT ?3",
        params![permit.app().0, after.0, limit],
        |row| {
            Ok(RuledRow {
                key: ConversationKey(row.int()?),
                rule: row.take()?,
                kept_days: row.take()?,
                deleted: row.flag()?,
            })
        },
    )
}
