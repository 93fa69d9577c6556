//! What the server says unasked.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    consents::Consent,
    conversations::{Conversation, InboxItem},
    ids::{ConversationId, Rev, Seq, UserId},
    json,
    members::Member,
    messages::Message,
    people::People,
    permissions::{Permissions, known},
    sanctions::Muted,
    text::Emoji,
    time::Time,
};

/// Something happened; `push` says what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "push", rename_all = "snake_case")]
pub enum Push {
    /// A new message. Not pushed to the session that sent it: its answer is the event.
    Message {
        /// Where.
        conversation: ConversationId,
        /// The rev that it took.
        rev: Rev,
        /// The message.
        message: Message,
        /// Name and picture of the people in it.
        users: People,
    },
    /// Something changed that takes a rev.
    Change(Change),
    /// One became a member.
    Joined {
        /// The inbox item.
        #[serde(flatten)]
        item: InboxItem,
        /// Name and picture of the people in it.
        users: People,
    },
    /// One is a member no more: the last push of the conversation.
    Left {
        /// The inbox item.
        #[serde(flatten)]
        item: InboxItem,
        /// Name and picture of the people in it.
        users: People,
    },
    /// What one may do changed.
    Permissions {
        /// Where; null in the app, with which what one may do in its conversations may have changed: ask again for those
        /// that are open.
        #[schema(required = true)]
        conversation: Option<ConversationId>,
        /// What one may do from now on.
        #[serde(deserialize_with = "known")]
        permissions: Permissions,
        /// There while one is muted: in that conversation, or with null in all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Muted, required = false)]
        muted: Option<Muted>,
    },
    /// Somebody read, oneself in another session too. May be lost.
    Read {
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: UserId,
        /// Up to where.
        read_seq: Seq,
        /// When.
        read_at: Time,
    },
    /// Somebody is typing, or no longer. Holds for 6 s. May be lost.
    Typing {
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: UserId,
        /// Whether it is typing.
        on: bool,
    },
    /// Somebody in a watched conversation came or went. May be lost.
    Presence {
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: UserId,
        /// Whether it has a live connection.
        online: bool,
    },
    /// The token ends soon, and the socket with it.
    TokenExpiring {
        /// When.
        expires_at: Time,
    },
    /// The app demands a consent without which one does not read, and that one has not given: nothing else is pushed until then.
    /// Answers that were not read yet may be missing. Once it is given, ask for the inbox with `since`, and sync what is open.
    ConsentRequired {
        /// What is to be shown, and accepted.
        consent: Consent,
    },
    /// What was to be pushed to this session was dropped: ask for the inbox with `since`, and sync what is open.
    Lagged {},
}

impl Push {
    /// Writes the frame, once for all who get it.
    ///
    /// # Errors
    /// As [`json::print`].
    pub fn frame(&self) -> Result<Vec<u8>, serde_json::Error> {
        json::print(self)
    }
}

/// A change that takes a rev. Beside `rev` it has one of: `message` (edited, deleted, reacted to), `member`, `members`,
/// `purged_before`, each with the conversation's id as `conversation`; or the conversation itself as `conversation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// The rev that it took.
    pub rev: Rev,
    /// What changed.
    #[serde(flatten)]
    pub changed: Changed,
    /// Name and picture of the people in it, where it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = People, required = false)]
    pub users: Option<People>,
}

/// What changed, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Changed {
    /// A message, by an edit, a deletion or a reaction.
    Message {
        /// Where.
        conversation: ConversationId,
        /// The message as it is now; counts of reactions without `mine`.
        message: Message,
        /// Who reacted with what, where it was a reaction.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = ReactionChange, required = false)]
        by: Option<ReactionChange>,
    },
    /// A member: added, changed or removed.
    Member {
        /// Where.
        conversation: ConversationId,
        /// The member as it is now.
        member: Member,
    },
    /// Members that were added together.
    Members {
        /// Where.
        conversation: ConversationId,
        /// The members as they are now.
        members: Vec<Member>,
    },
    /// Old messages were purged.
    PurgedBefore {
        /// Where.
        conversation: ConversationId,
        /// The first seq that was kept.
        purged_before: Seq,
    },
    /// The conversation.
    Conversation {
        /// The conversation as it is now.
        conversation: Conversation,
    },
}

/// Who reacted with what, or took it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReactionChange {
    /// Who.
    pub user: UserId,
    /// With what.
    pub emoji: Emoji,
    /// Whether it reacted, or took it back.
    pub on: bool,
}
