//! Between what travels and what the checker compares.

use snug_client::wire::attributes::Attributes;
use snug_client::wire::ids::{ConversationId, MessageId, UserId};
use snug_client::wire::members::{Access, Member};
use snug_client::wire::messages::{Changes, Message, MessageDraft, Sender};
use snug_client::wire::socket::{Change, Changed, SendRequest};
use snug_client::wire::text::Text;

use anyhow::{Context, Result};

use crate::history::{Author, Held, Membership, Seen, Sync};
use crate::plan::Draft;

/// The message as the checker compares it.
pub(super) fn held(message: Message) -> Result<Held> {
    let author = match message.sender {
        Sender::User { user: Some(user) } => Author::User(user.as_str().to_owned()),
        Sender::System { system: true } => Author::System,
        Sender::User { user: None } | Sender::System { .. } | Sender::Bot { .. } => Author::Other,
    };
    let attributes = message.attributes.unwrap_or_default().to_object().context("a message's attributes")?;
    Ok(Held {
        id: message.id.0.0,
        seq: number(message.seq.0.0),
        rev: number(message.rev.0.0),
        author,
        text: message.text.flatten().map(|text| text.as_str().to_owned()),
        attributes,
        reply_to: message.reply_to.map(|id| id.0.0),
    })
}

/// The member as the checker compares it; none of an erased user, of which a replay has none.
pub(super) fn membership(member: &Member) -> Option<Membership> {
    let user = member.user.as_ref()?.as_str().to_owned();
    Some(Membership { user, inside: member.access != Access::None })
}

/// The answer to a sync that was asked for at `since`, as the checker compares it.
pub(super) fn sync(since: u64, changes: Changes) -> Result<Sync> {
    Ok(Sync {
        since,
        to: number(changes.to.0.0),
        head: number(changes.head.0.0),
        messages: changes.messages.into_iter().map(held).collect::<Result<_>>()?,
        members: changes.members.iter().filter_map(membership).collect(),
    })
}

/// A change as the checker compares it, and the conversation that it is of.
pub(super) fn change(change: Change) -> (ConversationId, Seen) {
    let rev = number(change.rev.0.0);
    let foreign = |what| Seen::Foreign { rev, what };
    match change.changed {
        Changed::Member { conversation, member } => {
            let seen = match membership(&member) {
                Some(member) => Seen::Member { rev, member },
                None => foreign("an erasure"),
            };
            (conversation, seen)
        }
        Changed::Members { conversation, .. } => (conversation, foreign("a batch of members")),
        Changed::Message { conversation, .. } => (conversation, foreign("a changed message")),
        Changed::PurgedBefore { conversation, .. } => (conversation, foreign("a purge")),
        Changed::Conversation { conversation } => (conversation.id, foreign("a changed conversation")),
    }
}

/// The draft as its author sends it over a socket.
pub(super) fn send_request(conversation: &ConversationId, draft: &Draft) -> Result<SendRequest> {
    let MessageDraft { id, text, attributes, reply_to, mentions, .. } = message_draft(draft)?;
    Ok(SendRequest { conversation: conversation.clone(), id, text, attributes, reply_to, mentions })
}

/// The draft as the back end sends it, as the system's.
pub(super) fn message_draft(draft: &Draft) -> Result<MessageDraft> {
    let text: Option<Text> = draft.text.as_deref().map(str::parse).transpose().context("a text")?;
    let attributes = match draft.attributes.is_empty() {
        true => None,
        false => Some(Attributes::of(draft.attributes.clone())?),
    };
    let reply_to = draft.reply_to.map(message_id);
    Ok(MessageDraft { text, attributes, reply_to, ..MessageDraft::new(message_id(draft.id)) })
}

/// A user's id, from a name in a log.
pub(super) fn user_id(name: &str) -> Result<UserId> {
    name.parse().with_context(|| format!("{name:?} cannot be a user's id"))
}

fn message_id(id: uuid::Uuid) -> MessageId {
    MessageId(snug_model::MessageId(id))
}

/// Counters on the wire are never negative: reading refuses that.
pub(super) fn number(value: i64) -> u64 {
    value.unsigned_abs()
}
