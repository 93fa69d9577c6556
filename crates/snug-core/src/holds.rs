//! Legal holds, and conversations' own retention.
//!
//! What is held is not deleted. Where it is due, its readers lose it as they would without the hold, so that nobody learns of one; it is
//! set aside under secrets of its own, because those of its day are about to be destroyed.

use snug_model::{
    Action, Actor, ConversationId, Seq, Timestamp, UserId,
    audit::Act,
    messages::{Message, MessageVersion},
    retention::{Days, Held, Hold},
};
use snug_store::{ConversationRef, DueMessage, HeldMessage, HoldOn, HoldRow, Sealed, Viewer};

use crate::{
    Core, People, Result,
    audit::Noted,
    authorize::{Allowed, Ask, Decision, decided},
    paging::{Listed, PageAsk},
    sealing::{Opener, Place, Plain},
};

impl Core {
    /// How many days a conversation's messages live at most by its own rule; none where it has none.
    pub async fn conversation_retention(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
    ) -> Result<Option<i64>> {
        let ask = Ask::in_conversation(actor, Action::ReadRetention, conversation).with_rows();
        let allowed = self.authorize(&mut Decision::new(ask)).await?;
        Ok(allowed.conversation()?.kept_days)
    }

    /// Has a conversation's messages live so many days at most; without a number, as long as the app says.
    ///
    /// # Errors
    /// `Invalid` for no days, and for too many.
    pub async fn set_conversation_retention(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        days: Option<u64>,
    ) -> Result<Option<i64>> {
        let days = days.map(|days| Days::new("messages", days)).transpose()?;
        let noted = Noted::default().with_some("messages", days.map(|days| days.count().to_string()));
        let ask = Ask::in_conversation(actor, Action::EditRetention, conversation).noted(noted);
        decided!(self, ask.clone(), |allowed| async {
            let row = self.store.set_kept_days(&allowed.permit, days.map(Days::count)).await?;
            self.facts.conversations.invalidate(&(allowed.permit.app(), row.id_mac));
            Ok(row.kept_days)
        })
    }

    /// Puts a legal hold on a conversation, or lifts it.
    pub async fn hold_conversation(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        on: bool,
    ) -> Result<()> {
        let noted = Noted::either(!on, Act::HoldConversation, Act::UnholdConversation);
        let ask = Ask::in_conversation(actor, Action::HoldConversation, conversation).noted(noted);
        decided!(self, ask.clone(), |allowed| async {
            let subject = HoldOn::Conversation(allowed.conversation()?.key);
            Ok(self.store.set_hold(&allowed.permit, subject, on, self.clock.now()).await?)
        })
    }

    /// Puts a legal hold on a user, or lifts it.
    pub async fn hold_user(&self, actor: &Actor, user: &UserId, on: bool) -> Result<()> {
        let noted = Noted::either(!on, Act::HoldUser, Act::UnholdUser);
        let ask = Ask::in_app(actor, Action::HoldUser).on(user).noted(noted);
        decided!(self, ask.clone(), |allowed| async {
            let subject = HoldOn::User(allowed.target()?.user.key);
            Ok(self.store.set_hold(&allowed.permit, subject, on, self.clock.now()).await?)
        })
    }

    /// The app's legal holds.
    pub async fn list_holds(&self, actor: &Actor, page: &PageAsk<'_>) -> Result<Listed<Hold>> {
        let ask = Ask::in_app(actor, Action::ListHolds);
        decided!(self, ask.clone(), |allowed| async {
            let from = self.open_page(actor, page).await?;
            let rows = self.store.holds(&allowed.permit, from).await?;
            let next = self.next_page(actor, page, rows.len(), rows.last().map(|row| row.number)).await?;
            let mut items = Vec::with_capacity(rows.len());
            for row in &rows {
                if let Some(on) = self.held(&allowed, row).await? {
                    items.push(Hold { on, since: row.since });
                }
            }
            Ok(Listed { items, next, people: People::new() })
        })
    }

    /// What a hold is on, by its id. None where it went meanwhile.
    async fn held(&self, allowed: &Allowed, row: &HoldRow) -> Result<Option<Held>> {
        let app = allowed.permit.app();
        match row.on {
            HoldOn::Conversation(key) => {
                let found = self.store.conversation(app, ConversationRef::Key(key), Viewer::Anyone).await?;
                let Some(found) = found else { return Ok(None) };
                let id = self.conversation_id(&allowed.permit, &found.conversation).await?;
                Ok(Some(Held::Conversation(id)))
            }
            HoldOn::User(user) => Ok(self.faces(app, [user]).await?.id(user).map(Held::User)),
        }
    }

