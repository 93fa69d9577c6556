//! From a committed change to what its readers hear.

use std::sync::{Arc, OnceLock};

use snug_model::{
    Action, Actor, AppKey, ConversationId, Facts, Permission, PermissionSet, Permit, Rev, Seq, Timestamp,
    UserKey,
    conversations::{Conversation, InboxItem},
    facts::AppFacts,
    members::{Access, Member},
    messages::Message,
    permissions::Scope,
    policy,
};
use snug_store::{
    AudienceMember, ConversationRow, MemberRow, MembersChanged, MessageRow, SenderRow, StoreError,
};
use snug_wire::{
    messages::WrittenMessage,
    permissions::Permissions,
    sanctions::Muted,
    socket::{Answer, Change, Changed, MessageJson, Push, ReactionChange},
};

use crate::{
    Core, Error, Result,
    authorize::Allowed,
    context::AppContext,
    facts,
    hub::{AudienceChange, Encoded, Encoder, Event, Listener, Narrowing, Session, Turn, Veil, frame},
    messages::Reacted,
    people::People,
    veil::Veiled,
    views::Shown,
};

/// A request on a socket, whose answer must leave in the order of the pushes.
pub struct Asked {
    /// The connection.
    pub session: Arc<Session>,
    /// The request's number.
    pub n: u64,
}

/// The requests of one session whose answers must leave together, in the order of the pushes.
pub(crate) struct Askers<'a> {
    /// The connection.
    pub(crate) session: &'a Arc<Session>,
    /// The requests' numbers.
    pub(crate) numbers: &'a [u64],
}

/// What became of a write.
#[derive(Debug)]
pub struct Outcome<T> {
    /// The result.
    pub value: T,
    /// Whether it was so before: nothing was done now.
    pub repeated: bool,
    /// Whether the socket that asked has its answer already, in order with the pushes.
    pub answered: bool,
}

/// New messages of one commit and conversation, encoded into one buffer: what the members hear, and what their sender is
/// answered.
#[derive(Default)]
pub(crate) struct News {
    first: Option<(Rev, Seq)>,
    messages: u64,
    pushes: Encoder,
    answers: Encoder,
    /// What the others hear where the messages are hidden, and by whom they were written.
    veil: Option<(UserKey, Encoder, Encoder)>,
}

impl News {
    /// Adds a message, the next in order of rev, and the answer to the request that asked for it. A hidden one says by whom
    /// it is and since when it is hidden.
    pub(crate) fn add(
        &mut self,
        shown: &Shown<Message>,
        asked: Option<u64>,
        hidden: Option<(UserKey, Timestamp)>,
    ) -> Result<()> {
        let message = &shown.what;
        // Nobody has reacted to it yet, so that it is the same to everybody.
        let json = MessageJson::new(&message.clone().into()).map_err(Error::internal)?;
        let push =
            json.push(&message.conversation.clone().into(), message.rev.into(), &wire_people(&shown.people));
        self.pushes.put(&push.map_err(Error::internal)?);
        if let Some((author, hidden_at)) = hidden {
            let veiled = Veiled::new(shown, hidden_at);
            let (_, seers, others) =
                self.veil.get_or_insert_with(|| (author, Encoder::default(), Encoder::default()));
            seers.put(&new_message(&veiled.seers)?);
            others.put(&new_message(&veiled.others)?);
        }
        if let Some(n) = asked {
            self.answers.put(&json.answer(n).map_err(Error::internal)?);
        }
        self.first.get_or_insert((message.rev, message.seq));
        self.messages += 1;
        Ok(())
    }

    /// What is to be published, and at which rev; nothing if there are no messages.
    pub(crate) fn event(self, allowed: &Allowed, session: Option<&Arc<Session>>) -> Option<(Rev, Event)> {
        let (rev, seq) = self.first?;
        let event = Event {
            push: Some(self.pushes.finish()),
            veil: self.veil.map(|(author, seers, others)| Veil {
                author,
                seers: seers.finish(),
                others: others.finish(),
            }),
            more: self.messages - 1,
            seq: Some(seq),
            answer: session.map(|session| (Arc::clone(session), self.answers.finish())),
            narrowing: narrowing(allowed),
            ..Event::default()
        };
        Some((rev, event))
    }
}

/// An act that has entered its conversation's lane.
pub(crate) struct Entered<'a>(Turn<'a>);

