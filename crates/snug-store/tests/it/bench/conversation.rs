//! A conversation, and what is done in it.

use std::sync::Arc;

use snug_model::{
    Action, Actor, ConversationKey, Denied, Epoch, Facts, JobId, MessageId, Permit, Rev, Seq, Timestamp,
    UserKey,
    conversations::State,
    facts::{ConversationFacts, MemberFacts},
};
use snug_store::{
    Appended, ConversationEdit, ConversationRef, ConversationRow, JobKind, MemberEdit, MemberRow,
    MembersChanged, MessageChanged, MessageEdit, MessageRow, NewMessage, ReactionWrite, ReadMark,
    SanctionRow, SenderRow, Store, StoreResult, SyncFrom, SyncRows, Viewer,
};

use super::{App, Bench, deletion, mac, message_id, seal};

/// A conversation, seen through a store.
#[derive(Clone)]
pub(crate) struct Conversation {
    pub(crate) app: App,
    pub(crate) key: ConversationKey,
    pub(crate) epoch: Epoch,
}

/// A message that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) id: MessageId,
    pub(crate) seq: Seq,
    pub(crate) rev: Rev,
}

impl Conversation {
    /// The same conversation, seen through the store as it is open now.
    pub(crate) fn on(&self, bench: &Bench) -> Self {
        self.through(&bench.store)
    }

    /// The same conversation, seen through another store of the same data.
    pub(crate) fn through(&self, store: &Arc<dyn Store>) -> Self {
        Self { app: self.app.through(store), ..self.clone() }
    }

    pub(crate) async fn row(&self) -> ConversationRow {
        let by_key = ConversationRef::Key(self.key);
        let found = self.app.store.conversation(self.app.key, by_key, Viewer::Anyone).await;
        found.expect("conversations can be read").expect("the conversation is there").conversation
    }

    pub(crate) async fn member(&self, user: UserKey) -> Option<MemberRow> {
        self.app.store.member(self.app.key, self.key, user).await.expect("members can be read")
    }

    /// What a decision about a user in the conversation rests on, as it is now.
    pub(crate) async fn facts(&self, user: UserKey) -> Facts {
        let member = self.member(user).await;
        let role = match &member {
            Some(row) => self.app.permissions(row.role).await,
            None => Default::default(),
        };
        let member = member.map(|row| MemberFacts {
            version: row.version,
            role,
            access: row.access,
            banned_until: row.ban.map(|ban| ban.until),
            muted_until: row.mute.map(|mute| mute.until),
            frozen_rev: row.frozen_rev,
            joined_seq: row.joined_seq,
            forgotten: row.forgotten,
        });
        let conversation = Some(self.settings().await);
        Facts { conversation, member, ..self.app.client_facts(user).await }
    }

    async fn settings(&self) -> ConversationFacts {
        let row = self.row().await;
        ConversationFacts {
            key: row.key,
            id: row.id_mac,
            version: row.version,
            state: row.state,
            frozen: row.frozen,
            slow_mode_s: row.slow_mode_s,
            history: row.history,
        }
    }

    /// A permit of the server itself, for everything in the conversation.
    pub(crate) async fn system(&self) -> Permit {
        let facts = Facts { conversation: Some(self.settings().await), ..self.app.facts().await };
        self.app
            .decide(&Actor::System(self.app.key), &Action::ReadConversation, &facts)
            .expect("the server may do everything")
    }

    /// A permit of a member's client, present or removed, for what it sees.
    pub(crate) async fn client(&self, user: UserKey) -> Permit {
        self.decide(user, &Action::ReadMessages).await.expect("the member may read")
    }

    /// What is decided about an act of a user in the conversation.
    pub(crate) async fn decide(&self, user: UserKey, action: &Action) -> Result<Permit, Denied> {
        self.app.client_decides(user, action, &self.facts(user).await)
    }

    /// A message that was not sent yet.
    pub(crate) fn message(&self, sender: SenderRow, text: &str) -> NewMessage {
        NewMessage {
            id: message_id(self.app.number()),
            sender,
            via: None,
            body: seal(text),
            draft: mac(text),
            reply_to: None,
            after_seq: None,
            at: self.app.now(),
        }
    }

    /// Sends a message by its sender's client.
    pub(crate) async fn send(&self, sender: UserKey, text: &str) -> Sent {
        let message = self.message(SenderRow::User(sender), text);
        self.append(&self.client(sender).await, message).await.expect("the message is new")
    }

    /// Sends a message of the app itself.
    pub(crate) async fn announce(&self, text: &str) -> Sent {
        let message = self.message(SenderRow::System, text);
        self.append(&self.system().await, message).await.expect("the message is new")
    }

    /// Appends what must be a new message.
    pub(crate) async fn append(&self, permit: &Permit, message: NewMessage) -> StoreResult<Sent> {
        let id = message.id;
        match self.app.store.append(permit, message).await? {
            Appended::New { seq, rev } => Ok(Sent { id, seq, rev }),
            Appended::Repeat(row) => panic!("a new message is taken for a repeat of {row:?}"),
        }
    }

