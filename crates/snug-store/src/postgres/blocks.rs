//! Blocks between two people.

use snug_model::{AppKey, ConversationKey, Permit, Timestamp, UserKey, limits::BLOCKS_PER_USER_MAX};

use super::{
    sql::{Sql, after, paged, params},
    users,
};
use crate::{BlockRow, Page, StoreError, StoreResult};

pub(super) async fn set(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    other: UserKey,
    since: Option<Timestamp>,
) -> StoreResult<()> {
    let app = permit.app();
    if users::living(sql, app, &[user, other]).await?.len() < 2 {
        return Err(StoreError::NotFound);
    }
    let changed = match since {
        Some(since) => add(sql, app, user, other, since).await?,
        None => {
            sql.run(
                "DELETE FROM blocks b WHERE app = $1 AND b.user = $2 AND other = $3",
                params![app.0, user.0, other.0],
            )
            .await?
        }
    };
    if changed > 0 {
        let step: i64 = if since.is_some() { 1 } else { -1 };
        sql.run(
            "UPDATE users u SET blocks = blocks + $1, version = version + 1 WHERE app = $2 AND u.user IN ($3, $4)",
            params![step, app.0, user.0, other.0],
        )
        .await?;
    }
    Ok(())
}

async fn add(
    sql: &Sql<'_>,
    app: AppKey,
    user: UserKey,
    other: UserKey,
    since: Timestamp,
) -> StoreResult<u64> {
    let count = sql
        .one(
            "SELECT count(*) FROM blocks b WHERE app = $1 AND b.user = $2 AND other <> $3",
            params![app.0, user.0, other.0],
            |row| row.int(),
        )
        .await?;
    if count.cast_unsigned() >= BLOCKS_PER_USER_MAX {
        return Err(StoreError::Full("the number of blocks"));
    }
    sql.run(
        r#"INSERT INTO blocks (app, "user", other, since) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"#,
        params![app.0, user.0, other.0, since.0],
    )
    .await
}

pub(super) async fn list(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    page: Page,
) -> StoreResult<Vec<BlockRow>> {
    sql.all(
        &paged("SELECT b.other, b.since FROM blocks b WHERE b.app = $3 AND b.user = $4", "b.other", &page),
        params![after(&page), page.limit, permit.app().0, user.0],
        |row| Ok(BlockRow { other: UserKey(row.int()?), since: row.time()? }),
    )
    .await
}

/// Forgets the blocks of an erased person, its own and those of others.
pub(super) async fn forget(sql: &Sql<'_>, app: AppKey, user: UserKey) -> StoreResult<()> {
    sql.run(
        "UPDATE users u SET version = version + 1, blocks = blocks - (
             SELECT count(*) FROM blocks b
             WHERE b.app = $1 AND ((b.user = u.user AND b.other = $2) OR (b.user = $2 AND b.other = u.user)))
         WHERE app = $1 AND u.user IN (
             SELECT b.other FROM blocks b WHERE b.app = $1 AND b.user = $2
             UNION SELECT b.user FROM blocks b WHERE b.app = $1 AND b.other = $2)",
        params![app.0, user.0],
    )
    .await?;
    sql.run("DELETE FROM blocks b WHERE app = $1 AND (b.user = $2 OR other = $2)", params![app.0, user.0])
        .await?;
    Ok(())
}

/// Refuses where `user` and one other are the members of a conversation, and one of them has blocked the other.
pub(super) async fn check(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    user: UserKey,
) -> StoreResult<()> {
    let blocked = sql
        .exists(
            "SELECT 1 FROM conversations c
         JOIN members m ON m.app = c.app AND m.conversation = c.conversation AND m.access > 0 AND m.user <> $3
         JOIN blocks b ON b.app = c.app
             AND ((b.user = $3 AND b.other = m.user) OR (b.user = m.user AND b.other = $3))
         WHERE c.app = $1 AND c.conversation = $2 AND c.member_count = 2",
            params![app.0, conversation.0, user.0],
        )
        .await?;
    if blocked { Err(StoreError::Blocked) } else { Ok(()) }
}

/// The same for whoever the permit is, where it heeds blocks.
pub(super) async fn check_permit(
    sql: &Sql<'_>,
    permit: &Permit,
    conversation: ConversationKey,
) -> StoreResult<()> {
    match permit.user().filter(|_| permit.heeds_blocks()) {
        Some(user) => check(sql, permit.app(), conversation, user).await,
        None => Ok(()),
    }
}
