//! Users.

use axum::http::{Method, StatusCode};
use snug_wire::{
    erasures::EraseQuery,
    jobs::StartedJob,
    paging::{NoQuery, Nothing, Page, UsersQuery},
    people::FoundPerson,
    users::{Presence, User, UserDraft, UserPatch},
};

use super::{made, page, page_of};
use crate::{
    call::{Answered, Call, reply},
    routes::{Route, Takes},
};

const USERS: &str = "/v1/apps/{app}/users";
const USER: &str = "/v1/apps/{app}/users/{user}";

pub(super) fn routes() -> Vec<Route> {
    let takes = |permission| Takes::both("users", permission);
    vec![
        Route::new(
            Method::GET,
            USERS,
            "listUsers",
            "Lists users; with `ids`, name and picture of people with whom one shares a conversation.",
            takes("user.list"),
            list,
        )
        .query::<UsersQuery>()
        .lists::<User>(),
        Route::new(Method::PUT, USER, "putUser", "Makes or replaces a user.", Takes::back_end("users"), put)
            .optional_body::<UserDraft>()
            .answers::<User>(201)
            .answers::<User>(200),
        Route::new(Method::GET, USER, "getUser", "Shows a user; a client itself.", takes(""), get)
            .answers::<User>(200),
        Route::new(Method::PATCH, USER, "editUser", "Changes a user.", takes("user.edit_own"), edit)
            .body::<UserPatch>()
            .answers::<User>(200),
        Route::new(Method::DELETE, USER, "eraseUser", "Erases a user.", takes("user.erase_own"), erase)
            .query::<EraseQuery>()
            .answers::<StartedJob>(202),
        Route::new(
            Method::POST,
            "/v1/apps/{app}/users/{user}/revoke_tokens",
            "revokeUserTokens",
            "Ends all tokens of a user so far, and closes its sessions.",
            Takes::back_end("users"),
            revoke_tokens,
        )
        .optional_body::<Nothing>()
        .answers_nothing(204)
        .ends_access()
        .once(),
        Route::new(
            Method::POST,
            "/v1/apps/{app}/users/{user}/allow_proofs",
            "allowProofs",
            "Believes proofs of a user again that say nothing of when they were made, after its tokens were ended.",
            Takes::back_end("users"),
            allow_proofs,
        )
        .optional_body::<Nothing>()
        .answers_nothing(204)
        .once(),
        Route::new(
            Method::GET,
            "/v1/apps/{app}/users/{user}/presence",
            "getPresence",
            "Shows whether a user is online.",
            Takes::back_end("users"),
            presence,
        )
        .answers::<Presence>(200),
    ]
}

async fn list(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: UsersQuery = call.query()?;
    if query.ids.is_empty() {
        let list = call.list();
        let ask = page_of(&list, query.limit, query.cursor.as_deref(), query.order);
        return reply(StatusCode::OK, &page::<_, User>(call.core().list_users(&actor, &ask).await?, false));
    }
    let ids: Vec<_> = query.ids.0.into_iter().map(Into::into).collect();
    let people = call.core().look_up_users(&actor, &ids).await?;
    let items = people.into_iter().map(FoundPerson::from).collect();
    reply(StatusCode::OK, &Page { items, next: None, users: None })
}

async fn put(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let draft = call.body_or_empty::<UserDraft>()?.into();
    let put = call.core().put_user(&actor, &call.user()?, &draft).await?;
    reply(made(&put), &User::from(put.value))
}

async fn get(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    reply(StatusCode::OK, &User::from(call.core().user(&actor, &call.user()?).await?))
}

async fn edit(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let patch = call.body::<UserPatch>()?.into();
    reply(StatusCode::OK, &User::from(call.core().edit_user(&actor, &call.user()?, &patch).await?))
}

async fn erase(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: EraseQuery = call.query()?;
    call.no_body()?;
    let job = call.core().erase_user(&actor, &call.user()?, query.messages.map(Into::into)).await?;
    reply(StatusCode::ACCEPTED, &StartedJob { job: job.id.into() })
}

async fn revoke_tokens(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.no_body()?;
    let once = call.once(&actor).await?;
    call.core().revoke_user_tokens(&actor, &call.user()?, once.as_ref()).await?;
    call.done_once(once).await
}

async fn allow_proofs(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.no_body()?;
    let once = call.once(&actor).await?;
    call.core().allow_proofs(&actor, &call.user()?, once.as_ref()).await?;
    call.done_once(once).await
}

async fn presence(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let online = call.core().is_online(&actor, &call.user()?).await?;
    reply(StatusCode::OK, &Presence { online, last_seen_at: None })
}
