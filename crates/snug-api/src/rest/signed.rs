//! Messages that a back end signed, and that a client carries.

use axum::http::Method;
use snug_model::ConversationId;
use snug_wire::{messages::WrittenMessage, paging::NoQuery, signed::SignedDraft};

use super::made;
use crate::{
    call::{Answered, Call, reply},
    routes::{Route, Takes},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::POST,
            "/v1/apps/{app}/conversations/{conversation}/signed",
            "sendSigned",
            "Has a message appear that a back end signed for this client and conversation.",
            Takes::client(""),
            send,
        )
        .body::<SignedDraft>()
        .answers::<WrittenMessage>(201)
        .answers::<WrittenMessage>(200)
        .pays_by_item(),
        Route::new(
            Method::POST,
            "/v1/apps/{app}/signed",
            "sendSignedToSupport",
            "Has a message appear that a back end signed for this client, in its support conversation.",
            Takes::client(""),
            send_to_support,
        )
        .body::<SignedDraft>()
        .answers::<WrittenMessage>(201)
        .answers::<WrittenMessage>(200)
        .pays_by_item(),
    ]
}

async fn send(call: Call) -> Answered {
    let conversation = call.conversation()?;
    carry(&call, Some(&conversation)).await
}

async fn send_to_support(call: Call) -> Answered {
    carry(&call, None).await
}

async fn carry(call: &Call, conversation: Option<&ConversationId>) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let draft: SignedDraft = call.body()?;
    let sent = call.core().send_signed(&actor, conversation, &draft.jws, None).await?;
    reply(made(&sent), &WrittenMessage { message: sent.value.into() })
}
