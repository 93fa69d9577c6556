//! A user's conversations.

use axum::http::{Method, StatusCode};
use snug_core::InboxAsk;
use snug_wire::{
    conversations::{Inbox, InboxItem},
    paging::{InboxQuery, NoQuery},
};

use super::wire;
use crate::{
    call::{Answered, Call, reply},
    routes::{Route, Takes},
};

pub(super) fn routes() -> Vec<Route> {
    let takes = Takes::both("users:read", "");
    vec![
        Route::new(
            Method::GET,
            "/v1/apps/{app}/users/{user}/conversations",
            "listInbox",
            "Lists a user's conversations, newest first, or what changed since a token.",
            takes,
            list,
        )
        .query::<InboxQuery>()
        .answers::<Inbox>(200),
        Route::new(
            Method::GET,
            "/v1/apps/{app}/users/{user}/conversations/{conversation}",
            "getInboxItem",
            "Shows one conversation of a user.",
            takes,
            get,
        )
        .answers::<InboxItem>(200),
    ]
}

async fn list(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: InboxQuery = call.query()?;
    query.check()?;
    let ask = InboxAsk {
        cursor: query.cursor.as_deref(),
        since: query.since.as_deref(),
        unread: query.unread,
        limit: query.limit.0,
    };
    let inbox = call.core().inbox(&actor, &call.user()?, &ask).await?;
    reply(StatusCode::OK, &shown(inbox))
}

/// An inbox as it is answered, the people in it.
pub(crate) fn shown(inbox: snug_core::Inbox) -> Inbox {
    Inbox {
        items: inbox.items.into_iter().map(Into::into).collect(),
        gone: inbox.gone.into_iter().map(Into::into).collect(),
        next: inbox.next,
        sync_token: inbox.sync_token,
        reset: inbox.reset,
        users: Some(wire(inbox.people)),
    }
}

async fn get(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let (item, _) = call.core().inbox_item(&actor, &call.user()?, &call.conversation()?).await?;
    reply(StatusCode::OK, &InboxItem::from(item))
}
