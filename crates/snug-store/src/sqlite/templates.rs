//! Templates.

use rusqlite::{named_params, params};
use snug_model::{AppKey, Permit, facts::IdMac, limits::TEMPLATES_MAX};

use super::{
    rows::{self, template_columns},
    sql::{Sql, after, paged},
};
use crate::{Page, StoreError, StoreResult, TemplateRow, Unique};

pub(super) fn find(sql: &Sql<'_>, app: AppKey, id: IdMac) -> StoreResult<Option<TemplateRow>> {
    sql.maybe(
        concat!("SELECT ", template_columns!(), " FROM templates t WHERE t.app = ?1 AND t.id_mac = ?2"),
        params![app.0, id.0],
        rows::template,
    )
}

pub(super) fn put(sql: &Sql<'_>, permit: &Permit, template: &TemplateRow) -> StoreResult<bool> {
    if template.version.0 == 1 {
        return insert(sql, permit.app(), template).map(|()| true);
    }
    let replaced = sql.run(
        "UPDATE templates SET body = :body, updated_at = :updated_at, version = :version
         WHERE template = :template AND app = :app AND version = :version - 1",
        named_params! {
            ":body": template.body.0,
            ":updated_at": template.updated_at.0,
            ":version": template.version.0,
            ":template": template.key.0,
            ":app": permit.app().0,
        },
    )?;
    if replaced == 0 { Err(StoreError::Changed) } else { Ok(false) }
}

fn insert(sql: &Sql<'_>, app: AppKey, template: &TemplateRow) -> StoreResult<()> {
    if find(sql, app, template.id_mac)?.is_some() {
        return Err(StoreError::Taken(Unique::Template));
    }
    let count = sql.one("SELECT count(*) FROM templates WHERE app = ?1", params![app.0], |row| row.int())?;
    if count.cast_unsigned() >= TEMPLATES_MAX {
        return Err(StoreError::Full("the number of templates"));
    }
    sql.run(
        "INSERT INTO templates (template, app, id_mac, body, created_at, updated_at, version)
         VALUES (:template, :app, :id_mac, :body, :created_at, :updated_at, :version)",
        named_params! {
            ":template": template.key.0,
            ":app": app.0,
            ":id_mac": template.id_mac.0,
            ":body": template.body.0,
            ":created_at": template.created_at.0,
            ":updated_at": template.updated_at.0,
            ":version": template.version.0,
        },
    )?;
    Ok(())
}

pub(super) fn list(sql: &Sql<'_>, permit: &Permit, page: Page) -> StoreResult<Vec<TemplateRow>> {
    sql.all(
        &paged(
            concat!("SELECT ", template_columns!(), " FROM templates t WHERE t.app = :app"),
            "t.template",
            &page,
        ),
        named_params! { ":app": permit.app().0, ":after": after(&page), ":limit": page.limit },
        rows::template,
    )
}

pub(super) fn delete(sql: &Sql<'_>, permit: &Permit, id: IdMac) -> StoreResult<()> {
    sql.run("DELETE FROM templates WHERE app = ?1 AND id_mac = ?2", params![permit.app().0, id.0])?;
    Ok(())
}
