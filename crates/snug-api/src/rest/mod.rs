//! The handlers, a file per noun; each file lists its routes.

mod apps;
mod audit;
mod batches;
mod blocks;
mod consents;
mod conversations;
mod events;
mod exports;
mod holds;
pub(crate) mod inbox;
mod jobs;
mod keys;
pub(crate) mod members;
pub(crate) mod messages;
mod of_user;
mod retention;
mod role_tools;
mod roles;
mod sanctions;
mod sessions;
mod signed;
mod templates;
mod token_keys;
mod tokens;
mod transcripts;
mod usage;
mod users;

use axum::http::StatusCode;
#[cfg(feature = "fuzzing")]
pub(crate) use sessions::proof;
use snug_core::{Listed, Outcome, PageAsk, People};
use snug_wire::paging::{Limit, Order, Page};

use crate::routes::Route;

/// All routes, in the order of the document.
pub(crate) fn routes() -> Vec<Route> {
    [
        apps::routes(),
        jobs::routes(),
        retention::routes(),
        holds::routes(),
        usage::routes(),
        events::routes(),
        audit::routes(),
        keys::routes(),
        token_keys::routes(),
        roles::routes(),
        role_tools::routes(),
        sessions::routes(),
        tokens::routes(),
        users::routes(),
        of_user::routes(),
        inbox::routes(),
        conversations::routes(),
        transcripts::routes(),
        sanctions::routes(),
        blocks::routes(),
        consents::routes(),
        members::routes(),
        messages::routes(),
        signed::routes(),
        templates::routes(),
        batches::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// 201 for what is new, 200 for what was there.
fn made<T>(outcome: &Outcome<T>) -> StatusCode {
    if outcome.repeated { StatusCode::OK } else { StatusCode::CREATED }
}

/// What a list's query asks of the core.
fn page_of<'a>(list: &'a str, limit: Limit, cursor: Option<&'a str>, order: Order) -> PageAsk<'a> {
    PageAsk { cursor, descending: order == Order::Desc, limit: limit.0, query: list }
}

/// A list as it is answered; with the people in it where it may mention some.
fn page<T, W: From<T>>(listed: Listed<T>, with_people: bool) -> Page<W> {
    Page {
        items: listed.items.into_iter().map(Into::into).collect(),
        next: listed.next,
        users: with_people.then(|| wire(listed.people)),
    }
}

/// People as they are answered.
pub(crate) fn wire(people: People) -> snug_wire::people::People {
    people.into_iter().collect()
}
