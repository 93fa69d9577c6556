//! Rows in, what is shown out: the opening of seals, a page at a time.

use std::borrow::Cow;

use snug_model::{
    AppKey, ConversationId, Permission, Permit, UserKey,
    conversations::{Conversation, InboxItem},
    members::Member,
    messages::{Content, Message, Reaction, Sender},
    text::BotName,
};
use snug_store::{ConversationRow, InboxRow, MemberRow, MessageRow, Sealed, SenderRow};

use crate::{
    Core, Result,
    context::AppContext,
    people::{Faces, People},
    publish::Left,
    sealing::{MemberProfile, MessageBody, Opener, Place},
    veil::Reader,
};

/// Messages, opened, with the people whom they mention.
pub(crate) struct Shown<T> {
    pub(crate) what: T,
    pub(crate) people: People,
}

/// The seals of a message's row.
fn seals_of(row: &MessageRow) -> impl Iterator<Item = &Sealed> {
    row.body.iter().chain(row.reactions.iter().map(|reaction| &reaction.emoji))
}

impl Core {
    /// Opens messages of one conversation, each with which reactions are the reader's.
    pub(crate) async fn show_messages(
        &self,
        permit: &Permit,
        conversation: &ConversationRow,
        rows: &[MessageRow],
    ) -> Result<Shown<Vec<Message>>> {
        let rows = &*reader(permit).sees(rows);
        let id = self.conversation_id(permit, conversation).await?;
        let opener = self.sealer.opener(permit.app(), rows.iter().flat_map(seals_of)).await?;
        let bodies = rows
            .iter()
            .map(|row| open_body(permit.app(), &opener, conversation, row))
            .collect::<Result<Vec<_>>>()?;
        let faces = self.faces(permit.app(), users_of(rows, &bodies)).await?;
        let messages = rows
            .iter()
            .zip(bodies)
            .map(|(row, body)| show_message(permit.app(), &opener, &faces, conversation, &id, row, body))
            .collect::<Result<Vec<_>>>()?;
        Ok(Shown { what: messages, people: faces.people() })
    }

    /// Shows a message whose body is at hand: it was just sealed.
    pub(crate) async fn show_sent(
        &self,
        permit: &Permit,
        conversation: &ConversationRow,
        row: &MessageRow,
        body: MessageBody,
    ) -> Result<Shown<Message>> {
        let id = self.conversation_id(permit, conversation).await?;
        let bodies = [Some(body)];
        let faces = self.faces(permit.app(), users_of(std::slice::from_ref(row), &bodies)).await?;
        let [body] = bodies;
        let content = body.map(|body| content(body, &faces));
        Ok(Shown { what: bare_message(&faces, &id, row, content), people: faces.people() })
    }

    /// Opens one message.
    pub(crate) async fn show_message(
        &self,
        permit: &Permit,
        conversation: &ConversationRow,
        row: &MessageRow,
    ) -> Result<Shown<Message>> {
        let Shown { mut what, people } =
            self.show_messages(permit, conversation, std::slice::from_ref(row)).await?;
        let message =
            what.pop().ok_or_else(|| crate::Error::internal("a message was lost between row and view"))?;
        Ok(Shown { what: message, people })
    }

    /// The id of a conversation.
    pub(crate) async fn conversation_id(
        &self,
        permit: &Permit,
        row: &ConversationRow,
    ) -> Result<ConversationId> {
        if let Some(id) = self.conversation_ids.get(&row.key) {
            return Ok(id);
        }
        let opener = self.sealer.opener(permit.app(), [&row.id]).await?;
        let id = opener.open(&Place::conversation_id(permit.app(), row.key), &row.id)?;
        self.conversation_ids.insert(row.key, id.clone());
        Ok(id)
    }

    /// The id of a conversation that is told to be gone: deleted, or forgotten by who is told.
    pub(crate) async fn gone_conversation_id(
        &self,
        permit: &Permit,
        row: &ConversationRow,
    ) -> Result<ConversationId> {
        if let Some(id) = self.conversation_ids.get(&row.key) {
            return Ok(id);
        }
        let place = Place::some_conversation_id(permit.app(), row.key, &row.id);
        Ok(self.sealer.open_one(&place, &row.id).await?)
    }

    /// Opens conversations.
    pub(crate) async fn show_conversations(
        &self,
        permit: &Permit,
        rows: &[ConversationRow],
    ) -> Result<Vec<Conversation>> {
        let sealed = rows.iter().flat_map(|row| [&row.id, &row.profile].into_iter().chain(&row.alias));
        let opener = self.sealer.opener(permit.app(), sealed).await?;
        let faces = self.faces(permit.app(), rows.iter().filter_map(|row| row.created_by)).await?;
        rows.iter().map(|row| show_conversation(permit.app(), &opener, &faces, row)).collect()
    }

