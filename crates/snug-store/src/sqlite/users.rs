//! Users.

use std::collections::BTreeSet;

use rusqlite::{named_params, params};
use snug_model::{AppKey, Permit, Timestamp, UserKey, facts::IdMac, policy::By};

use super::{
    blocks, consents, erasures, events, holds, idempotency, jobs,
    rows::{self, user_columns},
    sql::{Sql, after, paged},
};
use crate::{JobRow, Once, Page, SanctionRow, StoreError, StoreResult, Unique, UserRef, UserRow, UserWrite};

pub(super) fn find(sql: &Sql<'_>, app: AppKey, user: UserRef) -> StoreResult<Option<UserRow>> {
    match user {
        UserRef::Key(user) => sql.maybe(
            concat!("SELECT ", user_columns!(), " FROM users u WHERE u.user = ?1 AND u.app = ?2"),
            params![user.0, app.0],
            rows::user,
        ),
        // The living one, else who was erased last.
        UserRef::Id(IdMac(mac)) => sql.maybe(
            concat!(
                "SELECT ",
                user_columns!(),
                " FROM users u WHERE u.app = ?1 AND u.id_mac = ?2
                  ORDER BY u.erased_at IS NOT NULL, u.user DESC LIMIT 1"
            ),
            params![app.0, mac],
            rows::user,
        ),
    }
}

pub(super) fn write(sql: &Sql<'_>, permit: &Permit, write: UserWrite) -> StoreResult<UserRow> {
    let app = permit.app();
    if write.profile_version == 1 {
        insert(sql, permit, &write)?;
    } else {
        let written = sql.run(
            "UPDATE users SET profile = :profile, profile_version = :profile_version,
                 version = version + (role <> :role), role = :role, updated_at = :at
             WHERE user = :user AND app = :app AND erased_at IS NULL AND profile_version = :profile_version - 1",
            named_params! {
                ":profile": write.profile.0,
                ":profile_version": write.profile_version,
                ":role": write.role.0,
                ":at": write.at.0,
                ":user": write.key.0,
                ":app": app.0,
            },
        )?;
        if written == 0 {
            let living = find(sql, app, UserRef::Key(write.key))?.filter(|user| user.erased_at.is_none());
            return Err(if living.is_some() { StoreError::Changed } else { StoreError::NotFound });
        }
    }
    events::note_user(sql, app, write.key, write.at)?;
    find(sql, app, UserRef::Key(write.key))?.ok_or(StoreError::NotFound)
}

fn insert(sql: &Sql<'_>, permit: &Permit, write: &UserWrite) -> StoreResult<()> {
    let app = permit.app();
    let before = find(sql, app, UserRef::Id(write.id_mac))?;
    let tokens_not_before = match before {
        Some(UserRow { erased_at: None, .. }) => return Err(StoreError::Taken(Unique::User)),
        // Only a back end makes an erased id again; what was signed for the person before stays void.
        Some(_) if matches!(permit.by(), By::User(_)) => return Err(StoreError::Taken(Unique::User)),
        Some(erased) => erased.tokens_not_before,
        None => None,
    };
    sql.run(
        "INSERT INTO users (user, app, id_mac, id, profile, profile_version, role, tokens_not_before, created_at,
             updated_at, version)
         VALUES (:user, :app, :id_mac, :id, :profile, 1, :role, :tokens_not_before, :at, :at, 1)",
        named_params! {
            ":user": write.key.0,
            ":app": app.0,
            ":id_mac": write.id_mac.0,
            ":id": write.id.0,
            ":profile": write.profile.0,
            ":role": write.role.0,
            ":tokens_not_before": tokens_not_before.map(|at| at.0),
            ":at": write.at.0,
        },
    )?;
    Ok(())
}

pub(super) fn list(sql: &Sql<'_>, permit: &Permit, page: Page) -> StoreResult<Vec<UserRow>> {
    sql.all(
        &paged(
            concat!("SELECT ", user_columns!(), " FROM users u WHERE u.app = :app AND u.erased_at IS NULL"),
            "u.user",
            &page,
        ),
        named_params! { ":app": permit.app().0, ":after": after(&page), ":limit": page.limit },
        rows::user,
    )
}

pub(super) fn people(sql: &Sql<'_>, permit: &Permit, users: &[UserKey]) -> StoreResult<Vec<UserRow>> {
    let each_once: BTreeSet<UserKey> = users.iter().copied().collect();
    let found = each_once.into_iter().map(|user| find(sql, permit.app(), UserRef::Key(user)));
    found.filter_map(Result::transpose).collect()
}

