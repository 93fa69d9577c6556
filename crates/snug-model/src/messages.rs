//! Messages, their edits, deletions and reactions.

use crate::{
    ids::{ConversationId, MessageId, Rev, Seq, TemplateId, UserId},
    text::{Attributes, AttributesPatch, BotName, Emoji, Text},
    time::Timestamp,
};

/// Who wrote a message, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// A user; none of an erased one.
    User(Option<UserId>),
    /// A bot, and whether a back end's signature vouches for it.
    Bot {
        /// Its name.
        name: Option<BotName>,
        /// Whether a back end said so itself or by signature.
        verified: bool,
    },
    /// The app itself.
    System,
}

/// By which way a message came, other than its sender's own client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// A back end wrote in the user's name.
    Api,
    /// An import.
    Import,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// The text.
    pub text: Option<Text>,
    /// What the customer keeps.
    pub attributes: Attributes,
    /// Who is mentioned.
    pub mentions: Vec<UserId>,
}

/// How often an emoji was used on a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The emoji.
    pub emoji: Emoji,
    /// How many people used it.
    pub count: i64,
    /// Whether the reader did; none where many read the same bytes.
    pub mine: Option<bool>,
}

/// A message as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id that its sender chose.
    pub id: MessageId,
    /// Where it is.
    pub conversation: ConversationId,
    /// Its place there.
    pub seq: Seq,
    /// When it last changed, in the conversation's count.
    pub rev: Rev,
    /// Who wrote it.
    pub sender: Sender,
    /// By which way it came.
    pub via: Option<Via>,
    /// What it says; a tombstone says nothing.
    pub content: Option<Content>,
    /// What it answers.
    pub reply_to: Option<MessageId>,
    /// How people reacted.
    pub reactions: Vec<Reaction>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub edited_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Whether it is hidden from others than its author, and the reader is one who may see it all the same.
    pub hidden: bool,
}

/// In whose name a message is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// The actor's own: a user's, or the system's where a back end says nothing.
    Own,
    /// A user's, by a back end.
    User(UserId),
    /// A bot's, by a back end.
    Bot(BotName),
    /// A bot's, by a back end that has signed it; a client carries it.
    Carried {
        /// The bot's name.
        bot: BotName,
        /// The newest message that the conversation may have before it; any where absent.
        after_seq: Option<Seq>,
    },
    /// A bot's, by a template of the app; a client carries it.
    Template {
        /// Which one. Of two drafts of one id that is all that is compared: a template may say something else by now.
        template: TemplateId,
        /// The bot's name.
        bot: BotName,
    },
}

/// A message that is to be sent.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The id that the sender chose; sends with the same id are one send.
    pub id: MessageId,
    /// In whose name.
    pub author: Author,
    /// What it says.
    pub content: Content,
    /// What it answers.
    pub reply_to: Option<MessageId>,
    /// Whether it shall notify nobody; back ends only.
    pub silent: bool,
}

/// What is to change of a message; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct MessagePatch {
    /// The text; `Some(None)` takes it away.
    pub text: Option<Option<Text>>,
    /// What to merge into what the customer keeps.
    pub attributes: Option<AttributesPatch>,
    /// Who is mentioned, whole.
    pub mentions: Option<Vec<UserId>>,
}

/// What a message said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageVersion {
    /// 1 is as it was sent.
    pub version: i64,
    /// What it said.
    pub content: Content,
    /// Since when.
    pub at: Timestamp,
}

/// Which messages of a conversation a page has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// The newest.
    Newest,
    /// Those just below a seq.
    Before(Seq),
    /// Those just above a seq.
    After(Seq),
    /// Those on both sides of a seq, itself included.
    Around(Seq),
}
