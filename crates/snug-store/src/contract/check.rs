//! What `snug check` sees at rest.

use snug_model::{AppKey, ConversationKey, MessageId, TemplateKey, Timestamp, UserKey};

use super::{Mac, Sealed, SenderRow};

/// Something at rest that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: table and row numbers.
    pub place: String,
    /// What is wrong.
    pub what: String,
}

/// For which place a value was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealedPlace {
    /// An app's name and reactions.
    App {
        /// Of the profile.
        version: i64,
    },
    /// A role's name.
    Role(i64),
    /// An API key's secret.
    KeySecret(snug_model::KeyId),
    /// An API key's name and addresses.
    Key(snug_model::KeyId),
    /// A registered public key, with its name.
    TokenKey(snug_model::KeyId),
    /// A template's id, and what it says.
    Template {
        /// The template.
        template: TemplateKey,
        /// Of the body.
        version: i64,
    },
    /// A user's id.
    UserId(UserKey),
    /// A user's name, picture, attributes.
    User {
        /// The user.
        user: UserKey,
        /// Of the profile.
        version: i64,
    },
    /// Why a user is banned from the app.
    UserBan(UserKey),
    /// Why a user is muted in the app, and by whom.
    UserMute(UserKey),
    /// Why a user is shadow-banned, and by whom.
    UserShadowBan(UserKey),
    /// Which text a user has accepted, and who accepted it for it.
    Consent {
        /// The user.
        user: UserKey,
        /// What the row of the text is found by.
        mark: Mac,
    },
    /// A conversation's id.
    ConversationId(ConversationKey),
    /// The id of a conversation that was deleted.
    GoneConversationId(ConversationKey),
    /// A conversation's alias.
    Alias(ConversationKey),
    /// A conversation's name, picture, attributes.
    Conversation {
        /// The conversation.
        conversation: ConversationKey,
        /// Of the profile.
        version: i64,
    },
    /// A member's label and attributes.
    Member {
        /// The conversation.
        conversation: ConversationKey,
        /// The user.
        user: UserKey,
        /// Of the profile.
        version: i64,
    },
    /// Why a member is banned, and by whom.
    MemberBan {
        /// The conversation.
        conversation: ConversationKey,
        /// The user.
        user: UserKey,
    },
    /// Why a member is muted, and by whom.
    MemberMute {
        /// The conversation.
        conversation: ConversationKey,
        /// The user.
        user: UserKey,
    },
    /// What a message says, or said.
    Message {
        /// The conversation.
        conversation: ConversationKey,
        /// The message.
        id: MessageId,
        /// Of the body.
        version: i64,
        /// Who wrote it.
        sender: SenderRow,
        /// When it was accepted.
        created_at: Timestamp,
    },
    /// An emoji on a message.
    Reaction {
        /// The conversation.
        conversation: ConversationKey,
        /// The message.
        id: MessageId,
        /// When the message was accepted.
        created_at: Timestamp,
        /// Who reacted.
        reactor: UserKey,
    },
    /// The answer to a request with an `Idempotency-Key`.
    Answer(Mac),
    /// From where somebody did what is entered in the audit.
    AuditOrigin {
        /// The entry's own.
        id: [u8; 32],
        /// Who, where it was a user.
        user: Option<UserKey>,
    },
    /// What is noted in an entry of the audit.
    AuditNote {
        /// The entry's own.
        id: [u8; 32],
        /// Where it was done, where that was a conversation; none of its deletion, which outlives it.
        conversation: Option<ConversationKey>,
        /// To whom, where it was done to a user.
        user: Option<UserKey>,
    },
}

/// A sealed value where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedAt {
    /// The app.
    pub app: AppKey,
    /// The place.
    pub place: SealedPlace,
    /// The value.
    pub sealed: Sealed,
}

/// How far a walk over all sealed values is: the table, and the last row seen in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WalkFrom {
    /// The table, in the backend's own order.
    pub table: i64,
    /// The row in it after which the walk goes on.
    pub row: i64,
}

/// A part of a walk over all sealed values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkPage {
    /// The values.
    pub values: Vec<SealedAt>,
    /// Where it goes on; none at the end.
    pub next: Option<WalkFrom>,
}
