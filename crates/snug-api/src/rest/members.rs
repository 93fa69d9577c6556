//! Members, their read marks and typing.

use axum::http::{Method, StatusCode};
use snug_wire::{
    members::{AddedMembers, Member, MemberAddition, MemberPatch, MemberReplacement},
    messages::{ReadMark, ReadRequest, Typing},
    paging::{AsQuery, NoQuery, PageQuery, RemovalQuery},
};

use super::{made, page, page_of};
use crate::{
    call::{Answered, Call, no_content, reply},
    routes::{Route, Takes},
};

const MEMBERS: &str = "/v1/apps/{app}/conversations/{conversation}/members";
const MEMBER: &str = "/v1/apps/{app}/conversations/{conversation}/members/{user}";

pub(super) fn routes() -> Vec<Route> {
    let takes = |permission| Takes::both("conversations", permission);
    vec![
        Route::new(Method::GET, MEMBERS, "listMembers", "Lists the members.", takes(""), list)
            .query::<PageQuery>()
            .lists::<Member>(),
        Route::new(
            Method::POST,
            MEMBERS,
            "addMembers",
            "Adds members, all or none: one commit, one push.",
            takes("member.add"),
            add,
        )
        .body::<MemberAddition>()
        .answers::<AddedMembers>(200)
        .once(),
        Route::new(
            Method::PUT,
            MEMBER,
            "putMember",
            "Adds or replaces a member; a client joins.",
            takes("member.add"),
            put,
        )
        .optional_body::<MemberReplacement>()
        .answers::<Member>(201)
        .answers::<Member>(200),
        Route::new(Method::PATCH, MEMBER, "editMember", "Changes a member.", takes("member.edit"), edit)
            .body::<MemberPatch>()
            .answers::<Member>(200),
        Route::new(
            Method::DELETE,
            MEMBER,
            "removeMember",
            "Removes a member, who keeps a frozen view unless `forget` is set; a client leaves.",
            takes("member.remove"),
            remove,
        )
        .query::<RemovalQuery>()
        .answers_nothing(204)
        .ends_access(),
        Route::new(
            Method::PUT,
            "/v1/apps/{app}/conversations/{conversation}/read",
            "markRead",
            "Moves a read mark.",
            Takes::both("messages.as_user", "read.mark"),
            read,
        )
        .query::<AsQuery>()
        .body::<ReadRequest>()
        .answers::<ReadMark>(200),
        Route::new(
            Method::POST,
            "/v1/apps/{app}/conversations/{conversation}/typing",
            "type",
            "Shows others that somebody is typing, or no longer.",
            Takes::both("messages.as_user", "typing.send"),
            typing,
        )
        .query::<AsQuery>()
        .body::<Typing>()
        .answers_nothing(204),
    ]
}

async fn list(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: PageQuery = call.query()?;
    let list = call.list();
    let ask = page_of(&list, query.limit, query.cursor.as_deref(), query.order);
    let members = call.core().list_members(&actor, &call.conversation()?, &ask).await?;
    reply(StatusCode::OK, &page::<_, Member>(members, true))
}

async fn add(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let drafts = call.body::<MemberAddition>()?.into_drafts()?;
    let once = call.once(&actor).await?;
    let added = call.core().add_members(&actor, &call.conversation()?, &drafts, once.as_ref()).await?;
    let members = added.members.into_iter().map(Into::into).collect();
    call.reply_once(once, StatusCode::OK, &AddedMembers { rev: added.rev.into(), members }).await
}

async fn put(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let draft = call.body_or_empty::<MemberReplacement>()?.into_draft(call.user()?);
    let put = call.core().put_member(&actor, &call.conversation()?, &draft).await?;
    reply(made(&put), &Member::from(put.value.0))
}

async fn edit(call: Call) -> Answered {
    let actor = call.actor().await?;
    call.query::<NoQuery>()?;
    let patch = call.body::<MemberPatch>()?.into();
    let (member, _) = call.core().edit_member(&actor, &call.conversation()?, &call.user()?, &patch).await?;
    reply(StatusCode::OK, &Member::from(member))
}

async fn remove(call: Call) -> Answered {
    let actor = call.actor().await?;
    let query: RemovalQuery = call.query()?;
    call.no_body()?;
    call.core().remove_member(&actor, &call.conversation()?, &call.user()?, query.forget).await?;
    no_content()
}

async fn read(call: Call) -> Answered {
    let actor = call.actor().await?;
    let user = call.query::<AsQuery>()?.user.map(Into::into);
    let request: ReadRequest = call.body()?;
    let conversation = call.conversation()?;
    let read = call
        .core()
        .mark_read(&actor, &conversation, user.as_ref(), request.seq.into(), request.unread)
        .await?;
    reply(StatusCode::OK, &mark(&read))
}

/// A read mark as it is answered.
pub(crate) fn mark(read: &snug_core::Read) -> ReadMark {
    ReadMark { read_seq: read.seq.into(), read_at: read.at.map(Into::into), unread: read.unread }
}

async fn typing(call: Call) -> Answered {
    let actor = call.actor().await?;
    let user = call.query::<AsQuery>()?.user.map(Into::into);
    let Typing { on } = call.body()?;
    call.core().typing(&actor, &call.conversation()?, user.as_ref(), on).await?;
    no_content()
}
