//! The export of a user: what it wrote and is, and where it is a member; not what others wrote.

use snug_model::{
    Action, Actor, ConversationId, ConversationKey, MessageId, Seq, Timestamp, UserId, UserKey,
    blocks::Block,
    consents::ConsentRecord,
    limits::PAGE_ITEMS_MAX,
    members::Member,
    messages::{Message, MessageVersion, Window},
    text::Emoji,
    users::User,
};
use snug_store::{ConversationRef, MessageRow, Page, SenderRow, Viewer};

use crate::{
    Core, Error, Result,
    authorize::{Allowed, Ask, decided},
    blocks::blocks,
    sealing::Place,
};

/// Rows that a step reads.
const ROWS: i64 = PAGE_ITEMS_MAX as i64;

/// A thing in the export of a user.
#[derive(Debug, Clone, PartialEq)]
pub enum OfUser {
    /// The user itself.
    User(User),
    /// A text that it has accepted.
    Consent(ConsentRecord),
    /// Somebody whom it has blocked.
    Block(Block),
    /// Where it is a member, or was one.
    Membership(Member),
    /// A message that it sent, or that was sent in its name; what it says now.
    Message(Message),
    /// What a message that was edited or deleted said before.
    Version {
        /// Where.
        conversation: ConversationId,
        /// Of which message.
        message: MessageId,
        /// What it said.
        version: MessageVersion,
    },
    /// A reaction.
    Reaction {
        /// Where.
        conversation: ConversationId,
        /// To which message.
        message: MessageId,
        /// Which.
        emoji: Emoji,
        /// When.
        at: Timestamp,
    },
}

/// Where the export of a user goes on; the default is its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OfUserPlace(Part);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Part {
    #[default]
    Itself,
    Consents(Option<i64>),
    Blocks(Option<i64>),
    /// What is in the conversations above this one.
    Conversations(Option<ConversationKey>),
    /// In a conversation: the messages above a seq.
    Messages(ConversationKey, Seq),
    /// In a conversation: the reactions above a row.
    Reactions(ConversationKey, Option<i64>),
}

/// What a step has, and where the next one goes on; nowhere at the end.
type Step = (Vec<OfUser>, Option<Part>);

impl Core {
    /// The next part of the export of a user, and where it goes on. A part may have nothing in it.
    pub async fn of_user(
        &self,
        actor: &Actor,
        id: &UserId,
        place: OfUserPlace,
    ) -> Result<(Vec<OfUser>, Option<OfUserPlace>)> {
        let ask = Ask::in_app(actor, Action::ExportUser).on(id);
        let (items, next) =
            decided!(self, ask.clone(), |allowed| self.of_user_allowed(actor, &allowed, place.0))?;
        Ok((items, next.map(OfUserPlace)))
    }

