//! Blocks between two people.

use axum::http::{Method, StatusCode};
use snug_wire::{
    blocks::Block,
    paging::{NoQuery, PageQuery},
};

use super::{page, page_of};
use crate::{
    call::{Answered, Call, no_content, reply},
    routes::{Route, Takes},
};

const BLOCKS: &str = "/v1/apps/{app}/users/{user}/blocks";
const BLOCK: &str = "/v1/apps/{app}/users/{user}/blocks/{other}";

pub(super) fn routes() -> Vec<Route> {
    let takes = Takes::both("users", "");
    vec![
        Route::new(Method::GET, BLOCKS, "listBlocks", "Lists whom a user has blocked.", takes, list)
            .query::<PageQuery>()
            .lists::<Block>(),
        Route::new(
            Method::PUT,
            BLOCK,
            "blockUser",
            "Has a user block another one: where the two are alone, neither sends nor adds the other.",
            takes,
            block,
        )
        .answers_nothing(204),
        Route::new(Method::DELETE, BLOCK, "unblockUser", "Lifts a block.", takes, unblock)
            .answers_nothing(204),
    ]
}

async fn list(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: PageQuery = call.query()?;
    let list = call.list();
    let ask = page_of(&list, query.limit, query.cursor.as_deref(), query.order);
    let blocks = call.core().list_blocks(&actor, &call.user()?, &ask).await?;
    reply(StatusCode::OK, &page::<_, Block>(blocks, true))
}

async fn block(call: Call) -> Answered {
    set(call, true).await
}

async fn unblock(call: Call) -> Answered {
    set(call, false).await
}

async fn set(call: Call, on: bool) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.no_body()?;
    call.core().block_user(&actor, &call.user()?, &call.other()?, on).await?;
    no_content()
}
