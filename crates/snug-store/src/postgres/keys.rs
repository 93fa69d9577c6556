//! API keys.

use snug_model::{KeyId, Permit, Timestamp};

use super::{
    rows::{self, key_columns},
    sql::{Sql, after, paged, params},
};
use crate::{KeyRow, Page, StoreResult};

pub(super) async fn find(sql: &Sql<'_>, id: &KeyId) -> StoreResult<Option<KeyRow>> {
    sql.maybe(
        concat!("SELECT ", key_columns!(), " FROM keys k WHERE k.id = $1"),
        params![id.as_str()],
        rows::key,
    )
    .await
}

pub(super) async fn create(sql: &Sql<'_>, permit: &Permit, key: KeyRow) -> StoreResult<()> {
    sql.run(
        "INSERT INTO keys (app, id, secret_hash, secret, profile, scopes, may_mint, expires_at, last_used_at,
             created_at, revoked_at, tokens_not_before, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,
             $10, $11, $12, $13)",
        params![
            permit.app().0,
            key.id.as_str(),
            key.secret_hash,
            key.secret.as_ref().map(|secret| &secret.0),
            key.profile.0,
            key.scopes.bits(),
            key.may_mint.map(|role| role.0),
            key.expires_at.map(|at| at.0),
            key.last_used_at.map(|at| at.0),
            key.created_at.0,
            key.revoked_at.map(|at| at.0),
            key.tokens_not_before.map(|at| at.0),
            key.version.0
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn list(sql: &Sql<'_>, permit: &Permit, page: Page) -> StoreResult<Vec<(i64, KeyRow)>> {
    sql.all(
        &paged(
            concat!(
                "SELECT k.key, ",
                key_columns!(),
                " FROM keys k WHERE k.app = $3 AND k.revoked_at IS NULL"
            ),
            "k.key",
            &page,
        ),
        params![after(&page), page.limit, permit.app().0],
        |row| Ok((row.int()?, rows::key(row)?)),
    )
    .await
}

pub(super) async fn revoke(sql: &Sql<'_>, permit: &Permit, id: &KeyId, at: Timestamp) -> StoreResult<()> {
    sql.run(
        "UPDATE keys SET revoked_at = $1, version = version + 1
         WHERE id = $2 AND app = $3 AND revoked_at IS NULL",
        params![at.0, id.as_str(), permit.app().0],
    )
    .await?;
    Ok(())
}

pub(super) async fn note_use(sql: &Sql<'_>, used: &[(KeyId, Timestamp)]) -> StoreResult<()> {
    // In one order, so that two who note the same keys do not wait for each other.
    let mut used: Vec<_> = used.iter().collect();
    used.sort_by_key(|(id, _)| id.as_str());
    for (id, at) in used {
        sql.run(
            "UPDATE keys SET last_used_at = greatest(last_used_at, $1) WHERE id = $2",
            params![at.0, id.as_str()],
        )
        .await?;
    }
    Ok(())
}
