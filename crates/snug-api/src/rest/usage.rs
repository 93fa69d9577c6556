//! How much of an app was used.

use axum::http::{Method, StatusCode};
use snug_wire::{
    paging::Page,
    usage::{DayUsage, UsageQuery},
};

use crate::{
    call::{Answered, Call, reply},
    routes::{Route, Takes},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::GET,
            "/v1/apps/{app}/usage",
            "getUsage",
            "Shows how much of the app was used, day by day.",
            Takes::back_end("app:read"),
            usage,
        )
        .query::<UsageQuery>()
        .lists::<DayUsage>(),
    ]
}

async fn usage(call: Call) -> Answered {
    let actor = call.actor().await?;
    let (from, to) = call.query::<UsageQuery>()?.days(call.core().today())?;
    let items = call.core().usage(&actor, from, to).await?.into_iter().map(DayUsage::from).collect();
    reply(StatusCode::OK, &Page { items, next: None, users: None })
}