    pub(crate) async fn message_row(&self, id: MessageId) -> MessageRow {
        let found = self.app.store.message(&self.system().await, id).await;
        found.expect("messages can be read").expect("the message is there")
    }

    /// Edits a message to `text`, as version `version`.
    pub(crate) async fn edit(&self, id: MessageId, version: i64, text: &str) -> StoreResult<MessageChanged> {
        let edit = MessageEdit { id, body: seal(text), version, at: self.app.now() };
        self.app.store.edit_message(&self.system().await, edit).await
    }

    pub(crate) async fn delete_message(&self, id: MessageId) -> StoreResult<MessageChanged> {
        self.app.store.delete_message(&self.system().await, id, self.app.now()).await
    }

    pub(crate) fn reaction(&self, id: MessageId, user: UserKey, emoji: &str, on: bool) -> ReactionWrite {
        let sealed = on.then(|| seal(format!("{emoji} of {user}")));
        ReactionWrite { id, user, emoji_mac: mac(emoji), emoji: sealed, at: self.app.now() }
    }

    /// Sets or takes back a reaction, by its user's client.
    pub(crate) async fn react(
        &self,
        user: UserKey,
        id: MessageId,
        emoji: &str,
        on: bool,
    ) -> StoreResult<MessageChanged> {
        let write = self.reaction(id, user, emoji, on);
        self.app.store.react(&self.client(user).await, write).await
    }

    pub(crate) async fn add(&self, users: &[UserKey]) -> MembersChanged {
        let members = users.iter().map(|user| self.app.member_add(*user)).collect();
        let added = self.app.store.add_members(&self.system().await, members, self.app.now(), None).await;
        added.expect("members can be added")
    }

    pub(crate) async fn remove(&self, user: UserKey) -> MembersChanged {
        self.leave(user, false).await
    }

    pub(crate) async fn forget(&self, user: UserKey) -> MembersChanged {
        self.leave(user, true).await
    }

    async fn leave(&self, user: UserKey, forget: bool) -> MembersChanged {
        let removed = self.app.store.remove_member(&self.system().await, user, forget, self.app.now()).await;
        removed.expect("the member can be removed")
    }

    /// Bans a person until a time, or lifts the ban.
    pub(crate) async fn ban(&self, user: UserKey, until: Option<Timestamp>) -> MembersChanged {
        let at = self.app.now();
        let ban = until.map(|until| SanctionRow { until, note: Some(seal("why")), since: at });
        let role = self.app.role(snug_model::roles::MEMBER);
        let banned = self.app.store.set_member_ban(&self.system().await, user, role, ban, at, None).await;
        banned.expect("the ban can be set")
    }

    /// An edit of a member that changes nothing yet.
    pub(crate) fn member_edit(&self, user: UserKey) -> MemberEdit {
        MemberEdit {
            user,
            role: None,
            access: None,
            profile: None,
            notify: None,
            read_seq: None,
            at: self.app.now(),
        }
    }

    pub(crate) async fn edit_member(&self, edit: MemberEdit) -> StoreResult<MembersChanged> {
        self.app.store.edit_member(&self.system().await, edit).await
    }

    /// Moves a user's own read mark.
    pub(crate) async fn mark(&self, user: UserKey, seq: Seq, back: bool) -> StoreResult<MemberRow> {
        let mark = ReadMark { user, seq, back, at: self.app.now() };
        self.app.store.mark_read(&self.client(user).await, mark).await
    }

    /// An edit of the conversation that leaves everything as it is, but for the profile's version.
    pub(crate) async fn unchanged(&self) -> ConversationEdit {
        let row = self.row().await;
        ConversationEdit {
            alias: None,
            profile: row.profile,
            profile_version: row.profile_version + 1,
            state: row.state,
            frozen: row.frozen,
            slow_mode_s: row.slow_mode_s,
            history: row.history,
            if_match: None,
            at: self.app.now(),
        }
    }

    /// Archives the conversation, or opens it again.
    pub(crate) async fn archive(&self, state: State) {
        let edit = ConversationEdit { state, ..self.unchanged().await };
        self.edit_conversation(edit).await.expect("a conversation can be archived");
    }

    /// Deletes the conversation; the job that empties it.
    pub(crate) async fn delete(&self) -> JobId {
        let job = self.app.job(JobKind::PurgeConversation(self.key));
        let id = job.id.clone();
        let deleted = self.app.store.delete_conversation(&self.system().await, deletion(job)).await;
        deleted.expect("a conversation can be deleted");
        id
    }

    pub(crate) async fn edit_conversation(&self, edit: ConversationEdit) -> StoreResult<ConversationRow> {
        self.app.store.edit_conversation(&self.system().await, edit).await
    }

    /// What a permit's reader misses since a rev, with nothing forgotten.
    pub(crate) async fn sync(&self, permit: &Permit, since: Rev, limit: i64) -> StoreResult<SyncRows> {
        let from = SyncFrom { epoch: self.epoch, since, limit, kept_since: Timestamp(0) };
        self.app.store.sync(permit, from).await
    }
}
