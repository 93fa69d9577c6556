//! What is never stored: who is typing, how far others have just read, who is online.

use snug_model::{Action, Actor, AppKey, ConversationId, Permission, UserId, UserKey, limits};
use snug_wire::socket::Push;

use crate::{
    Core, Error, Result,
    authorize::{Allowed, Ask, Decision, decided},
    hub::{Narrowing, Session},
    members::Read,
    publish::encode,
};

impl Core {
    /// Tells the members that somebody is typing, or no longer; a back end does so for `user`.
    pub async fn typing(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        user: Option<&UserId>,
        on: bool,
    ) -> Result<()> {
        let ask = Ask::in_conversation(actor, Action::Type, conversation).perhaps_on(user);
        decided!(self, ask.clone(), |allowed| async {
            let user = allowed.acting_member()?;
            let Some(id) = self.faces(allowed.permit.app(), [user]).await?.id(user) else { return Ok(()) };
            let push = Push::Typing { conversation: conversation.clone().into(), user: id.into(), on };
            self.hint(&allowed, &push, None, |session| session.user() != user).await
        })
    }

    /// Tells those members who may see it, and the user's other sessions, how far somebody has read.
    pub(crate) async fn hint_read(
        &self,
        actor: &Actor,
        allowed: &Allowed,
        conversation: &ConversationId,
        user: UserKey,
        read: &Read,
    ) -> Result<()> {
        let (Some(id), Some(at)) = (&read.user, read.at) else { return Ok(()) };
        let push = Push::Read {
            conversation: conversation.clone().into(),
            user: id.clone().into(),
            read_seq: read.seq.into(),
            read_at: at.into(),
        };
        self.hint(allowed, &push, Some(Permission::ReadSee), |session| session.user() != user).await?;
        let frame = encode(&push)?;
        self.hub.directory.each_of_user(actor.app(), user, |session| {
            if Some(session.id()) != actor.session() && session.hears(&narrowed(allowed, None)) {
                session.outbox().push(&frame);
            }
        });
        Ok(())
    }

    async fn hint(
        &self,
        allowed: &Allowed,
        push: &Push,
        needs: Option<Permission>,
        to: impl Fn(&Session) -> bool,
    ) -> Result<()> {
        let frame = encode(push)?;
        self.enter(allowed).await?.hint(&frame, &narrowed(allowed, needs), to);
        Ok(())
    }

    /// Sets the conversations whose presence a session wants: each must let it see that.
    ///
    /// # Errors
    /// `NotFound` or `Forbidden` for the first that does not.
    pub async fn watch(&self, session: &Session, conversations: &[ConversationId]) -> Result<()> {
        let actor = Actor::User(session.actor());
        // Who reads nothing watches nothing, not even no conversation.
        self.authorize(&mut Decision::new(Ask::in_app(&actor, Action::ReadInbox { own: true }))).await?;
        let mut watched = Vec::new();
        for conversation in conversations.iter().take(limits::WATCH_MAX as usize) {
            let ask = Ask::in_conversation(&actor, Action::SeePresence, conversation);
            let key = decided!(self, ask.clone(), |allowed| async {
                self.enter(&allowed).await?.nothing();
                Ok::<_, Error>(allowed.conversation()?.key)
            });
            watched.push(key?);
        }
        self.hub.directory.watch(session, watched);
        Ok(())
    }

    /// Tells who watches a conversation of this user that it came or went. What fails is let go: presence may be lost.
    pub(crate) async fn tell_presence(&self, app: AppKey, user: UserKey, online: bool) {
        if let Err(error) = self.try_tell_presence(app, user, online).await {
            tracing::debug!(%error, "presence was not told");
        }
    }

    async fn try_tell_presence(&self, app: AppKey, user: UserKey, online: bool) -> Result<()> {
        for conversation in self.hub.directory.watched(app) {
            let Some(lane) = self.hub.known_lane(app, conversation).filter(|lane| lane.has(user)) else {
                continue;
            };
            let system = Actor::System(app);
            let ask = Ask::in_app(&system, Action::ReadPresence);
            let allowed = self.authorize(&mut Decision::new(ask)).await?;
            let found = self
                .store
                .conversation(app, snug_store::ConversationRef::Key(conversation), snug_store::Viewer::Anyone)
                .await?;
            let Some(found) = found else { continue };
            let id = self.conversation_id(&allowed.permit, &found.conversation).await?;
            let Some(person) = self.faces(allowed.permit.app(), [user]).await?.id(user) else { continue };
            let push = Push::Presence { conversation: id.into(), user: person.into(), online };
            let needs = Some(Permission::PresenceSee);
            let narrowing = Narrowing { conversation: found.conversation.id_mac, needs };
            lane.hint(&self.hub, &encode(&push)?, &narrowing, |session| {
                session.user() != user && session.watches(conversation)
            });
        }
        Ok(())
    }

    /// Whether a user is online, for a back end.
    pub async fn is_online(&self, actor: &Actor, user: &UserId) -> Result<bool> {
        let ask = Ask::in_app(actor, Action::ReadPresence).on(user);
        decided!(self, ask.clone(), |allowed| async {
            Ok::<_, Error>(self.hub.directory.is_online(actor.app(), allowed.target()?.user.key))
        })
    }
}

fn narrowed(allowed: &Allowed, needs: Option<Permission>) -> Narrowing {
    let conversation =
        allowed.facts.conversation.as_ref().map_or(snug_model::facts::IdMac([0; 32]), |it| it.id);
    Narrowing { conversation, needs }
}