    /// Opens one conversation.
    pub(crate) async fn show_conversation(
        &self,
        permit: &Permit,
        row: &ConversationRow,
    ) -> Result<Conversation> {
        let shown = self.show_conversations(permit, std::slice::from_ref(row)).await?.pop();
        shown.ok_or_else(|| crate::Error::internal("a conversation was lost between row and view"))
    }

    /// Opens members of one conversation.
    pub(crate) async fn show_members(
        &self,
        permit: &Permit,
        app: &AppContext,
        conversation: &ConversationRow,
        rows: &[MemberRow],
    ) -> Result<Shown<Vec<Member>>> {
        let id = self.conversation_id(permit, conversation).await?;
        let opener =
            self.sealer.opener(permit.app(), rows.iter().filter_map(|row| row.profile.as_ref())).await?;
        let faces = self.faces(permit.app(), rows.iter().map(|row| row.user)).await?;
        let members = rows
            .iter()
            .map(|row| show_member(&opener, &faces, app, &id, row, sees_read_mark(permit, row.user)))
            .collect::<Result<Vec<_>>>()?;
        Ok(Shown { what: members, people: faces.people() })
    }

    /// Opens one member.
    pub(crate) async fn show_member(
        &self,
        permit: &Permit,
        app: &AppContext,
        conversation: &ConversationRow,
        row: &MemberRow,
    ) -> Result<Shown<Member>> {
        let Shown { mut what, people } =
            self.show_members(permit, app, conversation, std::slice::from_ref(row)).await?;
        let member =
            what.pop().ok_or_else(|| crate::Error::internal("a member was lost between row and view"))?;
        Ok(Shown { what: member, people })
    }

    /// Opens inbox items, with what their owner may do in each.
    pub(crate) async fn show_inbox(
        &self,
        permit: &Permit,
        app: &AppContext,
        rows: &[InboxRow],
        left: &[Left],
    ) -> Result<Shown<Vec<InboxItem>>> {
        let rows = &*seen_by_their_owners(rows, left);
        let sealed = rows.iter().flat_map(|row| {
            let conversation = &row.conversation;
            let of_conversation =
                [&conversation.id, &conversation.profile].into_iter().chain(&conversation.alias);
            of_conversation.chain(&row.member.profile).chain(row.last_message.iter().flat_map(seals_of))
        });
        let opener = self.sealer.opener(permit.app(), sealed).await?;
        let mut bodies = Vec::with_capacity(rows.len());
        for row in rows {
            let body = row
                .last_message
                .as_ref()
                .map(|message| open_body(permit.app(), &opener, &row.conversation, message));
            bodies.push(body.transpose()?.flatten());
        }
        let of_bodies = bodies.iter().flatten().flat_map(|body| body.mentions.iter().copied());
        let of_rows = rows.iter().flat_map(|row| {
            let sender = row.last_message.as_ref().and_then(|message| match message.sender {
                SenderRow::User(user) => Some(user),
                SenderRow::Bot { .. } | SenderRow::System => None,
            });
            [Some(row.member.user), row.conversation.created_by, sender].into_iter().flatten()
        });
        let faces = self.faces(permit.app(), of_rows.chain(of_bodies)).await?;
        let mut items = Vec::with_capacity(rows.len());
        for ((row, body), left) in rows.iter().zip(bodies).zip(left) {
            let conversation = show_conversation(permit.app(), &opener, &faces, &row.conversation)?;
            let id = conversation.id.clone();
            let last_message = row.last_message.as_ref().map(|message| {
                show_message(permit.app(), &opener, &faces, &row.conversation, &id, message, body)
            });
            items.push(InboxItem {
                member: show_member(&opener, &faces, app, &id, &row.member, true)?,
                conversation,
                unread: row.unread,
                last_message: last_message.transpose()?,
                permissions: left.permissions,
                muted_until: left.muted_until,
            });
        }
        Ok(Shown { what: items, people: faces.people() })
    }
}

/// Who reads by a permit.
pub(crate) fn reader(permit: &Permit) -> Reader {
    Reader { user: permit.user(), versions: permit.view().versions }
}

/// Inbox items with their last message as their owner may see it.
fn seen_by_their_owners<'r>(rows: &'r [InboxRow], left: &[Left]) -> Cow<'r, [InboxRow]> {
    let hidden = |row: &InboxRow| row.last_message.as_ref().is_some_and(|row| row.hidden_at.is_some());
    if !rows.iter().any(hidden) {
        return Cow::Borrowed(rows);
    }
    let seen = |(row, left): (&InboxRow, &Left)| {
        let versions = left.permissions.has(Permission::MessageReadVersions);
        let reader = Reader { user: Some(row.member.user), versions };
        let mut row = row.clone();
        let last = row
            .last_message
            .iter()
            .flat_map(|message| reader.sees(std::slice::from_ref(message)).into_owned());
        row.last_message = last.last();
        row
    };
    Cow::Owned(rows.iter().zip(left).map(seen).collect())
}

/// Whether the reader may see how far this user has read: its own always.
fn sees_read_mark(permit: &Permit, user: UserKey) -> bool {
    permit.user() == Some(user) || permit.view().read_marks
}

