//! Bans and mutes, and who is under one.

use axum::http::{Method, StatusCode};
use snug_model::sanctions::{InApp, InConversation};
use snug_wire::{
    paging::{NoQuery, Nothing, PageQuery},
    sanctions::{
        BanDraft, MemberBan, MemberMute, MemberUnban, MemberUnmute, MuteDraft, Sanctioned, ShadowBanDraft,
    },
};

use super::{page, page_of};
use crate::{
    call::{Answered, Call, reply},
    routes::{Route, Takes},
};

pub(super) fn routes() -> Vec<Route> {
    in_app().into_iter().chain(in_conversations()).collect()
}

fn in_app() -> Vec<Route> {
    let takes = |permission| Takes::both("users", permission);
    vec![
        Route::new(
            Method::POST,
            "/v1/apps/{app}/users/{user}/ban",
            "banUser",
            "Bans a user from everything, at once.",
            takes("user.ban"),
            ban_user,
        )
        .optional_body::<BanDraft>()
        .answers_nothing(204)
        .ends_access()
        .once(),
        Route::new(
            Method::POST,
            "/v1/apps/{app}/users/{user}/unban",
            "unbanUser",
            "Lifts a ban; tokens from before stay void.",
            takes("user.ban"),
            unban_user,
        )
        .optional_body::<Nothing>()
        .answers_nothing(204)
        .once(),
        Route::new(
            Method::POST,
            "/v1/apps/{app}/users/{user}/mute",
            "muteUser",
            "Mutes a user in the whole app: it reads, and neither sends, edits, reacts nor types.",
            takes("user.mute"),
            mute_user,
        )
        .optional_body::<MuteDraft>()
        .answers_nothing(204)
        .ends_access()
        .once(),
        Route::new(
            Method::POST,
            "/v1/apps/{app}/users/{user}/unmute",
            "unmuteUser",
            "Lifts a user's mute in the app.",
            takes("user.mute"),
            unmute_user,
        )
        .optional_body::<Nothing>()
        .answers_nothing(204)
        .once(),
        Route::new(
            Method::POST,
            "/v1/apps/{app}/users/{user}/shadow_ban",
            "shadowBanUser",
            "Shadow-bans a user: what it writes is hidden from the others, and nothing that it sees says so.",
            takes("user.ban"),
            shadow_ban_user,
        )
        .optional_body::<ShadowBanDraft>()
        .answers_nothing(204)
        .ends_access()
        .once(),
        Route::new(
            Method::POST,
            "/v1/apps/{app}/users/{user}/shadow_unban",
            "shadowUnbanUser",
            "Lifts a shadow ban; what was hidden stays so.",
            takes("user.ban"),
            shadow_unban_user,
        )
        .optional_body::<Nothing>()
        .answers_nothing(204)
        .once(),
        Route::new(
            Method::GET,
            "/v1/apps/{app}/shadow_bans",
            "listShadowBans",
            "Lists who is shadow-banned, why, until when and by whom.",
            takes("user.ban"),
            |call| list_in_app(call, InApp::ShadowBan),
        )
        .query::<PageQuery>()
        .lists::<Sanctioned>(),
        Route::new(
            Method::GET,
            "/v1/apps/{app}/bans",
            "listBans",
            "Lists who is banned from the app, why, until when and by whom.",
            takes("user.ban"),
            |call| list_in_app(call, InApp::Ban),
        )
        .query::<PageQuery>()
        .lists::<Sanctioned>(),
        Route::new(
            Method::GET,
            "/v1/apps/{app}/mutes",
            "listMutes",
            "Lists who is muted in the app, why, until when and by whom.",
            takes("user.mute"),
            |call| list_in_app(call, InApp::Mute),
        )
        .query::<PageQuery>()
        .lists::<Sanctioned>(),
    ]
}

