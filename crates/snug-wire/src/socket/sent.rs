//! A new message, as its readers and its sender hear of it: what it says is written once for all.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::Answer;
use crate::{
    ids::{ConversationId, Rev},
    json,
    messages::Message,
    people::People,
};

/// A message as JSON, for the frames that carry it.
#[derive(Debug)]
pub struct MessageJson(Box<RawValue>);

impl MessageJson {
    /// Writes the message.
    ///
    /// # Errors
    /// As [`json::print`].
    pub fn new(message: &Message) -> Result<Self, serde_json::Error> {
        to_raw_value(message).map(Self)
    }

    /// Writes the frame of a [`Push::Message`](super::Push::Message).
    ///
    /// # Errors
    /// As [`json::print`].
    pub fn push(
        &self,
        conversation: &ConversationId,
        rev: Rev,
        users: &People,
    ) -> Result<Vec<u8>, serde_json::Error> {
        #[derive(Serialize)]
        struct Frame<'a> {
            push: &'static str,
            conversation: &'a ConversationId,
            rev: Rev,
            message: &'a RawValue,
            users: &'a People,
        }
        json::print(&Frame { push: "message", conversation, rev, message: &self.0, users })
    }

    /// Writes the frame of an answer that is a [`WrittenMessage`](crate::messages::WrittenMessage).
    ///
    /// # Errors
    /// As [`json::print`].
    pub fn answer(&self, n: u64) -> Result<Vec<u8>, serde_json::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            message: &'a RawValue,
        }
        Answer::frame(n, Written { message: &self.0 })
    }
}