fn users_of<'a>(
    rows: &'a [MessageRow],
    bodies: &'a [Option<MessageBody>],
) -> impl Iterator<Item = UserKey> + use<'a> {
    let senders = rows.iter().filter_map(|row| match row.sender {
        SenderRow::User(user) => Some(user),
        SenderRow::Bot { .. } | SenderRow::System => None,
    });
    senders.chain(bodies.iter().flatten().flat_map(|body| body.mentions.iter().copied()))
}

/// What a message says; nothing where it is a tombstone, or where a secret that it needs was destroyed.
fn open_body(
    app: AppKey,
    opener: &Opener,
    conversation: &ConversationRow,
    row: &MessageRow,
) -> Result<Option<MessageBody>> {
    let Some(body) = &row.body else { return Ok(None) };
    let place = Place::message(app, conversation.key, row.id, row.version, row.sender, row.created_at);
    match opener.open(&place, body) {
        Err(error) if error.is_gone() => Ok(None),
        opened => Ok(Some(opened?)),
    }
}

fn show_message(
    app: AppKey,
    opener: &Opener,
    faces: &Faces,
    conversation: &ConversationRow,
    id: &ConversationId,
    row: &MessageRow,
    body: Option<MessageBody>,
) -> Result<Message> {
    let mut reactions = Vec::with_capacity(row.reactions.len());
    for reaction in &row.reactions {
        let place = Place::reaction(app, conversation.key, row.id, row.created_at, reaction.reactor);
        let emoji = match opener.open(&place, &reaction.emoji) {
            Err(error) if error.is_gone() => continue,
            opened => opened?,
        };
        reactions.push(Reaction { emoji, count: reaction.count, mine: Some(reaction.mine) });
    }
    let mut message = bare_message(faces, id, row, body.map(|body| content(body, faces)));
    message.reactions = reactions;
    Ok(message)
}

/// What a message says, and the name of the bot that says it.
fn content(body: MessageBody, faces: &Faces) -> (Content, Option<BotName>) {
    let mentions = body.mentions.into_iter().filter_map(|user| faces.id(user)).collect();
    (Content { text: body.text, attributes: body.attributes, mentions }, body.bot)
}

/// A message without its reactions.
fn bare_message(
    faces: &Faces,
    conversation: &ConversationId,
    row: &MessageRow,
    content: Option<(Content, Option<BotName>)>,
) -> Message {
    let (content, bot) = content.map_or((None, None), |(content, bot)| (Some(content), bot));
    let sender = match row.sender {
        SenderRow::User(user) => Sender::User(faces.id(user)),
        SenderRow::Bot { verified } => Sender::Bot { name: bot, verified },
        SenderRow::System => Sender::System,
    };
    Message {
        id: row.id,
        conversation: conversation.clone(),
        seq: row.seq,
        rev: row.rev,
        sender,
        via: row.via,
        content,
        reply_to: row.reply_to,
        reactions: Vec::new(),
        created_at: row.created_at,
        edited_at: row.edited_at,
        deleted_at: row.deleted_at,
        hidden: row.hidden_at.is_some(),
    }
}

fn show_conversation(
    app: AppKey,
    opener: &Opener,
    faces: &Faces,
    row: &ConversationRow,
) -> Result<Conversation> {
    let alias =
        row.alias.as_ref().map(|alias| opener.open(&Place::alias(app, row.key), alias)).transpose()?;
    Ok(Conversation {
        id: opener.open(&Place::conversation_id(app, row.key), &row.id)?,
        alias,
        profile: opener
            .open(&Place::conversation_profile(app, row.key, row.profile_version), &row.profile)?,
        state: row.state,
        frozen: row.frozen,
        slow_mode_s: row.slow_mode_s,
        history: row.history,
        epoch: row.epoch,
        rev: row.rev,
        head_seq: row.head_seq,
        member_count: row.member_count,
        created_at: row.created_at,
        created_by: row.created_by.and_then(|user| faces.id(user)),
        updated_at: row.updated_at,
    })
}

fn show_member(
    opener: &Opener,
    faces: &Faces,
    app: &AppContext,
    conversation: &ConversationId,
    row: &MemberRow,
    read_mark: bool,
) -> Result<Member> {
    let place = Place::member_profile(app.key(), row.conversation, row.user, row.profile_version);
    let profile = match row.profile.as_ref().map(|profile| opener.open(&place, profile)) {
        None => MemberProfile::default(),
        Some(Err(error)) if error.is_gone() => MemberProfile::default(),
        Some(opened) => opened?,
    };
    Ok(Member {
        conversation: conversation.clone(),
        user: faces.id(row.user),
        role: app.role_name(row.role),
        access: row.access,
        label: profile.label,
        attributes: profile.attributes,
        notify: row.notify,
        read_seq: read_mark.then_some(row.read_seq),
        read_at: row.read_at.filter(|_| read_mark),
        joined_at: row.joined_at,
    })
}
