//! Templates: what a bot may say on pages that cannot sign.

use axum::http::{Method, StatusCode};
use snug_model::{ConversationId, templates as model};
use snug_wire::{
    messages::WrittenMessage,
    paging::{NoQuery, PageQuery},
    templates::{Template, TemplateDraft, TemplateUse},
};

use super::{made, page, page_of};
use crate::{
    call::{Answered, Call, no_content, reply},
    routes::{Route, Takes},
};

const TEMPLATE: &str = "/v1/apps/{app}/templates/{template}";

pub(super) fn routes() -> Vec<Route> {
    let bots = Takes::back_end("bot_messages");
    vec![
        Route::new(
            Method::GET,
            "/v1/apps/{app}/templates",
            "listTemplates",
            "Lists the app's templates.",
            Takes::back_end("bot_messages:read"),
            list,
        )
        .query::<PageQuery>()
        .lists::<Template>(),
        Route::new(Method::PUT, TEMPLATE, "putTemplate", "Makes or replaces a template.", bots, put)
            .body::<TemplateDraft>()
            .answers::<Template>(201)
            .answers::<Template>(200),
        Route::new(
            Method::GET,
            TEMPLATE,
            "getTemplate",
            "A template.",
            Takes::back_end("bot_messages:read"),
            get,
        )
        .answers::<Template>(200),
        Route::new(
            Method::DELETE,
            TEMPLATE,
            "deleteTemplate",
            "Deletes a template: it appears no more, and what has appeared of it stays.",
            bots,
            delete,
        )
        .answers_nothing(204),
        Route::new(
            Method::POST,
            "/v1/apps/{app}/conversations/{conversation}/templates/{template}",
            "sendTemplate",
            "Has a template appear in a conversation, as its bot's message: once, unless the template says otherwise.",
            Takes::client(""),
            send,
        )
        .optional_body::<TemplateUse>()
        .answers::<WrittenMessage>(201)
        .answers::<WrittenMessage>(200)
        .pays_by_item(),
        Route::new(
            Method::POST,
            "/v1/apps/{app}/conversations/auto/templates/{template}",
            "sendTemplateToSupport",
            "Has a template appear in the client's support conversation, which is made where it does not exist.",
            Takes::client(""),
            send_to_support,
        )
        .optional_body::<TemplateUse>()
        .answers::<WrittenMessage>(201)
        .answers::<WrittenMessage>(200)
        .pays_by_item(),
    ]
}

async fn list(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: PageQuery = call.query()?;
    let list = call.list();
    let ask = page_of(&list, query.limit, query.cursor.as_deref(), query.order);
    reply(StatusCode::OK, &page::<_, Template>(call.core().list_templates(&actor, &ask).await?, false))
}

async fn put(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let draft = call.body::<TemplateDraft>()?.try_into()?;
    let put = call.core().put_template(&actor, &call.template()?, &draft).await?;
    reply(made(&put), &Template::from(put.value))
}

async fn get(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.no_body()?;
    let template = call.core().template(&actor, &call.template()?).await?;
    reply(StatusCode::OK, &Template::from(template))
}

async fn delete(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.no_body()?;
    call.core().delete_template(&actor, &call.template()?).await?;
    no_content()
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
    let used: TemplateUse = call.body_or_empty()?;
    let template = call.template()?;
    let used = model::TemplateUse { id: &template, message: used.id.map(Into::into) };
    let sent = call.core().send_template(&actor, conversation, used, None).await?;
    reply(made(&sent), &WrittenMessage { message: sent.value.into() })
}
