//! Messages, reactions and read marks.

use reqwest::header::HeaderMap;
use serde::de::IgnoredAny;
use snug_wire::batches::{MessageBatch, MessageResult, MessageResults};
use snug_wire::ids::{ConversationId, MessageId};
use snug_wire::messages::{
    Changes, Message, MessageDraft, MessagePatch, MessageVersion, ReadMark, ReadRequest, Typing,
    WrittenMessage,
};
use snug_wire::paging::{AsQuery, HistoryQuery, Nothing, Page, SyncQuery};
use snug_wire::text::Emoji;

use super::Backend;
use crate::error::Error;
use crate::rest::NOTHING;

impl Backend {
    /// Sends a message: in the name that the draft says, or the system's. Sent again with the same id, it is the same
    /// message.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn send(&self, conversation: &ConversationId, draft: &MessageDraft) -> Result<Message, Error> {
        let segments = ["conversations", conversation.as_str(), "messages"];
        self.post::<WrittenMessage>(&segments, draft).await.map(|written| written.message)
    }

    /// Sends up to 100 messages in one commit; what became of each, in their order. Sent again with the same ids, they are the
    /// same messages.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn send_batch(
        &self,
        conversation: &ConversationId,
        messages: Vec<MessageDraft>,
    ) -> Result<Vec<MessageResult>, Error> {
        let segments = ["conversations", conversation.as_str(), "messages", "batch"];
        let batch = MessageBatch { messages: messages.into() };
        self.post::<MessageResults>(&segments, &batch).await.map(|answer| answer.results)
    }

    /// Reads a page of a conversation's messages, ascending by seq.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn history(
        &self,
        conversation: &ConversationId,
        query: &HistoryQuery,
    ) -> Result<Page<Message>, Error> {
        self.get(&["conversations", conversation.as_str(), "messages"], Some(query)).await
    }

    /// Reads a message.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn message(&self, conversation: &ConversationId, id: &MessageId) -> Result<Message, Error> {
        let id = id.0.to_string();
        let segments = ["conversations", conversation.as_str(), "messages", &id];
        self.get::<WrittenMessage>(&segments, NOTHING).await.map(|written| written.message)
    }

    /// Reads what changed in a conversation.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn sync(&self, conversation: &ConversationId, query: &SyncQuery) -> Result<Changes, Error> {
        self.get(&["conversations", conversation.as_str(), "sync"], Some(query)).await
    }

    /// Edits a message.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn edit(
        &self,
        conversation: &ConversationId,
        id: &MessageId,
        patch: &MessagePatch,
    ) -> Result<Message, Error> {
        let id = id.0.to_string();
        let segments = ["conversations", conversation.as_str(), "messages", &id];
        let answer = self.patch::<WrittenMessage>(&segments, patch, HeaderMap::new()).await;
        answer.map(|written| written.message)
    }

    /// Deletes a message, which leaves a tombstone.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn delete_message(&self, conversation: &ConversationId, id: &MessageId) -> Result<(), Error> {
        let id = id.0.to_string();
        let segments = ["conversations", conversation.as_str(), "messages", &id];
        self.delete_silently(&segments, NOTHING).await
    }

    /// Reads what a message said, oldest version first.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn versions(
        &self,
        conversation: &ConversationId,
        id: &MessageId,
    ) -> Result<Page<MessageVersion>, Error> {
        let id = id.0.to_string();
        self.get(&["conversations", conversation.as_str(), "messages", &id, "versions"], NOTHING).await
    }

    /// Reacts to a message in a user's name, or takes that back.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn react(
        &self,
        conversation: &ConversationId,
        id: &MessageId,
        emoji: &Emoji,
        on: bool,
        as_user: &AsQuery,
    ) -> Result<(), Error> {
        let id = id.0.to_string();
        let segments = ["conversations", conversation.as_str(), "messages", &id, "reactions", emoji.as_str()];
        if on {
            let put = self.put::<IgnoredAny>(&segments, Some(as_user), &Nothing {}, HeaderMap::new());
            put.await.map(drop)
        } else {
            self.delete_silently(&segments, Some(as_user)).await
        }
    }

    /// Moves a user's read mark.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn read(
        &self,
        conversation: &ConversationId,
        request: &ReadRequest,
        as_user: &AsQuery,
    ) -> Result<ReadMark, Error> {
        let segments = ["conversations", conversation.as_str(), "read"];
        self.put(&segments, Some(as_user), request, HeaderMap::new()).await.map(|put| put.value)
    }

    /// Shows that a user is typing, or no longer.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn typing(
        &self,
        conversation: &ConversationId,
        typing: Typing,
        as_user: &AsQuery,
    ) -> Result<(), Error> {
        let segments = ["conversations", conversation.as_str(), "typing"];
        self.post_as::<IgnoredAny>(&segments, Some(as_user), &typing).await.map(drop)
    }
}