    async fn of_user_allowed(&self, actor: &Actor, allowed: &Allowed, part: Part) -> Result<Step> {
        let row = &allowed.target()?.user;
        match part {
            Part::Itself => {
                let sanctions = self.sanctions_of(&allowed.permit, row).await?;
                let user = User { sanctions, ..self.show_user(&allowed.app, row).await? };
                Ok((vec![OfUser::User(user)], Some(Part::Consents(None))))
            }
            Part::Consents(after) => {
                let rows = self.store.list_consents(&allowed.permit, Some(row.key), page(after)).await?;
                let next =
                    further(&rows, |row| row.key).map_or(Part::Blocks(None), |key| Part::Consents(Some(key)));
                let records = self.records(&allowed.permit, &rows).await?;
                Ok((records.into_iter().map(OfUser::Consent).collect(), Some(next)))
            }
            Part::Blocks(after) => {
                let rows = self.store.list_blocks(&allowed.permit, row.key, page(after)).await?;
                let next = further(&rows, |row| row.other.0)
                    .map_or(Part::Conversations(None), |key| Part::Blocks(Some(key)));
                let faces = self.faces(actor.app(), rows.iter().map(|row| row.other)).await?;
                Ok((blocks(&rows, &faces).into_iter().map(OfUser::Block).collect(), Some(next)))
            }
            Part::Conversations(after) => {
                let of = self.store.conversations_of(&allowed.permit, row.key, after, 1).await?;
                Ok((Vec::new(), of.first().map(|key| Part::Messages(*key, Seq(0)))))
            }
            Part::Messages(key, _) | Part::Reactions(key, _) => {
                let app = actor.app();
                let found = self.store.conversation(app, ConversationRef::Key(key), Viewer::Anyone).await?;
                let beyond = Part::Conversations(Some(key));
                // It was deleted, or was before.
                let Some(found) = found else { return Ok((Vec::new(), Some(beyond))) };
                let id = self.conversation_id(&allowed.permit, &found.conversation).await?;
                let ask = Ask::in_conversation(actor, Action::ExportConversation, &id);
                let user = row.key;
                let step = decided!(self, ask.clone(), |inside| async {
                    match part {
                        Part::Messages(_, after) => self.messages_of(&inside, user, after).await,
                        Part::Reactions(_, after) => self.reactions_of(&inside, &id, user, after).await,
                        _ => Err(Error::internal("a part that is not in a conversation")),
                    }
                });
                match step {
                    Ok((items, next)) => Ok((items, Some(next.unwrap_or(beyond)))),
                    Err(Error::NotFound) => Ok((Vec::new(), Some(beyond))),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// Of a page of a conversation's messages those that a user sent, with what they said before; first of all its membership.
    async fn messages_of(&self, allowed: &Allowed, user: UserKey, after: Seq) -> Result<Step> {
        let (permit, conversation) = (&allowed.permit, allowed.conversation()?);
        let mut items = Vec::new();
        if after == Seq(0)
            && let Some(member) = self.store.member(permit.app(), conversation.key, user).await?
        {
            let shown = self.show_member(permit, &allowed.app, conversation, &member).await?;
            items.push(OfUser::Membership(shown.what));
        }
        let page = self.store.history(permit, Window::After(after), ROWS).await?;
        let next = match page.messages.last() {
            Some(last) if page.newer => Part::Messages(conversation.key, last.seq),
            _ => Part::Reactions(conversation.key, None),
        };
        let own: Vec<MessageRow> =
            page.messages.into_iter().filter(|row| row.sender == SenderRow::User(user)).collect();
        let shown = self.show_messages(permit, conversation, &own).await?;
        for message in shown.what {
            let (conversation, id) = (message.conversation.clone(), message.id);
            let changed = message.edited_at.is_some() || message.deleted_at.is_some();
            let now = message.content.clone();
            items.push(OfUser::Message(message));
            if changed {
                let before = self.versions_allowed(allowed, id).await?;
                let before = before.into_iter().filter(|version| Some(&version.content) != now.as_ref());
                items.extend(before.map(|version| OfUser::Version {
                    conversation: conversation.clone(),
                    message: id,
                    version,
                }));
            }
        }
        Ok((items, Some(next)))
    }

    /// A user's reactions in a conversation; those that a secret is missing for are left out.
    async fn reactions_of(
        &self,
        allowed: &Allowed,
        id: &ConversationId,
        user: UserKey,
        after: Option<i64>,
    ) -> Result<Step> {
        let (app, key) = (allowed.permit.app(), allowed.conversation()?.key);
        let rows = self.store.reactions_of(&allowed.permit, user, page(after)).await?;
        let opener = self.sealer.opener(app, rows.iter().map(|row| &row.emoji)).await?;
        let mut items = Vec::with_capacity(rows.len());
        for row in &rows {
            let place = Place::reaction(app, key, row.message, row.message_created_at, user);
            match opener.open(&place, &row.emoji) {
                Err(error) if error.is_gone() => {}
                opened => items.push(OfUser::Reaction {
                    conversation: id.clone(),
                    message: row.message,
                    emoji: opened?,
                    at: row.at,
                }),
            }
        }
        let next = further(&rows, |row| row.key).map(|row| Part::Reactions(key, Some(row)));
        Ok((items, next))
    }
}

fn page(after: Option<i64>) -> Page {
    Page { after, descending: false, limit: ROWS }
}

/// The last row of a page that is full.
fn further<T>(rows: &[T], key: impl Fn(&T) -> i64) -> Option<i64> {
    rows.last().filter(|_| rows.len() as i64 == ROWS).map(key)
}