    /// Messages of a conversation that are kept past their time because they are held, with what they said before they were edited or
    /// deleted.
    pub async fn list_held(
        &self,
        actor: &Actor,
        conversation: &ConversationId,
        page: &PageAsk<'_>,
    ) -> Result<Listed<(Message, Vec<MessageVersion>)>> {
        let ask = Ask::in_conversation(actor, Action::ReadHeld, conversation);
        decided!(self, ask.clone(), |allowed| async {
            let from = self.open_page(actor, page).await?;
            let after = Seq(from.after.unwrap_or(0));
            self.store.enter(&allowed.permit).await?;
            let due = self.store.held_messages(&allowed.permit, after, from.limit).await?;
            let last = due.last().map(|due| due.message.seq.0);
            let next = self.next_page(actor, page, due.len(), last).await?;
            let (mut rows, mut versions) = (Vec::new(), Vec::new());
            for due in due {
                versions.push(self.shown_versions(&allowed, &due.message, &due.versions).await?);
                rows.push(due.message);
            }
            let shown = self.show_messages(&allowed.permit, allowed.conversation()?, &rows).await?;
            let items = shown.what.into_iter().zip(versions).collect();
            Ok(Listed { items, next, people: shown.people })
        })
    }

    /// Seals anew what is due and held at the beginning of a conversation.
    pub(crate) async fn seal_due(
        &self,
        allowed: &Allowed,
        before: Timestamp,
        rule: i32,
        limit: i64,
    ) -> Result<Vec<HeldMessage>> {
        let due = self.store.due_held(&allowed.permit, before, limit).await?;
        let sealed = due.iter().flat_map(|due| {
            let versions = due.versions.iter().map(|version| &version.body);
            due.message.body.iter().chain(versions).chain(due.reactions.iter().map(|(.., emoji)| emoji))
        });
        let opener = self.sealer.opener(allowed.permit.app(), sealed).await?;
        let mut messages = Vec::with_capacity(due.len());
        for due in &due {
            messages.push(self.seal_anew(allowed, &opener, due, rule).await?);
        }
        Ok(messages)
    }

    async fn seal_anew(
        &self,
        allowed: &Allowed,
        opener: &Opener,
        due: &DueMessage,
        rule: i32,
    ) -> Result<HeldMessage> {
        let (app, conversation) = (allowed.permit.app(), allowed.conversation()?.key);
        let row = &due.message;
        let place = |version| Place::message(app, conversation, row.id, version, row.sender, row.created_at);
        let body = match &row.body {
            Some(body) => Some(self.anew(opener, place(row.version), body, rule).await?.0),
            None => None,
        };
        let mut versions = Vec::with_capacity(due.versions.len());
        for version in &due.versions {
            let (sealed, _) = self.anew(opener, place(version.version), &version.body, rule).await?;
            versions.push((version.version, sealed));
        }
        let mut reactions = Vec::with_capacity(due.reactions.len());
        for (user, was, emoji) in &due.reactions {
            let place = Place::reaction(app, conversation, row.id, row.created_at, *user);
            let (sealed, emoji) = self.anew(opener, place, emoji, rule).await?;
            let mac = match emoji {
                Some(emoji) => {
                    self.sealer.emoji_mac(app, conversation, row.id, row.created_at, rule, &emoji).await?
                }
                None => *was,
            };
            reactions.push((*user, *was, mac, sealed));
        }
        Ok(HeldMessage { id: row.id, rev: row.rev, body, versions, reactions })
    }

    /// A value sealed anew, and what it is. What an erased person wrote opens for nobody, and stays as it is.
    async fn anew<P: Plain>(
        &self,
        opener: &Opener,
        place: Place<P>,
        sealed: &Sealed,
        rule: i32,
    ) -> Result<(Sealed, Option<P>)> {
        match opener.open(&place, sealed) {
            Err(error) if error.is_gone() => Ok((sealed.clone(), None)),
            Err(error) => Err(error.into()),
            Ok(plain) => Ok((self.sealer.seal(&place.under(rule), &plain).await?, Some(plain))),
        }
    }
}
