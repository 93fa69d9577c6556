//! What is stored of one user, in rows of others than its own.

use snug_model::{AppKey, ConversationKey, Permit, Seq, UserKey};

use super::{
    conversations,
    sql::{Sql, after, paged, params},
};
use crate::{OwnReactionRow, Page, StoreResult};

pub(super) async fn conversations(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    after: Option<ConversationKey>,
    limit: i64,
) -> StoreResult<Vec<ConversationKey>> {
    conversations_in(sql, permit.app(), user, after, limit).await
}

/// The same, in an app.
pub(super) async fn conversations_in(
    sql: &Sql<'_>,
    app: AppKey,
    user: UserKey,
    after: Option<ConversationKey>,
    limit: i64,
) -> StoreResult<Vec<ConversationKey>> {
    // Each side is read from where it goes on, in the order of its index.
    sql.all(
        "SELECT conversation FROM (
             SELECT m.conversation FROM members m WHERE m.app = $1 AND m.user = $2 AND m.conversation > $3
             ORDER BY m.conversation LIMIT $4) m
         UNION
         SELECT conversation FROM (
             SELECT DISTINCT g.conversation FROM messages g
             WHERE g.app = $1 AND g.sender = $2 AND g.via IS NOT NULL AND g.conversation > $3
             ORDER BY g.conversation LIMIT $4) g
         ORDER BY conversation LIMIT $4",
        params![app.0, user.0, after.map_or(i64::MIN, |key| key.0), limit],
        |row| row.int().map(ConversationKey),
    )
    .await
}

pub(super) async fn reactions(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    page: Page,
) -> StoreResult<Vec<OwnReactionRow>> {
    sql.all(
        &paged(
            "SELECT r.reaction, r.seq, m.id, m.created_at, r.emoji, r.at FROM reactions r
             JOIN messages m ON m.app = r.app AND m.conversation = r.conversation AND m.seq = r.seq
             WHERE r.app = $3 AND r.conversation = $4 AND r.user = $5",
            "r.reaction",
            &page,
        ),
        params![after(&page), page.limit, permit.app().0, conversations::of(permit)?.0, user.0],
        |row| {
            Ok(OwnReactionRow {
                key: row.int()?,
                seq: Seq(row.int()?),
                message: row.message_id()?,
                message_created_at: row.time()?,
                emoji: row.sealed()?,
                at: row.time()?,
            })
        },
    )
    .await
}