impl Entered<'_> {
    pub(crate) fn publish(self, rev: Rev, event: Event) {
        self.0.publish(rev, event);
    }

    /// Tells each of these users that the conversation is over, which is the last that anybody hears of it.
    pub(crate) fn end(self, last_words: Vec<(UserKey, Encoded)>) {
        self.0.end(last_words);
    }

    pub(crate) fn nothing(self) {
        self.0.nothing();
    }

    /// Gives the turn back after a failure. Where the outcome is unknown, the lane cannot go on.
    pub(crate) fn failed(self, error: StoreError) -> Error {
        if !matches!(error, StoreError::Unknown(_)) {
            self.0.nothing();
        }
        error.into()
    }

    /// Sends a frame that no rev counts to the members online whom `to` picks.
    pub(crate) fn hint(self, frame: &Encoded, narrowing: &Narrowing, to: impl Fn(&Session) -> bool) {
        self.0.hint(frame, narrowing, to);
    }

    /// The members who hear of the conversation and are online.
    pub(crate) fn online(&self) -> Vec<UserKey> {
        self.0.online()
    }
}

impl Core {
    /// Enters the lane of the act's conversation, before the act is given to the store.
    pub(crate) async fn enter(&self, allowed: &Allowed) -> Result<Entered<'_>> {
        let conversation = allowed.conversation()?.key;
        let lane = self.hub.lane(allowed.permit.app(), conversation);
        lane.start(self.listeners(allowed)).await?;
        Ok(Entered(Turn::new(&self.hub, lane)))
    }

    /// Who hears of the act's conversation, as of a rev.
    pub(crate) async fn listeners(&self, allowed: &Allowed) -> Result<(Rev, Vec<Listener>)> {
        let audience = self.store.audience(&allowed.permit).await?;
        let listeners = audience.members.iter().map(|member| listener(&allowed.app, member)).collect();
        Ok((audience.rev, listeners))
    }

    /// The permit under which is read what is to be told of a commit. It rests on no fact: what is done is done.
    pub(crate) fn told(&self, app: AppKey, conversation: Option<&ConversationRow>) -> Result<Permit> {
        let facts = Facts {
            app: AppFacts { key: app, ..AppFacts::default() },
            conversation: conversation.map(facts::of_conversation),
            ..Facts::default()
        };
        Ok(policy::decide(&Actor::System(app), &Action::Publish, &facts, self.clock.now())?)
    }

    /// What the members hear of a message that was edited, deleted or reacted to, and the answer to who did it.
    pub(crate) async fn message_changed(
        &self,
        allowed: &Allowed,
        row: &MessageRow,
        own: &Shown<Message>,
        reacted: Option<&Reacted>,
        asked: Option<&Asked>,
    ) -> Result<Event> {
        let mut shown = Shown { what: own.what.clone(), people: own.people.clone() };
        without_mine(&mut shown.what);
        let by = match reacted {
            Some(reacted) => {
                self.faces(allowed.permit.app(), [reacted.user]).await?.id(reacted.user).map(|user| {
                    ReactionChange { user: user.into(), emoji: reacted.emoji.clone().into(), on: reacted.on }
                })
            }
            None => None,
        };
        let (push, veil) = match (row.hidden_at, row.sender) {
            (Some(hidden_at), SenderRow::User(author)) => {
                let veiled = Veiled::new(&shown, hidden_at);
                let seers = changed_message(&veiled.seers, by.clone())?;
                let others = changed_message(&veiled.others, None)?;
                (changed_message(&veiled.author, by)?, Some(Veil { author, seers, others }))
            }
            _ => (changed_message(&shown, by)?, None),
        };
        Ok(Event {
            push: Some(push),
            veil,
            seq: Some(shown.what.seq),
            answer: answer(asked, &own.what)?,
            narrowing: narrowing(allowed),
            ..Event::default()
        })
    }

    /// Publishes what became of members: who joined gets the inbox item, who left gets it too and hears no more, the
    /// rest get the change. What took no rev is told to nobody.
    pub(crate) async fn publish_members(
        &self,
        allowed: &Allowed,
        turn: Entered<'_>,
        changed: &MembersChanged,
        left: Option<Shown<InboxItem>>,
    ) -> Result<()> {
        let Some(rev) = changed.rev else {
            turn.nothing();
            return Ok(());
        };
        let conversation = allowed.conversation()?;
        let mut event = Event { narrowing: narrowing(allowed), ..Event::default() };
        for row in &changed.members {
            event.audience.push(audience_change(&allowed.app, row, conversation.history));
        }
        for user in &changed.joined {
            event.but_for.push(*user);
            if self.hub.directory.is_online(allowed.permit.app(), *user)
                && let Some(item) = self.inbox_item_of(allowed, *user).await?
            {
                event.own.push((*user, joined(&item)?));
            }
        }
        if let (Some(item), Some(row)) = (left, changed.members.first()) {
            event.own.push((row.user, last_words(item, row)?));
        }
        event.push = Some(self.members_push(allowed, rev, &changed.members).await?);
        turn.publish(rev, event);
        Ok(())
    }

    async fn members_push(&self, allowed: &Allowed, rev: Rev, rows: &[MemberRow]) -> Result<Encoded> {
        let conversation = allowed.conversation()?;
        let mut shown = self.show_members(&allowed.permit, &allowed.app, conversation, rows).await?;
        // Not all who hear this may see read marks.
        shown.what.iter_mut().for_each(without_read_mark);
        let id = self.conversation_id(&allowed.permit, conversation).await?.into();
        let changed = match shown.what.len() {
            1 => match shown.what.pop() {
                Some(member) => Changed::Member { conversation: id, member: member.into() },
                None => Changed::Members { conversation: id, members: Vec::new() },
            },
            _ => Changed::Members {
                conversation: id,
                members: shown.what.into_iter().map(Into::into).collect(),
            },
        };
        encode(&Push::Change(Change { rev: rev.into(), changed, users: Some(wire_people(&shown.people)) }))
    }

    /// What a member may do in its conversation, without what its sessions' tokens narrow.
    pub(crate) async fn permissions_of_member(&self, allowed: &Allowed, row: &MemberRow) -> Result<Left> {
        let user = self.user_row(allowed.permit.app(), row.user, false).await?;
        let user = user.map(|user| facts::of_user(&user, &allowed.app));
        let (member, now) = (facts::of_member(row, &allowed.app), self.clock.now());
        Ok(Left {
            permissions: policy::permissions_of_member(&member, user.as_ref(), now),
            muted_until: policy::muted_until(Some(&member), user.as_ref(), now),
        })
    }

    /// Tells a member what it may do now.
    pub(crate) async fn tell_permissions(&self, allowed: &Allowed, row: &MemberRow) -> Result<()> {
        let app = allowed.permit.app();
        if !self.hub.directory.is_online(app, row.user) {
            return Ok(());
        }
        let conversation = self.conversation_id(&allowed.permit, allowed.conversation()?).await?;
        let left = self.permissions_of_member(allowed, row).await?;
        let frame = permissions_frame(Some(conversation), left)?;
        if let Some(narrowing) = narrowing(allowed) {
            self.hub.directory.each_of_user(app, row.user, |session| {
                if session.hears(&narrowing) {
                    session.outbox().push(&frame);
                }
            });
        }
        Ok(())
    }

    /// Tells a user what it may do in the app now.
    pub(crate) async fn tell_app_permissions(&self, app: &AppContext, user: UserKey) -> Result<()> {
        let Some(row) = self.user_row(app.key(), user, true).await? else { return Ok(()) };
        let known = facts::of_user(&row, app);
        let left = Left {
            permissions: of_app(known.role),
            muted_until: policy::muted_until(None, Some(&known), self.clock.now()),
        };
        let frame = permissions_frame(None, left)?;
        self.hub.send_to_user(app.key(), user, &frame);
        Ok(())
    }

    /// Tells everybody who is online in an app what it may do there now.
    pub(crate) async fn tell_everybody_permissions(&self, app: &AppContext) -> Result<()> {
        let mut users = Vec::new();
        self.hub.directory.each_of_app(app.key(), |session| users.push(session.user()));
        users.sort_unstable();
        users.dedup();
        let app = self.app_by_key(app.key(), true).await?;
        for user in users {
            self.tell_app_permissions(&app, user).await?;
        }
        Ok(())
    }
}

