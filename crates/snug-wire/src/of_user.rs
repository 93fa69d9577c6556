//! The export of a user: what it wrote and is, a line each.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    blocks::Block,
    consents::ConsentRecord,
    ids::{ConversationId, MessageId},
    members::Member,
    messages::{Message, MessageVersion},
    text::Emoji,
    time::Time,
    users::User,
};

/// A thing in the export of a user: an object with one field, which says what it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
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
    Version(VersionOfUser),
    /// A reaction.
    Reaction(ReactionOfUser),
}

/// What a message of a user said before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VersionOfUser {
    /// Where.
    pub conversation: ConversationId,
    /// Of which message.
    pub message: MessageId,
    /// What it said.
    #[serde(flatten)]
    pub version: MessageVersion,
}

/// A reaction of a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReactionOfUser {
    /// Where.
    pub conversation: ConversationId,
    /// To which message.
    pub message: MessageId,
    /// Which.
    pub emoji: Emoji,
    /// When.
    pub at: Time,
}
