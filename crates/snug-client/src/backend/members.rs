//! Members.

use reqwest::header::HeaderMap;
use snug_wire::ids::{ConversationId, UserId};
use snug_wire::members::{AddedMembers, Member, MemberAddition, MemberPatch, MemberReplacement};
use snug_wire::paging::{Page, PageQuery, RemovalQuery};

use super::{Backend, Put};
use crate::error::Error;
use crate::rest::NOTHING;

impl Backend {
    /// Lists a conversation's members.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn members(
        &self,
        conversation: &ConversationId,
        query: &PageQuery,
    ) -> Result<Page<Member>, Error> {
        self.get(&["conversations", conversation.as_str(), "members"], Some(query)).await
    }

    /// Adds members, all or none: one commit, one push.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn add_members(
        &self,
        conversation: &ConversationId,
        addition: &MemberAddition,
    ) -> Result<AddedMembers, Error> {
        self.post(&["conversations", conversation.as_str(), "members"], addition).await
    }

    /// Adds or replaces a member.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn put_member(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        replacement: &MemberReplacement,
    ) -> Result<Put<Member>, Error> {
        let segments = ["conversations", conversation.as_str(), "members", user.as_str()];
        self.put(&segments, NOTHING, replacement, HeaderMap::new()).await
    }

    /// Changes a member.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn patch_member(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        patch: &MemberPatch,
    ) -> Result<Member, Error> {
        let segments = ["conversations", conversation.as_str(), "members", user.as_str()];
        self.patch(&segments, patch, HeaderMap::new()).await
    }

    /// Removes a member, who keeps a view frozen at the removal, unless the query says to forget it.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn remove_member(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        query: &RemovalQuery,
    ) -> Result<(), Error> {
        let segments = ["conversations", conversation.as_str(), "members", user.as_str()];
        self.delete_silently(&segments, Some(query)).await
    }
}
