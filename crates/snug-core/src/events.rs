//! What was committed in an app, in its order, for its back ends.

use std::time::Duration;

use minicbor::{CborLen, Decode, Encode};
use snug_model::{
    Action, Actor, AppKey, ConversationId, Invalid, Rev, Seq, Timestamp, UserId, conversations::Conversation,
    limits, members::Member, messages::Message, sanctions::Sanction, users::User,
};
use snug_store::{ChangedRow, EventPlace, EventRow, EventWhat};
use tokio::time::Instant;

use crate::{
    Core, Error, Listed, People, Result,
    authorize::{Allowed, Ask, decided},
    sealing::{InvalidToken, TokenKind, TokenUse},
};

/// How long one waits at most before it looks again: other nodes commit too, and ring no bell here.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// What a cursor of events is bound to.
const QUERY: &str = "events";
/// How long before its end an event may be forgotten: clocks differ, and so do the times of commits and of acts.
const FORGOTTEN_MARGIN_S: i64 = 60;

/// Something that was committed. Everything is as it is when it is told.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its own, for ever.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What it was.
    pub what: Happened,
    /// Whom it mentions.
    pub people: People,
}

/// What was committed.
#[derive(Debug, Clone)]
pub enum Happened {
    /// A new message.
    Message(Message),
    /// A message was edited, deleted, or reacted to, at this rev.
    MessageChanged(Rev, Message),
    /// Members of a conversation were added, changed or removed, at this rev.
    MembersChanged(ConversationId, Rev, Vec<Member>),
    /// A conversation was changed, at this rev.
    ConversationChanged(Rev, Conversation),
    /// Messages of a conversation before this one were purged, at this rev.
    MessagesPurged(ConversationId, Rev, Seq),
    /// A conversation was made.
    ConversationMade(Conversation),
    /// A conversation was deleted.
    ConversationDeleted(ConversationId),
    /// A user was made or changed, put under a sanction of the app, or one was lifted.
    User(User),
    /// A member was muted, or that was lifted.
    MemberMuted(ConversationId, UserId, Option<Sanction>),
}

/// What is asked of the events.
#[derive(Debug, Clone, Copy)]
pub struct EventsAsk<'a> {
    /// Where to go on, as the answer before said; from the oldest that is kept, if it is absent.
    pub after: Option<&'a str>,
    /// How many at most.
    pub limit: i64,
    /// How long to wait for the first, where there is none yet.
    pub wait: Duration,
}

/// Up to where somebody has heard all.
#[derive(Debug, Clone, Copy, Default, Encode, Decode, CborLen)]
struct Heard {
    #[n(0)]
    event: i64,
    #[n(1)]
    offset: i64,
    /// When that was so, in milliseconds since 1970: what was committed before is heard.
    #[n(2)]
    at: i64,
}

impl Heard {
    fn place(self) -> EventPlace {
        EventPlace { event: self.event, offset: self.offset }
    }
}

impl Core {
    /// What was committed in the actor's app after a place, in its order. `next` is always there: where to go on. Whether the actor
    /// may ask is decided again whenever something may have come.
    ///
    /// # Errors
    /// `Gone` where nobody has asked from that place on for as long as events are kept.
    pub async fn events(&self, actor: &Actor, ask: &EventsAsk<'_>) -> Result<Listed<Event>> {
        let mut heard = match ask.after {
            None => None,
            Some(cursor) => Some(self.open_heard(actor.app(), cursor).await?),
        };
        let deadline = Instant::now() + ask.wait;
        let bell = self.hub.bell.listen(actor.app());
        loop {
            let mut rung = std::pin::pin!(bell.next());
            rung.as_mut().enable();
            let (items, to) = self.events_after(actor, heard, ask.limit).await?;
            let nothing_new = items.is_empty() && heard.map(Heard::place) == Some(to.place());
            heard = Some(to);
            let done = bell.is_silenced() || Instant::now() >= deadline;
            if !items.is_empty() || (nothing_new && done) {
                let next = Some(self.seal_heard(actor.app(), to).await?);
                return Ok(Listed { items, next, people: People::new() });
            }
            // What is left out because it is gone is passed over at once.
            if nothing_new {
                let until = deadline.min(Instant::now() + LOOK_AGAIN);
                let _ = tokio::time::timeout_at(until, rung).await;
            }
        }
    }

    /// Has nobody wait for events any more: who does is answered.
    pub fn end_waiting(&self) {
        self.hub.bell.silence();
    }

