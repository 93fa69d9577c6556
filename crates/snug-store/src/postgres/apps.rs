//! Apps, their roles, and revoked tokens.

use snug_model::{AppKey, Permit, RoleKey, Timestamp, ids::Region, limits::ROLES_MAX};

use super::{
    holds, idempotency, jobs,
    rows::{self, Code, app_columns, role_columns},
    sql::{Sql, after, corrupt, paged, params},
};
use crate::{
    AppEdit, AppRecord, AppRef, AppRow, JobRow, Once, Page, RevocationRow, RoleRow, StoreError, StoreResult,
    Unique,
};

pub(super) async fn find(sql: &Sql<'_>, app: &AppRef, now: Timestamp) -> StoreResult<Option<AppRecord>> {
    let found = match app {
        AppRef::Key(key) => row(sql, *key).await?,
        AppRef::Id(id) => {
            sql.maybe(
                concat!("SELECT ", app_columns!(), " FROM apps a WHERE a.id = $1"),
                params![id.as_str()],
                rows::app,
            )
            .await?
        }
    };
    let Some(app) = found else { return Ok(None) };
    let roles = sql
        .all(
            concat!("SELECT ", role_columns!(), " FROM roles r WHERE r.app = $1 ORDER BY r.role"),
            params![app.key.0],
            rows::role,
        )
        .await?;
    let revoked_tokens = sql
        .all(
            "SELECT jti FROM revoked_tokens WHERE app = $1 AND until > $2",
            params![app.key.0, now.0],
            |row| row.mac(),
        )
        .await?;
    Ok(Some(AppRecord { app, roles, revoked_tokens }))
}

async fn row(sql: &Sql<'_>, app: AppKey) -> StoreResult<Option<AppRow>> {
    sql.maybe(concat!("SELECT ", app_columns!(), " FROM apps a WHERE a.app = $1"), params![app.0], rows::app)
        .await
}

pub(super) async fn create(
    sql: &Sql<'_>,
    permit: &Permit,
    app: AppRow,
    roles: Vec<RoleRow>,
    once: Option<Once>,
) -> StoreResult<()> {
    idempotency::remember(sql, permit.app(), once).await?;
    sql.run(
        "INSERT INTO apps (app, id, region, profile, profile_version, auto_create_users, default_role,
             member_role, creator_role, version, tokens_not_before, created_at, deleted_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        params![
            app.key.0,
            app.id.as_str(),
            app.region.as_str(),
            app.profile.0,
            app.profile_version,
            app.settings.auto_create_users,
            app.settings.default_role.0,
            app.settings.member_role.0,
            app.settings.creator_role.0,
            app.version.0,
            app.tokens_not_before.map(|at| at.0),
            app.created_at.0,
            app.deleted_at.map(|at| at.0)
        ],
    )
    .await?;
    for role in &roles {
        insert_role(sql, app.key, role).await?;
    }
    Ok(())
}

pub(super) async fn list(sql: &Sql<'_>, page: Page) -> StoreResult<Vec<AppRow>> {
    sql.all(
        &paged(concat!("SELECT ", app_columns!(), " FROM apps a WHERE a.deleted_at IS NULL"), "a.app", &page),
        params![after(&page), page.limit],
        rows::app,
    )
    .await
}

pub(super) async fn edit(sql: &Sql<'_>, permit: &Permit, edit: AppEdit) -> StoreResult<AppRow> {
    let app = permit.app();
    let edited = sql
        .run(
            "UPDATE apps SET profile = $1, profile_version = $2,
             auto_create_users = $3, default_role = $4, member_role = $5,
             creator_role = $6, version = version + 1
         WHERE app = $7 AND profile_version + 1 = $2",
            params![
                edit.profile.0,
                edit.profile_version,
                edit.settings.auto_create_users,
                edit.settings.default_role.0,
                edit.settings.member_role.0,
                edit.settings.creator_role.0,
                app.0
            ],
        )
        .await?;
    let row = row(sql, app).await?.ok_or(StoreError::NotFound)?;
    if edited == 0 { Err(StoreError::Changed) } else { Ok(row) }
}

pub(super) async fn delete(sql: &Sql<'_>, permit: &Permit, job: JobRow) -> StoreResult<()> {
    holds::check_app(sql, permit.app()).await?;
    delete_in(sql, permit.app(), &job).await
}

/// Begins the deletion of an app, whoever allowed it.
pub(super) async fn delete_in(sql: &Sql<'_>, app: AppKey, job: &JobRow) -> StoreResult<()> {
    // Every permit in the app rests on the app.
    let deleted = sql
        .run(
            "UPDATE apps SET deleted_at = $1, version = version + 1 WHERE app = $2 AND deleted_at IS NULL",
            params![job.created_at.0, app.0],
        )
        .await?;
    if deleted == 0 {
        return Err(StoreError::NotFound);
    }
    jobs::add(sql, app, job).await
}

