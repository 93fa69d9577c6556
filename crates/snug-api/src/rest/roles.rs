//! Roles.

use axum::http::{Method, StatusCode};
use snug_wire::{
    paging::NoQuery,
    roles::{Role, RoleDraft},
};

use super::{made, page};
use crate::{
    call::{Answered, Call, no_content, reply},
    routes::{Route, Takes},
};

const ROLE: &str = "/v1/apps/{app}/roles/{scope}/{role}";

pub(super) fn routes() -> Vec<Route> {
    let roles = Takes::back_end("roles");
    vec![
        Route::new(Method::GET, "/v1/apps/{app}/roles", "listRoles", "Lists the app's roles.", roles, list)
            .lists::<Role>(),
        Route::new(Method::PUT, ROLE, "putRole", "Makes or replaces a role.", roles, put)
            .body::<RoleDraft>()
            .answers::<Role>(201)
            .answers::<Role>(200),
        Route::new(Method::DELETE, ROLE, "deleteRole", "Deletes a role that nobody has.", roles, delete)
            .answers_nothing(204),
    ]
}

async fn list(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    reply(StatusCode::OK, &page::<_, Role>(call.core().list_roles(&actor).await?, false))
}

async fn put(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let (scope, name) = call.role()?;
    let role = call.body::<RoleDraft>()?.into_role(scope, name)?;
    let put = call.core().put_role(&actor, &role).await?;
    reply(made(&put), &Role::from(put.value))
}

async fn delete(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.no_body()?;
    let (scope, name) = call.role()?;
    call.core().delete_role(&actor, scope.into(), &name).await?;
    no_content()
}
