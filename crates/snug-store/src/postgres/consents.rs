//! Consents.

use snug_model::{AppKey, Permit, UserKey, facts::ConsentMark};

use super::{
    idempotency,
    sql::{Cells, Sql, after, paged, params},
    users,
};
use crate::{ConsentRow, ConsentWrite, Once, Page, StoreError, StoreResult};

pub(super) async fn accept(
    sql: &Sql<'_>,
    permit: &Permit,
    write: ConsentWrite,
    once: Option<Once>,
) -> StoreResult<ConsentRow> {
    let app = permit.app();
    idempotency::remember(sql, app, once).await?;
    if let Some(newcomer) = write.newcomer {
        users::write(sql, permit, newcomer).await?;
    }
    let (user, mark) = (write.user, write.mark);
    // It locks the row, so that of two at once the second finds the record of the first.
    let lives = sql
        .run(
            "UPDATE users u SET version = version + CASE WHEN consented IS DISTINCT FROM $1 THEN 1 ELSE 0 END, consented = $1
             WHERE u.user = $2 AND app = $3 AND erased_at IS NULL",
            params![mark.0, user.0, app.0],
        )
        .await?;
    if lives == 0 {
        return Err(StoreError::NotFound);
    }
    sql.run(
        r#"INSERT INTO consents (app, "user", mark, record, accepted_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING"#,
        params![app.0, user.0, mark.0, write.record.0, write.at.0],
    )
    .await?;
    sql.one(
        "SELECT consent, c.user, mark, record, accepted_at FROM consents c WHERE app = $1 AND c.user = $2 AND mark = $3",
        params![app.0, user.0, mark.0],
        consent,
    )
    .await
}

pub(super) async fn list(
    sql: &Sql<'_>,
    permit: &Permit,
    user: Option<UserKey>,
    page: Page,
) -> StoreResult<Vec<ConsentRow>> {
    let of_user = "SELECT c.consent, c.user, c.mark, c.record, c.accepted_at FROM consents c
                   WHERE c.app = $3 AND c.user = $4";
    let of_app = "SELECT c.consent, c.user, c.mark, c.record, c.accepted_at FROM consents c WHERE c.app = $3";
    let (after, app) = (after(&page), permit.app().0);
    match user {
        Some(user) => {
            let of_user = paged(of_user, "c.consent", &page);
            sql.all(&of_user, params![after, page.limit, app, user.0], consent).await
        }
        None => sql.all(&paged(of_app, "c.consent", &page), params![after, page.limit, app], consent).await,
    }
}

/// Forgets what an erased person has accepted.
pub(super) async fn forget(sql: &Sql<'_>, app: AppKey, user: UserKey) -> StoreResult<()> {
    sql.run("DELETE FROM consents c WHERE app = $1 AND c.user = $2", params![app.0, user.0]).await?;
    Ok(())
}

fn consent(row: &mut Cells<'_>) -> StoreResult<ConsentRow> {
    Ok(ConsentRow {
        key: row.int()?,
        user: UserKey(row.int()?),
        mark: ConsentMark(row.bytes()?),
        record: row.sealed()?,
        at: row.time()?,
    })
}
