//! Users, their bans, and their inboxes.

use reqwest::header::HeaderMap;
use serde::de::IgnoredAny;
use snug_wire::batches::{BatchedUser, UserBatch, UserResult, UserResults};
use snug_wire::blocks::Block;
use snug_wire::consents::{Acceptance, ConsentRecord};
use snug_wire::conversations::{Inbox, InboxItem};
use snug_wire::exports::ExportEnd;
use snug_wire::ids::{ConversationId, UserId};
use snug_wire::jobs::StartedJob;
use snug_wire::of_user::OfUser;
use snug_wire::paging::{InboxQuery, Nothing, Page, PageQuery, UsersQuery};
use snug_wire::people::FoundPerson;
use snug_wire::sanctions::{BanDraft, MuteDraft, Sanctioned, ShadowBanDraft};
use snug_wire::users::{Presence, User, UserDraft, UserPatch};

use super::{Backend, Put};
use crate::error::Error;
use crate::rest::NOTHING;

impl Backend {
    /// Lists the app's users.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn users(&self, query: &UsersQuery) -> Result<Page<User>, Error> {
        self.get(&["users"], Some(query)).await
    }

    /// Looks up the name and picture of the people in `query.ids`.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn people(&self, query: &UsersQuery) -> Result<Page<FoundPerson>, Error> {
        self.get(&["users"], Some(query)).await
    }

    /// Makes or replaces a user.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn put_user(&self, user: &UserId, draft: &UserDraft) -> Result<Put<User>, Error> {
        self.put(&["users", user.as_str()], NOTHING, draft, HeaderMap::new()).await
    }

    /// Makes or replaces up to 100 users; what became of each, in their order.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn put_users(&self, users: Vec<BatchedUser>) -> Result<Vec<UserResult>, Error> {
        let batch = UserBatch { users: users.into() };
        self.post::<UserResults>(&["users"], &batch).await.map(|answer| answer.results)
    }

    /// Reads a user.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn user(&self, user: &UserId) -> Result<User, Error> {
        self.get(&["users", user.as_str()], NOTHING).await
    }

    /// Changes a user.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn patch_user(&self, user: &UserId, patch: &UserPatch) -> Result<User, Error> {
        self.patch(&["users", user.as_str()], patch, HeaderMap::new()).await
    }

    /// Accepts the text that the app demands, for a user.
    ///
    /// # Errors
    /// Those of every request: `conflict` where the app demands another text than this.
    pub async fn accept_consent(&self, user: &UserId, accepted: &Acceptance) -> Result<ConsentRecord, Error> {
        self.post(&["users", user.as_str(), "consents"], accepted).await
    }

    /// Lists which texts a user has accepted.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn consents(&self, user: &UserId, query: &PageQuery) -> Result<Page<ConsentRecord>, Error> {
        self.get(&["users", user.as_str(), "consents"], Some(query)).await
    }

    /// Lists who has accepted which texts.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn all_consents(&self, query: &PageQuery) -> Result<Page<ConsentRecord>, Error> {
        self.get(&["consents"], Some(query)).await
    }

    /// Exports who has accepted which texts, in the order in which they did: `each` has them as they come. How many there were.
    ///
    /// # Errors
    /// Those of every request; [`Error::Transport`] and [`Error::Answer`] also where the export was cut, and is not whole.
    pub async fn export_consents(&self, each: impl FnMut(ConsentRecord)) -> Result<u64, Error> {
        Ok(self.export(&["consents", "export"], each).await?.count)
    }

    /// Exports what a user wrote and is: `each` has the things as they come. The last line.
    ///
    /// # Errors
    /// Those of every request; [`Error::Transport`] and [`Error::Answer`] also where the export was cut, and is not whole.
    pub async fn export_user(&self, user: &UserId, each: impl FnMut(OfUser)) -> Result<ExportEnd, Error> {
        self.export(&["users", user.as_str(), "export"], each).await
    }

    /// Erases a user: what it wrote and is, for good. The job tells how far that is.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn erase_user(&self, user: &UserId) -> Result<StartedJob, Error> {
        self.delete(&["users", user.as_str()], NOTHING).await
    }

    /// Bans a user everywhere, and closes its sessions.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn ban_user(&self, user: &UserId, ban: &BanDraft) -> Result<(), Error> {
        self.post::<IgnoredAny>(&["users", user.as_str(), "ban"], ban).await.map(drop)
    }

    /// Mutes a user in the whole app.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn mute_user(&self, user: &UserId, mute: &MuteDraft) -> Result<(), Error> {
        self.post::<IgnoredAny>(&["users", user.as_str(), "mute"], mute).await.map(drop)
    }

    /// Lifts a user's mute.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn unmute_user(&self, user: &UserId) -> Result<(), Error> {
        self.post::<IgnoredAny>(&["users", user.as_str(), "unmute"], &Nothing {}).await.map(drop)
    }

    /// The first page of who is banned from the app.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn bans(&self) -> Result<Page<Sanctioned>, Error> {
        self.get(&["bans"], NOTHING).await
    }

    /// The first page of who is muted in the app.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn mutes(&self) -> Result<Page<Sanctioned>, Error> {
        self.get(&["mutes"], NOTHING).await
    }

    /// Shadow-bans a user: what it writes is hidden from the others, and nothing that it sees says so.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn shadow_ban_user(&self, user: &UserId, ban: &ShadowBanDraft) -> Result<(), Error> {
        self.post::<IgnoredAny>(&["users", user.as_str(), "shadow_ban"], ban).await.map(drop)
    }

    /// Lifts a user's shadow ban; what was hidden stays so.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn shadow_unban_user(&self, user: &UserId) -> Result<(), Error> {
        self.post::<IgnoredAny>(&["users", user.as_str(), "shadow_unban"], &Nothing {}).await.map(drop)
    }

    /// Has a user block another one.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn block_user(&self, user: &UserId, other: &UserId) -> Result<(), Error> {
        let path = ["users", user.as_str(), "blocks", other.as_str()];
        self.put::<IgnoredAny>(&path, NOTHING, &Nothing {}, HeaderMap::new()).await.map(drop)
    }

    /// Lifts a user's block of another one.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn unblock_user(&self, user: &UserId, other: &UserId) -> Result<(), Error> {
        self.delete::<IgnoredAny>(&["users", user.as_str(), "blocks", other.as_str()], NOTHING)
            .await
            .map(drop)
    }

    /// The first page of whom a user has blocked.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn blocks(&self, user: &UserId) -> Result<Page<Block>, Error> {
        self.get(&["users", user.as_str(), "blocks"], NOTHING).await
    }

    /// Lifts a user's ban.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn unban_user(&self, user: &UserId) -> Result<(), Error> {
        self.post::<IgnoredAny>(&["users", user.as_str(), "unban"], &Nothing {}).await.map(drop)
    }

    /// Makes a user's access tokens void, and closes its sessions.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn revoke_tokens_of(&self, user: &UserId) -> Result<(), Error> {
        self.post::<IgnoredAny>(&["users", user.as_str(), "revoke_tokens"], &Nothing {}).await.map(drop)
    }

    /// Whether a user is there.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn presence(&self, user: &UserId) -> Result<Presence, Error> {
        self.get(&["users", user.as_str(), "presence"], NOTHING).await
    }

    /// Reads a part of a user's inbox.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn inbox(&self, user: &UserId, query: &InboxQuery) -> Result<Inbox, Error> {
        self.get(&["users", user.as_str(), "conversations"], Some(query)).await
    }

    /// Reads one item of a user's inbox.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn inbox_item(&self, user: &UserId, conversation: &ConversationId) -> Result<InboxItem, Error> {
        self.get(&["users", user.as_str(), "conversations", conversation.as_str()], NOTHING).await
    }
}
