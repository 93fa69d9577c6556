//! Users.

use std::collections::HashSet;

use snug_model::{AppKey, Permit, RoleKey, Timestamp, UserKey, facts::IdMac, policy::By};

use super::{
    blocks, consents, erasures, events, holds, idempotency, jobs,
    rows::{self, user_columns},
    sql::{Sql, after, paged, params},
};
use crate::{JobRow, Once, Page, SanctionRow, StoreError, StoreResult, Unique, UserRef, UserRow, UserWrite};

pub(super) async fn find(sql: &Sql<'_>, app: AppKey, user: UserRef) -> StoreResult<Option<UserRow>> {
    match user {
        UserRef::Key(user) => {
            sql.maybe(
                concat!("SELECT ", user_columns!(), " FROM users u WHERE u.user = $1 AND u.app = $2"),
                params![user.0, app.0],
                rows::user,
            )
            .await
        }
        // The living one, else who was erased last.
        UserRef::Id(IdMac(mac)) => {
            sql.maybe(
                concat!(
                    "SELECT ",
                    user_columns!(),
                    " FROM users u WHERE u.app = $1 AND u.id_mac = $2
                  ORDER BY u.erased_at IS NOT NULL, u.user DESC LIMIT 1"
                ),
                params![app.0, mac],
                rows::user,
            )
            .await
        }
    }
}

pub(super) async fn write(sql: &Sql<'_>, permit: &Permit, write: UserWrite) -> StoreResult<UserRow> {
    let app = permit.app();
    if write.profile_version == 1 {
        insert(sql, permit, &write).await?;
    } else {
        // Held, so that it has this role until the commit.
        let role = sql
            .maybe(
                "SELECT role FROM users u WHERE u.user = $1 AND app = $2 FOR NO KEY UPDATE",
                params![write.key.0, app.0],
                |row| row.int().map(RoleKey),
            )
            .await?;
        if role.is_some_and(|role| role != write.role) {
            sql.narrow()?;
        }
        let written = sql
            .run(
                "UPDATE users u SET profile = $1, profile_version = $2,
                 version = version + CASE WHEN role <> $3 THEN 1 ELSE 0 END, role = $3, updated_at = $4
             WHERE u.user = $5 AND app = $6 AND erased_at IS NULL AND profile_version + 1 = $2",
                params![write.profile.0, write.profile_version, write.role.0, write.at.0, write.key.0, app.0],
            )
            .await?;
        if written == 0 {
            let living =
                find(sql, app, UserRef::Key(write.key)).await?.filter(|user| user.erased_at.is_none());
            return Err(if living.is_some() { StoreError::Changed } else { StoreError::NotFound });
        }
    }
    events::note_user(sql, app, write.key, write.at).await?;
    find(sql, app, UserRef::Key(write.key)).await?.ok_or(StoreError::NotFound)
}

