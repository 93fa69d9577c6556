//! Who bears roles, and what of them was used.

use std::collections::BTreeSet;

use snug_model::{AppKey, Permission, Permit, RoleKey, UserKey};

use super::{
    rows::{self, member_columns, user_columns},
    sql::{Cells, Sql, after, corrupt, paged, params},
};
use crate::{Bearers, MemberRow, Page, RoleUseRow, StoreResult, UserRow};

pub(super) async fn bearers(
    sql: &Sql<'_>,
    permit: &Permit,
    role: RoleKey,
    most: i64,
) -> StoreResult<Bearers> {
    sql.one(
        "SELECT (SELECT count(*) FROM (SELECT 1 FROM users u
                 WHERE u.app = $1 AND u.role = $2 AND u.erased_at IS NULL LIMIT $3) n),
             (SELECT count(*) FROM (SELECT 1 FROM members m
                 WHERE m.app = $1 AND m.role = $2 AND m.access > 0 LIMIT $3) n),
             (SELECT count(*) FROM (SELECT 1 FROM members m
                 WHERE m.app = $1 AND m.role = $2 AND m.access = 0 LIMIT $3) n),
             (SELECT count(*) FROM (
                 SELECT 1 FROM keys k WHERE k.app = $1 AND k.may_mint = $2 AND k.revoked_at IS NULL
                 UNION ALL SELECT 1 FROM token_keys t WHERE t.app = $1 AND t.may_mint = $2 LIMIT $3) n)",
        params![permit.app().0, role.0, most],
        |row| Ok(Bearers { users: row.int()?, members: row.int()?, removed: row.int()?, keys: row.int()? }),
    )
    .await
}

pub(super) async fn list_users(
    sql: &Sql<'_>,
    permit: &Permit,
    role: RoleKey,
    page: Page,
) -> StoreResult<Vec<UserRow>> {
    let select = concat!(
        "SELECT ",
        user_columns!(),
        " FROM users u WHERE u.app = $3 AND u.role = $4 AND u.erased_at IS NULL"
    );
    sql.all(
        &paged(select, "u.user", &page),
        params![after(&page), page.limit, permit.app().0, role.0],
        rows::user,
    )
    .await
}

pub(super) async fn list_members(
    sql: &Sql<'_>,
    permit: &Permit,
    role: RoleKey,
    page: Page,
) -> StoreResult<Vec<(i64, MemberRow)>> {
    let select = concat!(
        "SELECT m.member, ",
        member_columns!(),
        " FROM members m WHERE m.app = $3 AND m.role = $4 AND m.access > 0
             AND EXISTS (SELECT 1 FROM conversations c
                 WHERE c.conversation = m.conversation AND c.deleted_at IS NULL)"
    );
    sql.all(
        &paged(select, "m.member", &page),
        params![after(&page), page.limit, permit.app().0, role.0],
        |row| Ok((row.int()?, rows::member(row)?)),
    )
    .await
}

pub(super) async fn add_use(sql: &Sql<'_>, rows: &[RoleUseRow], kept_since: i64) -> StoreResult<()> {
    // In one order, so that two nodes that add to the same rows do not wait for each other.
    let mut rows: Vec<_> = rows.iter().collect();
    rows.sort_by_key(|row| (row.app, row.day, row.role, row.permission));
    for RoleUseRow { app, day, role, permission, count, user } in &rows {
        sql.run(
            r#"INSERT INTO role_use AS o (app, day, role, permission, count, "user")
             SELECT r.app, $2, r.role, $4, $5, $6 FROM roles r
                 JOIN apps a ON a.app = r.app AND a.deleted_at IS NULL
             WHERE r.role = $3 AND r.app = $1
             ON CONFLICT (app, day, role, permission) DO UPDATE SET count = o.count + excluded.count,
                 "user" = CASE WHEN o."user" = excluded."user" THEN o."user" END"#,
            params![app.0, *day, role.0, permission.bit(), *count, user.map(|user| user.0)],
        )
        .await?;
    }
    let apps: BTreeSet<AppKey> = rows.iter().map(|row| row.app).collect();
    for app in apps {
        sql.run("DELETE FROM role_use WHERE app = $1 AND day < $2", params![app.0, kept_since]).await?;
    }
    Ok(())
}

pub(super) async fn read_use(sql: &Sql<'_>, permit: &Permit, since: i64) -> StoreResult<Vec<RoleUseRow>> {
    let app = permit.app();
    sql.all(
        r#"SELECT role, permission, min(day), sum(count)::bigint,
             CASE WHEN count("user") = count(*) AND min("user") = max("user") THEN min("user") END
         FROM role_use WHERE app = $1 AND day >= $2 GROUP BY role, permission ORDER BY role, permission"#,
        params![app.0, since],
        |row| use_row(app, row),
    )
    .await
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
