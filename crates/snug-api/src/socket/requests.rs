//! A request on an open socket: the same use cases as on REST, with the same answers.

use std::sync::Arc;

use serde::Serialize;
use snug_core::{
    Asked, Contents, Core, Error, InboxAsk, Outcome, PageAsk, Reaction, Result, SyncAsk,
    hub::{Close, Session},
};
use snug_model::{Actor, AppId, Invalid, UserId, messages::Message, templates::TemplateUse};
use snug_wire::{
    consents::ConsentRecord,
    conversations::{Inbox, InboxItem},
    members::Member,
    messages::WrittenMessage,
    paging::{InboxQuery, Order, Page},
    permissions::Permissions,
    sanctions::Muted,
    socket::{Acknowledged, Answer, Hello, Request, SendRequest, SyncRequest, Unread},
};

use crate::rest::{inbox, members, messages, wire};

/// How a request was answered.
pub(super) enum Replied {
    /// By the core, in order with the pushes of its conversation.
    InOrder,
    /// With this.
    With(Vec<u8>),
    /// With a refusal, whatever it says of a credential: the session goes on with the one that it has.
    Refused(Error),
}

/// Does what a request asks for.
pub(super) async fn answer(
    core: &Core,
    app: &AppId,
    session: &Arc<Session>,
    n: u64,
    request: Request,
) -> Result<Replied> {
    let actor = Actor::User(session.actor());
    let asked = Asked { session: Arc::clone(session), n };
    // What is sent pays for itself.
    if !matches!(request, Request::SendSigned(_) | Request::SendTemplate(_)) {
        core.charge(&actor).await?;
    }
    if takes_memory(&request) {
        core.memory().check()?;
    }
    match request {
        Request::Hello(_) => Err(Invalid::new("op", "was answered: a socket has one `hello`").into()),
        Request::Token(request) => match core.refresh(session, app, request.token.expose()).await {
            Ok(refreshed) => {
                with(n, &snug_wire::socket::Refreshed { expires_at: refreshed.expires_at.into() })
            }
            Err(error) => Ok(Replied::Refused(error)),
        },
        Request::SendSigned(request) => {
            let conversation = request.conversation.map(Into::into);
            written(n, core.send_signed(&actor, conversation.as_ref(), &request.jws, Some(&asked)).await?)
        }
        Request::SendTemplate(request) => {
            let conversation = request.conversation.map(Into::into);
            let used = TemplateUse { id: &request.template.into(), message: request.id.map(Into::into) };
            written(n, core.send_template(&actor, conversation.as_ref(), used, Some(&asked)).await?)
        }
        Request::Edit(request) => {
            let (conversation, id, patch) = request.into_parts();
            let edited = core
                .edit_message(&actor, &conversation.into(), id.into(), &patch.into(), Some(&asked))
                .await?;
            written(n, edited)
        }
        Request::Delete(request) => {
            let deleted = core
                .delete_message(&actor, &request.conversation.into(), request.id.into(), Some(&asked))
                .await?;
            written(n, deleted)
        }
        Request::React(request) => {
            let reaction = Reaction { emoji: request.emoji.as_str(), on: request.on, user: None };
            let conversation = request.conversation.into();
            written(n, core.react(&actor, &conversation, request.id.into(), &reaction, Some(&asked)).await?)
        }
        Request::Read(request) => {
            let conversation = request.conversation.into();
            let read =
                core.mark_read(&actor, &conversation, None, request.seq.into(), request.unread).await?;
            with(n, &members::mark(&read))
        }
        Request::Typing(request) => {
            core.typing(&actor, &request.conversation.into(), None, request.on).await?;
            with(n, &Acknowledged {})
        }
        Request::Watch(request) => {
            let conversations: Vec<_> = request.conversations.0.into_iter().map(Into::into).collect();
            core.watch(session, &conversations).await?;
            with(n, &Acknowledged {})
        }
        Request::Consent(accepted) => {
            let me = me(core, &actor).await?;
            let accepted = core.accept_consent(&actor, &me, &accepted.into(), None).await?;
            with(n, &ConsentRecord::from(accepted.value))
        }
        Request::Ping(_) => with(n, &Acknowledged {}),
        reading => read(core, &actor, n, reading).await,
    }
}

/// Sends what a client wrote one after the other to one conversation; the answers of those that have none in order with the
/// pushes.
///
/// # Errors
/// What concerns all of them.
pub(super) async fn send(
    core: &Core,
    session: &Arc<Session>,
    sends: Vec<(u64, SendRequest)>,
) -> Result<Vec<(u64, Result<Replied>)>> {
    core.memory().check()?;
    let (mut drafts, mut answers) = (Vec::with_capacity(sends.len()), Vec::new());
    let mut to = None;
    for (n, send) in sends {
        let (conversation, draft) = send.into_parts();
        to.get_or_insert(conversation);
        match draft.try_into() {
            Ok(draft) => drafts.push((n, draft)),
            Err(invalid) => answers.push((n, Err(Error::from(invalid)))),
        }
    }
    let (Some(conversation), false) = (to, drafts.is_empty()) else { return Ok(answers) };
    let outcomes = core.send_all(session, &conversation.into(), &drafts).await?;
    for ((n, _), outcome) in drafts.iter().zip(outcomes) {
        answers.push((*n, outcome.and_then(|sent| written(*n, sent))));
    }
    Ok(answers)
}

