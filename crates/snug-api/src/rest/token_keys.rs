//! Registered public keys.

use axum::http::{Method, StatusCode};
use snug_core::{Error, jws::VerifyingKey};
use snug_model::token_keys as model;
use snug_wire::{
    paging::{NoQuery, Page, PageQuery},
    token_keys::{Given, TokenKey, TokenKeyDraft},
};

use super::page_of;
use crate::{
    call::{Answered, Call, Failure, no_content, reply},
    routes::{Route, Takes},
};

const TOKEN_KEYS: &str = "/v1/apps/{app}/token_keys";
const TOKEN_KEY: &str = "/v1/apps/{app}/token_keys/{key}";

pub(super) fn routes() -> Vec<Route> {
    let keys = Takes::back_end("keys");
    vec![
        Route::new(Method::GET, TOKEN_KEYS, "listTokenKeys", "Lists the app's registered keys.", keys, list)
            .query::<PageQuery>()
            .lists::<TokenKey>(),
        Route::new(
            Method::POST,
            TOKEN_KEYS,
            "createTokenKey",
            "Registers a public key, which vouches for tokens that are signed with the private one.",
            keys,
            create,
        )
        .body::<TokenKeyDraft>()
        .answers::<TokenKey>(201),
        Route::new(Method::GET, TOKEN_KEY, "getTokenKey", "A registered key.", keys, get)
            .answers::<TokenKey>(200),
        Route::new(
            Method::DELETE,
            TOKEN_KEY,
            "deleteTokenKey",
            "Deletes a registered key, and closes the sessions for whose tokens it vouched.",
            keys,
            delete,
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
    let listed = call.core().list_token_keys(&actor, &ask).await?;
    let items = listed.items.into_iter().map(shown).collect::<Result<_, _>>()?;
    reply(StatusCode::OK, &Page { items, next: listed.next, users: None })
}

async fn create(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.never_once()?;
    let draft = parsed(call.body()?)?;
    reply(StatusCode::CREATED, &shown(call.core().create_token_key(&actor, &draft).await?)?)
}

async fn get(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.no_body()?;
    reply(StatusCode::OK, &shown(call.core().token_key(&actor, &call.key()?).await?)?)
}

async fn delete(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.no_body()?;
    call.core().delete_token_key(&actor, &call.key()?).await?;
    no_content()
}

fn parsed(draft: TokenKeyDraft) -> Result<model::TokenKeyDraft, Failure> {
    let key = match draft.given()? {
        Given::Jwk(jwk) => VerifyingKey::from_jwk(jwk)?,
        Given::Pem(pem) => VerifyingKey::from_pem(pem)?,
    };
    let public_key =
        key.public_key().ok_or_else(|| snug_model::Invalid::new("jwk.kty", "must be `EC` or `OKP`"))?;
    Ok(model::TokenKeyDraft {
        name: draft.name.0,
        scopes: draft.scopes.0,
        may_mint: draft.may_mint.map(Into::into),
        public_key,
    })
}

fn shown(key: model::TokenKey) -> Result<TokenKey, Failure> {
    let jwk =
        VerifyingKey::from_der(key.public_key.algorithm, &key.public_key.der).and_then(|it| it.to_jwk());
    Ok(TokenKey {
        id: key.id.into(),
        name: key.name.into(),
        scopes: key.scopes.into(),
        may_mint: key.may_mint.into(),
        jwk: jwk.ok_or_else(|| Error::internal("a registered key that is none"))?,
        created_at: key.created_at.into(),
    })
}
