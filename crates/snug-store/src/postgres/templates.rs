//! Templates.

use snug_model::{AppKey, Permit, facts::IdMac, limits::TEMPLATES_MAX};

use super::{
    rows::{self, template_columns},
    sql::{Sql, after, paged, params},
};
use crate::{Page, StoreError, StoreResult, TemplateRow, Unique};

pub(super) async fn find(sql: &Sql<'_>, app: AppKey, id: IdMac) -> StoreResult<Option<TemplateRow>> {
    sql.maybe(
        concat!("SELECT ", template_columns!(), " FROM templates t WHERE t.app = $1 AND t.id_mac = $2"),
        params![app.0, id.0],
        rows::template,
    )
    .await
}

pub(super) async fn put(sql: &Sql<'_>, permit: &Permit, template: &TemplateRow) -> StoreResult<bool> {
    if template.version.0 == 1 {
        return insert(sql, permit.app(), template).await.map(|()| true);
    }
    let replaced = sql
        .run(
            "UPDATE templates SET body = $1, updated_at = $2, version = $3
         WHERE template = $4 AND app = $5 AND version + 1 = $3",
            params![
                template.body.0,
                template.updated_at.0,
                template.version.0,
                template.key.0,
                permit.app().0
            ],
        )
        .await?;
    if replaced == 0 { Err(StoreError::Changed) } else { Ok(false) }
}

async fn insert(sql: &Sql<'_>, app: AppKey, template: &TemplateRow) -> StoreResult<()> {
    if find(sql, app, template.id_mac).await?.is_some() {
        return Err(StoreError::Taken(Unique::Template));
    }
    let count =
        sql.one("SELECT count(*) FROM templates WHERE app = $1", params![app.0], |row| row.int()).await?;
    if count.cast_unsigned() >= TEMPLATES_MAX {
        return Err(StoreError::Full("the number of templates"));
    }
    sql.run(
        "INSERT INTO templates (template, app, id_mac, body, created_at, updated_at, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![
            template.key.0,
            app.0,
            template.id_mac.0,
            template.body.0,
            template.created_at.0,
            template.updated_at.0,
            template.version.0
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn list(sql: &Sql<'_>, permit: &Permit, page: Page) -> StoreResult<Vec<TemplateRow>> {
    sql.all(
        &paged(
            concat!("SELECT ", template_columns!(), " FROM templates t WHERE t.app = $3"),
            "t.template",
            &page,
        ),
        params![after(&page), page.limit, permit.app().0],
        rows::template,
    )
    .await
}

pub(super) async fn delete(sql: &Sql<'_>, permit: &Permit, id: IdMac) -> StoreResult<()> {
    sql.run("DELETE FROM templates WHERE app = $1 AND id_mac = $2", params![permit.app().0, id.0]).await?;
    Ok(())
}