    /// The events after a place, and up to where they go.
    async fn events_after(
        &self,
        actor: &Actor,
        heard: Option<Heard>,
        limit: i64,
    ) -> Result<(Vec<Event>, Heard)> {
        let now = self.clock.now();
        let kept_since = now.plus_s(FORGOTTEN_MARGIN_S - limits::EVENTS_KEPT_S as i64);
        decided!(self, Ask::in_app(actor, Action::ReadEvents), |allowed| async {
            if heard.is_some_and(|heard| heard.at < kept_since.0) {
                return Err(Error::Gone(
                    "what came after this is not kept any more; begin again without `after`",
                ));
            }
            let page = self.store.events(&allowed.permit, heard.map(Heard::place), limit).await?;
            let mut events = Vec::new();
            for row in &page.rows {
                self.show_event(&allowed, row, &mut events).await?;
            }
            let place = page.to.map(|(place, _)| place).or(heard.map(Heard::place)).unwrap_or_default();
            // Behind a full page may be some that were committed before now.
            let at = page.to.filter(|_| page.full).map_or(now, |(_, at)| at);
            Ok((events, Heard { event: place.event, offset: place.offset, at: at.0 }))
        })
    }

    async fn show_event(&self, allowed: &Allowed, row: &EventRow, events: &mut Vec<Event>) -> Result<()> {
        let keyed = self.keyed(allowed.permit.app()).await?;
        let event = |offset: i64, what, people| Event {
            id: keyed.macs.event_id(row.place.event, row.place.offset + offset),
            at: row.at,
            what,
            people,
        };
        let told = |conversation| self.told(allowed.permit.app(), Some(conversation));
        let (what, people) = match &row.what {
            EventWhat::Messages(conversation, rows) => {
                let shown = self.show_messages(&told(conversation)?, conversation, rows).await?;
                for (message, offset) in shown.what.into_iter().zip(0..) {
                    events.push(event(offset, Happened::Message(message), shown.people.clone()));
                }
                return Ok(());
            }
            EventWhat::Changed(conversation, rev, ChangedRow::Message(row)) => {
                let shown = self.show_message(&told(conversation)?, conversation, row).await?;
                (Happened::MessageChanged(*rev, shown.what), shown.people)
            }
            EventWhat::Changed(conversation, rev, ChangedRow::Members(rows)) => {
                let permit = told(conversation)?;
                let id = self.conversation_id(&permit, conversation).await?;
                let shown = self.show_members(&permit, &allowed.app, conversation, rows).await?;
                (Happened::MembersChanged(id, *rev, shown.what), shown.people)
            }
            EventWhat::Changed(conversation, rev, ChangedRow::Conversation) => {
                let shown = self.show_conversation(&told(conversation)?, conversation).await?;
                (Happened::ConversationChanged(*rev, shown), People::new())
            }
            EventWhat::Changed(conversation, rev, ChangedRow::Purged(before)) => {
                let id = self.conversation_id(&told(conversation)?, conversation).await?;
                (Happened::MessagesPurged(id, *rev, *before), People::new())
            }
            EventWhat::ConversationMade(conversation) => {
                let shown = self.show_conversation(&told(conversation)?, conversation).await?;
                (Happened::ConversationMade(shown), People::new())
            }
            EventWhat::ConversationDeleted(conversation) => {
                let id = self.gone_conversation_id(&told(conversation)?, conversation).await?;
                (Happened::ConversationDeleted(id), People::new())
            }
            EventWhat::User(row) => {
                let user = self.show_user(&allowed.app, row).await?;
                let sanctions = self.sanctions_of(&allowed.permit, row).await?;
                (Happened::User(User { sanctions, ..user }), People::new())
            }
            EventWhat::MemberMuted(conversation, row) => {
                let permit = told(conversation)?;
                let id = self.conversation_id(&permit, conversation).await?;
                let faces = self.faces(allowed.permit.app(), [row.user]).await?;
                let Some(user) = faces.id(row.user) else { return Ok(()) };
                let mute = self.mute_of(&permit, row).await?;
                (Happened::MemberMuted(id, user, mute), faces.people())
            }
        };
        events.push(event(0, what, people));
        Ok(())
    }

    /// Good for every key of the app: one that takes another's place goes on where that one was.
    async fn seal_heard(&self, app: AppKey, heard: Heard) -> Result<String> {
        let actor = Actor::System(app);
        let used = TokenUse { kind: TokenKind::Cursor, actor: &actor, query: QUERY };
        Ok(self.keyed(app).await?.tokens.make(used, &heard)?)
    }

    async fn open_heard(&self, app: AppKey, cursor: &str) -> Result<Heard> {
        let actor = Actor::System(app);
        let used = TokenUse { kind: TokenKind::Cursor, actor: &actor, query: QUERY };
        let invalid = |error: InvalidToken| Error::Invalid(Invalid::new("after", error.to_string()));
        self.keyed(app).await?.tokens.read(used, cursor).map_err(invalid)
    }
}
