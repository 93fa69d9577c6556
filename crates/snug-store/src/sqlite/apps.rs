//! Apps, their roles, and revoked tokens.

use rusqlite::{named_params, params};
use snug_model::{AppKey, Permit, RoleKey, Timestamp, ids::Region, limits::ROLES_MAX};

use super::{
    holds, idempotency, jobs,
    rows::{self, Code, app_columns, role_columns},
    sql::{Sql, after, corrupt, paged},
};
use crate::{
    AppEdit, AppRecord, AppRef, AppRow, JobRow, Once, Page, RevocationRow, RoleRow, StoreError, StoreResult,
    Unique,
};

pub(super) fn find(sql: &Sql<'_>, app: &AppRef, now: Timestamp) -> StoreResult<Option<AppRecord>> {
    let found = match app {
        AppRef::Key(key) => row(sql, *key)?,
        AppRef::Id(id) => sql.maybe(
            concat!("SELECT ", app_columns!(), " FROM apps a WHERE a.id = ?1"),
            params![id.as_str()],
            rows::app,
        )?,
    };
    let Some(app) = found else { return Ok(None) };
    let roles = sql.all(
        concat!("SELECT ", role_columns!(), " FROM roles r WHERE r.app = ?1 ORDER BY r.role"),
        params![app.key.0],
        rows::role,
    )?;
    let revoked_tokens = sql.all(
        "SELECT jti FROM revoked_tokens WHERE app = ?1 AND until > ?2",
        params![app.key.0, now.0],
        |row| row.mac(),
    )?;
    Ok(Some(AppRecord { app, roles, revoked_tokens }))
}

fn row(sql: &Sql<'_>, app: AppKey) -> StoreResult<Option<AppRow>> {
    sql.maybe(concat!("SELECT ", app_columns!(), " FROM apps a WHERE a.app = ?1"), params![app.0], rows::app)
}

pub(super) fn create(
    sql: &Sql<'_>,
    permit: &Permit,
    app: AppRow,
    roles: Vec<RoleRow>,
    once: Option<Once>,
) -> StoreResult<()> {
    idempotency::remember(sql, permit.app(), once)?;
    sql.run(
        "INSERT INTO apps (app, id, region, profile, profile_version, auto_create_users, default_role, member_role,
             creator_role, version, tokens_not_before, created_at, deleted_at)
         VALUES (:app, :id, :region, :profile, :profile_version, :auto_create_users, :default_role, :member_role,
             :creator_role, :version, :tokens_not_before, :created_at, :deleted_at)",
        named_params! {
            ":app": app.key.0,
            ":id": app.id.as_str(),
            ":region": app.region.as_str(),
            ":profile": app.profile.0,
            ":profile_version": app.profile_version,
            ":auto_create_users": app.settings.auto_create_users,
            ":default_role": app.settings.default_role.0,
            ":member_role": app.settings.member_role.0,
            ":creator_role": app.settings.creator_role.0,
            ":version": app.version.0,
            ":tokens_not_before": app.tokens_not_before.map(|at| at.0),
            ":created_at": app.created_at.0,
            ":deleted_at": app.deleted_at.map(|at| at.0),
        },
    )?;
    roles.iter().try_for_each(|role| insert_role(sql, app.key, role))
}

pub(super) fn list(sql: &Sql<'_>, page: Page) -> StoreResult<Vec<AppRow>> {
    sql.all(
        &paged(concat!("SELECT ", app_columns!(), " FROM apps a WHERE a.deleted_at IS NULL"), "a.app", &page),
        named_params! { ":after": after(&page), ":limit": page.limit },
        rows::app,
    )
}

pub(super) fn edit(sql: &Sql<'_>, permit: &Permit, edit: AppEdit) -> StoreResult<AppRow> {
    let app = permit.app();
    let edited = sql.run(
        "UPDATE apps SET profile = :profile, profile_version = :profile_version,
             auto_create_users = :auto_create_users, default_role = :default_role, member_role = :member_role,
             creator_role = :creator_role, version = version + 1
         WHERE app = :app AND profile_version = :profile_version - 1",
        named_params! {
            ":profile": edit.profile.0,
            ":profile_version": edit.profile_version,
            ":auto_create_users": edit.settings.auto_create_users,
            ":default_role": edit.settings.default_role.0,
            ":member_role": edit.settings.member_role.0,
            ":creator_role": edit.settings.creator_role.0,
            ":app": app.0,
        },
    )?;
    let row = row(sql, app)?.ok_or(StoreError::NotFound)?;
    if edited == 0 { Err(StoreError::Changed) } else { Ok(row) }
}

pub(super) fn delete(sql: &Sql<'_>, permit: &Permit, job: JobRow) -> StoreResult<()> {
    holds::check_app(sql, permit.app())?;
    delete_in(sql, permit.app(), &job)
}

/// Begins the deletion of an app, whoever allowed it.
pub(super) fn delete_in(sql: &Sql<'_>, app: AppKey, job: &JobRow) -> StoreResult<()> {
    // Every permit in the app rests on the app.
    let deleted = sql.run(
        "UPDATE apps SET deleted_at = ?1, version = version + 1 WHERE app = ?2 AND deleted_at IS NULL",
        params![job.created_at.0, app.0],
    )?;
    if deleted == 0 {
        return Err(StoreError::NotFound);
    }
    jobs::add(sql, app, job)
}

