//! Blocks between two people.

use rusqlite::{named_params, params};
use snug_model::{AppKey, ConversationKey, Permit, Timestamp, UserKey, limits::BLOCKS_PER_USER_MAX};

use super::{
    sql::{Sql, after, paged},
    users,
};
use crate::{BlockRow, Page, StoreError, StoreResult};

pub(super) fn set(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    other: UserKey,
    since: Option<Timestamp>,
) -> StoreResult<()> {
    let app = permit.app();
    if !users::lives(sql, app, user)? || !users::lives(sql, app, other)? {
        return Err(StoreError::NotFound);
    }
    let changed = match since {
        Some(since) => add(sql, app, user, other, since)?,
        None => sql.run(
            "DELETE FROM blocks WHERE app = ?1 AND user = ?2 AND other = ?3",
            params![app.0, user.0, other.0],
        )?,
    };
    if changed > 0 {
        let step = if since.is_some() { 1 } else { -1 };
        sql.run(
            "UPDATE users SET blocks = blocks + ?1, version = version + 1 WHERE app = ?2 AND user IN (?3, ?4)",
            params![step, app.0, user.0, other.0],
        )?;
    }
    Ok(())
}

fn add(sql: &Sql<'_>, app: AppKey, user: UserKey, other: UserKey, since: Timestamp) -> StoreResult<usize> {
    let count = sql.one(
        "SELECT count(*) FROM blocks WHERE app = ?1 AND user = ?2 AND other <> ?3",
        params![app.0, user.0, other.0],
        |row| row.int(),
    )?;
    if count.cast_unsigned() >= BLOCKS_PER_USER_MAX {
        return Err(StoreError::Full("the number of blocks"));
    }
    sql.run(
        "INSERT INTO blocks (app, user, other, since) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        params![app.0, user.0, other.0, since.0],
    )
}

pub(super) fn list(sql: &Sql<'_>, permit: &Permit, user: UserKey, page: Page) -> StoreResult<Vec<BlockRow>> {
    sql.all(
        &paged(
            "SELECT b.other, b.since FROM blocks b WHERE b.app = :app AND b.user = :user",
            "b.other",
            &page,
        ),
        named_params! {
            ":app": permit.app().0,
            ":user": user.0,
            ":after": after(&page),
            ":limit": page.limit,
        },
        |row| Ok(BlockRow { other: UserKey(row.int()?), since: row.time()? }),
    )
}

/// Forgets the blocks of an erased person, its own and those of others.
pub(super) fn forget(sql: &Sql<'_>, app: AppKey, user: UserKey) -> StoreResult<()> {
    sql.run(
        "UPDATE users SET version = version + 1, blocks = blocks - (
             SELECT count(*) FROM blocks b
             WHERE b.app = ?1 AND ((b.user = users.user AND b.other = ?2) OR (b.user = ?2 AND b.other = users.user)))
         WHERE app = ?1 AND user IN (
             SELECT other FROM blocks WHERE app = ?1 AND user = ?2
             UNION SELECT user FROM blocks WHERE app = ?1 AND other = ?2)",
        params![app.0, user.0],
    )?;
    sql.run("DELETE FROM blocks WHERE app = ?1 AND (user = ?2 OR other = ?2)", params![app.0, user.0])?;
    Ok(())
}

/// Refuses where `user` and one other are the members of a conversation, and one of them has blocked the other.
pub(super) fn check(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    user: UserKey,
) -> StoreResult<()> {
    let blocked = sql.exists(
        "SELECT 1 FROM conversations c
         JOIN members m ON m.app = c.app AND m.conversation = c.conversation AND m.access > 0 AND m.user <> ?3
         JOIN blocks b ON b.app = c.app
             AND ((b.user = ?3 AND b.other = m.user) OR (b.user = m.user AND b.other = ?3))
         WHERE c.app = ?1 AND c.conversation = ?2 AND c.member_count = 2",
        params![app.0, conversation.0, user.0],
    )?;
    if blocked { Err(StoreError::Blocked) } else { Ok(()) }
}

/// The same for whoever the permit is, where it heeds blocks.
pub(super) fn check_permit(sql: &Sql<'_>, permit: &Permit, conversation: ConversationKey) -> StoreResult<()> {
    match permit.user().filter(|_| permit.heeds_blocks()) {
        Some(user) => check(sql, permit.app(), conversation, user),
        None => Ok(()),
    }
}
