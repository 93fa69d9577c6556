//! Consents.

use rusqlite::{named_params, params};
use snug_model::{AppKey, Permit, UserKey, facts::ConsentMark};

use super::{
    idempotency,
    sql::{Cells, Sql, after, paged},
    users,
};
use crate::{ConsentRow, ConsentWrite, Once, Page, StoreError, StoreResult};

pub(super) fn accept(
    sql: &Sql<'_>,
    permit: &Permit,
    write: ConsentWrite,
    once: Option<Once>,
) -> StoreResult<ConsentRow> {
    let app = permit.app();
    idempotency::remember(sql, app, once)?;
    if let Some(newcomer) = write.newcomer {
        users::write(sql, permit, newcomer)?;
    }
    let (user, mark) = (write.user, write.mark);
    let lives = sql.run(
        "UPDATE users SET version = version + (consented IS NOT ?1), consented = ?1
         WHERE user = ?2 AND app = ?3 AND erased_at IS NULL",
        params![mark.0, user.0, app.0],
    )?;
    if lives == 0 {
        return Err(StoreError::NotFound);
    }
    sql.run(
        "INSERT INTO consents (app, user, mark, record, accepted_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO NOTHING",
        params![app.0, user.0, mark.0, write.record.0, write.at.0],
    )?;
    sql.one(
        "SELECT consent, user, mark, record, accepted_at FROM consents WHERE app = ?1 AND user = ?2 AND mark = ?3",
        params![app.0, user.0, mark.0],
        consent,
    )
}

pub(super) fn list(
    sql: &Sql<'_>,
    permit: &Permit,
    user: Option<UserKey>,
    page: Page,
) -> StoreResult<Vec<ConsentRow>> {
    let of_user = "SELECT c.consent, c.user, c.mark, c.record, c.accepted_at FROM consents c
                   WHERE c.app = :app AND c.user = :user";
    let of_app = "SELECT c.consent, c.user, c.mark, c.record, c.accepted_at FROM consents c
                  WHERE c.app = :app AND :user IS NULL";
    sql.all(
        &paged(if user.is_some() { of_user } else { of_app }, "c.consent", &page),
        named_params! {
            ":app": permit.app().0,
            ":user": user.map(|user| user.0),
            ":after": after(&page),
            ":limit": page.limit,
        },
        consent,
    )
}

/// Forgets what an erased person has accepted.
pub(super) fn forget(sql: &Sql<'_>, app: AppKey, user: UserKey) -> StoreResult<()> {
    sql.run("DELETE FROM consents WHERE app = ?1 AND user = ?2", params![app.0, user.0])?;
    Ok(())
}

fn consent(row: &mut Cells<'_>) -> StoreResult<ConsentRow> {
    Ok(ConsentRow {
        key: row.int()?,
        user: UserKey(row.int()?),
        mark: ConsentMark(row.take()?),
        record: row.sealed()?,
        at: row.time()?,
    })
}