pub(super) fn put_role(sql: &Sql<'_>, permit: &Permit, role: RoleRow) -> StoreResult<bool> {
    let app = permit.app();
    let replaced = sql.run(
        "UPDATE roles SET permissions = ?1 WHERE app = ?2 AND scope = ?3 AND name_mac = ?4",
        params![role.permissions.bits(), app.0, Code(role.scope), role.name_mac.0],
    )?;
    if replaced == 0 {
        let roles = sql.one(
            "SELECT count(*) FROM roles WHERE app = ?1 AND scope = ?2",
            params![app.0, Code(role.scope)],
            |row| row.int(),
        )?;
        if roles.cast_unsigned() >= ROLES_MAX {
            return Err(StoreError::Full("the number of roles"));
        }
        insert_role(sql, app, &role)?;
    }
    grow(sql, app)?;
    Ok(replaced == 0)
}

fn insert_role(sql: &Sql<'_>, app: AppKey, role: &RoleRow) -> StoreResult<()> {
    sql.run(
        "INSERT INTO roles (role, app, scope, name_mac, name, permissions) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![role.key.0, app.0, Code(role.scope), role.name_mac.0, role.name.0, role.permissions.bits()],
    )?;
    Ok(())
}

pub(super) fn delete_role(sql: &Sql<'_>, permit: &Permit, role: RoleKey) -> StoreResult<()> {
    let app = permit.app();
    // A revoked key does nothing any more; everybody else shows the role that it had.
    let used = sql.exists(
        "SELECT 1 FROM apps WHERE app = ?1 AND ?2 IN (default_role, member_role, creator_role)
         UNION ALL SELECT 1 FROM keys WHERE app = ?1 AND may_mint = ?2 AND revoked_at IS NULL
         UNION ALL SELECT 1 FROM token_keys WHERE app = ?1 AND may_mint = ?2
         UNION ALL SELECT 1 FROM users WHERE app = ?1 AND role = ?2
         UNION ALL SELECT 1 FROM members WHERE app = ?1 AND role = ?2
         LIMIT 1",
        params![app.0, role.0],
    )?;
    if used {
        return Err(StoreError::Taken(Unique::Role));
    }
    sql.run("DELETE FROM role_use WHERE app = ?1 AND role = ?2", params![app.0, role.0])?;
    if sql.run("DELETE FROM roles WHERE role = ?1 AND app = ?2", params![role.0, app.0])? == 0 {
        return Err(StoreError::NotFound);
    }
    grow(sql, app)
}

pub(super) fn revoke_tokens(
    sql: &Sql<'_>,
    permit: &Permit,
    revocation: RevocationRow,
    once: Option<Once>,
) -> StoreResult<()> {
    let app = permit.app();
    idempotency::remember(sql, app, once)?;
    let ended = match revocation {
        RevocationRow::Jti { jti, until } => {
            sql.run(
                "INSERT INTO revoked_tokens (app, jti, until) VALUES (?1, ?2, ?3)
                 ON CONFLICT (app, jti) DO UPDATE SET until = max(until, excluded.until)",
                params![app.0, jti.0, until.0],
            )?;
            return grow(sql, app);
        }
        RevocationRow::Key(id, at) => sql.run(
            "UPDATE keys SET tokens_not_before = max(coalesce(tokens_not_before, ?1), ?1), version = version + 1
             WHERE id = ?2 AND app = ?3",
            params![at.0, id.as_str(), app.0],
        ),
        RevocationRow::TokenKey(id, at) => sql.run(
            "UPDATE token_keys
             SET tokens_not_before = max(coalesce(tokens_not_before, ?1), ?1), version = version + 1
             WHERE id = ?2 AND app = ?3",
            params![at.0, id.as_str(), app.0],
        ),
        RevocationRow::App(at) => sql.run(
            "UPDATE apps SET tokens_not_before = max(coalesce(tokens_not_before, ?1), ?1), version = version + 1
             WHERE app = ?2",
            params![at.0, app.0],
        ),
        RevocationRow::User(user, at) => sql.run(
            "UPDATE users SET tokens_not_before = max(coalesce(tokens_not_before, ?1), ?1), version = version + 1
             WHERE user = ?2 AND app = ?3",
            params![at.0, user.0, app.0],
        ),
    }?;
    if ended == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}

/// Makes every decision that rests on the app stale.
fn grow(sql: &Sql<'_>, app: AppKey) -> StoreResult<()> {
    sql.run("UPDATE apps SET version = version + 1 WHERE app = ?1", params![app.0])?;
    Ok(())
}

pub(super) fn claim_region(sql: &Sql<'_>, region: &Region) -> StoreResult<Region> {
    sql.run(
        "INSERT INTO region (one, name) VALUES (1, ?1) ON CONFLICT (one) DO NOTHING",
        params![region.as_str()],
    )?;
    let name = sql.one("SELECT name FROM region", [], |row| row.take::<String>())?;
    Region::parse(&name).map_err(|_| corrupt("a region", "cannot be read"))
}
