//! Messages: send, edit, delete, react, read back.

use std::sync::Arc;

use snug_model::{
    Action, Actor, ConversationId, Invalid, MessageId, Seq, UserId, UserKey,
    messages::{Author, Content, Draft, Message, MessagePatch, MessageVersion, Via, Window},
    text::{Attributes, Emoji},
    usage::Used,
};
use snug_store::{
    Appended, MessageChanged, MessageEdit, MessageRow, NewMessage, ReactionWrite, SenderRow, StoreResult,
    UserRef, VersionRow,
};

use crate::{
    Core, Error, Result,
    audit::{About, Noted},
    authorize::{Allowed, Ask, decided},
    hub::Session,
    people::People,
    publish::{Asked, Askers, Entered, News, Outcome},
    rates::Charged,
    sealing::{MessageBody, Place, rule_of},
    views::reader,
};

/// A page of a conversation's messages, ascending by seq.
pub struct History {
    /// The messages.
    pub messages: Vec<Message>,
    /// The people whom they mention.
    pub people: People,
    /// The cursor of those further from where the page began; none where there are none.
    pub next: Option<String>,
}

impl Core {
    /// Sends `draft` to `conversation`. The same `draft.id` again answers with the message as it is now.
    ///
    /// # Errors
    /// `Conflict` where the id belongs to another draft or sender.
    pub async fn send(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        draft: &Draft,
    ) -> Result<Outcome<Message>> {
        let mut outcomes = self.decide_to_send(actor, conversation, &[draft], None).await?;
        outcomes.pop().ok_or_else(|| Error::internal("a draft without an outcome"))?
    }

    /// Sends drafts that a session's client wrote one after the other, with its requests' numbers: in their order, as one
    /// act with one decision and one commit. Each has an outcome of its own, as [`Core::send`] says.
    ///
    /// # Errors
    /// What concerns them all.
    pub async fn send_all(
        &self,
        session: &Arc<Session>,
        conversation: &ConversationId,
        drafts: &[(u64, Draft)],
    ) -> Result<Vec<Result<Outcome<Message>>>> {
        let actor = Actor::User(session.actor());
        let (numbers, drafts): (Vec<u64>, Vec<&Draft>) = drafts.iter().map(|(n, draft)| (*n, draft)).unzip();
        let askers = Askers { session, numbers: &numbers };
        self.decide_to_send(&actor, conversation, &drafts, Some(&askers)).await
    }

    pub(crate) async fn decide_to_send(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        drafts: &[&Draft],
        askers: Option<&Askers<'_>>,
    ) -> Result<Vec<Result<Outcome<Message>>>> {
        let as_user = drafts.iter().any(|draft| matches!(draft.author, Author::User(_)));
        let ask = Ask::in_conversation(actor, Action::SendMessage { as_user }, conversation);
        let sent = async {
            decided!(self, ask.clone(), |allowed| self.send_allowed(actor, &allowed, drafts, askers))
        };
        self.pay_if_refused(actor, sent.await).await
    }

    /// Takes what a request costs that was refused before it paid: what is sent pays once it may be, and what may not be pays
    /// too.
    pub(crate) async fn pay_if_refused<T>(&self, actor: &Actor, sent: Result<T>) -> Result<T> {
        use Error::{Banned, Forbidden, Invalid, Muted, NotFound};
        if let Err(Forbidden(_) | NotFound | Banned { .. } | Muted { .. } | Invalid(_)) = &sent {
            self.charge(actor).await?;
        }
        sent
    }

    pub(crate) async fn send_allowed(
        &self,
        actor: &Actor,
        allowed: &Allowed,
        drafts: &[&Draft],
        askers: Option<&Askers<'_>>,
    ) -> Result<Vec<Result<Outcome<Message>>>> {
        let ids: Vec<_> = drafts.iter().map(|draft| draft.id).collect();
        let charged = self.charge_sends(actor, allowed, &ids).await?;
        let sent = self.send_charged(allowed, drafts, &charged, askers).await;
        // What was not tried, or will be again, is given back as a whole; of what was, the repeats.
        let is_repeat = |place: usize| match &sent {
            Ok(outcomes) => outcomes[place].as_ref().is_ok_and(|outcome| outcome.repeated),
            Err(_) => true,
        };
        for (place, charged) in charged.iter().enumerate() {
            if *charged == Charged::Paid && is_repeat(place) {
                self.refund_send(actor, allowed);
            }
        }
        sent
    }

