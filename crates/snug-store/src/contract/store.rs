//! The store: what can be asked of it and done to it, an act a method.

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use snug_model::{
    AppKey, ConversationKey, JobId, KeyId, MessageId, Permit, RoleKey, Seq, Timestamp, UserKey,
    audit::Entries,
    facts::IdMac,
    ids::Region,
    messages::Window,
    sanctions::{InApp, InConversation},
};

use super::*;

/// A page of a list in order of row number: `after` is the last row number of the page before.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// The row number after which it begins, in the list's order.
    pub after: Option<i64>,
    /// Newest first.
    pub descending: bool,
    /// How many at most.
    pub limit: i64,
}

/// The data. Every method is one act: whole or not at all.
///
/// Methods that take a [`Permit`] compare the versions of the facts that it rests on in the transaction of the act, reads
/// too, and answer [`StoreError::Stale`] where one differs (a row that is not there has version 0). They find app,
/// conversation, user and view in the permit, so that an act cannot stray. The methods without one read what permits are
/// made of, or serve the server itself. A write enters the entries of its permit in the audit, in its own commit, and by a permit
/// that owes an entry and has none it does nothing. A write's answer comes after its commit is on stable storage. Methods that
/// change a conversation visibly take the next rev. Those that say something in it, or add somebody, answer
/// [`StoreError::Blocked`] where the permit heeds blocks and two are alone there, of whom one has blocked the other.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    // What permits are made of.

    /// An app with its roles and revoked tokens; deleted ones too.
    async fn app(&self, app: AppRef, now: Timestamp) -> StoreResult<Option<AppRecord>>;
    /// A key of any app; revoked ones too.
    async fn key(&self, id: &KeyId) -> StoreResult<Option<KeyRow>>;
    /// A registered public key of any app.
    async fn token_key(&self, id: &KeyId) -> StoreResult<Option<TokenKeyRow>>;
    /// A template of the app, by its id.
    async fn template(&self, app: AppKey, id: IdMac) -> StoreResult<Option<TemplateRow>>;
    /// A user; erased ones too.
    async fn user(&self, app: AppKey, user: UserRef) -> StoreResult<Option<UserRow>>;
    /// A conversation with the viewer's own row in it; deleted ones are not found.
    async fn conversation(
        &self,
        app: AppKey,
        conversation: ConversationRef,
        viewer: Viewer,
    ) -> StoreResult<Option<Found>>;
    /// A user's row in a conversation, whatever its access.
    async fn member(
        &self,
        app: AppKey,
        conversation: ConversationKey,
        user: UserKey,
    ) -> StoreResult<Option<MemberRow>>;

    // Apps, roles, keys, tokens.

    /// Makes an app with its first roles.
    async fn create_app(
        &self,
        permit: &Permit,
        app: AppRow,
        roles: Vec<RoleRow>,
        once: Option<Once>,
    ) -> StoreResult<()>;
    /// Apps that are not being deleted, by row number.
    async fn list_apps(&self, permit: &Permit, page: Page) -> StoreResult<Vec<AppRow>>;
    /// Changes the permit's app.
    async fn edit_app(&self, permit: &Permit, edit: AppEdit) -> StoreResult<AppRow>;
    /// Begins the deletion of the permit's app: every version that a permit could rest on grows.
    async fn delete_app(&self, permit: &Permit, job: JobRow) -> StoreResult<()>;
    /// Makes a role, or gives the one of that name these permissions; whether it is new.
    async fn put_role(&self, permit: &Permit, role: RoleRow) -> StoreResult<bool>;
    /// Deletes a role; `Taken` says that settings, keys, registered ones too, users or members, removed ones too, still have it.
    async fn delete_role(&self, permit: &Permit, role: RoleKey) -> StoreResult<()>;
    /// How many bear a role of the permit's app, each kind counted up to `most`.
    async fn bearers(&self, permit: &Permit, role: RoleKey, most: i64) -> StoreResult<Bearers>;
    /// Users that bear an app role and are not erased, by row number.
    async fn list_role_users(&self, permit: &Permit, role: RoleKey, page: Page) -> StoreResult<Vec<UserRow>>;
    /// Members with access `full` or `read` that bear a conversation role, in whichever conversations, in an order of their own, each
    /// with its place in it; deleted conversations have none.
    async fn list_role_members(
        &self,
        permit: &Permit,
        role: RoleKey,
        page: Page,
    ) -> StoreResult<Vec<(i64, MemberRow)>>;
    /// Adds up how often permissions were used under roles, and forgets what of the apps of these rows was counted before the day
    /// `kept_since`. Of roles that are gone, and of apps that are being deleted, nothing is kept.
    async fn add_role_use(&self, rows: Vec<RoleUseRow>, kept_since: i64) -> StoreResult<()>;
    /// How often permissions were used under the roles of the permit's app since a day, itself included: a row for each role and
    /// permission, whose day is the first one.
    async fn role_use(&self, permit: &Permit, since: i64) -> StoreResult<Vec<RoleUseRow>>;
    /// Makes a key.
    async fn create_key(&self, permit: &Permit, key: KeyRow) -> StoreResult<()>;
    /// Keys of the permit's app that were not revoked, by time of making.
    async fn list_keys(&self, permit: &Permit, page: Page) -> StoreResult<Vec<(i64, KeyRow)>>;
    /// Revokes a key of the permit's app; nothing changes where there is none, or where it was revoked.
    async fn revoke_key(&self, permit: &Permit, id: &KeyId, at: Timestamp) -> StoreResult<()>;
    /// Notes when keys were last used.
    async fn note_key_use(&self, used: Vec<(KeyId, Timestamp)>) -> StoreResult<()>;
    /// Adds up what was used of apps. Of those that are being deleted nothing is kept.
    async fn add_usage(&self, rows: Vec<UsageRow>) -> StoreResult<()>;
    /// What was used of the permit's app, from one day to another, both included, in their order; days without a row are left out.
    async fn usage(&self, permit: &Permit, from: i64, to: i64) -> StoreResult<Vec<UsageRow>>;
    /// Registers a public key.
    async fn create_token_key(&self, permit: &Permit, key: TokenKeyRow) -> StoreResult<()>;
    /// Registered public keys of the permit's app, by time of making.
    async fn list_token_keys(&self, permit: &Permit, page: Page) -> StoreResult<Vec<(i64, TokenKeyRow)>>;
    /// Deletes a registered public key of the permit's app; nothing changes where there is none.
    async fn delete_token_key(&self, permit: &Permit, id: &KeyId) -> StoreResult<()>;
    /// Makes a template, of version 1, or replaces the one of that row number, to which the next version belongs; whether it is
    /// new. `Taken` where another one has the id, `Changed` where the row has another version than the one before or is gone,
    /// `Full` where the app has as many as it may.
    async fn put_template(&self, permit: &Permit, template: TemplateRow) -> StoreResult<bool>;
    /// Templates of the permit's app, by row number.
    async fn list_templates(&self, permit: &Permit, page: Page) -> StoreResult<Vec<TemplateRow>>;
    /// Deletes a template of the permit's app; nothing changes where there is none.
    async fn delete_template(&self, permit: &Permit, id: IdMac) -> StoreResult<()>;
    /// Ends tokens. Bounds never go back.
    async fn revoke_tokens(
        &self,
        permit: &Permit,
        revocation: RevocationRow,
        once: Option<Once>,
    ) -> StoreResult<()>;

    // Users.

    /// Makes or changes a user.
    async fn write_user(&self, permit: &Permit, write: UserWrite) -> StoreResult<UserRow>;
    /// Users that are not erased, by row number.
    async fn list_users(&self, permit: &Permit, page: Page) -> StoreResult<Vec<UserRow>>;
    /// Users by row number, erased ones too, in no order.
    async fn people(&self, permit: &Permit, users: &[UserKey]) -> StoreResult<Vec<UserRow>>;
    /// Users by id, not erased; with `sharing`, only those who are members of a conversation of which that user is one.
    async fn people_by_id(
        &self,
        permit: &Permit,
        ids: &[IdMac],
        sharing: Option<UserKey>,
    ) -> StoreResult<Vec<UserRow>>;
    /// Bans a user from the app, which ends its tokens too, or lifts the ban.
    async fn set_user_ban(
        &self,
        permit: &Permit,
        user: UserKey,
        ban: Option<SanctionRow>,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<()>;
    /// Mutes a user in the app, or lifts that. `NotFound` where it is no user of the app, or was erased.
    async fn set_user_mute(
        &self,
        permit: &Permit,
        user: UserKey,
        mute: Option<SanctionRow>,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<()>;
    /// Shadow-bans a user, or lifts that, which shows nothing that was hidden. `NotFound` where it is no user of the app, or was
    /// erased.
    async fn set_user_shadow_ban(
        &self,
        permit: &Permit,
        user: UserKey,
        ban: Option<SanctionRow>,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<()>;
    /// Users who are under a sanction of this kind at `now`, by row number.
    async fn list_user_sanctions(
        &self,
        permit: &Permit,
        kind: InApp,
        now: Timestamp,
        page: Page,
    ) -> StoreResult<Vec<UserRow>>;
    /// Has a user block another one since then, or lifts that; it stays as it is where it is so already. `NotFound` where one of
    /// them is no user of the app, or was erased; `Full` where it has blocked as many as it may.
    async fn set_block(
        &self,
        permit: &Permit,
        user: UserKey,
        other: UserKey,
        since: Option<Timestamp>,
    ) -> StoreResult<()>;
    /// Whom a user has blocked, by row number.
    async fn list_blocks(&self, permit: &Permit, user: UserKey, page: Page) -> StoreResult<Vec<BlockRow>>;
    /// Has a user accept a text, and answers what is kept of that: of who has accepted it before, what was kept then. Where the
    /// user has no row yet it is made, and [`StoreError::Taken`] says that its id is in use. `NotFound` where it is no user of the
    /// app, or was erased.
    async fn accept_consent(
        &self,
        permit: &Permit,
        write: ConsentWrite,
        once: Option<Once>,
    ) -> StoreResult<ConsentRow>;
    /// What users, or this one, have accepted, in order of row number.
    async fn list_consents(
        &self,
        permit: &Permit,
        user: Option<UserKey>,
        page: Page,
    ) -> StoreResult<Vec<ConsentRow>>;
    /// Believes proofs again that say nothing of when they were made, of a user whose tokens were ended at this time or before.
    /// `NotFound` where it is no user of the app, or was erased.
    async fn allow_proofs(
        &self,
        permit: &Permit,
        user: UserKey,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<()>;
    /// Conversations with a row of a user's membership, former ones too, or with messages that others sent in its name: by row number,
    /// above `after`. Deleted ones are among them.
    async fn conversations_of(
        &self,
        permit: &Permit,
        user: UserKey,
        after: Option<ConversationKey>,
        limit: i64,
    ) -> StoreResult<Vec<ConversationKey>>;
    /// A user's reactions in the permit's conversation, by row number.
    async fn reactions_of(
        &self,
        permit: &Permit,
        user: UserKey,
        page: Page,
    ) -> StoreResult<Vec<OwnReactionRow>>;
    /// Counts a visitor's return: from `from` to `to`, and whether that was so. What it returned by is so good once.
    async fn resume_visitor(&self, permit: &Permit, user: UserKey, from: i64, to: i64) -> StoreResult<bool>;
    /// Begins the erasure of a user: blanks its row, ends its tokens, keeps the MAC of its id.
    async fn erase_user(&self, permit: &Permit, user: UserKey, job: JobRow) -> StoreResult<()>;

    // Conversations and members.

    /// Makes a conversation with its first members; answers it with the row of the permit's user, if it is one of them.
    /// `NotFound` where one is no user of the app, or was erased.
    async fn create_conversation(
        &self,
        permit: &Permit,
        new: NewConversation,
        once: Option<Once>,
    ) -> StoreResult<Found>;
    /// Changes the permit's conversation.
    async fn edit_conversation(
        &self,
        permit: &Permit,
        edit: ConversationEdit,
    ) -> StoreResult<ConversationRow>;
    /// Deletes the permit's conversation: it is found no more, and its id is free. The row has `gone_id` from here on.
    async fn delete_conversation(&self, permit: &Permit, deletion: ConversationDeletion) -> StoreResult<()>;
    /// Conversations of the app, by row number.
    async fn list_conversations(
        &self,
        permit: &Permit,
        filter: ConversationFilter,
        page: Page,
    ) -> StoreResult<Vec<ConversationRow>>;
    /// Adds members: one commit, one rev. `NotFound` where one is no user of the app, or was erased.
    async fn add_members(
        &self,
        permit: &Permit,
        members: Vec<MemberAdd>,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<MembersChanged>;
    /// Changes a member with access `full` or `read`. A change of `notify` or of the read mark alone takes no rev.
    async fn edit_member(&self, permit: &Permit, edit: MemberEdit) -> StoreResult<MembersChanged>;
    /// Removes a member: access `none`, with a view frozen at the rev that this takes; `forget` drops the view too. Of who
    /// was removed before nothing changes that others see, so it takes no rev: its view stays as it was frozen, or is
    /// dropped. `NotFound` where the user never was a member.
    async fn remove_member(
        &self,
        permit: &Permit,
        user: UserKey,
        forget: bool,
        at: Timestamp,
    ) -> StoreResult<MembersChanged>;
    /// Bans a person from the conversation, member or not, which removes it; or lifts the ban, which adds nobody. Who never
    /// was a member gets a row with `role`, forgotten, for it has no view. It takes a rev where a member is removed.
    /// `NotFound` where it is no user of the app, or was erased.
    async fn set_member_ban(
        &self,
        permit: &Permit,
        user: UserKey,
        role: RoleKey,
        ban: Option<SanctionRow>,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<MembersChanged>;
    /// Mutes a member with access `full` or `read`, or lifts that; its row as it is then. It takes no rev, and is an event.
    async fn set_member_mute(
        &self,
        permit: &Permit,
        user: UserKey,
        mute: Option<SanctionRow>,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<MemberRow>;
    /// People who are under a sanction of this kind in the permit's conversation at `now`, members or not, by row number of
    /// the user.
    async fn list_member_sanctions(
        &self,
        permit: &Permit,
        kind: InConversation,
        now: Timestamp,
        page: Page,
    ) -> StoreResult<Vec<MemberRow>>;
    /// Members with access `full` or `read`, by row number of the user.
    async fn list_members(&self, permit: &Permit, page: Page) -> StoreResult<Vec<MemberRow>>;
    /// Moves a read mark; answers where it is then.
    async fn mark_read(&self, permit: &Permit, mark: ReadMark) -> StoreResult<MemberRow>;
    /// Who is to hear of the permit's conversation.
    async fn audience(&self, permit: &Permit) -> StoreResult<Audience>;

    // Messages.

    /// Appends messages to the permit's conversation, in this order and all in one commit: the new ones take revs that follow
    /// each other. Each is answered by itself: what is wrong with one (`Taken`, `NotFound`, `TooSoon`, `Blocked`) does not concern the others.
    async fn append_all(
        &self,
        permit: &Permit,
        messages: Vec<NewMessage>,
    ) -> StoreResult<Vec<StoreResult<Appended>>>;
    /// Appends a message to the permit's conversation.
    async fn append(&self, permit: &Permit, message: NewMessage) -> StoreResult<Appended> {
        let mut answers = self.append_all(permit, vec![message]).await?;
        answers.pop().ok_or_else(|| StoreError::Corrupt("an append without an answer".to_owned()))?
    }
    /// Changes what a message says; a tombstone is not found.
    async fn edit_message(&self, permit: &Permit, edit: MessageEdit) -> StoreResult<MessageChanged>;
    /// Makes a message a tombstone: no body, no reactions; what it said is kept as its last version.
    async fn delete_message(
        &self,
        permit: &Permit,
        id: MessageId,
        at: Timestamp,
    ) -> StoreResult<MessageChanged>;
    /// Sets or takes back a reaction; a tombstone is not found; `Full` where the message has as many emoji as it may.
    async fn react(&self, permit: &Permit, reaction: ReactionWrite) -> StoreResult<MessageChanged>;
    /// One message.
    async fn message(&self, permit: &Permit, id: MessageId) -> StoreResult<Option<MessageRow>>;
    /// What a message said, oldest first, its present body last where it has one.
    async fn versions(&self, permit: &Permit, id: MessageId) -> StoreResult<Vec<VersionRow>>;
    /// A page of messages, at any depth for the same cost. Around a seq are up to half of `limit` below it, and the rest
    /// from it on.
    async fn history(&self, permit: &Permit, window: Window, limit: i64) -> StoreResult<MessagePage>;
    /// What changed in conversations, each by its own permit, all in one snapshot. Each is answered by itself: that one is
    /// `Stale` or not found does not concern the others. It answers the first one, and then as many as it takes to have
    /// more than `bytes_max` of what is sealed.
    async fn sync_all(
        &self,
        asks: Vec<(Permit, SyncFrom)>,
        bytes_max: usize,
    ) -> StoreResult<Vec<StoreResult<SyncRows>>>;
    /// What changed in the permit's conversation.
    async fn sync(&self, permit: &Permit, from: SyncFrom) -> StoreResult<SyncRows> {
        let mut answers = self.sync_all(vec![(permit.clone(), from)], 0).await?;
        answers.pop().ok_or_else(|| StoreError::Corrupt("a sync without an answer".to_owned()))?
    }

    // Inboxes.

    /// A part of a user's inbox.
    async fn inbox(&self, permit: &Permit, user: UserKey, query: InboxQuery) -> StoreResult<InboxRows>;
    /// One conversation of a user: the permit's.
    async fn inbox_item(&self, permit: &Permit, user: UserKey) -> StoreResult<Option<InboxRow>>;
    /// How many of a user's `look` newest conversations hold something unread.
    async fn unread(&self, permit: &Permit, user: UserKey, look: i64) -> StoreResult<UnreadRows>;
    /// Gives up to `limit` conversations that changed their places in their members' inboxes; how many it was.
    async fn place_inboxes(&self, limit: i64) -> StoreResult<i64>;

    // Events.

    /// What was committed in the permit's app after a place, in its order; up to `limit`, each message counted. What is
    /// committed later has a later place, and of one conversation all comes in order of rev.
    async fn events(&self, permit: &Permit, after: Option<EventPlace>, limit: i64) -> StoreResult<EventPage>;
    /// Forgets events noted before `before`, up to `limit`; how many it was.
    async fn forget_events(&self, before: Timestamp, limit: i64) -> StoreResult<i64>;

    // Retention.

    /// Has the messages of the permit's app purged, or counted: adds the job, unless one of its kind waits or runs; that one then.
    /// `asked` says whether somebody asked for it.
    async fn begin_purge(&self, permit: &Permit, job: JobRow, asked: bool) -> StoreResult<JobRow>;
    /// Apps that are not being deleted and whose last purge began before `before`, if there was one; up to `limit`.
    async fn apps_to_purge(&self, before: Timestamp, limit: i64) -> StoreResult<Vec<AppKey>>;
    /// Takes a purge that is due, as [`Self::claim_job`] takes every other job.
    async fn claim_purge(&self, now: Timestamp, lease_until: Timestamp) -> StoreResult<Option<PurgeRow>>;
    /// A purge of the permit's app, by its job.
    async fn purge(&self, permit: &Permit, id: &JobId) -> StoreResult<Option<PurgeRow>>;
    /// Conversations of the permit's app of which the first message is due.
    async fn due_conversations(&self, permit: &Permit, query: DueQuery) -> StoreResult<DuePage>;
    /// What of the permit's conversation would go: what is due and not held, up to the first message that is not due.
    async fn count_due(&self, permit: &Permit, before: Timestamp) -> StoreResult<PurgeCounts>;
    /// Removes messages of the permit's conversation from the first on, up to one that is not due or is held, with their versions
    /// and reactions; their ids are remembered. It takes a rev, and the purge counts them, in the same commit.
    async fn purge_messages(&self, permit: &Permit, step: PurgeStep) -> StoreResult<Purged>;
    /// Adds to what a purge counted, and to the days that it destroyed; nobody else takes it before `lease_until`.
    async fn note_purge(
        &self,
        id: &JobId,
        counts: PurgeCounts,
        days: Vec<PurgedDay>,
        lease_until: Timestamp,
    ) -> StoreResult<()>;
    /// Ends a purge.
    async fn end_purge(&self, id: &JobId, end: PurgeEnd, at: Timestamp) -> StoreResult<()>;
    /// Forgets the ids of messages that were purged before `before`, up to `limit`, and as many purges that ended before it; how
    /// many ids it was.
    async fn forget_purged(&self, before: Timestamp, limit: i64) -> StoreResult<i64>;
    /// Notes that it is `now`, unless that is more than `step_ms_max` after the newest time that was noted; the newest noted then,
    /// which is before `now` in that case alone. The first time follows the newest event, if there is one.
    async fn see_time(&self, now: Timestamp, step_ms_max: i64) -> StoreResult<Timestamp>;
    /// Notes that it is `now`, whatever was noted before.
    async fn accept_time(&self, now: Timestamp) -> StoreResult<()>;

    /// Has the messages of the permit's conversation live so many days at most, or as long as the app says. It has a rule of its own
    /// from then on. [`StoreError::Full`] where no number is left for one.
    async fn set_kept_days(&self, permit: &Permit, days: Option<u16>) -> StoreResult<ConversationRow>;
    /// Puts a legal hold on something of the permit's app, or lifts it. Purges that have not committed yet heed it.
    async fn set_hold(&self, permit: &Permit, on: HoldOn, held: bool, at: Timestamp) -> StoreResult<()>;
    /// The legal holds of the permit's app, by their numbers.
    async fn holds(&self, permit: &Permit, page: Page) -> StoreResult<Vec<HoldRow>>;
    /// The first messages of the permit's conversation, up to `limit`, as far as each is due and held.
    async fn due_held(&self, permit: &Permit, before: Timestamp, limit: i64) -> StoreResult<Vec<DueMessage>>;
    /// Sets the first messages of the permit's conversation aside, sealed anew under `rule`, up to one that has changed since, is
    /// not due or not held any more. To its readers they are purged: it takes a rev.
    async fn hold_messages(
        &self,
        permit: &Permit,
        step: PurgeStep,
        rule: i32,
        messages: Vec<HeldMessage>,
    ) -> StoreResult<Purged>;
    /// Messages of the permit's conversation that were set aside, after a seq, with all that was sealed for them; up to `limit`.
    async fn held_messages(&self, permit: &Permit, after: Seq, limit: i64) -> StoreResult<Vec<DueMessage>>;
    /// Messages of the permit's app that were set aside and are not held any more; up to `limit`.
    async fn released(&self, permit: &Permit, limit: i64) -> StoreResult<Vec<(ConversationKey, Seq)>>;
    /// Removes these of them, as [`Self::purge_messages`] does, but for the rev: no reader knew of them.
    async fn purge_released(
        &self,
        permit: &Permit,
        step: PurgeStep,
        messages: Vec<(ConversationKey, Seq)>,
    ) -> StoreResult<PurgeCounts>;
    /// Buckets of what was set aside in the permit's app, of which no row is left; up to `limit`.
    async fn empty_held_days(&self, permit: &Permit, limit: i64) -> StoreResult<Vec<PurgedDay>>;
    /// Forgets these of them, whose secrets are destroyed.
    async fn forget_held_days(&self, permit: &Permit, days: Vec<PurgedDay>) -> StoreResult<()>;
    /// Conversations of the permit's app with a rule of their own, after a row number; up to `limit`.
    async fn ruled_conversations(
        &self,
        permit: &Permit,
        after: ConversationKey,
        limit: i64,
    ) -> StoreResult<Vec<RuledRow>>;

    // Idempotency and jobs.

    /// What a request with this scope did before.
    async fn remembered(&self, app: AppKey, scope: Mac) -> StoreResult<Option<Remembered>>;
    /// Keeps the answer to a request that was remembered with its act.
    async fn keep_answer(&self, app: AppKey, scope: Mac, answer: Sealed) -> StoreResult<()>;
    /// Forgets requests remembered before `before`, up to `limit`; how many it was.
    async fn forget_answers(&self, before: Timestamp, limit: i64) -> StoreResult<i64>;

    // The audit.

    /// Enters the entries of a permit, which allows something that changes nothing.
    async fn enter(&self, permit: &Permit) -> StoreResult<()>;
    /// Enters what was refused, for which there is no permit; not in an app that is gone.
    async fn enter_refused(&self, entries: Arc<Entries>) -> StoreResult<()>;
    /// Entries of the permit's app, or of the installation, by their places.
    async fn list_audit(
        &self,
        permit: &Permit,
        filter: AuditFilter,
        page: Page,
    ) -> StoreResult<Vec<AuditRow>>;
    /// Where the chain of the permit's app, or of the installation, ends.
    async fn audit_end(&self, permit: &Permit) -> StoreResult<AuditEnd>;

    /// One job of the permit's app.
    async fn job(&self, permit: &Permit, id: &JobId) -> StoreResult<Option<JobRow>>;
    /// Takes one job that is due and no purge, until `lease_until`; nobody else gets it before.
    async fn claim_job(&self, now: Timestamp, lease_until: Timestamp) -> StoreResult<Option<JobRow>>;
    /// Does a step of a job's work on the data, up to `rows` rows, and notes its progress in the same commit; when nothing
    /// is left to do the job is done. Answers the job as it is then.
    async fn work_job(
        &self,
        id: &JobId,
        rows: i64,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> StoreResult<JobRow>;

    /// What an erasure of the permit's app found, by its job.
    async fn erasure(&self, permit: &Permit, id: &JobId) -> StoreResult<Option<ErasureRow>>;

    // Following the key store's ledger.

    /// How far the data has followed the ledger.
    async fn followed(&self) -> StoreResult<Followed>;
    /// Notes that the data has followed the ledger up to a position. It never goes back.
    async fn note_followed(&self, position: i64) -> StoreResult<()>;
    /// Marks as erased or deleted whom or what a destroyed secret belonged to, with the job that does the rest, where the data does not
    /// know that yet; whether it did not. Nobody is asked: it was permitted when it was done.
    async fn redo(&self, destroyed: SecretName, job: JobRow) -> StoreResult<bool>;
    /// Has data that was restored from a backup go on: all conversations get other epochs, and no row number, place of an event or version
    /// is given again that was given after the backup was made.
    async fn begin_anew(&self, anew: Anew) -> StoreResult<()>;

    // The server itself.

    /// Row numbers that nobody else gets, for rows that are sealed before they are inserted.
    async fn reserve(&self, count: u32) -> StoreResult<Range<i64>>;
    /// The region that the data belongs to; if it belongs to none yet, it is this one from here on.
    async fn claim_region(&self, region: &Region) -> StoreResult<Region>;
    /// Whether it can be asked and can commit.
    async fn ready(&self) -> StoreResult<()>;
    /// Rows that statements have handed over so far.
    fn rows_read(&self) -> u64;
    /// Walks the data and verifies what can be seen of the invariants at rest.
    async fn check(&self) -> StoreResult<Vec<Finding>>;
    /// A part of a walk over every sealed value.
    async fn walk(&self, from: WalkFrom, limit: i64) -> StoreResult<WalkPage>;
}
