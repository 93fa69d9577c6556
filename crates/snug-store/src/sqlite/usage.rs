//! What was used of apps.

use rusqlite::params;
use snug_model::{AppKey, Permit, usage::Used};

use super::sql::Sql;
use crate::{StoreResult, UsageRow};

pub(super) fn add(sql: &Sql<'_>, rows: &[UsageRow]) -> StoreResult<()> {
    for UsageRow { app, day, used } in rows {
        sql.run(
            "INSERT INTO usage (app, day, users, conversations, messages, sockets, bytes)
             SELECT app, ?2, ?3, ?4, ?5, ?6, ?7 FROM apps WHERE app = ?1 AND deleted_at IS NULL
             ON CONFLICT (app, day) DO UPDATE SET users = users + excluded.users,
                 conversations = conversations + excluded.conversations, messages = messages + excluded.messages,
                 sockets = sockets + excluded.sockets, bytes = bytes + excluded.bytes",
            params![app.0, day, used.users, used.conversations, used.messages, used.sockets, used.bytes],
        )?;
    }
    Ok(())
}

pub(super) fn read(sql: &Sql<'_>, permit: &Permit, from: i64, to: i64) -> StoreResult<Vec<UsageRow>> {
    sql.all(
        "SELECT app, day, users, conversations, messages, sockets, bytes FROM usage
         WHERE app = ?1 AND day BETWEEN ?2 AND ?3 ORDER BY day",
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
}
