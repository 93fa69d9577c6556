//! Consents: which text a person has accepted.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use snug_core::PageAsk;
use snug_model::{Action, audit::Act, limits::PAGE_ITEMS_MAX};
use snug_wire::{
    consents::{Acceptance, ConsentRecord},
    paging::{NoQuery, PageQuery},
};

use super::{exports, made, page, page_of};
use crate::{
    call::{Answered, Call, reply},
    routes::{Route, Takes},
};

const OF_USER: &str = "/v1/apps/{app}/users/{user}/consents";
const OF_APP: &str = "/v1/apps/{app}/consents";
const EXPORT: &str = "/v1/apps/{app}/consents/export";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::POST,
            OF_USER,
            "acceptConsent",
            "Accepts the text that the app demands, for oneself or, as a back end, for a user.",
            Takes::both("users", ""),
            accept,
        )
        .once()
        .body::<Acceptance>()
        .answers::<ConsentRecord>(201)
        .answers::<ConsentRecord>(200),
        Route::new(
            Method::GET,
            OF_USER,
            "listConsents",
            "Lists which texts a user has accepted.",
            Takes::both("users:read", ""),
            list,
        )
        .query::<PageQuery>()
        .lists::<ConsentRecord>(),
        Route::new(
            Method::GET,
            OF_APP,
            "listAllConsents",
            "Lists who has accepted which texts.",
            Takes::back_end("users:read"),
            list_all,
        )
        .query::<PageQuery>()
        .lists::<ConsentRecord>(),
        Route::new(
            Method::GET,
            EXPORT,
            "exportConsents",
            "Exports who has accepted which texts: a line each, and a last one with their number.",
            Takes::back_end("users:read"),
            export,
        )
        .exports::<ConsentRecord>(),
    ]
}

async fn accept(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let accepted: Acceptance = call.body()?;
    let once = call.once(&actor).await?;
    let outcome = call.core().accept_consent(&actor, &call.user()?, &accepted.into(), once.as_ref()).await?;
    let status = made(&outcome);
    call.reply_once(once, status, &ConsentRecord::from(outcome.value)).await
}

async fn list(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: PageQuery = call.query()?;
    let list = call.list();
    let ask = page_of(&list, query.limit, query.cursor.as_deref(), query.order);
    let consents = call.core().list_consents(&actor, &call.user()?, &ask).await?;
    reply(StatusCode::OK, &page::<_, ConsentRecord>(consents, true))
}

async fn list_all(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: PageQuery = call.query()?;
    let list = call.list();
    let ask = page_of(&list, query.limit, query.cursor.as_deref(), query.order);
    let consents = call.core().list_all_consents(&actor, &ask).await?;
    reply(StatusCode::OK, &page::<_, ConsentRecord>(consents, true))
}

async fn export(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.core().enter_begun(&actor, Action::ListAllConsents, Act::ExportConsents).await?;
    let (node, list) = (Arc::clone(&call.node), call.list());
    // Whether the actor may is decided for each page again.
    let page = move |cursor: Option<String>| {
        let (node, actor, list) = (Arc::clone(&node), actor.clone(), list.clone());
        async move {
            let (cursor, limit) = (cursor.as_deref(), PAGE_ITEMS_MAX as i64);
            let ask = PageAsk { cursor, descending: false, limit, query: &list };
            node.core.list_all_consents(&actor, &ask).await
        }
    };
    exports::export::<_, ConsentRecord, _>(&call.node, page).await
}
