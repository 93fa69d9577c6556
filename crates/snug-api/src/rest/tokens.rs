//! Access tokens.

use axum::http::{Method, StatusCode};
use snug_wire::{
    paging::NoQuery,
    secrets::AccessToken,
    tokens::{Revocation, Token, TokenDraft},
};

use crate::{
    call::{Answered, Call, reply},
    routes::{Route, Takes},
};

pub(super) fn routes() -> Vec<Route> {
    let tokens = Takes::back_end("tokens");
    vec![
        Route::new(
            Method::POST,
            "/v1/apps/{app}/tokens",
            "mintToken",
            "Makes an access token.",
            tokens,
            mint,
        )
        .body::<TokenDraft>()
        .answers::<Token>(201),
        Route::new(
            Method::POST,
            "/v1/apps/{app}/tokens/revoke",
            "revokeTokens",
            "Ends tokens: one, a key's, or the app's; their sessions are closed.",
            tokens,
            revoke,
        )
        .body::<Revocation>()
        .answers_nothing(204)
        .ends_access(),
    ]
}

async fn mint(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.never_once()?;
    let draft = call.body::<TokenDraft>()?.into();
    let minted = call.core().mint_token(&actor, &draft).await?;
    let token = AccessToken::new(minted.token.expose().to_owned());
    reply(
        StatusCode::CREATED,
        &Token { token, user: minted.user.into(), expires_at: minted.expires_at.into() },
    )
}

async fn revoke(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.never_once()?;
    let revocation = call.body::<Revocation>()?.try_into()?;
    call.core().revoke_tokens(&actor, &revocation).await?;
    crate::call::no_content()
}