    async fn send_charged(
        &self,
        allowed: &Allowed,
        drafts: &[&Draft],
        charged: &[Charged],
        askers: Option<&Askers<'_>>,
    ) -> Result<Vec<Result<Outcome<Message>>>> {
        let (mut sealed, mut new) = (Vec::with_capacity(drafts.len()), Vec::with_capacity(drafts.len()));
        for (draft, charged) in drafts.iter().zip(charged) {
            if let Charged::Refused(empty) = *charged {
                sealed.push(Err(empty.into()));
                continue;
            }
            sealed.push(match self.seal_draft(allowed, draft).await {
                Ok((message, body)) => {
                    new.push(message.clone());
                    Ok((message, body))
                }
                Err(error) => Err(error),
            });
        }
        if new.is_empty() {
            return Ok(sealed.into_iter().map(|refused| Err(refused.err().unwrap_or_else(lost))).collect());
        }
        let turn = self.enter(allowed).await?;
        match self.store.append_all(&allowed.permit, new).await {
            Ok(appended) => self.publish_sent(allowed, turn, sealed, appended, askers).await,
            Err(error) => Err(turn.failed(error)),
        }
    }

    /// Publishes what was appended of what was sealed, all new messages at once, and says what became of each draft.
    async fn publish_sent(
        &self,
        allowed: &Allowed,
        turn: Entered<'_>,
        sealed: Vec<Result<(NewMessage, MessageBody)>>,
        appended: Vec<StoreResult<Appended>>,
        askers: Option<&Askers<'_>>,
    ) -> Result<Vec<Result<Outcome<Message>>>> {
        let conversation = allowed.conversation()?;
        let mut appended = appended.into_iter();
        let mut outcomes = Vec::with_capacity(sealed.len());
        let (mut news, mut used) = (News::default(), Used::default());
        for (place, sealed) in sealed.into_iter().enumerate() {
            outcomes.push(match sealed {
                Err(refused) => Err(refused),
                Ok((new, body)) => match appended.next().ok_or_else(lost)? {
                    Ok(Appended::New { seq, rev }) => {
                        used += Used { messages: 1, bytes: new.body.0.len() as i64, ..Used::default() };
                        let row = fresh_row(&new, seq, rev);
                        let shown = self.show_sent(&allowed.permit, conversation, &row, body).await?;
                        let own =
                            |user: &UserKey| new.sender == SenderRow::User(*user) && allowed.permit.hides();
                        let by = allowed.permit.user().filter(own);
                        let hidden = by.map(|author| (author, new.at));
                        news.add(&shown, askers.map(|askers| askers.numbers[place]), hidden)?;
                        Ok(Outcome { value: shown.what, repeated: false, answered: askers.is_some() })
                    }
                    Ok(Appended::Repeat(row)) => {
                        let shown = self.show_message(&allowed.permit, conversation, &row).await?;
                        Ok(Outcome { value: shown.what, repeated: true, answered: false })
                    }
                    Err(error) => Err(error.into()),
                },
            });
        }
        self.count(allowed.permit.app(), &used);
        match news.event(allowed, askers.map(|askers| askers.session)) {
            Some((rev, event)) => turn.publish(rev, event),
            None => turn.nothing(),
        }
        Ok(outcomes)
    }