fn of_app(permissions: PermissionSet) -> PermissionSet {
    permissions.iter().filter(|permission| permission.scope() == Scope::App).collect()
}

/// What is left to somebody, and until when it is muted, where it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left {
    pub(crate) permissions: PermissionSet,
    pub(crate) muted_until: Option<Timestamp>,
}

fn permissions_frame(conversation: Option<ConversationId>, left: Left) -> Result<Encoded> {
    encode(&Push::Permissions {
        conversation: conversation.map(Into::into),
        permissions: Permissions(left.permissions),
        muted: left.muted_until.map(Muted::new),
    })
}

/// A push, as the frame that all its readers share.
pub(crate) fn encode(push: &Push) -> Result<Encoded> {
    Ok(frame(&push.frame().map_err(Error::internal)?))
}

fn answer(asked: Option<&Asked>, message: &Message) -> Result<Option<(Arc<Session>, Encoded)>> {
    let Some(asked) = asked else { return Ok(None) };
    let ok = WrittenMessage { message: message.clone().into() };
    let json = Answer::frame(asked.n, ok).map_err(Error::internal)?;
    Ok(Some((Arc::clone(&asked.session), frame(&json))))
}

pub(crate) fn wire_people(people: &People) -> snug_wire::people::People {
    people.iter().map(|(id, person)| (id.clone(), person.clone())).collect()
}

