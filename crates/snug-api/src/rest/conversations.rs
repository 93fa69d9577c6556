//! Conversations.

use axum::http::{HeaderValue, Method, StatusCode, header};
use snug_core::Filter;
use snug_wire::{
    conversations::{Conversation, ConversationDraft, ConversationPatch, ConversationReplacement},
    paging::{ConversationsQuery, NoQuery},
    preconditions,
};

use super::{made, page, page_of};
use crate::{
    call::{Answered, Call, no_content, reply},
    routes::{Route, Takes},
};

const CONVERSATIONS: &str = "/v1/apps/{app}/conversations";
const CONVERSATION: &str = "/v1/apps/{app}/conversations/{conversation}";

pub(super) fn routes() -> Vec<Route> {
    let takes = |permission| Takes::both("conversations", permission);
    vec![
        Route::new(
            Method::GET,
            CONVERSATIONS,
            "listConversations",
            "Lists the app's conversations.",
            Takes::back_end("conversations:read"),
            list,
        )
        .query::<ConversationsQuery>()
        .lists::<Conversation>(),
        Route::new(
            Method::POST,
            CONVERSATIONS,
            "createConversation",
            "Makes a conversation, or with `distinct` finds the one of exactly these members.",
            takes("conversation.create"),
            create,
        )
        .optional_body::<ConversationDraft>()
        .answers::<Conversation>(201)
        .answers::<Conversation>(200)
        .once(),
        Route::new(
            Method::PUT,
            CONVERSATION,
            "putConversation",
            "Makes or replaces a conversation; a client replaces one that it sees.",
            takes("conversation.edit"),
            put,
        )
        .optional_body::<ConversationReplacement>()
        .answers::<Conversation>(201)
        .answers::<Conversation>(200)
        .if_match(),
        Route::new(Method::GET, CONVERSATION, "getConversation", "Shows a conversation.", takes(""), get)
            .answers::<Conversation>(200),
        Route::new(
            Method::PATCH,
            CONVERSATION,
            "editConversation",
            "Changes a conversation.",
            takes("conversation.edit"),
            edit,
        )
        .body::<ConversationPatch>()
        .answers::<Conversation>(200)
        .if_match(),
        Route::new(
            Method::DELETE,
            CONVERSATION,
            "deleteConversation",
            "Deletes a conversation with all it holds.",
            takes("conversation.delete"),
            delete,
        )
        .answers_nothing(204),
    ]
}

async fn list(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: ConversationsQuery = call.query()?;
    let filter = Filter {
        state: query.state.map(Into::into),
        member: query.member.map(Into::into),
        active_after: query.active_after.map(Into::into),
        created_after: query.created_after.map(Into::into),
        alias: query.alias.map(Into::into),
    };
    let list = call.list();
    let ask = page_of(&list, query.limit, query.cursor.as_deref(), query.order);
    let conversations = call.core().list_conversations(&actor, &filter, &ask).await?;
    reply(StatusCode::OK, &page::<_, Conversation>(conversations, true))
}

async fn create(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let draft = call.body_or_empty::<ConversationDraft>()?.try_into()?;
    let once = call.once(&actor).await?;
    let created = call.core().create_conversation(&actor, &draft, once.as_ref()).await?;
    call.reply_once(once, made(&created), &Conversation::from(created.value)).await
}

async fn put(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let id = call.conversation()?;
    let draft = call.body_or_empty::<ConversationReplacement>()?.into_draft(id.clone())?;
    let put = call.core().put_conversation(&actor, &id, &draft, call.if_match()?).await?;
    shown(made(&put), put.value)
}

async fn get(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    shown(StatusCode::OK, call.core().conversation(&actor, &call.conversation()?).await?.0)
}

async fn edit(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let patch = call.body::<ConversationPatch>()?.into();
    shown(
        StatusCode::OK,
        call.core().edit_conversation(&actor, &call.conversation()?, &patch, call.if_match()?).await?,
    )
}

/// A conversation with the tag that `If-Match` asks for.
fn shown(status: StatusCode, conversation: snug_model::conversations::Conversation) -> Answered {
    let tag = preconditions::print(conversation.epoch, conversation.rev);
    let mut response = reply(status, &Conversation::from(conversation))?;
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

async fn delete(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.no_body()?;
    call.core().delete_conversation(&actor, &call.conversation()?).await?;
    no_content()
}