    /// Seals what a draft says, for the place that it is to have.
    async fn seal_draft(&self, allowed: &Allowed, draft: &Draft) -> Result<(NewMessage, MessageBody)> {
        let (conversation, rule) = (allowed.conversation()?.key, allowed.conversation()?.rule);
        let app = allowed.permit.app();
        let (sender, via) = self.sender_of(allowed, &draft.author).await?;
        let body = MessageBody {
            text: draft.content.text.clone(),
            attributes: draft.content.attributes.clone(),
            mentions: self.user_keys(allowed, &draft.content.mentions, "mentions").await?,
            bot: match &draft.author {
                Author::Bot(name)
                | Author::Carried { bot: name, .. }
                | Author::Template { bot: name, .. } => Some(name.clone()),
                Author::Own | Author::User(_) => None,
            },
            silent: draft.silent,
        };
        let at = self.clock.now();
        let place = Place::message(app, conversation, draft.id, 1, sender, at).under(rule);
        let sealed = self.sealer.seal(&place, &body).await?;
        let mac = self.sealer.draft_mac(app, conversation, sender, draft).await?;
        let after_seq = match draft.author {
            Author::Carried { after_seq, .. } => after_seq,
            Author::Own | Author::User(_) | Author::Bot(_) | Author::Template { .. } => None,
        };
        let (id, reply_to) = (draft.id, draft.reply_to);
        let new = NewMessage { id, sender, via, body: sealed, draft: mac, reply_to, after_seq, at };
        Ok((new, body))
    }

    async fn sender_of(&self, allowed: &Allowed, author: &Author) -> Result<(SenderRow, Option<Via>)> {
        Ok(match (author, allowed.permit.user()) {
            (Author::Own, Some(user)) => (SenderRow::User(user), None),
            (Author::Own, None) => (SenderRow::System, None),
            (Author::User(user), _) => {
                let user = self.user_keys(allowed, std::slice::from_ref(user), "as.user").await?[0];
                (SenderRow::User(user), Some(Via::Api))
            }
            (Author::Bot(_), None) | (Author::Carried { .. } | Author::Template { .. }, Some(_)) => {
                (SenderRow::Bot { verified: true }, None)
            }
            (Author::Carried { .. } | Author::Template { .. }, None) => {
                return Err(Error::Forbidden(crate::Missing::Actor));
            }
            (Author::Bot(_), Some(_)) => return Err(Invalid::new("as", "is for back ends").into()),
        })
    }

