//! Messages that a back end signs, and that an untrusted page carries to where they are shown.

use crate::{
    ids::{ConversationId, Seq, SessionId, UserId},
    messages::Content,
    text::BotName,
    time::Timestamp,
};

/// What a back end has signed, all of which is shown or decides.
#[derive(Debug, Clone)]
pub struct SignedMessage {
    /// Whose page carries it.
    pub carrier: Carrier,
    /// Where it is to appear; none is the carrier's support conversation.
    pub conversation: Option<ConversationId>,
    /// Who says it.
    pub bot: BotName,
    /// What it says.
    pub content: Content,
    /// When it was signed.
    pub issued_at: Timestamp,
    /// Until when it may appear. Once it has, it stays.
    pub expires_at: Timestamp,
    /// Its own id, unique among those of its key.
    pub jti: Box<str>,
    /// The newest message that the conversation may have before it; any where absent.
    pub after_seq: Option<Seq>,
}

/// Who may carry a signed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carrier {
    /// Any page of this user.
    User(UserId),
    /// The page with this session.
    Session(SessionId),
}
