//! The door: what a client can prove itself by, exchanged for an access token.

use axum::http::{Method, StatusCode};
use snug_core::{FromPage, Proof};
use snug_model::{Invalid, secret::SecretText, vouchers::Scheme};
use snug_wire::{
    paging::NoQuery,
    secrets::AccessToken,
    sessions::{SessionDraft, SessionToken},
};

use crate::{
    call::{Answered, Call, reply},
    routes::{Route, Takes},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::POST,
            "/v1/apps/{app}/sessions",
            "enter",
            "Exchanges what a client can prove itself by for an access token.",
            Takes::NO_CREDENTIAL,
            enter,
        )
        .body::<SessionDraft>()
        .answers::<SessionToken>(201),
    ]
}

async fn enter(call: Call) -> Answered {
    let app = call.app()?;
    call.query::<NoQuery>()?;
    call.never_once()?;
    let (core, from) = (call.core(), call.from());
    call.refuse_foreign()?;
    core.arrive(&app, from).await?;
    let proof = proof(call.body()?, call.page())?;
    let entered = core.attempt(Some(&app), from, core.exchange(&app, &proof)).await?;
    let text = |secret: &SecretText| AccessToken::new(secret.expose().to_owned());
    let answer = SessionToken {
        token: text(&entered.minted.token),
        user: entered.minted.user.into(),
        expires_at: entered.minted.expires_at.into(),
        resume: entered.resume.as_ref().map(text),
    };
    reply(StatusCode::CREATED, &answer)
}

/// What a client brings, with all that its scheme asks for and nothing else.
pub(crate) fn proof(draft: SessionDraft, page: FromPage) -> Result<Proof, Invalid> {
    let SessionDraft { scheme, user, signature, token, resume } = draft;
    let Some(scheme) = Scheme::from_name(&scheme) else { return Ok(Proof::Unknown) };
    let secret = |secret: Option<AccessToken>| secret.map(|text| text.0);
    let absent = |field: &str, there: bool| match there {
        true => Err(Invalid::new(field, format!("is nothing that `{}` asks for", scheme.name()))),
        false => Ok(()),
    };
    let missing = |field: &str| Invalid::new(field, "is required");
    if scheme != Scheme::Visitor && resume.is_some() {
        return Err(Invalid::new("resume", "is a visitor's: what it wrote cannot become another's"));
    }
    match scheme {
        Scheme::Hmac => {
            absent("token", token.is_some())?;
            let user = user.ok_or_else(|| missing("user"))?;
            Ok(Proof::Signature { user: user.into(), signature: secret(signature) })
        }
        Scheme::Visitor => {
            absent("user", user.is_some())?;
            absent("signature", signature.is_some())?;
            absent("token", token.is_some())?;
            Ok(Proof::Visitor { resume: secret(resume), page })
        }
        Scheme::TalkJs | Scheme::Twilio | Scheme::Agora | Scheme::Stream | Scheme::Jwt => {
            absent("user", user.is_some())?;
            absent("signature", signature.is_some())?;
            Ok(Proof::Token(scheme, secret(token).ok_or_else(|| missing("token"))?))
        }
    }
}
