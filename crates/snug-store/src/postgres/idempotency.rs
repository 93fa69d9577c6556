//! What `Idempotency-Key`s were used for.

use snug_model::{AppKey, Timestamp};

use super::sql::{Sql, params};
use crate::{Mac, Once, Remembered, Sealed, StoreError, StoreResult};

/// Remembers a request in the commit of its act, and refuses one that was remembered before.
pub(super) async fn remember(sql: &Sql<'_>, app: AppKey, once: Option<Once>) -> StoreResult<()> {
    let Some(once) = once else { return Ok(()) };
    let new = sql
        .run(
            "INSERT INTO idempotency (app, scope, body, at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (app, scope) DO NOTHING",
            params![app.0, once.scope.0, once.body.0, once.at.0],
        )
        .await?;
    if new == 0 { Err(StoreError::Repeated) } else { Ok(()) }
}

pub(super) async fn remembered(sql: &Sql<'_>, app: AppKey, scope: Mac) -> StoreResult<Option<Remembered>> {
    sql.maybe(
        "SELECT body, answer, at FROM idempotency WHERE app = $1 AND scope = $2",
        params![app.0, scope.0],
        |row| Ok(Remembered { body: row.mac()?, answer: row.sealed_or_none()?, at: row.time()? }),
    )
    .await
}

pub(super) async fn keep_answer(sql: &Sql<'_>, app: AppKey, scope: Mac, answer: Sealed) -> StoreResult<()> {
    let kept = sql
        .run(
            "UPDATE idempotency SET answer = $1 WHERE app = $2 AND scope = $3",
            params![answer.0, app.0, scope.0],
        )
        .await?;
    if kept == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}

pub(super) async fn forget(sql: &Sql<'_>, before: Timestamp, limit: i64) -> StoreResult<i64> {
    let forgotten = sql
        .run(
            "DELETE FROM idempotency WHERE request IN
             (SELECT request FROM idempotency WHERE at < $1 ORDER BY at LIMIT $2)",
            params![before.0, limit],
        )
        .await?;
    Ok(forgotten.cast_signed())
}