    /// The row numbers of users whom the caller names in `field`.
    ///
    /// # Errors
    /// `Invalid` where one does not exist.
    pub(crate) async fn user_keys(
        &self,
        allowed: &Allowed,
        users: &[UserId],
        field: &str,
    ) -> Result<Vec<UserKey>> {
        let app = allowed.permit.app();
        let keyed = self.keyed(app).await?;
        let mut keys = Vec::with_capacity(users.len());
        for (place, user) in users.iter().enumerate() {
            let id = keyed.macs.user_id(user);
            // Who is known by a token has no row yet as a visitor who has never written, or may have been erased.
            let row = match self.facts.user_keys.get(&(app, id)) {
                Some(user) => self.user_row(app, user, false).await?,
                None => self.store.user(app, UserRef::Id(id)).await?.map(Arc::new),
            };
            let known = row.filter(|row| row.erased_at.is_none()).map(|row| row.key);
            let nobody = || Invalid::new(format!("{field}[{place}]"), "names no user of the app");
            let key = known.ok_or_else(nobody)?;
            self.facts.user_keys.insert((app, id), key);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        Ok(keys)
    }

    /// Edits a message: `patch` is merged into what it says. What it said before is kept.
    ///
    /// # Errors
    /// `NotFound` for a tombstone; `Conflict` where somebody else edits it at the same time.
    pub async fn edit_message(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        id: MessageId,
        patch: &MessagePatch,
        asked: Option<&Asked>,
    ) -> Result<Outcome<Message>> {
        let own = self.is_own(actor, conversation, id).await?;
        let noted = Noted::about(About::Message(id));
        let ask = Ask::in_conversation(actor, Action::EditMessage { own }, conversation).noted(noted);
        decided!(self, ask.clone(), |allowed| self.edit_allowed(&allowed, id, own, patch, asked))
    }

    async fn edit_allowed(
        &self,
        allowed: &Allowed,
        id: MessageId,
        own: bool,
        patch: &MessagePatch,
        asked: Option<&Asked>,
    ) -> Result<Outcome<Message>> {
        let conversation = allowed.conversation()?;
        let row = self.store.message(&allowed.permit, id).await?.ok_or(Error::NotFound)?;
        if own != self.sent_by(allowed, &row) || reader(&allowed.permit).is_denied(&row) {
            return Err(Error::NotFound);
        }
        let mut body = self.body_of(allowed, &row).await?.ok_or(Error::NotFound)?;
        if let Some(text) = &patch.text {
            body.text = text.clone();
        }
        if let Some(attributes) = &patch.attributes {
            body.attributes = snug_wire::attributes::merge(&body.attributes, attributes)?;
        }
        if let Some(mentions) = &patch.mentions {
            body.mentions = self.user_keys(allowed, mentions, "mentions").await?;
        }
        says_something(&body)?;
        let version = row.version + 1;
        let app = allowed.permit.app();
        let place = Place::message(app, conversation.key, id, version, row.sender, row.created_at);
        let sealed = self.sealer.seal(&place.under(rule(&row)), &body).await?;
        let turn = self.enter(allowed).await?;
        let edit = MessageEdit { id, body: sealed, version, at: self.clock.now() };
        match self.store.edit_message(&allowed.permit, edit).await {
            Ok(changed) => self.publish_change(allowed, turn, changed, None, asked).await,
            Err(error) => Err(turn.failed(error)),
        }
    }

    /// Deletes a message; a tombstone stays. A deleted one is answered as it is.
    pub async fn delete_message(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        id: MessageId,
        asked: Option<&Asked>,
    ) -> Result<Outcome<Message>> {
        let own = self.is_own(actor, conversation, id).await?;
        let noted = Noted::about(About::Message(id));
        let ask = Ask::in_conversation(actor, Action::DeleteMessage { own }, conversation).noted(noted);
        decided!(self, ask.clone(), |allowed| self.delete_allowed(&allowed, id, own, asked))
    }

    pub(crate) async fn delete_allowed(
        &self,
        allowed: &Allowed,
        id: MessageId,
        own: bool,
        asked: Option<&Asked>,
    ) -> Result<Outcome<Message>> {
        let row = self.store.message(&allowed.permit, id).await?.ok_or(Error::NotFound)?;
        if own != self.sent_by(allowed, &row) {
            return Err(Error::NotFound);
        }
        let turn = self.enter(allowed).await?;
        match self.store.delete_message(&allowed.permit, id, self.clock.now()).await {
            Ok(changed) => self.publish_change(allowed, turn, changed, None, asked).await,
            Err(error) => Err(turn.failed(error)),
        }
    }

    /// Reacts to a message, or takes that back; a back end does so for `user`.
    pub async fn react(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        id: MessageId,
        reaction: &Reaction<'_>,
        asked: Option<&Asked>,
    ) -> Result<Outcome<Message>> {
        let ask = Ask::in_conversation(actor, Action::React, conversation).perhaps_on(reaction.user);
        decided!(self, ask.clone(), |allowed| self.react_allowed(&allowed, id, reaction, asked))
    }

    async fn react_allowed(
        &self,
        allowed: &Allowed,
        id: MessageId,
        reaction: &Reaction<'_>,
        asked: Option<&Asked>,
    ) -> Result<Outcome<Message>> {
        let emoji = snug_wire::reactions::emoji(reaction.emoji, &allowed.app.reactions)?;
        let user = allowed.acting_member()?;
        let conversation = allowed.conversation()?.key;
        let app = allowed.permit.app();
        let row = self.store.message(&allowed.permit, id).await?.ok_or(Error::NotFound)?;
        if reader(&allowed.permit).is_denied(&row) {
            return Err(Error::NotFound);
        }
        // All that belongs to a message is sealed under the rule under which it was.
        let rule = rule(&row);
        let sealed = if reaction.on {
            let place = Place::reaction(app, conversation, id, row.created_at, user);
            Some(self.sealer.seal(&place.under(rule), &emoji).await?)
        } else {
            None
        };
        let emoji_mac = self.sealer.emoji_mac(app, conversation, id, row.created_at, rule, &emoji).await?;
        let write = ReactionWrite { id, user, emoji_mac, emoji: sealed, at: self.clock.now() };
        let turn = self.enter(allowed).await?;
        match self.store.react(&allowed.permit, write).await {
            Ok(changed) => {
                let by = Reacted { user, emoji, on: reaction.on };
                self.publish_change(allowed, turn, changed, Some(by), asked).await
            }
            Err(error) => Err(turn.failed(error)),
        }
    }

    /// Publishes what became of a message, and answers with it.
    async fn publish_change(
        &self,
        allowed: &Allowed,
        turn: Entered<'_>,
        changed: MessageChanged,
        reacted: Option<Reacted>,
        asked: Option<&Asked>,
    ) -> Result<Outcome<Message>> {
        let conversation = allowed.conversation()?;
        let own = self.show_message(&allowed.permit, conversation, &changed.message).await?;
        match changed.rev {
            Some(rev) => {
                let row = &changed.message;
                turn.publish(rev, self.message_changed(allowed, row, &own, reacted.as_ref(), asked).await?);
                Ok(Outcome { value: own.what, repeated: false, answered: asked.is_some() })
            }
            None => {
                turn.nothing();
                Ok(Outcome { value: own.what, repeated: true, answered: false })
            }
        }
    }

    /// Whether a message that the actor may read is one that it sent. Who may not read it learns nothing.
    async fn is_own(&self, actor: &Actor, conversation: &ConversationId, id: MessageId) -> Result<bool> {
        if actor.user().is_none() {
            return Ok(false);
        }
        let ask = Ask::in_conversation(actor, Action::ReadMessages, conversation);
        decided!(self, ask.clone(), |allowed| async {
            let row = self.store.message(&allowed.permit, id).await?.ok_or(Error::NotFound)?;
            Ok(self.sent_by(&allowed, &row))
        })
    }

    fn sent_by(&self, allowed: &Allowed, row: &MessageRow) -> bool {
        allowed.permit.user().is_some_and(|user| row.sender == SenderRow::User(user))
    }

    /// What a message says, opened; none of a tombstone, or where a secret that it needs was destroyed.
    async fn body_of(&self, allowed: &Allowed, row: &MessageRow) -> Result<Option<MessageBody>> {
        let Some(body) = &row.body else { return Ok(None) };
        let opener = self.sealer.opener(allowed.permit.app(), [body]).await?;
        let conversation = allowed.conversation()?.key;
        let app = allowed.permit.app();
        let place = Place::message(app, conversation, row.id, row.version, row.sender, row.created_at);
        match opener.open(&place, body) {
            Err(error) if error.is_gone() => Ok(None),
            opened => Ok(Some(opened?)),
        }
    }

    /// One message.
    pub async fn message(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        id: MessageId,
    ) -> Result<(Message, People)> {
        let ask = Ask::in_conversation(actor, Action::ReadMessages, conversation);
        decided!(self, ask.clone(), |allowed| async {
            let row = self.store.message(&allowed.permit, id).await?.ok_or(Error::NotFound)?;
            let shown = self.show_message(&allowed.permit, allowed.conversation()?, &row).await?;
            Ok((shown.what, shown.people))
        })
    }

    /// What a message said, oldest first; what needs a secret that was destroyed is left out.
    pub async fn message_versions(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        id: MessageId,
    ) -> Result<Vec<MessageVersion>> {
        let ask = Ask::in_conversation(actor, Action::ReadVersions, conversation);
        decided!(self, ask.clone(), |allowed| self.versions_allowed(&allowed, id))
    }

    pub(crate) async fn versions_allowed(
        &self,
        allowed: &Allowed,
        id: MessageId,
    ) -> Result<Vec<MessageVersion>> {
        let message = self.store.message(&allowed.permit, id).await?.ok_or(Error::NotFound)?;
        let rows = self.store.versions(&allowed.permit, id).await?;
        self.shown_versions(allowed, &message, &rows).await
    }

    /// Versions of a message; what needs a secret that was destroyed is left out.
    pub(crate) async fn shown_versions(
        &self,
        allowed: &Allowed,
        message: &MessageRow,
        rows: &[VersionRow],
    ) -> Result<Vec<MessageVersion>> {
        let app = allowed.permit.app();
        let conversation = allowed.conversation()?.key;
        let opener = self.sealer.opener(app, rows.iter().map(|row| &row.body)).await?;
        let mut bodies = Vec::with_capacity(rows.len());
        for row in rows {
            let (sender, at) = (message.sender, message.created_at);
            let place = Place::message(app, conversation, message.id, row.version, sender, at);
            match opener.open(&place, &row.body) {
                Err(error) if error.is_gone() => {}
                opened => bodies.push((row, opened?)),
            }
        }
        let mentioned = bodies.iter().flat_map(|(_, body)| body.mentions.iter().copied());
        let faces = self.faces(app, mentioned).await?;
        let show = |(row, body): (&VersionRow, MessageBody)| MessageVersion {
            version: row.version,
            content: Content {
                text: body.text,
                attributes: body.attributes,
                mentions: body.mentions.into_iter().filter_map(|user| faces.id(user)).collect(),
            },
            at: row.at,
        };
        Ok(bodies.into_iter().map(show).collect())
    }

    /// A page of messages.
    pub async fn history(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        window: Window,
        cursor: Option<&str>,
        limit: i64,
    ) -> Result<History> {
        let query = format!("history {}", conversation.as_str());
        let window = match cursor {
            Some(cursor) => match self.open_cursor::<(bool, i64)>(actor, cursor, &query).await? {
                (true, seq) => Window::Before(Seq(seq)),
                (false, seq) => Window::After(Seq(seq)),
            },
            None => window,
        };
        let ask = Ask::in_conversation(actor, Action::ReadMessages, conversation);
        decided!(self, ask.clone(), |allowed| async {
            let page = self.store.history(&allowed.permit, window, limit).await?;
            let shown = self.show_messages(&allowed.permit, allowed.conversation()?, &page.messages).await?;
            let first = page.messages.first().map_or(Seq(0), |row| row.seq);
            let last = page.messages.last().map_or(Seq(0), |row| row.seq);
            let further = match window {
                Window::After(_) => page.newer.then_some((false, last.0)),
                Window::Newest | Window::Before(_) | Window::Around(_) => {
                    page.older.then_some((true, first.0))
                }
            };
            let next = match further {
                Some(place) => Some(self.seal_cursor(actor, &place, &query).await?),
                None => None,
            };
            Ok(History { messages: shown.what, people: shown.people, next })
        })
    }
}

/// A reaction that is asked for.
pub struct Reaction<'a> {
    /// What is reacted with, as the caller wrote it.
    pub emoji: &'a str,
    /// Set it, or take it back.
    pub on: bool,
    /// For whom a back end reacts.
    pub user: Option<&'a UserId>,
}

