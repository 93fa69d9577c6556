//! The audit: what operators and keys did, and what clients did to others.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use snug_core::PageAsk;
use snug_model::{
    Action,
    audit::{Act, AuditAsk},
    limits::PAGE_ITEMS_MAX,
};
use snug_wire::{
    audit::{AuditEntry, AuditHead, AuditQuery},
    paging::NoQuery,
};

use super::{exports, page, page_of};
use crate::{
    call::{Answered, Call, reply},
    routes::{Route, Takes},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::GET,
            "/v1/apps/{app}/audit",
            "listAudit",
            "Lists what was entered in the app's audit.",
            Takes::back_end("audit:read"),
            list,
        )
        .query::<AuditQuery>()
        .lists::<AuditEntry>(),
        Route::new(
            Method::GET,
            "/v1/apps/{app}/audit/export",
            "exportAudit",
            "Exports the app's audit from its first entry on: a line each, and a last one with their number.",
            Takes::back_end("audit:read"),
            export,
        )
        .exports::<AuditEntry>(),
        Route::new(
            Method::GET,
            "/v1/apps/{app}/audit/head",
            "readAuditHead",
            "Tells where the app's audit ends now, signed. Kept elsewhere, it shows later whether what was entered by then was altered.",
            Takes::back_end("audit:read"),
            head,
        )
        .answers::<AuditHead>(200),
    ]
}

async fn list(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: AuditQuery = call.query()?;
    let list = call.list();
    let (limit, cursor, order) = (query.limit, query.cursor.clone(), query.order);
    let ask = page_of(&list, limit, cursor.as_deref(), order);
    let entries = call.core().list_audit(&actor, &query.into(), &ask).await?;
    reply(StatusCode::OK, &page::<_, AuditEntry>(entries, false))
}

async fn export(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.core().enter_begun(&actor, Action::ReadAudit, Act::ExportAudit).await?;
    let (node, list) = (Arc::clone(&call.node), call.list());
    // Whether the actor may is decided for each page again.
    let page = move |cursor: Option<String>| {
        let (node, actor, list) = (Arc::clone(&node), actor.clone(), list.clone());
        async move {
            let (cursor, limit) = (cursor.as_deref(), PAGE_ITEMS_MAX as i64);
            let ask = PageAsk { cursor, descending: false, limit, query: &list };
            node.core.list_audit(&actor, &AuditAsk::default(), &ask).await
        }
    };
    exports::export::<_, AuditEntry, _>(&call.node, page).await
}

async fn head(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    reply(StatusCode::OK, &AuditHead::from(call.core().audit_head(&actor).await?))
}