/// Answers what a client asked of several conversations: the first, and those after it that there is room for.
///
/// # Errors
/// What concerns all of them.
pub(super) async fn sync(
    core: &Core,
    session: &Session,
    syncs: &[(u64, SyncRequest)],
) -> Result<Vec<(u64, Result<Replied>)>> {
    core.memory().check()?;
    let actor = Actor::User(session.actor());
    let mut asks = Vec::with_capacity(syncs.len());
    for (_, sync) in syncs {
        asks.push(SyncAsk {
            conversation: sync.conversation.clone().into(),
            epoch: sync.epoch.0,
            since: sync.since.into(),
            limit: sync.limit.0,
        });
    }
    let answers = core.sync_all(&actor, &asks).await?.into_iter();
    let answers = syncs.iter().zip(answers).map(|((n, _), changes)| {
        (*n, changes.and_then(|changes| with(*n, &messages::shown_changes(changes))))
    });
    Ok(answers.collect())
}

/// Whether what a request makes, or its answer, may take much memory on its way: it is refused where that is short.
fn takes_memory(request: &Request) -> bool {
    !matches!(request, Request::Token(_) | Request::Ping(_) | Request::Read(_) | Request::Consent(_))
}

/// Does what a request asks for that changes nothing.
async fn read(core: &Core, actor: &Actor, n: u64, request: Request) -> Result<Replied> {
    match request {
        Request::Inbox(query) => {
            let me = me(core, actor).await?;
            with(n, &read_inbox(core, actor, &me, &query).await?)
        }
        Request::Conversation(request) => {
            let me = me(core, actor).await?;
            let (item, _) = core.inbox_item(actor, &me, &request.conversation.into()).await?;
            with(n, &InboxItem::from(item))
        }
        Request::History(request) => {
            let window = request.window()?;
            let conversation = request.conversation.into();
            let history = core
                .history(actor, &conversation, window, request.cursor.as_deref(), request.limit.0)
                .await?;
            with(n, &messages::shown_history(history))
        }
        Request::Members(request) => {
            let list = format!("members {} {}", request.conversation.as_str(), request.order == Order::Desc);
            let ask = PageAsk {
                cursor: request.cursor.as_deref(),
                descending: request.order == Order::Desc,
                limit: request.limit.0,
                query: &list,
            };
            let listed = core.list_members(actor, &request.conversation.clone().into(), &ask).await?;
            let items = listed.items.into_iter().map(Member::from).collect();
            with(n, &Page { items, next: listed.next, users: Some(wire(listed.people)) })
        }
        _ => Err(Error::internal("a request that nobody answers")),
    }
}

async fn read_inbox(core: &Core, actor: &Actor, me: &UserId, query: &InboxQuery) -> Result<Inbox> {
    query.check()?;
    let ask = InboxAsk {
        cursor: query.cursor.as_deref(),
        since: query.since.as_deref(),
        unread: query.unread,
        limit: query.limit.0,
    };
    Ok(inbox::shown(core.inbox(actor, me, &ask).await?))
}

async fn me(core: &Core, actor: &Actor) -> Result<UserId> {
    core.own_id(actor).await?.ok_or(Error::Unauthenticated)
}

fn written(n: u64, outcome: Outcome<Message>) -> Result<Replied> {
    if outcome.answered {
        return Ok(Replied::InOrder);
    }
    with(n, &WrittenMessage { message: outcome.value.into() })
}

fn with<T: Serialize>(n: u64, ok: &T) -> Result<Replied> {
    Answer::frame(n, ok).map(Replied::With).map_err(Error::internal)
}

/// What `hello` answers, as it is written.
pub(super) fn shown_hello(session: &Session, hello: snug_core::Hello) -> Hello {
    let (mut unread, mut shown, mut users) = (None, None, None);
    if let Some(Contents { unread: count, inbox }) = hello.contents {
        let mut inbox = inbox::shown(inbox);
        unread = Some(Unread { conversations: count.conversations, capped: count.capped });
        users = Some(inbox.users.take().unwrap_or_default());
        shown = Some(inbox);
    }
    Hello {
        session: session.id().clone().into(),
        user: hello.user.into(),
        expires_at: hello.expires_at.into(),
        permissions: Permissions(hello.permissions),
        muted: hello.muted_until.map(Muted::new),
        consent: hello.consent.as_deref().map(Into::into),
        unread,
        inbox: shown,
        users,
    }
}

/// Whether a refusal ends the session: its credential is good no more.
pub(super) fn ends_session(error: &Error) -> Option<Close> {
    match error {
        Error::Unauthenticated => Some(Close::Unauthenticated),
        Error::Banned { everywhere: true, .. } => Some(Close::Banned),
        _ => None,
    }
}
