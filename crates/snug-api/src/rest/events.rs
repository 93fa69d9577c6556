//! What was committed in an app, for its back ends.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use snug_core::{Event, EventsAsk, Happened};
use snug_wire::{
    events::{self as wire, EventsQuery},
    paging::Page,
    people::People,
    socket::{Change, Changed},
};

use crate::{
    call::{Answered, Call, reply},
    routes::{Route, Takes},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::GET,
            "/v1/apps/{app}/events",
            "listEvents",
            "Tells what was committed in the app, in its order, and waits for more.",
            Takes::back_end("events:read"),
            list,
        )
        .query::<EventsQuery>()
        .lists::<wire::Event>(),
    ]
}

async fn list(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query = call.query::<EventsQuery>()?;
    let wait = Duration::from_secs(query.wait.0);
    let ask = EventsAsk { after: query.after.as_deref(), limit: query.limit.0, wait };
    let listed = call.core().events(&actor, &ask).await?;
    let items = listed.items.into_iter().map(event).collect();
    reply(StatusCode::OK, &Page { items, next: listed.next, users: None })
}

fn event(event: Event) -> wire::Event {
    let users: People = super::wire(event.people);
    let change = |rev: snug_model::Rev, changed, users| {
        wire::Happened::Change(Change { rev: rev.into(), changed, users })
    };
    let what = match event.what {
        Happened::Message(message) => wire::Happened::Message {
            conversation: message.conversation.clone().into(),
            rev: message.rev.into(),
            message: message.into(),
            users,
        },
        Happened::MessageChanged(rev, message) => {
            let conversation = message.conversation.clone().into();
            change(rev, Changed::Message { conversation, message: message.into(), by: None }, Some(users))
        }
        Happened::MembersChanged(conversation, rev, mut members) => {
            let conversation = conversation.into();
            let changed = match (members.len(), members.pop()) {
                (1, Some(member)) => Changed::Member { conversation, member: member.into() },
                (_, last) => {
                    let members = members.into_iter().chain(last).map(Into::into).collect();
                    Changed::Members { conversation, members }
                }
            };
            change(rev, changed, Some(users))
        }
        Happened::ConversationChanged(rev, conversation) => {
            change(rev, Changed::Conversation { conversation: conversation.into() }, None)
        }
        Happened::MessagesPurged(conversation, rev, before) => {
            let purged =
                Changed::PurgedBefore { conversation: conversation.into(), purged_before: before.into() };
            change(rev, purged, None)
        }
        Happened::ConversationMade(conversation) => {
            wire::Happened::ConversationCreated { conversation: conversation.into() }
        }
        Happened::ConversationDeleted(conversation) => {
            wire::Happened::ConversationDeleted { conversation: conversation.into() }
        }
        Happened::User(user) => wire::Happened::User { user: user.into() },
        Happened::MemberMuted(conversation, user, mute) => wire::Happened::Mute {
            conversation: conversation.into(),
            user: user.into(),
            mute: mute.map(Into::into),
            users,
        },
    };
    wire::Event { id: event.id, at: event.at.into(), what }
}
