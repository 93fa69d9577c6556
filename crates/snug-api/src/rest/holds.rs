//! Legal holds, and conversations' own retention.

use axum::http::{Method, StatusCode};
use snug_wire::{
    paging::{HeldQuery, NoQuery, Order, PageQuery},
    retention::{ConversationRetention, ConversationRetentionDraft, HeldMessage, Hold},
};

use super::{page, page_of};
use crate::{
    call::{Answered, Call, no_content, reply},
    routes::{Route, Takes},
};

const RETENTION: &str = "/v1/apps/{app}/conversations/{conversation}/retention";
const CONVERSATION: &str = "/v1/apps/{app}/conversations/{conversation}/hold";
const USER: &str = "/v1/apps/{app}/users/{user}/hold";

pub(super) fn routes() -> Vec<Route> {
    let takes = Takes::back_end("app");
    vec![
        Route::new(
            Method::GET,
            RETENTION,
            "getRetention",
            "Reads how long a conversation's messages live at most by its own rule.",
            Takes::back_end("app:read"),
            retention,
        )
        .answers::<ConversationRetention>(200),
        Route::new(
            Method::PUT,
            RETENTION,
            "putRetention",
            "Sets how long a conversation's messages live at most.",
            takes,
            set_retention,
        )
        .body::<ConversationRetentionDraft>()
        .answers::<ConversationRetention>(200),
        Route::new(
            Method::PUT,
            CONVERSATION,
            "holdConversation",
            "Puts a legal hold on a conversation: nothing of it is deleted.",
            takes,
            hold_conversation,
        )
        .answers_nothing(204),
        Route::new(
            Method::DELETE,
            CONVERSATION,
            "releaseConversation",
            "Lifts a legal hold.",
            takes,
            release_conversation,
        )
        .answers_nothing(204),
        Route::new(
            Method::PUT,
            USER,
            "holdUser",
            "Puts a legal hold on a user: nothing that it wrote is deleted.",
            takes,
            hold_user,
        )
        .answers_nothing(204),
        Route::new(Method::DELETE, USER, "releaseUser", "Lifts a legal hold.", takes, release_user)
            .answers_nothing(204),
        Route::new(
            Method::GET,
            "/v1/apps/{app}/retention/holds",
            "listHolds",
            "Lists legal holds.",
            Takes::back_end("app:read"),
            list,
        )
        .query::<PageQuery>()
        .lists::<Hold>(),
        Route::new(
            Method::GET,
            "/v1/apps/{app}/conversations/{conversation}/held",
            "listHeld",
            "Lists messages that are kept past their time because a legal hold is on them.",
            Takes::back_end("messages:read"),
            held,
        )
        .query::<HeldQuery>()
        .lists::<HeldMessage>(),
    ]
}

async fn retention(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let messages = call.core().conversation_retention(&actor, &call.conversation()?).await?;
    reply(StatusCode::OK, &ConversationRetention { messages })
}

async fn set_retention(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let draft: ConversationRetentionDraft = call.body()?;
    let conversation = call.conversation()?;
    let messages = call.core().set_conversation_retention(&actor, &conversation, draft.messages).await?;
    reply(StatusCode::OK, &ConversationRetention { messages })
}

async fn hold_conversation(call: Call) -> Answered {
    set_conversation(call, true).await
}

async fn release_conversation(call: Call) -> Answered {
    set_conversation(call, false).await
}

async fn set_conversation(call: Call, on: bool) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.no_body()?;
    call.core().hold_conversation(&actor, &call.conversation()?, on).await?;
    no_content()
}

async fn hold_user(call: Call) -> Answered {
    set_user(call, true).await
}

async fn release_user(call: Call) -> Answered {
    set_user(call, false).await
}

async fn set_user(call: Call, on: bool) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.no_body()?;
    call.core().hold_user(&actor, &call.user()?, on).await?;
    no_content()
}

async fn list(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: PageQuery = call.query()?;
    let list = call.list();
    let ask = page_of(&list, query.limit, query.cursor.as_deref(), query.order);
    let holds = call.core().list_holds(&actor, &ask).await?;
    reply(StatusCode::OK, &page::<_, Hold>(holds, false))
}

async fn held(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: HeldQuery = call.query()?;
    let list = call.list();
    let ask = page_of(&list, query.limit, query.cursor.as_deref(), Order::Asc);
    let held = call.core().list_held(&actor, &call.conversation()?, &ask).await?;
    reply(StatusCode::OK, &page::<_, HeldMessage>(held, true))
}
