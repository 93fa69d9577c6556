//! Registered public keys.

use snug_model::{KeyId, Permit};

use super::{
    rows::{self, token_key_columns},
    sql::{Sql, after, paged, params},
};
use crate::{Page, StoreResult, TokenKeyRow};

pub(super) async fn find(sql: &Sql<'_>, id: &KeyId) -> StoreResult<Option<TokenKeyRow>> {
    sql.maybe(
        concat!("SELECT ", token_key_columns!(), " FROM token_keys t WHERE t.id = $1"),
        params![id.as_str()],
        rows::token_key,
    )
    .await
}

pub(super) async fn create(sql: &Sql<'_>, permit: &Permit, key: &TokenKeyRow) -> StoreResult<()> {
    sql.run(
        "INSERT INTO token_keys (app, id, profile, scopes, may_mint, created_at, tokens_not_before, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        params![
            permit.app().0,
            key.id.as_str(),
            key.profile.0,
            key.scopes.bits(),
            key.may_mint.0,
            key.created_at.0,
            key.tokens_not_before.map(|at| at.0),
            key.version.0
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn list(sql: &Sql<'_>, permit: &Permit, page: Page) -> StoreResult<Vec<(i64, TokenKeyRow)>> {
    sql.all(
        &paged(
            concat!("SELECT t.token_key, ", token_key_columns!(), " FROM token_keys t WHERE t.app = $3"),
            "t.token_key",
            &page,
        ),
        params![after(&page), page.limit, permit.app().0],
        |row| Ok((row.int()?, rows::token_key(row)?)),
    )
    .await
}

pub(super) async fn delete(sql: &Sql<'_>, permit: &Permit, id: &KeyId) -> StoreResult<()> {
    sql.run("DELETE FROM token_keys WHERE id = $1 AND app = $2", params![id.as_str(), permit.app().0])
        .await?;
    Ok(())
}
