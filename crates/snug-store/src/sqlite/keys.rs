//! API keys.

use rusqlite::{named_params, params};
use snug_model::{KeyId, Permit, Timestamp};

use super::{
    rows::{self, key_columns},
    sql::{Sql, after, paged},
};
use crate::{KeyRow, Page, StoreResult};

pub(super) fn find(sql: &Sql<'_>, id: &KeyId) -> StoreResult<Option<KeyRow>> {
    sql.maybe(
        concat!("SELECT ", key_columns!(), " FROM keys k WHERE k.id = ?1"),
        params![id.as_str()],
        rows::key,
    )
}

pub(super) fn create(sql: &Sql<'_>, permit: &Permit, key: KeyRow) -> StoreResult<()> {
    sql.run(
        "INSERT INTO keys (app, id, secret_hash, secret, profile, scopes, may_mint, expires_at, last_used_at,
             created_at, revoked_at, tokens_not_before, version)
         VALUES (:app, :id, :secret_hash, :secret, :profile, :scopes, :may_mint, :expires_at, :last_used_at,
             :created_at, :revoked_at, :tokens_not_before, :version)",
        named_params! {
            ":app": permit.app().0,
            ":id": key.id.as_str(),
            ":secret_hash": key.secret_hash,
            ":secret": key.secret.as_ref().map(|secret| &secret.0),
            ":profile": key.profile.0,
            ":scopes": key.scopes.bits(),
            ":may_mint": key.may_mint.map(|role| role.0),
            ":expires_at": key.expires_at.map(|at| at.0),
            ":last_used_at": key.last_used_at.map(|at| at.0),
            ":created_at": key.created_at.0,
            ":revoked_at": key.revoked_at.map(|at| at.0),
            ":tokens_not_before": key.tokens_not_before.map(|at| at.0),
            ":version": key.version.0,
        },
    )?;
    Ok(())
}

pub(super) fn list(sql: &Sql<'_>, permit: &Permit, page: Page) -> StoreResult<Vec<(i64, KeyRow)>> {
    sql.all(
        &paged(
            concat!(
                "SELECT k.key, ",
                key_columns!(),
                " FROM keys k WHERE k.app = :app AND k.revoked_at IS NULL"
            ),
            "k.key",
            &page,
        ),
        named_params! { ":app": permit.app().0, ":after": after(&page), ":limit": page.limit },
        |row| Ok((row.int()?, rows::key(row)?)),
    )
}

pub(super) fn revoke(sql: &Sql<'_>, permit: &Permit, id: &KeyId, at: Timestamp) -> StoreResult<()> {
    sql.run(
        "UPDATE keys SET revoked_at = ?1, version = version + 1
         WHERE id = ?2 AND app = ?3 AND revoked_at IS NULL",
        params![at.0, id.as_str(), permit.app().0],
    )?;
    Ok(())
}

pub(super) fn note_use(sql: &Sql<'_>, used: &[(KeyId, Timestamp)]) -> StoreResult<()> {
    for (id, at) in used {
        sql.run(
            "UPDATE keys SET last_used_at = max(coalesce(last_used_at, ?1), ?1) WHERE id = ?2",
            params![at.0, id.as_str()],
        )?;
    }
    Ok(())
}