async fn insert(sql: &Sql<'_>, permit: &Permit, write: &UserWrite) -> StoreResult<()> {
    let app = permit.app();
    let before = find(sql, app, UserRef::Id(write.id_mac)).await?;
    let tokens_not_before = match before {
        Some(UserRow { erased_at: None, .. }) => return Err(StoreError::Taken(Unique::User)),
        // Only a back end makes an erased id again; what was signed for the person before stays void.
        Some(_) if matches!(permit.by(), By::User(_)) => return Err(StoreError::Taken(Unique::User)),
        Some(erased) => erased.tokens_not_before,
        None => None,
    };
    sql.run(
        r#"INSERT INTO users ("user", app, id_mac, id, profile, profile_version, role, tokens_not_before,
             created_at, updated_at, version)
         VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $8, 1)"#,
        params![
            write.key.0,
            app.0,
            write.id_mac.0,
            write.id.0,
            write.profile.0,
            write.role.0,
            tokens_not_before.map(|at| at.0),
            write.at.0
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn list(sql: &Sql<'_>, permit: &Permit, page: Page) -> StoreResult<Vec<UserRow>> {
    sql.all(
        &paged(
            concat!("SELECT ", user_columns!(), " FROM users u WHERE u.app = $3 AND u.erased_at IS NULL"),
            "u.user",
            &page,
        ),
        params![after(&page), page.limit, permit.app().0],
        rows::user,
    )
    .await
}

pub(super) async fn people(sql: &Sql<'_>, permit: &Permit, users: &[UserKey]) -> StoreResult<Vec<UserRow>> {
    let users: Vec<i64> = users.iter().map(|user| user.0).collect();
    sql.all(
        concat!("SELECT ", user_columns!(), " FROM users u WHERE u.user = ANY($1) AND u.app = $2"),
        params![users, permit.app().0],
        rows::user,
    )
    .await
}

/// Those among `users` who are users of the app, and were not erased.
pub(super) async fn living(sql: &Sql<'_>, app: AppKey, users: &[UserKey]) -> StoreResult<HashSet<UserKey>> {
    let users: Vec<i64> = users.iter().map(|user| user.0).collect();
    let living = sql
        .all(
            "SELECT u.user FROM users u WHERE u.user = ANY($1) AND app = $2 AND erased_at IS NULL",
            params![users, app.0],
            |row| row.int().map(UserKey),
        )
        .await?;
    Ok(living.into_iter().collect())
}

pub(super) async fn people_by_id(
    sql: &Sql<'_>,
    permit: &Permit,
    ids: &[IdMac],
    sharing: Option<UserKey>,
) -> StoreResult<Vec<UserRow>> {
    let macs: Vec<&[u8]> = ids.iter().map(|id| id.0.as_slice()).collect();
    sql.all(
        concat!(
            "SELECT ",
            user_columns!(),
            " FROM unnest($2::bytea[]) WITH ORDINALITY w (mac, nth)
              JOIN users u ON u.app = $1 AND u.id_mac = w.mac AND u.erased_at IS NULL
              WHERE $3::bigint IS NULL OR EXISTS (
                  SELECT 1 FROM members mine
                  JOIN members theirs ON theirs.app = mine.app AND theirs.conversation = mine.conversation
                      AND theirs.user = u.user AND theirs.access > 0
                  JOIN conversations c ON c.conversation = mine.conversation AND c.deleted_at IS NULL
                  WHERE mine.app = $1 AND mine.user = $3 AND mine.access > 0)
              ORDER BY w.nth"
        ),
        params![permit.app().0, macs, sharing.map(|user| user.0)],
        rows::user,
    )
    .await
}

pub(super) async fn set_ban(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    ban: Option<SanctionRow>,
    at: Timestamp,
    once: Option<Once>,
) -> StoreResult<()> {
    idempotency::remember(sql, permit.app(), once).await?;
    // A ban ends tokens; lifting it does not bring them back.
    let bound = ban.as_ref().map(|_| at.0);
    let set = sql
        .run(
            "UPDATE users u SET banned_until = $1, ban_reason = $2, banned_since = $3,
             tokens_not_before = greatest(tokens_not_before, $4),
             version = version + 1
         WHERE u.user = $5 AND app = $6 AND erased_at IS NULL",
            params![
                ban.as_ref().map(|ban| ban.until.0),
                ban.as_ref().and_then(|ban| ban.note.as_ref()).map(|note| &note.0),
                ban.as_ref().map(|ban| ban.since.0),
                bound,
                user.0,
                permit.app().0
            ],
        )
        .await?;
    if set == 0 {
        return Err(StoreError::NotFound);
    }
    events::note_user(sql, permit.app(), user, at).await
}

pub(super) async fn allow_proofs(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    at: Timestamp,
    once: Option<Once>,
) -> StoreResult<()> {
    idempotency::remember(sql, permit.app(), once).await?;
    let allowed = sql
        .run(
            "UPDATE users u SET proofs_allowed_at = $1, version = version + 1
             WHERE u.user = $2 AND app = $3 AND erased_at IS NULL",
            params![at.0, user.0, permit.app().0],
        )
        .await?;
    if allowed == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}

/// No decision rests on how often a visitor has returned, so its version stays.
pub(super) async fn resume(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    from: i64,
    to: i64,
) -> StoreResult<bool> {
    let resumed = sql
        .run(
            "UPDATE users u SET resumed = $1
             WHERE u.user = $2 AND app = $3 AND resumed = $4 AND erased_at IS NULL",
            params![to, user.0, permit.app().0, from],
        )
        .await?;
    Ok(resumed == 1)
}

pub(super) async fn erase(sql: &Sql<'_>, permit: &Permit, user: UserKey, job: JobRow) -> StoreResult<()> {
    holds::check_user(sql, permit.app(), user).await?;
    erase_in(sql, permit.app(), user, &job).await
}

/// Erases a user of an app, whoever allowed it.
pub(super) async fn erase_in(sql: &Sql<'_>, app: AppKey, user: UserKey, job: &JobRow) -> StoreResult<()> {
    let at = job.created_at.0;
    let found = find(sql, app, UserRef::Key(user)).await?;
    if found.is_none_or(|user| user.erased_at.is_some()) {
        return Err(StoreError::NotFound);
    }
    erasures::begin(sql, app, user, job).await?;
    sql.run(
            "UPDATE users u
             SET id = NULL, profile = NULL, ban_reason = NULL, mute_note = NULL, shadow_ban_note = NULL, consented = NULL, erased_at = $1, updated_at = $1,
                 tokens_not_before = greatest(tokens_not_before, $1), version = version + 1
             WHERE u.user = $2 AND app = $3 AND erased_at IS NULL",
            params![at, user.0, app.0],
        )
        .await?;
    blocks::forget(sql, app, user).await?;
    consents::forget(sql, app, user).await?;
    jobs::add(sql, app, job).await
}
