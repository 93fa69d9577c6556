//! Who bears roles, and what of them was used.

use std::collections::BTreeSet;

use rusqlite::{named_params, params};
use snug_model::{AppKey, Permission, Permit, RoleKey, UserKey};

use super::{
    rows::{self, member_columns, user_columns},
    sql::{Cells, Sql, after, corrupt, paged},
};
use crate::{Bearers, MemberRow, Page, RoleUseRow, StoreResult, UserRow};

pub(super) fn bearers(sql: &Sql<'_>, permit: &Permit, role: RoleKey, most: i64) -> StoreResult<Bearers> {
    let count = |select: &str| {
        let counted = format!("SELECT count(*) FROM ({select} LIMIT ?3)");
        sql.one(&counted, params![permit.app().0, role.0, most], |row| row.int())
    };
    Ok(Bearers {
        users: count("SELECT 1 FROM users WHERE app = ?1 AND role = ?2 AND erased_at IS NULL")?,
        members: count("SELECT 1 FROM members WHERE app = ?1 AND role = ?2 AND access > 0")?,
        removed: count("SELECT 1 FROM members WHERE app = ?1 AND role = ?2 AND access = 0")?,
        keys: count(
            "SELECT 1 FROM keys WHERE app = ?1 AND may_mint = ?2 AND revoked_at IS NULL
             UNION ALL SELECT 1 FROM token_keys WHERE app = ?1 AND may_mint = ?2",
        )?,
    })
}

pub(super) fn list_users(
    sql: &Sql<'_>,
    permit: &Permit,
    role: RoleKey,
    page: Page,
) -> StoreResult<Vec<UserRow>> {
    let select = concat!(
        "SELECT ",
        user_columns!(),
        " FROM users u WHERE u.app = :app AND u.role = :role AND u.erased_at IS NULL"
    );
    let (app, after) = (permit.app().0, after(&page));
    sql.all(
        &paged(select, "u.user", &page),
        named_params! { ":app": app, ":role": role.0, ":after": after, ":limit": page.limit },
        rows::user,
    )
}

pub(super) fn list_members(
    sql: &Sql<'_>,
    permit: &Permit,
    role: RoleKey,
    page: Page,
) -> StoreResult<Vec<(i64, MemberRow)>> {
    let select = concat!(
        "SELECT m.member, ",
        member_columns!(),
        " FROM members m WHERE m.app = :app AND m.role = :role AND m.access > 0
             AND EXISTS (SELECT 1 FROM conversations c
                 WHERE c.conversation = m.conversation AND c.deleted_at IS NULL)"
    );
    let (app, after) = (permit.app().0, after(&page));
    sql.all(
        &paged(select, "m.member", &page),
        named_params! { ":app": app, ":role": role.0, ":after": after, ":limit": page.limit },
        |row| Ok((row.int()?, rows::member(row)?)),
    )
}

pub(super) fn add_use(sql: &Sql<'_>, rows: &[RoleUseRow], kept_since: i64) -> StoreResult<()> {
    for RoleUseRow { app, day, role, permission, count, user } in rows {
        sql.run(
            "INSERT INTO role_use (app, day, role, permission, count, user)
             SELECT r.app, ?2, r.role, ?4, ?5, ?6 FROM roles r
                 JOIN apps a ON a.app = r.app AND a.deleted_at IS NULL
             WHERE r.role = ?3 AND r.app = ?1
             ON CONFLICT (app, day, role, permission) DO UPDATE SET count = count + excluded.count,
                 user = iif(user = excluded.user, user, NULL)",
            params![app.0, day, role.0, permission.bit(), count, user.map(|user| user.0)],
        )?;
    }
    let apps: BTreeSet<AppKey> = rows.iter().map(|row| row.app).collect();
    for app in apps {
        sql.run("DELETE FROM role_use WHERE app = ?1 AND day < ?2", params![app.0, kept_since])?;
    }
    Ok(())
}

pub(super) fn read_use(sql: &Sql<'_>, permit: &Permit, since: i64) -> StoreResult<Vec<RoleUseRow>> {
    let app = permit.app();
    sql.all(
        "SELECT role, permission, min(day), sum(count),
             iif(count(user) = count(*) AND min(user) = max(user), min(user), NULL)
         FROM role_use WHERE app = ?1 AND day >= ?2 GROUP BY role, permission ORDER BY role, permission",
        params![app.0, since],
        |row| use_row(app, row),
    )
}

fn use_row(app: AppKey, row: &mut Cells<'_>) -> StoreResult<RoleUseRow> {
    let (role, bit) = (RoleKey(row.int()?), row.int()?);
    Ok(RoleUseRow {
        app,
        day: row.int()?,
        role,
        permission: Permission::from_bit(bit).ok_or_else(|| corrupt("a permission", bit))?,
        count: row.int()?,
        user: row.take::<Option<i64>>()?.map(UserKey),
    })
}
