//! What is written in the paths, always the same.

use snug_model::{
    ConversationId, MessageId, Rev, Seq, Timestamp, UserId,
    messages::{Content, Message, Sender},
    text::{Attributes, Text},
    users::Person,
};
use snug_store::{Mac, Sealed};
use uuid::Uuid;

/// Now, all the while.
pub(crate) const NOW: Timestamp = Timestamp(1_750_000_000_000);

/// A text as long as people write them.
pub(crate) fn text() -> Text {
    Text::parse("The quick brown fox jumps over the lazy dog, and then it sits down and waits for an answer. \u{1f98a}")
        .expect("a text")
}

/// What a message says.
pub(crate) fn content() -> Content {
    Content { text: Some(text()), attributes: Attributes::default(), mentions: Vec::new() }
}

/// The id of the message with that number; they are in order, as those are that clients choose by version 7.
pub(crate) fn message_id(number: usize) -> MessageId {
    let version_7 = 0x0197_0000_0000_7000_8000_0000_0000_0000_u128;
    MessageId(Uuid::from_u128(version_7 + number as u128))
}

/// The name of the user with that number.
pub(crate) fn user_id(number: usize) -> UserId {
    UserId::parse(&format!("user {number}")).expect("a user's id")
}

/// The name of the conversation.
pub(crate) fn conversation_id() -> ConversationId {
    ConversationId::parse("the conversation").expect("a conversation's id")
}

/// A message as it is shown.
pub(crate) fn message(number: usize) -> Message {
    Message {
        id: message_id(number),
        conversation: conversation_id(),
        seq: Seq(number as i64),
        rev: Rev(number as i64),
        sender: Sender::User(Some(user_id(1))),
        via: None,
        content: Some(content()),
        reply_to: None,
        reactions: Vec::new(),
        created_at: NOW,
        edited_at: None,
        deleted_at: None,
        hidden: false,
    }
}

/// Its sender, as others see it.
pub(crate) fn person() -> (UserId, Person) {
    (user_id(1), Person::default())
}

/// A sealed text, of the size that sealing gives it.
pub(crate) fn sealed() -> Sealed {
    Sealed(vec![0x5e; 192].into())
}

/// A draft's MAC.
pub(crate) fn draft_mac(number: usize) -> Mac {
    let mut mac = [0; 32];
    mac[..8].copy_from_slice(&number.to_be_bytes());
    Mac(mac)
}
