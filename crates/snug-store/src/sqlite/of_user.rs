//! What is stored of one user, in rows of others than its own.

use rusqlite::{named_params, params};
use snug_model::{AppKey, ConversationKey, Permit, Seq, UserKey};

use super::{
    conversations,
    sql::{Sql, after, paged},
};
use crate::{OwnReactionRow, Page, StoreResult};

pub(super) fn conversations(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    after: Option<ConversationKey>,
    limit: i64,
) -> StoreResult<Vec<ConversationKey>> {
    conversations_in(sql, permit.app(), user, after, limit)
}

/// The same, in an app.
pub(super) fn conversations_in(
    sql: &Sql<'_>,
    app: AppKey,
    user: UserKey,
    after: Option<ConversationKey>,
    limit: i64,
) -> StoreResult<Vec<ConversationKey>> {
    // Each side is read from where it goes on, in the order of its index.
    sql.all(
        "SELECT conversation FROM (
             SELECT conversation FROM members WHERE app = ?1 AND user = ?2 AND conversation > ?3
             ORDER BY conversation LIMIT ?4)
         UNION
         SELECT conversation FROM (
             SELECT DISTINCT conversation FROM messages
             WHERE app = ?1 AND sender = ?2 AND via IS NOT NULL AND conversation > ?3
             ORDER BY conversation LIMIT ?4)
         ORDER BY conversation LIMIT ?4",
        params![app.0, user.0, after.map_or(i64::MIN, |key| key.0), limit],
        |row| row.int().map(ConversationKey),
    )
}

pub(super) fn reactions(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    page: Page,
) -> StoreResult<Vec<OwnReactionRow>> {
    sql.all(
        &paged(
            "SELECT r.reaction, r.seq, m.id, m.created_at, r.emoji, r.at FROM reactions r
             CROSS JOIN messages m ON m.app = r.app AND m.conversation = r.conversation AND m.seq = r.seq
             WHERE r.app = :app AND r.conversation = :conversation AND r.user = :user",
            "r.reaction",
            &page,
        ),
        named_params! {
            ":app": permit.app().0,
            ":conversation": conversations::of(permit)?.0,
            ":user": user.0,
            ":after": after(&page),
            ":limit": page.limit,
        },
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
}
