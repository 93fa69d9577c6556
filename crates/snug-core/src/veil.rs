//! What a shadow-banned person wrote, as each reader is to see it: its author as it was written, who may read versions with a
//! note, and everybody else as a tombstone.

use std::borrow::Cow;

use snug_model::{Timestamp, UserKey, messages::Message};
use snug_store::{MessageRow, SenderRow};

use crate::{people::People, views::Shown};

/// Who reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader {
    /// The user; none for a back end.
    pub(crate) user: Option<UserKey>,
    /// Whether it may read what messages said before, and so what is hidden.
    pub(crate) versions: bool,
}

impl Reader {
    /// Whether the message is hidden from it.
    pub(crate) fn is_denied(self, row: &MessageRow) -> bool {
        row.hidden_at.is_some() && !self.versions && !self.wrote(row)
    }

    fn wrote(self, row: &MessageRow) -> bool {
        self.user.is_some_and(|user| row.sender == SenderRow::User(user))
    }

    /// The rows as it may see them. `hidden_at` is left to those who are to be told of it.
    pub(crate) fn sees(self, rows: &[MessageRow]) -> Cow<'_, [MessageRow]> {
        if rows.iter().all(|row| row.hidden_at.is_none()) {
            return Cow::Borrowed(rows);
        }
        Cow::Owned(rows.iter().map(|row| self.sees_one(row)).collect())
    }

    fn sees_one(self, row: &MessageRow) -> MessageRow {
        if self.is_denied(row) {
            let tombstone = MessageRow { body: None, reactions: Vec::new(), ..row.clone() };
            return MessageRow { edited_at: None, deleted_at: row.hidden_at, hidden_at: None, ..tombstone };
        }
        MessageRow { hidden_at: row.hidden_at.filter(|_| !self.wrote(row)), ..row.clone() }
    }
}

/// A hidden message as its author sees it, as those do who may read versions, and as the others do.
pub(crate) struct Veiled {
    pub(crate) author: Shown<Message>,
    pub(crate) seers: Shown<Message>,
    pub(crate) others: Shown<Message>,
}

impl Veiled {
    /// Of a message that is hidden since `hidden_at`.
    pub(crate) fn new(shown: &Shown<Message>, hidden_at: Timestamp) -> Self {
        let message = &shown.what;
        let author = Message { hidden: false, ..message.clone() };
        let seers = Message { hidden: true, ..message.clone() };
        let others = Message {
            content: None,
            reactions: Vec::new(),
            edited_at: None,
            deleted_at: Some(hidden_at),
            ..author.clone()
        };
        // Whom the message mentions is part of what it says.
        let mut sender = People::new();
        if let snug_model::messages::Sender::User(Some(user)) = &message.sender
            && let Some(person) = shown.people.get(user)
        {
            sender.insert(user.clone(), person.clone());
        }
        let with = |what, people: &People| Shown { what, people: people.clone() };
        Self {
            author: with(author, &shown.people),
            seers: with(seers, &shown.people),
            others: with(others, &sender),
        }
    }
}
