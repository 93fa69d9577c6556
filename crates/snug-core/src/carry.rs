//! What a client's page carries for a back end, signed or by a template: where to, and how it appears.
//!
//! The page chooses none of what is shown. The message's id comes of what names it, and the store keeps ids: what appears once does
//! so without a memory of its own.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use snug_model::{
    Action, Actor, ConversationId, MessageId, UserActor,
    conversations::{ConversationDraft, History, Profile, State},
    members::{Access, MemberDraft, Notify},
    messages::{Draft, Message},
    text::Attributes,
};
use snug_store::{ConversationRef, Mac, Viewer};
use uuid::Uuid;

use crate::{
    Core, Error, Result,
    authorize::{Allowed, Ask, Carries, Decision},
    publish::{Asked, Askers, Outcome},
};

impl Core {
    /// Where what the client carries is to appear: its support conversation where nothing is said. That is opened where it does
    /// not exist, if `opens`, for a client that could bring there what it carries; it is none where it does not.
    pub(crate) async fn carried_to(
        &self,
        actor: &Actor,
        client: &UserActor,
        conversation: Option<&ConversationId>,
        carries: Carries<'_>,
        opens: bool,
    ) -> Result<Option<ConversationId>> {
        if let Some(conversation) = conversation {
            return Ok(Some(conversation.clone()));
        }
        self.admitted(actor).await?;
        let macs = self.keyed(client.app).await?;
        let part = URL_SAFE_NO_PAD.encode(&macs.macs.support(client.user).0[..16]);
        let id = ConversationId::parse(&format!("cnv_{part}"))?;
        let found = ConversationRef::Id(macs.macs.conversation_id(&id));
        if self.store.conversation(client.app, found, Viewer::Anyone).await?.is_some() {
            return Ok(Some(id));
        }
        if !opens {
            return Ok(None);
        }
        let ask = Ask { carries: Some(carries), ..Ask::in_app(actor, Action::OpenSupport) };
        self.authorize(&mut Decision::new(ask)).await?;
        self.open_support(actor, client, id).await.map(Some)
    }

    /// Has what the client carries appear.
    pub(crate) async fn carry_allowed(
        &self,
        actor: &Actor,
        allowed: &Allowed,
        draft: &Draft,
        asked: Option<&Asked>,
    ) -> Result<Outcome<Message>> {
        let numbers: Vec<u64> = asked.iter().map(|asked| asked.n).collect();
        let askers = asked.map(|asked| Askers { session: &asked.session, numbers: &numbers });
        let mut sent = self.send_allowed(actor, allowed, &[draft], askers.as_ref()).await?;
        sent.pop().ok_or_else(|| Error::internal("a draft without an outcome"))?
    }

    /// Makes a user's support conversation, if no other page of the same person is faster.
    async fn open_support(
        &self,
        actor: &Actor,
        client: &UserActor,
        id: ConversationId,
    ) -> Result<ConversationId> {
        let member = MemberDraft {
            user: self.own_id(actor).await?.ok_or(Error::Unauthenticated)?,
            role: None,
            access: Access::Full,
            label: None,
            attributes: Attributes::default(),
            notify: Notify::All,
            read_seq: None,
        };
        let draft = ConversationDraft {
            id: Some(id.clone()),
            alias: None,
            profile: Profile::default(),
            state: State::Open,
            frozen: false,
            slow_mode_s: 0,
            history: History::All,
            members: vec![member],
            distinct: false,
        };
        // On the heap: with all that it calls it is too large for the stack of whoever sends.
        let system = Actor::System(client.app);
        match Box::pin(self.create_conversation(&system, &draft, None)).await {
            Ok(_) | Err(Error::Conflict(_)) => Ok(id),
            Err(error) => Err(error),
        }
    }
}

/// The id of a carried message, of what names it: a UUID of version 8 (RFC 9562, section 5.8).
pub(crate) fn message_id(named: Mac) -> MessageId {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&named.0[..16]);
    MessageId(Uuid::new_v8(bytes))
}
