//! What is found out about roles.

use axum::http::{Method, StatusCode};
use snug_wire::{
    paging::{NoQuery, Order},
    role_tools::{Holder, RoleLint, Simulated, Simulation, WhoCanQuery},
};

use super::{page, page_of};
use crate::{
    call::{Answered, Call, reply},
    routes::{Route, Takes},
};

pub(super) fn routes() -> Vec<Route> {
    let roles = Takes::back_end("roles:read");
    vec![
        Route::new(
            Method::GET,
            "/v1/apps/{app}/who_can",
            "whoCan",
            "Lists who holds a permission now, and by which roles; then the API keys that could do what it is for.",
            roles,
            who_can,
        )
        .query::<WhoCanQuery>()
        .lists::<Holder>(),
        Route::new(
            Method::POST,
            "/v1/apps/{app}/roles/simulate",
            "simulateRoles",
            "Shows what changes of roles would change for whom. Nothing is written.",
            roles,
            simulate,
        )
        .body::<Simulation>()
        .answers::<Simulated>(200),
        Route::new(
            Method::GET,
            "/v1/apps/{app}/roles/lint",
            "lintRoles",
            "Shows roles that are wider than they need be, with the smaller role that would do, from what was used in 30 days.",
            roles,
            lint,
        )
        .answers::<RoleLint>(200),
    ]
}

async fn who_can(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: WhoCanQuery = call.query()?;
    let list = call.list();
    let ask = page_of(&list, query.limit, query.cursor.as_deref(), Order::Asc);
    let conversation = query.conversation.map(Into::into);
    let holders = call.core().who_can(&actor, query.permission.0, conversation.as_ref(), &ask).await?;
    reply(StatusCode::OK, &page::<_, Holder>(holders, false))
}

async fn simulate(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let simulation: Simulation = call.body()?;
    let changes: Vec<_> = simulation.roles.0.into_iter().map(Into::into).collect();
    let roles = call.core().simulate_roles(&actor, &changes).await?.into_iter().map(Into::into).collect();
    reply(StatusCode::OK, &Simulated { roles })
}

async fn lint(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    reply(StatusCode::OK, &RoleLint::from(call.core().lint_roles(&actor).await?))
}