fn in_conversations() -> Vec<Route> {
    let takes = |permission| Takes::both("conversations", permission);
    vec![
        Route::new(
            Method::POST,
            "/v1/apps/{app}/conversations/{conversation}/ban",
            "banMember",
            "Bans a person from the conversation.",
            takes("member.ban"),
            ban_member,
        )
        .body::<MemberBan>()
        .answers_nothing(204)
        .ends_access()
        .once(),
        Route::new(
            Method::POST,
            "/v1/apps/{app}/conversations/{conversation}/unban",
            "unbanMember",
            "Lifts a person's ban from the conversation, which adds nobody.",
            takes("member.ban"),
            unban_member,
        )
        .body::<MemberUnban>()
        .answers_nothing(204)
        .once(),
        Route::new(
            Method::POST,
            "/v1/apps/{app}/conversations/{conversation}/mute",
            "muteMember",
            "Mutes a member in the conversation: it reads, and neither sends, edits, reacts nor types.",
            takes("member.mute"),
            mute_member,
        )
        .body::<MemberMute>()
        .answers_nothing(204)
        .ends_access()
        .once(),
        Route::new(
            Method::POST,
            "/v1/apps/{app}/conversations/{conversation}/unmute",
            "unmuteMember",
            "Lifts a member's mute in the conversation.",
            takes("member.mute"),
            unmute_member,
        )
        .body::<MemberUnmute>()
        .answers_nothing(204)
        .once(),
        Route::new(
            Method::GET,
            "/v1/apps/{app}/conversations/{conversation}/bans",
            "listMemberBans",
            "Lists who is banned from the conversation, why, until when and by whom.",
            takes("member.ban"),
            |call| list_in_conversation(call, InConversation::Ban),
        )
        .query::<PageQuery>()
        .lists::<Sanctioned>(),
        Route::new(
            Method::GET,
            "/v1/apps/{app}/conversations/{conversation}/mutes",
            "listMemberMutes",
            "Lists who is muted in the conversation, why, until when and by whom.",
            takes("member.mute"),
            |call| list_in_conversation(call, InConversation::Mute),
        )
        .query::<PageQuery>()
        .lists::<Sanctioned>(),
    ]
}

async fn ban_user(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let draft = call.body_or_empty::<BanDraft>()?.into();
    let once = call.once(&actor).await?;
    call.core().ban_user(&actor, &call.user()?, Some(&draft), once.as_ref()).await?;
    call.done_once(once).await
}

async fn unban_user(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.no_body()?;
    let once = call.once(&actor).await?;
    call.core().ban_user(&actor, &call.user()?, None, once.as_ref()).await?;
    call.done_once(once).await
}

async fn mute_user(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let draft = call.body_or_empty::<MuteDraft>()?.into();
    let once = call.once(&actor).await?;
    call.core().mute_user(&actor, &call.user()?, Some(&draft), once.as_ref()).await?;
    call.done_once(once).await
}

async fn unmute_user(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.no_body()?;
    let once = call.once(&actor).await?;
    call.core().mute_user(&actor, &call.user()?, None, once.as_ref()).await?;
    call.done_once(once).await
}

async fn shadow_ban_user(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let draft = call.body_or_empty::<ShadowBanDraft>()?.into();
    let once = call.once(&actor).await?;
    call.core().shadow_ban_user(&actor, &call.user()?, Some(&draft), once.as_ref()).await?;
    call.done_once(once).await
}

async fn shadow_unban_user(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    call.no_body()?;
    let once = call.once(&actor).await?;
    call.core().shadow_ban_user(&actor, &call.user()?, None, once.as_ref()).await?;
    call.done_once(once).await
}

async fn list_in_app(call: Call, kind: InApp) -> Answered {
    let actor = call.actor().await?;
    let query: PageQuery = call.query()?;
    let list = call.list();
    let ask = page_of(&list, query.limit, query.cursor.as_deref(), query.order);
    let listed = call.core().list_user_sanctions(&actor, kind, &ask).await?;
    reply(StatusCode::OK, &page::<_, Sanctioned>(listed, true))
}

async fn ban_member(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let (user, draft) = call.body::<MemberBan>()?.into_parts();
    let once = call.once(&actor).await?;
    call.core().ban_member(&actor, &call.conversation()?, &user, Some(&draft), once.as_ref()).await?;
    call.done_once(once).await
}

async fn unban_member(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let user = call.body::<MemberUnban>()?.user.into();
    let once = call.once(&actor).await?;
    call.core().ban_member(&actor, &call.conversation()?, &user, None, once.as_ref()).await?;
    call.done_once(once).await
}

async fn mute_member(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let (user, draft) = call.body::<MemberMute>()?.into_parts();
    let once = call.once(&actor).await?;
    call.core().mute_member(&actor, &call.conversation()?, &user, Some(&draft), once.as_ref()).await?;
    call.done_once(once).await
}

async fn unmute_member(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let user = call.body::<MemberUnmute>()?.user.into();
    let once = call.once(&actor).await?;
    call.core().mute_member(&actor, &call.conversation()?, &user, None, once.as_ref()).await?;
    call.done_once(once).await
}

async fn list_in_conversation(call: Call, kind: InConversation) -> Answered {
    let actor = call.actor().await?;
    let query: PageQuery = call.query()?;
    let list = call.list();
    let ask = page_of(&list, query.limit, query.cursor.as_deref(), query.order);
    let listed = call.core().list_member_sanctions(&actor, &call.conversation()?, kind, &ask).await?;
    reply(StatusCode::OK, &page::<_, Sanctioned>(listed, true))
}
