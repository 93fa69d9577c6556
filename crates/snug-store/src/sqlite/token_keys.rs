//! Registered public keys.

use rusqlite::{named_params, params};
use snug_model::{KeyId, Permit};

use super::{
    rows::{self, token_key_columns},
    sql::{Sql, after, paged},
};
use crate::{Page, StoreResult, TokenKeyRow};

pub(super) fn find(sql: &Sql<'_>, id: &KeyId) -> StoreResult<Option<TokenKeyRow>> {
    sql.maybe(
        concat!("SELECT ", token_key_columns!(), " FROM token_keys t WHERE t.id = ?1"),
        params![id.as_str()],
        rows::token_key,
    )
}

pub(super) fn create(sql: &Sql<'_>, permit: &Permit, key: &TokenKeyRow) -> StoreResult<()> {
    sql.run(
        "INSERT INTO token_keys (app, id, profile, scopes, may_mint, created_at, tokens_not_before, version)
         VALUES (:app, :id, :profile, :scopes, :may_mint, :created_at, :tokens_not_before, :version)",
        named_params! {
            ":app": permit.app().0,
            ":id": key.id.as_str(),
            ":profile": key.profile.0,
            ":scopes": key.scopes.bits(),
            ":may_mint": key.may_mint.0,
            ":created_at": key.created_at.0,
            ":tokens_not_before": key.tokens_not_before.map(|at| at.0),
            ":version": key.version.0,
        },
    )?;
    Ok(())
}

pub(super) fn list(sql: &Sql<'_>, permit: &Permit, page: Page) -> StoreResult<Vec<(i64, TokenKeyRow)>> {
    sql.all(
        &paged(
            concat!("SELECT t.token_key, ", token_key_columns!(), " FROM token_keys t WHERE t.app = :app"),
            "t.token_key",
            &page,
        ),
        named_params! { ":app": permit.app().0, ":after": after(&page), ":limit": page.limit },
        |row| Ok((row.int()?, rows::token_key(row)?)),
    )
}

pub(super) fn delete(sql: &Sql<'_>, permit: &Permit, id: &KeyId) -> StoreResult<()> {
    sql.run("DELETE FROM token_keys WHERE id = ?1 AND app = ?2", params![id.as_str(), permit.app().0])?;
    Ok(())
}
