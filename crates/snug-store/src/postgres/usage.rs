//! What was used of apps.

use snug_model::{AppKey, Permit, usage::Used};

use super::sql::{Sql, params};
use crate::{StoreResult, UsageRow};

pub(super) async fn add(sql: &Sql<'_>, rows: &[UsageRow]) -> StoreResult<()> {
    // In one order, so that two nodes that add to the same rows do not wait for each other.
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_by_key(|row| (row.app, row.day));
    for UsageRow { app, day, used } in rows {
        sql.run(
            "INSERT INTO usage AS u (app, day, users, conversations, messages, sockets, bytes)
             SELECT app, $2, $3, $4, $5, $6, $7 FROM apps WHERE app = $1 AND deleted_at IS NULL
             ON CONFLICT (app, day) DO UPDATE SET users = u.users + excluded.users,
                 conversations = u.conversations + excluded.conversations,
                 messages = u.messages + excluded.messages,
                 sockets = u.sockets + excluded.sockets, bytes = u.bytes + excluded.bytes",
            params![app.0, *day, used.users, used.conversations, used.messages, used.sockets, used.bytes],
        )
        .await?;
    }
    Ok(())
}

pub(super) async fn read(sql: &Sql<'_>, permit: &Permit, from: i64, to: i64) -> StoreResult<Vec<UsageRow>> {
    sql.all(
        "SELECT app, day, users, conversations, messages, sockets, bytes FROM usage
         WHERE app = $1 AND day BETWEEN $2 AND $3 ORDER BY day",
        params![permit.app().0, from, to],
        |row| {
            let (app, day) = (AppKey(row.int()?), row.int()?);
            let used = Used {
                users: row.int()?,
                conversations: row.int()?,
                messages: row.int()?,
                sockets: row.int()?,
                bytes: row.int()?,
            };
            Ok(UsageRow { app, day, used })
        },
    )
    .await
}
