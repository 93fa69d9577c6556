//! API keys.

use axum::http::{Method, StatusCode};
use snug_wire::{
    keys::{ApiKey, KeyDraft, NewApiKey},
    paging::{NoQuery, PageQuery},
    secrets::KeySecret,
};

use super::{page, page_of};
use crate::{
    call::{Answered, Call, no_content, reply},
    routes::{Route, Takes},
};

const KEYS: &str = "/v1/apps/{app}/keys";

pub(super) fn routes() -> Vec<Route> {
    let keys = Takes::back_end("keys");
    vec![
        Route::new(Method::GET, KEYS, "listKeys", "Lists the app's keys.", keys, list)
            .query::<PageQuery>()
            .lists::<ApiKey>(),
        Route::new(
            Method::POST,
            KEYS,
            "createKey",
            "Makes a key; its secret is shown this once.",
            keys,
            create,
        )
        .body::<KeyDraft>()
        .answers::<NewApiKey>(201),
        Route::new(
            Method::DELETE,
            "/v1/apps/{app}/keys/{key}",
            "revokeKey",
            "Revokes a key, and closes the sessions whose tokens it signed.",
            keys,
            revoke,
        )
        .answers_nothing(204)
        .ends_access(),
    ]
}

async fn list(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: PageQuery = call.query()?;
    let list = call.list();
    let ask = page_of(&list, query.limit, query.cursor.as_deref(), query.order);
    reply(StatusCode::OK, &page::<_, ApiKey>(call.core().list_keys(&actor, &ask).await?, false))
}

async fn create(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.never_once()?;
    let draft = call.body::<KeyDraft>()?.into();
    let new = call.core().create_key(&actor, &draft).await?;
    let secret = KeySecret::new(new.secret.expose().to_owned());
    reply(StatusCode::CREATED, &NewApiKey { key: new.key.into(), secret })
}

async fn revoke(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.no_body()?;
    call.core().revoke_key(&actor, &call.key()?).await?;
    no_content()
}
