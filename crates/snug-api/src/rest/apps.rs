//! Apps.

use axum::http::{Method, StatusCode};
use snug_wire::{
    apps::{App, AppDraft, AppPatch},
    jobs::StartedJob,
    paging::{NoQuery, PageQuery},
};

use super::{page, page_of};
use crate::{
    call::{Answered, Call, reply},
    routes::{Route, Takes},
};

const APPS: &str = "/v1/apps";
const APP: &str = "/v1/apps/{app}";

pub(super) fn routes() -> Vec<Route> {
    let installation = Takes::back_end("installation");
    let app = Takes::back_end("app");
    vec![
        Route::new(Method::POST, APPS, "createApp", "Makes an app.", installation, create)
            .body::<AppDraft>()
            .answers::<App>(201)
            .once(),
        Route::new(Method::GET, APPS, "listApps", "Lists the apps of the installation.", installation, list)
            .query::<PageQuery>()
            .lists::<App>(),
        Route::new(Method::GET, APP, "getApp", "Shows the app and its settings.", app, get)
            .answers::<App>(200),
        Route::new(Method::PATCH, APP, "editApp", "Changes the app's name and settings.", app, edit)
            .body::<AppPatch>()
            .answers::<App>(200),
        Route::new(Method::DELETE, APP, "deleteApp", "Deletes the app with all it holds.", app, delete)
            .answers::<StartedJob>(202),
    ]
}

async fn create(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let draft = call.body::<AppDraft>()?.into();
    let once = call.once(&actor).await?;
    let app = call.core().create_app(&actor, &draft, once.as_ref()).await?;
    call.reply_once(once, StatusCode::CREATED, &App::from(app)).await
}

async fn list(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: PageQuery = call.query()?;
    let list = call.list();
    let ask = page_of(&list, query.limit, query.cursor.as_deref(), query.order);
    let apps = call.core().list_apps(&actor, &ask).await?;
    reply(StatusCode::OK, &page::<_, App>(apps, false))
}

async fn get(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    reply(StatusCode::OK, &App::from(call.core().app(&actor).await?))
}

async fn edit(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let patch = call.body::<AppPatch>()?.into();
    reply(StatusCode::OK, &App::from(call.core().edit_app(&actor, &patch).await?))
}

async fn delete(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.no_body()?;
    let job = call.core().delete_app(&actor).await?;
    reply(StatusCode::ACCEPTED, &StartedJob { job: job.id.into() })
}