pub(super) async fn put_role(sql: &Sql<'_>, permit: &Permit, role: RoleRow) -> StoreResult<bool> {
    let app = permit.app();
    let replaced = sql
        .run(
            "UPDATE roles SET permissions = $1 WHERE app = $2 AND scope = $3 AND name_mac = $4",
            params![role.permissions.bits(), app.0, Code(role.scope), role.name_mac.0],
        )
        .await?;
    if replaced == 0 {
        let roles = sql
            .one(
                "SELECT count(*) FROM roles WHERE app = $1 AND scope = $2",
                params![app.0, Code(role.scope)],
                |row| row.int(),
            )
            .await?;
        if roles.cast_unsigned() >= ROLES_MAX {
            return Err(StoreError::Full("the number of roles"));
        }
        insert_role(sql, app, &role).await?;
    }
    grow(sql, app).await?;
    Ok(replaced == 0)
}

async fn insert_role(sql: &Sql<'_>, app: AppKey, role: &RoleRow) -> StoreResult<()> {
    sql.run(
        "INSERT INTO roles (role, app, scope, name_mac, name, permissions) VALUES ($1, $2, $3, $4, $5, $6)",
        params![role.key.0, app.0, Code(role.scope), role.name_mac.0, role.name.0, role.permissions.bits()],
    )
    .await?;
    Ok(())
}

pub(super) async fn delete_role(sql: &Sql<'_>, permit: &Permit, role: RoleKey) -> StoreResult<()> {
    let app = permit.app();
    // A revoked key does nothing any more; everybody else shows the role that it had.
    let used = sql
        .exists(
            "SELECT 1 FROM apps WHERE app = $1 AND $2 IN (default_role, member_role, creator_role)
         UNION ALL SELECT 1 FROM keys WHERE app = $1 AND may_mint = $2 AND revoked_at IS NULL
         UNION ALL SELECT 1 FROM token_keys WHERE app = $1 AND may_mint = $2
         UNION ALL SELECT 1 FROM users WHERE app = $1 AND role = $2
         UNION ALL SELECT 1 FROM members WHERE app = $1 AND role = $2
         LIMIT 1",
            params![app.0, role.0],
        )
        .await?;
    if used {
        return Err(StoreError::Taken(Unique::Role));
    }
    sql.run("DELETE FROM role_use WHERE app = $1 AND role = $2", params![app.0, role.0]).await?;
    if sql.run("DELETE FROM roles WHERE role = $1 AND app = $2", params![role.0, app.0]).await? == 0 {
        return Err(StoreError::NotFound);
    }
    grow(sql, app).await
}

pub(super) async fn revoke_tokens(
    sql: &Sql<'_>,
    permit: &Permit,
    revocation: RevocationRow,
    once: Option<Once>,
) -> StoreResult<()> {
    let app = permit.app();
    idempotency::remember(sql, app, once).await?;
    let ended = match revocation {
        RevocationRow::Jti { jti, until } => {
            sql.run(
                "INSERT INTO revoked_tokens (app, jti, until) VALUES ($1, $2, $3)
                 ON CONFLICT (app, jti) DO UPDATE SET until = greatest(revoked_tokens.until, excluded.until)",
                params![app.0, jti.0, until.0],
            )
            .await?;
            return grow(sql, app).await;
        }
        RevocationRow::Key(id, at) => {
            sql.run(
                "UPDATE keys
                 SET tokens_not_before = greatest(tokens_not_before, $1), version = version + 1
                 WHERE id = $2 AND app = $3",
                params![at.0, id.as_str(), app.0],
            )
            .await
        }
        RevocationRow::TokenKey(id, at) => {
            sql.run(
                "UPDATE token_keys
                 SET tokens_not_before = greatest(tokens_not_before, $1), version = version + 1
                 WHERE id = $2 AND app = $3",
                params![at.0, id.as_str(), app.0],
            )
            .await
        }
        RevocationRow::App(at) => {
            sql.run(
                "UPDATE apps
                 SET tokens_not_before = greatest(tokens_not_before, $1), version = version + 1
                 WHERE app = $2",
                params![at.0, app.0],
            )
            .await
        }
        RevocationRow::User(user, at) => {
            sql.run(
                "UPDATE users u
                 SET tokens_not_before = greatest(tokens_not_before, $1), version = version + 1
                 WHERE u.user = $2 AND u.app = $3",
                params![at.0, user.0, app.0],
            )
            .await
        }
    }?;
    if ended == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}

/// Makes every decision that rests on the app stale.
async fn grow(sql: &Sql<'_>, app: AppKey) -> StoreResult<()> {
    sql.run("UPDATE apps SET version = version + 1 WHERE app = $1", params![app.0]).await?;
    Ok(())
}

pub(super) async fn claim_region(sql: &Sql<'_>, region: &Region) -> StoreResult<Region> {
    sql.run(
        "INSERT INTO region (one, name) VALUES (1, $1) ON CONFLICT (one) DO NOTHING",
        params![region.as_str()],
    )
    .await?;
    let name = sql.one("SELECT name FROM region", params![], |row| row.take::<String>()).await?;
    Region::parse(&name).map_err(|_| corrupt("a region", "cannot be read"))
}
