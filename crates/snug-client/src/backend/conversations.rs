//! Conversations, and bans from them.

use reqwest::header::{HeaderMap, HeaderValue, IF_MATCH};
use serde::de::IgnoredAny;
use snug_wire::conversations::{
    Conversation, ConversationDraft, ConversationEnd, ConversationPatch, ConversationReplacement,
};
use snug_wire::exports::ExportEnd;
use snug_wire::ids::{ConversationId, JobId};
use snug_wire::jobs::StartedJob;
use snug_wire::messages::Message;
use snug_wire::paging::{ConversationsQuery, Page};
use snug_wire::preconditions;
use snug_wire::sanctions::{MemberBan, MemberMute, MemberUnban, MemberUnmute};

use super::{Backend, Put};
use crate::error::Error;
use crate::follower::Position;
use crate::rest::NOTHING;

impl Backend {
    /// Lists the app's conversations.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn conversations(&self, query: &ConversationsQuery) -> Result<Page<Conversation>, Error> {
        self.get(&["conversations"], Some(query)).await
    }

    /// Makes a conversation; with `distinct`, finds the one of exactly these members if there is one.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn create_conversation(&self, draft: &ConversationDraft) -> Result<Conversation, Error> {
        self.post(&["conversations"], draft).await
    }

    /// Makes or replaces a conversation; only if it still stands at `if_match`, where that is given.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn put_conversation(
        &self,
        conversation: &ConversationId,
        replacement: &ConversationReplacement,
        if_match: Option<Position>,
    ) -> Result<Put<Conversation>, Error> {
        let segments = ["conversations", conversation.as_str()];
        self.put(&segments, NOTHING, replacement, headers(if_match)?).await
    }

    /// Reads a conversation.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn conversation(&self, conversation: &ConversationId) -> Result<Conversation, Error> {
        self.get(&["conversations", conversation.as_str()], NOTHING).await
    }

    /// Changes a conversation; only if it still stands at `if_match`, where that is given.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn patch_conversation(
        &self,
        conversation: &ConversationId,
        patch: &ConversationPatch,
        if_match: Option<Position>,
    ) -> Result<Conversation, Error> {
        self.patch(&["conversations", conversation.as_str()], patch, headers(if_match)?).await
    }

    /// Deletes a conversation with all that it holds.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn delete_conversation(&self, conversation: &ConversationId) -> Result<(), Error> {
        self.delete_silently(&["conversations", conversation.as_str()], NOTHING).await
    }

    /// Reads all messages of a conversation, tombstones among them: `each` has them as they come. By the last line it can be ended.
    ///
    /// # Errors
    /// Those of every request; [`Error::Transport`] and [`Error::Answer`] also where the transcript was cut, and is not whole.
    pub async fn export_conversation(
        &self,
        conversation: &ConversationId,
        each: impl FnMut(Message),
    ) -> Result<ExportEnd, Error> {
        self.export(&["conversations", conversation.as_str(), "export"], each).await
    }

    /// Deletes a conversation of which one has the whole transcript, unless something has changed in it since. The job tells how far
    /// that is.
    ///
    /// # Errors
    /// Those of every request; [`Error::Refused`] as a conflict where something has changed.
    pub async fn end_conversation(
        &self,
        conversation: &ConversationId,
        end: &ConversationEnd,
    ) -> Result<JobId, Error> {
        let path = ["conversations", conversation.as_str(), "end"];
        Ok(self.post::<StartedJob>(&path, end).await?.job)
    }

    /// Bans a person from a conversation, which removes it if it is a member.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn ban_member(&self, conversation: &ConversationId, ban: &MemberBan) -> Result<(), Error> {
        self.post::<IgnoredAny>(&["conversations", conversation.as_str(), "ban"], ban).await.map(drop)
    }

    /// Mutes a member in a conversation.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn mute_member(&self, conversation: &ConversationId, mute: &MemberMute) -> Result<(), Error> {
        self.post::<IgnoredAny>(&["conversations", conversation.as_str(), "mute"], mute).await.map(drop)
    }

    /// Lifts a member's mute in a conversation.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn unmute_member(
        &self,
        conversation: &ConversationId,
        unmute: &MemberUnmute,
    ) -> Result<(), Error> {
        self.post::<IgnoredAny>(&["conversations", conversation.as_str(), "unmute"], unmute).await.map(drop)
    }

    /// Lifts a person's ban from a conversation, which adds nobody.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn unban_member(
        &self,
        conversation: &ConversationId,
        unban: &MemberUnban,
    ) -> Result<(), Error> {
        self.post::<IgnoredAny>(&["conversations", conversation.as_str(), "unban"], unban).await.map(drop)
    }
}

fn headers(if_match: Option<Position>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    if let Some(Position { epoch, rev }) = if_match {
        let tag = HeaderValue::try_from(preconditions::print(epoch, rev)).map_err(Error::transport)?;
        headers.insert(IF_MATCH, tag);
    }
    Ok(headers)
}