/// A reaction that was set or taken back, for the push.
pub(crate) struct Reacted {
    pub(crate) user: UserKey,
    pub(crate) emoji: Emoji,
    pub(crate) on: bool,
}

/// The store answers every message, and a draft that was refused is never given to it.
fn lost() -> Error {
    Error::internal("a draft was lost between sealing and store")
}

/// The row of a message as it was just appended.
fn fresh_row(new: &NewMessage, seq: Seq, rev: snug_model::Rev) -> MessageRow {
    MessageRow {
        id: new.id,
        seq,
        rev,
        sender: new.sender,
        via: new.via,
        body: None,
        version: 1,
        reply_to: new.reply_to,
        reactions: Vec::new(),
        created_at: new.at,
        edited_at: None,
        deleted_at: None,
        // To its author it is like any other.
        hidden_at: None,
    }
}

/// The retention rule under which a message is sealed, and all that comes to it.
fn rule(row: &MessageRow) -> i32 {
    row.body.as_ref().map_or(0, rule_of)
}

/// Refuses a message that would say nothing: neither text nor attributes.
pub(crate) fn says_something(body: &MessageBody) -> Result<()> {
    let text = body.text.as_ref().is_some_and(|text| !text.as_str().is_empty());
    if text || body.attributes != Attributes::default() {
        return Ok(());
    }
    Err(Invalid::new("text", "is empty, and there are no attributes").into())
}
