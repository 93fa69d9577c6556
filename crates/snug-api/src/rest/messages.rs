//! Messages, their versions and reactions, and what changed.

use axum::http::{Method, StatusCode};
use snug_core::{Reaction, SyncAsk};
use snug_wire::{
    messages::{Changes, Message, MessageDraft, MessagePatch, MessageVersion, WrittenMessage},
    paging::{AsQuery, HistoryQuery, NoQuery, Page, SyncQuery},
};

use super::{made, wire};
use crate::{
    call::{Answered, Call, no_content, reply},
    routes::{Route, Takes},
};

const MESSAGES: &str = "/v1/apps/{app}/conversations/{conversation}/messages";
const MESSAGE: &str = "/v1/apps/{app}/conversations/{conversation}/messages/{message}";
const REACTION: &str = "/v1/apps/{app}/conversations/{conversation}/messages/{message}/reactions/{emoji}";

pub(super) fn routes() -> Vec<Route> {
    let takes = |permission| Takes::both("messages", permission);
    let reads = Takes::both("messages:read", "");
    let reacts = Takes::both("messages.as_user", "message.react");
    vec![
        Route::new(Method::POST, MESSAGES, "sendMessage", "Sends a message.", takes("message.send"), send)
            .body::<MessageDraft>()
            .answers::<WrittenMessage>(201)
            .answers::<WrittenMessage>(200)
            .pays_by_item(),
        Route::new(
            Method::GET,
            MESSAGES,
            "listMessages",
            "Lists messages, ascending by seq.",
            reads,
            history,
        )
        .query::<HistoryQuery>()
        .lists::<Message>(),
        Route::new(Method::GET, MESSAGE, "getMessage", "Shows a message.", reads, get)
            .answers::<WrittenMessage>(200),
        Route::new(
            Method::PATCH,
            MESSAGE,
            "editMessage",
            "Edits a message.",
            takes("message.edit_own"),
            edit,
        )
        .body::<MessagePatch>()
        .answers::<WrittenMessage>(200),
        Route::new(
            Method::DELETE,
            MESSAGE,
            "deleteMessage",
            "Deletes a message; a tombstone stays.",
            takes("message.delete_own"),
            delete,
        )
        .answers_nothing(204),
        Route::new(
            Method::GET,
            "/v1/apps/{app}/conversations/{conversation}/messages/{message}/versions",
            "listMessageVersions",
            "Lists what a message said, oldest first.",
            Takes::both("messages:read", "message.read_versions"),
            versions,
        )
        .lists::<MessageVersion>(),
        Route::new(Method::PUT, REACTION, "react", "Reacts to a message.", reacts, react)
            .query::<AsQuery>()
            .answers::<WrittenMessage>(200),
        Route::new(Method::DELETE, REACTION, "unreact", "Takes a reaction back.", reacts, unreact)
            .query::<AsQuery>()
            .answers_nothing(204),
        Route::new(
            Method::GET,
            "/v1/apps/{app}/conversations/{conversation}/sync",
            "syncConversation",
            "Shows what changed in a conversation since a rev.",
            reads,
            sync,
        )
        .query::<SyncQuery>()
        .answers::<Changes>(200),
    ]
}

async fn send(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let draft: MessageDraft = call.body()?;
    let for_back_ends = match (&draft.send_as, draft.silent) {
        (Some(_), _) => Some("as"),
        (None, true) => Some("silent"),
        (None, false) => None,
    };
    if let (Some(field), Some(_)) = (for_back_ends, actor.user()) {
        // Who may not be here at all is told so first.
        call.core().admit(&actor).await?;
        return Err(snug_model::Invalid::new(field, "is for back ends").into());
    }
    let sent = call.core().send(&actor, &call.conversation()?, &draft.try_into()?).await?;
    reply(made(&sent), &WrittenMessage { message: sent.value.into() })
}

async fn history(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: HistoryQuery = call.query()?;
    let history = call
        .core()
        .history(&actor, &call.conversation()?, query.window()?, query.cursor.as_deref(), query.limit.0)
        .await?;
    reply(StatusCode::OK, &shown_history(history))
}

/// A page of messages as it is answered.
pub(crate) fn shown_history(history: snug_core::History) -> Page<Message> {
    Page {
        items: history.messages.into_iter().map(Into::into).collect(),
        next: history.next,
        users: Some(wire(history.people)),
    }
}

async fn get(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let (message, _) = call.core().message(&actor, &call.conversation()?, call.message()?).await?;
    reply(StatusCode::OK, &WrittenMessage { message: message.into() })
}

async fn edit(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let patch = call.body::<MessagePatch>()?.into();
    let edited =
        call.core().edit_message(&actor, &call.conversation()?, call.message()?, &patch, None).await?;
    reply(StatusCode::OK, &WrittenMessage { message: edited.value.into() })
}

async fn delete(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.no_body()?;
    call.core().delete_message(&actor, &call.conversation()?, call.message()?, None).await?;
    no_content()
}

async fn versions(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let versions = call.core().message_versions(&actor, &call.conversation()?, call.message()?).await?;
    let items = versions.into_iter().map(MessageVersion::from).collect();
    reply(StatusCode::OK, &Page { items, next: None, users: None })
}

async fn react(call: Call) -> Answered {
    let message = set_reaction(&call, true).await?;
    reply(StatusCode::OK, &WrittenMessage { message: message.into() })
}

async fn unreact(call: Call) -> Answered {
    set_reaction(&call, false).await?;
    no_content()
}

async fn set_reaction(call: &Call, on: bool) -> Result<snug_model::messages::Message, crate::call::Failure> {
    let actor = call.actor().await?;
    let user = call.query::<AsQuery>()?.user.map(Into::into);
    call.no_body()?;
    let reaction = Reaction { emoji: call.emoji(), on, user: user.as_ref() };
    Ok(call.core().react(&actor, &call.conversation()?, call.message()?, &reaction, None).await?.value)
}

async fn sync(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: SyncQuery = call.query()?;
    let ask = SyncAsk {
        conversation: call.conversation()?,
        epoch: query.epoch.0,
        since: query.since.into(),
        limit: query.limit.0,
    };
    reply(StatusCode::OK, &shown_changes(call.core().sync(&actor, &ask).await?))
}

/// What changed, as it is answered.
pub(crate) fn shown_changes(changes: snug_core::Changes) -> Changes {
    Changes {
        epoch: changes.epoch.into(),
        to: changes.to.into(),
        head: changes.head.into(),
        more: changes.to < changes.head,
        reset: changes.reset,
        messages: changes.messages.into_iter().map(Into::into).collect(),
        members: changes.members.into_iter().map(Into::into).collect(),
        conversation: changes.conversation.map(Into::into),
        purged_before: changes.purged_before.map(Into::into),
        read_seq: changes.read_seq.map(Into::into),
        users: wire(changes.people),
    }
}