/// What is heard of a new message.
fn new_message(shown: &Shown<Message>) -> Result<Vec<u8>> {
    let message = &shown.what;
    let json = MessageJson::new(&message.clone().into()).map_err(Error::internal)?;
    let people = wire_people(&shown.people);
    json.push(&message.conversation.clone().into(), message.rev.into(), &people).map_err(Error::internal)
}

/// What is heard of a message that changed.
fn changed_message(shown: &Shown<Message>, by: Option<ReactionChange>) -> Result<Encoded> {
    let message = shown.what.clone();
    let (conversation, rev) = (message.conversation.clone().into(), message.rev.into());
    let changed = Changed::Message { conversation, message: message.into(), by };
    encode(&Push::Change(Change { rev, changed, users: Some(wire_people(&shown.people)) }))
}

fn without_mine(message: &mut Message) {
    message.reactions.iter_mut().for_each(|reaction| reaction.mine = None);
}

fn without_read_mark(member: &mut Member) {
    member.read_seq = None;
    member.read_at = None;
}

/// What the members hear of a change of the conversation itself.
pub(crate) fn conversation_changed(allowed: &Allowed, conversation: &Conversation) -> Result<Event> {
    let changed = Changed::Conversation { conversation: conversation.clone().into() };
    let push = Push::Change(Change { rev: conversation.rev.into(), changed, users: None });
    Ok(Event { push: Some(encode(&push)?), narrowing: narrowing(allowed), ..Event::default() })
}

/// What somebody hears who has become a member.
pub(crate) fn joined(item: &Shown<InboxItem>) -> Result<Encoded> {
    encode(&Push::Joined { item: item.what.clone().into(), users: wire_people(&item.people) })
}

/// What somebody hears last of a conversation: `item` is as it was before.
pub(crate) fn last_words(mut item: Shown<InboxItem>, row: &MemberRow) -> Result<Encoded> {
    item.what.member.access = row.access;
    item.what.permissions = PermissionSet::EMPTY;
    item.what.muted_until = None;
    encode(&Push::Left { item: item.what.into(), users: wire_people(&item.people) })
}

/// What a session hears whose queue was dropped.
pub(crate) fn lagged() -> Result<Encoded> {
    /// Every session keeps it at hand: it is the same for all.
    static LAGGED: OnceLock<Encoded> = OnceLock::new();
    if let Some(frame) = LAGGED.get() {
        return Ok(frame.clone());
    }
    let frame = encode(&Push::Lagged {})?;
    Ok(LAGGED.get_or_init(|| frame).clone())
}

/// What a session hears whose token ends soon.
pub(crate) fn token_expiring(expires_at: Timestamp) -> Result<Encoded> {
    encode(&Push::TokenExpiring { expires_at: expires_at.into() })
}

/// What a token narrowed to other conversations does not hear.
pub(crate) fn narrowing(allowed: &Allowed) -> Option<Narrowing> {
    let conversation = allowed.conversation.as_ref()?;
    Some(Narrowing { conversation: conversation.id_mac, needs: None })
}

/// A member as its conversation's lane keeps it.
fn listener(app: &AppContext, member: &AudienceMember) -> Listener {
    let role = app.permissions_of(member.role);
    let full = member.access == Access::Full;
    Listener {
        user: member.user,
        from_seq: member.from_seq,
        sees_reads: full && role.has(Permission::ReadSee),
        sees_presence: full && role.has(Permission::PresenceSee),
        sees_versions: full && role.has(Permission::MessageReadVersions),
    }
}

fn audience_change(
    app: &AppContext,
    row: &MemberRow,
    history: snug_model::conversations::History,
) -> AudienceChange {
    if row.access == Access::None {
        return AudienceChange::Leaves(row.user);
    }
    let from_seq = match history {
        snug_model::conversations::History::All => Seq(1),
        snug_model::conversations::History::SinceJoined => row.joined_seq,
    };
    let member = AudienceMember { user: row.user, from_seq, role: row.role, access: row.access };
    AudienceChange::Hears(listener(app, &member))
}