/// Whether somebody is a user of the app, and was not erased.
pub(super) fn lives(sql: &Sql<'_>, app: AppKey, user: UserKey) -> StoreResult<bool> {
    sql.exists(
        "SELECT 1 FROM users WHERE user = ?1 AND app = ?2 AND erased_at IS NULL",
        params![user.0, app.0],
    )
}

pub(super) fn people_by_id(
    sql: &Sql<'_>,
    permit: &Permit,
    ids: &[IdMac],
    sharing: Option<UserKey>,
) -> StoreResult<Vec<UserRow>> {
    let one = |id: &IdMac| {
        sql.maybe(
            concat!(
                "SELECT ",
                user_columns!(),
                " FROM users u WHERE u.app = ?1 AND u.id_mac = ?2 AND u.erased_at IS NULL AND (?3 IS NULL OR EXISTS (
                      SELECT 1 FROM members mine
                      JOIN members theirs ON theirs.app = mine.app AND theirs.conversation = mine.conversation
                          AND theirs.user = u.user AND theirs.access > 0
                      JOIN conversations c ON c.conversation = mine.conversation AND c.deleted_at IS NULL
                      WHERE mine.app = ?1 AND mine.user = ?3 AND mine.access > 0))"
            ),
            params![permit.app().0, id.0, sharing.map(|user| user.0)],
            rows::user,
        )
    };
    ids.iter().map(one).filter_map(Result::transpose).collect()
}

pub(super) fn set_ban(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    ban: Option<SanctionRow>,
    at: Timestamp,
    once: Option<Once>,
) -> StoreResult<()> {
    idempotency::remember(sql, permit.app(), once)?;
    // A ban ends tokens; lifting it does not bring them back.
    let bound = ban.as_ref().map(|_| at.0);
    let set = sql.run(
        "UPDATE users SET banned_until = :until, ban_reason = :reason, banned_since = :since,
             tokens_not_before = iif(:bound IS NULL, tokens_not_before, max(coalesce(tokens_not_before, :bound), :bound)),
             version = version + 1
         WHERE user = :user AND app = :app AND erased_at IS NULL",
        named_params! {
            ":until": ban.as_ref().map(|ban| ban.until.0),
            ":reason": ban.as_ref().and_then(|ban| ban.note.as_ref()).map(|note| &note.0),
            ":since": ban.as_ref().map(|ban| ban.since.0),
            ":bound": bound,
            ":user": user.0,
            ":app": permit.app().0,
        },
    )?;
    if set == 0 {
        return Err(StoreError::NotFound);
    }
    events::note_user(sql, permit.app(), user, at)
}

pub(super) fn allow_proofs(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    at: Timestamp,
    once: Option<Once>,
) -> StoreResult<()> {
    idempotency::remember(sql, permit.app(), once)?;
    let allowed = sql.run(
        "UPDATE users SET proofs_allowed_at = ?1, version = version + 1
         WHERE user = ?2 AND app = ?3 AND erased_at IS NULL",
        params![at.0, user.0, permit.app().0],
    )?;
    if allowed == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}

/// No decision rests on how often a visitor has returned, so its version stays.
pub(super) fn resume(sql: &Sql<'_>, permit: &Permit, user: UserKey, from: i64, to: i64) -> StoreResult<bool> {
    let resumed = sql.run(
        "UPDATE users SET resumed = ?1 WHERE user = ?2 AND app = ?3 AND resumed = ?4 AND erased_at IS NULL",
        params![to, user.0, permit.app().0, from],
    )?;
    Ok(resumed == 1)
}

pub(super) fn erase(sql: &Sql<'_>, permit: &Permit, user: UserKey, job: JobRow) -> StoreResult<()> {
    holds::check_user(sql, permit.app(), user)?;
    erase_in(sql, permit.app(), user, &job)
}

/// Erases a user of an app, whoever allowed it.
pub(super) fn erase_in(sql: &Sql<'_>, app: AppKey, user: UserKey, job: &JobRow) -> StoreResult<()> {
    let at = job.created_at.0;
    if !lives(sql, app, user)? {
        return Err(StoreError::NotFound);
    }
    erasures::begin(sql, app, user, job)?;
    sql.run(
        "UPDATE users SET id = NULL, profile = NULL, ban_reason = NULL, mute_note = NULL, shadow_ban_note = NULL, consented = NULL, erased_at = ?1, updated_at = ?1,
             tokens_not_before = max(coalesce(tokens_not_before, ?1), ?1), version = version + 1
         WHERE user = ?2 AND app = ?3 AND erased_at IS NULL",
        params![at, user.0, app.0],
    )?;
    blocks::forget(sql, app, user)?;
    consents::forget(sql, app, user)?;
    jobs::add(sql, app, job)
}
