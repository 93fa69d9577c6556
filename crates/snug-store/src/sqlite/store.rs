//! The contract, method by method: which side does it, and the function that does.

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use rusqlite::params;
use snug_model::{
    AppKey, ConversationKey, JobId, KeyId, MessageId, Permit, RoleKey, Seq, Timestamp, UserKey,
    audit::Entries,
    facts::IdMac,
    ids::Region,
    messages::Window,
    sanctions::{InApp, InConversation},
};

use super::{
    Sqlite, apps, audit, blocks, check, consents, conversations, erasures, events, holds, idempotency, inbox,
    jobs, keys, members, messages, of_user, retention, roles, sanctions, sync, templates, token_keys, usage,
    users, walk,
};
use crate::*;

#[async_trait]
impl Store for Sqlite {
    async fn app(&self, app: AppRef, now: Timestamp) -> StoreResult<Option<AppRecord>> {
        self.readers.read(move |sql| apps::find(sql, &app, now)).await
    }

    async fn key(&self, id: &KeyId) -> StoreResult<Option<KeyRow>> {
        let id = id.clone();
        self.readers.read(move |sql| keys::find(sql, &id)).await
    }

    async fn user(&self, app: AppKey, user: UserRef) -> StoreResult<Option<UserRow>> {
        self.readers.read(move |sql| users::find(sql, app, user)).await
    }

    async fn conversation(
        &self,
        app: AppKey,
        conversation: ConversationRef,
        viewer: Viewer,
    ) -> StoreResult<Option<Found>> {
        self.readers.read(move |sql| conversations::find(sql, app, conversation, viewer)).await
    }

    async fn member(
        &self,
        app: AppKey,
        conversation: ConversationKey,
        user: UserKey,
    ) -> StoreResult<Option<MemberRow>> {
        self.readers.read(move |sql| members::row(sql, app, conversation, user)).await
    }

    async fn create_app(
        &self,
        permit: &Permit,
        app: AppRow,
        roles: Vec<RoleRow>,
        once: Option<Once>,
    ) -> StoreResult<()> {
        self.act(permit, move |sql, permit| apps::create(sql, permit, app, roles, once)).await
    }

    async fn list_apps(&self, permit: &Permit, page: Page) -> StoreResult<Vec<AppRow>> {
        self.read(permit, move |sql, _| apps::list(sql, page)).await
    }

    async fn edit_app(&self, permit: &Permit, edit: AppEdit) -> StoreResult<AppRow> {
        self.act(permit, move |sql, permit| apps::edit(sql, permit, edit)).await
    }

    async fn delete_app(&self, permit: &Permit, job: JobRow) -> StoreResult<()> {
        self.act(permit, move |sql, permit| apps::delete(sql, permit, job)).await
    }

    async fn put_role(&self, permit: &Permit, role: RoleRow) -> StoreResult<bool> {
        self.act(permit, move |sql, permit| apps::put_role(sql, permit, role)).await
    }

    async fn delete_role(&self, permit: &Permit, role: RoleKey) -> StoreResult<()> {
        self.act(permit, move |sql, permit| apps::delete_role(sql, permit, role)).await
    }

    async fn bearers(&self, permit: &Permit, role: RoleKey, most: i64) -> StoreResult<Bearers> {
        self.read(permit, move |sql, permit| roles::bearers(sql, permit, role, most)).await
    }

    async fn list_role_users(&self, permit: &Permit, role: RoleKey, page: Page) -> StoreResult<Vec<UserRow>> {
        self.read(permit, move |sql, permit| roles::list_users(sql, permit, role, page)).await
    }

    async fn list_role_members(
        &self,
        permit: &Permit,
        role: RoleKey,
        page: Page,
    ) -> StoreResult<Vec<(i64, MemberRow)>> {
        self.read(permit, move |sql, permit| roles::list_members(sql, permit, role, page)).await
    }

    async fn add_role_use(&self, rows: Vec<RoleUseRow>, kept_since: i64) -> StoreResult<()> {
        self.writer.act(move |sql| roles::add_use(sql, &rows, kept_since)).await
    }

    async fn role_use(&self, permit: &Permit, since: i64) -> StoreResult<Vec<RoleUseRow>> {
        self.read(permit, move |sql, permit| roles::read_use(sql, permit, since)).await
    }

    async fn create_key(&self, permit: &Permit, key: KeyRow) -> StoreResult<()> {
        self.act(permit, move |sql, permit| keys::create(sql, permit, key)).await
    }

    async fn list_keys(&self, permit: &Permit, page: Page) -> StoreResult<Vec<(i64, KeyRow)>> {
        self.read(permit, move |sql, permit| keys::list(sql, permit, page)).await
    }

    async fn revoke_key(&self, permit: &Permit, id: &KeyId, at: Timestamp) -> StoreResult<()> {
        let id = id.clone();
        self.act(permit, move |sql, permit| keys::revoke(sql, permit, &id, at)).await
    }

    async fn token_key(&self, id: &KeyId) -> StoreResult<Option<TokenKeyRow>> {
        let id = id.clone();
        self.readers.read(move |sql| token_keys::find(sql, &id)).await
    }

    async fn create_token_key(&self, permit: &Permit, key: TokenKeyRow) -> StoreResult<()> {
        self.act(permit, move |sql, permit| token_keys::create(sql, permit, &key)).await
    }

    async fn list_token_keys(&self, permit: &Permit, page: Page) -> StoreResult<Vec<(i64, TokenKeyRow)>> {
        self.read(permit, move |sql, permit| token_keys::list(sql, permit, page)).await
    }

    async fn delete_token_key(&self, permit: &Permit, id: &KeyId) -> StoreResult<()> {
        let id = id.clone();
        self.act(permit, move |sql, permit| token_keys::delete(sql, permit, &id)).await
    }

    async fn template(&self, app: AppKey, id: IdMac) -> StoreResult<Option<TemplateRow>> {
        self.readers.read(move |sql| templates::find(sql, app, id)).await
    }

    async fn put_template(&self, permit: &Permit, template: TemplateRow) -> StoreResult<bool> {
        self.act(permit, move |sql, permit| templates::put(sql, permit, &template)).await
    }

    async fn list_templates(&self, permit: &Permit, page: Page) -> StoreResult<Vec<TemplateRow>> {
        self.read(permit, move |sql, permit| templates::list(sql, permit, page)).await
    }

    async fn delete_template(&self, permit: &Permit, id: IdMac) -> StoreResult<()> {
        self.act(permit, move |sql, permit| templates::delete(sql, permit, id)).await
    }

    async fn note_key_use(&self, used: Vec<(KeyId, Timestamp)>) -> StoreResult<()> {
        self.writer.act(move |sql| keys::note_use(sql, &used)).await
    }

    async fn add_usage(&self, rows: Vec<UsageRow>) -> StoreResult<()> {
        self.writer.act(move |sql| usage::add(sql, &rows)).await
    }

    async fn usage(&self, permit: &Permit, from: i64, to: i64) -> StoreResult<Vec<UsageRow>> {
        self.read(permit, move |sql, permit| usage::read(sql, permit, from, to)).await
    }

    async fn revoke_tokens(
        &self,
        permit: &Permit,
        revocation: RevocationRow,
        once: Option<Once>,
    ) -> StoreResult<()> {
        self.act(permit, move |sql, permit| apps::revoke_tokens(sql, permit, revocation, once)).await
    }

    async fn write_user(&self, permit: &Permit, write: UserWrite) -> StoreResult<UserRow> {
        self.act(permit, move |sql, permit| users::write(sql, permit, write)).await
    }

    async fn list_users(&self, permit: &Permit, page: Page) -> StoreResult<Vec<UserRow>> {
        self.read(permit, move |sql, permit| users::list(sql, permit, page)).await
    }

    async fn people(&self, permit: &Permit, users: &[UserKey]) -> StoreResult<Vec<UserRow>> {
        let users = users.to_vec();
        self.read(permit, move |sql, permit| users::people(sql, permit, &users)).await
    }

    async fn people_by_id(
        &self,
        permit: &Permit,
        ids: &[IdMac],
        sharing: Option<UserKey>,
    ) -> StoreResult<Vec<UserRow>> {
        let ids = ids.to_vec();
        self.read(permit, move |sql, permit| users::people_by_id(sql, permit, &ids, sharing)).await
    }

    async fn set_user_ban(
        &self,
        permit: &Permit,
        user: UserKey,
        ban: Option<SanctionRow>,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<()> {
        self.act(permit, move |sql, permit| users::set_ban(sql, permit, user, ban, at, once)).await
    }

    async fn set_user_mute(
        &self,
        permit: &Permit,
        user: UserKey,
        mute: Option<SanctionRow>,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<()> {
        self.act(permit, move |sql, permit| sanctions::mute_user(sql, permit, user, mute, at, once)).await
    }

    async fn set_user_shadow_ban(
        &self,
        permit: &Permit,
        user: UserKey,
        ban: Option<SanctionRow>,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<()> {
        self.act(permit, move |sql, permit| sanctions::shadow_ban_user(sql, permit, user, ban, at, once))
            .await
    }

    async fn list_user_sanctions(
        &self,
        permit: &Permit,
        kind: InApp,
        now: Timestamp,
        page: Page,
    ) -> StoreResult<Vec<UserRow>> {
        self.read(permit, move |sql, permit| sanctions::list_users(sql, permit, kind, now, page)).await
    }

    async fn set_block(
        &self,
        permit: &Permit,
        user: UserKey,
        other: UserKey,
        since: Option<Timestamp>,
    ) -> StoreResult<()> {
        self.act(permit, move |sql, permit| blocks::set(sql, permit, user, other, since)).await
    }

    async fn list_blocks(&self, permit: &Permit, user: UserKey, page: Page) -> StoreResult<Vec<BlockRow>> {
        self.read(permit, move |sql, permit| blocks::list(sql, permit, user, page)).await
    }

    async fn accept_consent(
        &self,
        permit: &Permit,
        write: ConsentWrite,
        once: Option<Once>,
    ) -> StoreResult<ConsentRow> {
        self.act(permit, move |sql, permit| consents::accept(sql, permit, write, once)).await
    }

    async fn list_consents(
        &self,
        permit: &Permit,
        user: Option<UserKey>,
        page: Page,
    ) -> StoreResult<Vec<ConsentRow>> {
        self.read(permit, move |sql, permit| consents::list(sql, permit, user, page)).await
    }

    async fn allow_proofs(
        &self,
        permit: &Permit,
        user: UserKey,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<()> {
        self.act(permit, move |sql, permit| users::allow_proofs(sql, permit, user, at, once)).await
    }

    async fn conversations_of(
        &self,
        permit: &Permit,
        user: UserKey,
        after: Option<ConversationKey>,
        limit: i64,
    ) -> StoreResult<Vec<ConversationKey>> {
        self.read(permit, move |sql, permit| of_user::conversations(sql, permit, user, after, limit)).await
    }

    async fn reactions_of(
        &self,
        permit: &Permit,
        user: UserKey,
        page: Page,
    ) -> StoreResult<Vec<OwnReactionRow>> {
        self.read(permit, move |sql, permit| of_user::reactions(sql, permit, user, page)).await
    }

    async fn resume_visitor(&self, permit: &Permit, user: UserKey, from: i64, to: i64) -> StoreResult<bool> {
        self.act(permit, move |sql, permit| users::resume(sql, permit, user, from, to)).await
    }

    async fn erase_user(&self, permit: &Permit, user: UserKey, job: JobRow) -> StoreResult<()> {
        self.act(permit, move |sql, permit| users::erase(sql, permit, user, job)).await
    }

    async fn create_conversation(
        &self,
        permit: &Permit,
        new: NewConversation,
        once: Option<Once>,
    ) -> StoreResult<Found> {
        self.act(permit, move |sql, permit| conversations::create(sql, permit, new, once)).await
    }

    async fn edit_conversation(
        &self,
        permit: &Permit,
        edit: ConversationEdit,
    ) -> StoreResult<ConversationRow> {
        self.act(permit, move |sql, permit| conversations::edit(sql, permit, edit)).await
    }

    async fn delete_conversation(&self, permit: &Permit, deletion: ConversationDeletion) -> StoreResult<()> {
        self.act(permit, move |sql, permit| conversations::delete(sql, permit, deletion)).await
    }

    async fn list_conversations(
        &self,
        permit: &Permit,
        filter: ConversationFilter,
        page: Page,
    ) -> StoreResult<Vec<ConversationRow>> {
        self.read(permit, move |sql, permit| conversations::list(sql, permit, filter, page)).await
    }

    async fn add_members(
        &self,
        permit: &Permit,
        members: Vec<MemberAdd>,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<MembersChanged> {
        self.act(permit, move |sql, permit| members::add(sql, permit, members, at, once)).await
    }

    async fn edit_member(&self, permit: &Permit, edit: MemberEdit) -> StoreResult<MembersChanged> {
        self.act(permit, move |sql, permit| members::edit(sql, permit, edit)).await
    }

    async fn remove_member(
        &self,
        permit: &Permit,
        user: UserKey,
        forget: bool,
        at: Timestamp,
    ) -> StoreResult<MembersChanged> {
        self.act(permit, move |sql, permit| members::remove(sql, permit, user, forget, at)).await
    }

    async fn set_member_ban(
        &self,
        permit: &Permit,
        user: UserKey,
        role: RoleKey,
        ban: Option<SanctionRow>,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<MembersChanged> {
        self.act(permit, move |sql, permit| members::set_ban(sql, permit, user, role, ban, at, once)).await
    }

    async fn set_member_mute(
        &self,
        permit: &Permit,
        user: UserKey,
        mute: Option<SanctionRow>,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<MemberRow> {
        self.act(permit, move |sql, permit| sanctions::mute_member(sql, permit, user, mute, at, once)).await
    }

    async fn list_member_sanctions(
        &self,
        permit: &Permit,
        kind: InConversation,
        now: Timestamp,
        page: Page,
    ) -> StoreResult<Vec<MemberRow>> {
        self.read(permit, move |sql, permit| sanctions::list_members(sql, permit, kind, now, page)).await
    }

    async fn list_members(&self, permit: &Permit, page: Page) -> StoreResult<Vec<MemberRow>> {
        self.read(permit, move |sql, permit| members::list(sql, permit, page)).await
    }

    async fn mark_read(&self, permit: &Permit, mark: ReadMark) -> StoreResult<MemberRow> {
        self.light(permit, move |sql, permit| members::mark_read(sql, permit, mark)).await
    }

    async fn audience(&self, permit: &Permit) -> StoreResult<Audience> {
        self.read(permit, members::audience).await
    }

    async fn append_all(
        &self,
        permit: &Permit,
        messages: Vec<NewMessage>,
    ) -> StoreResult<Vec<StoreResult<Appended>>> {
        Sqlite::append(self, permit, move |sql, permit| messages::append_all(sql, permit, messages)).await
    }

    async fn edit_message(&self, permit: &Permit, edit: MessageEdit) -> StoreResult<MessageChanged> {
        self.act(permit, move |sql, permit| messages::edit(sql, permit, edit)).await
    }

    async fn delete_message(
        &self,
        permit: &Permit,
        id: MessageId,
        at: Timestamp,
    ) -> StoreResult<MessageChanged> {
        self.act(permit, move |sql, permit| messages::delete(sql, permit, id, at)).await
    }

    async fn react(&self, permit: &Permit, reaction: ReactionWrite) -> StoreResult<MessageChanged> {
        self.act(permit, move |sql, permit| messages::react(sql, permit, reaction)).await
    }

    async fn message(&self, permit: &Permit, id: MessageId) -> StoreResult<Option<MessageRow>> {
        self.read(permit, move |sql, permit| messages::find(sql, permit, id)).await
    }

    async fn versions(&self, permit: &Permit, id: MessageId) -> StoreResult<Vec<VersionRow>> {
        self.read(permit, move |sql, permit| messages::versions(sql, permit, id)).await
    }

    async fn history(&self, permit: &Permit, window: Window, limit: i64) -> StoreResult<MessagePage> {
        self.read(permit, move |sql, permit| messages::history(sql, permit, window, limit)).await
    }

    async fn sync_all(
        &self,
        asks: Vec<(Permit, SyncFrom)>,
        bytes_max: usize,
    ) -> StoreResult<Vec<StoreResult<SyncRows>>> {
        let reads: Vec<_> = asks
            .iter()
            .map(|(permit, from)| {
                let from = *from;
                self.with(permit, move |sql, permit| sync::sync(sql, permit, from))
            })
            .collect();
        self.readers
            .read(move |sql| {
                let mut answers = SyncAnswers::up_to(bytes_max);
                for read in reads {
                    if !answers.take(read(sql))? {
                        break;
                    }
                }
                Ok(answers.into_inner())
            })
            .await
    }

    async fn inbox(&self, permit: &Permit, user: UserKey, query: InboxQuery) -> StoreResult<InboxRows> {
        self.read(permit, move |sql, permit| inbox::inbox(sql, permit, user, query)).await
    }

    async fn inbox_item(&self, permit: &Permit, user: UserKey) -> StoreResult<Option<InboxRow>> {
        self.read(permit, move |sql, permit| inbox::inbox_item(sql, permit, user)).await
    }

    async fn unread(&self, permit: &Permit, user: UserKey, look: i64) -> StoreResult<UnreadRows> {
        self.read(permit, move |sql, permit| inbox::unread(sql, permit, user, look)).await
    }

    async fn place_inboxes(&self, limit: i64) -> StoreResult<i64> {
        let turn = *self.placed.lock();
        let (count, last) = self.writer.light(move |sql| inbox::place(sql, turn, limit)).await?;
        *self.placed.lock() = last;
        Ok(count)
    }

    async fn remembered(&self, app: AppKey, scope: Mac) -> StoreResult<Option<Remembered>> {
        self.readers.read(move |sql| idempotency::remembered(sql, app, scope)).await
    }

    async fn keep_answer(&self, app: AppKey, scope: Mac, answer: Sealed) -> StoreResult<()> {
        self.writer.act(move |sql| idempotency::keep_answer(sql, app, scope, answer)).await
    }

    async fn events(&self, permit: &Permit, after: Option<EventPlace>, limit: i64) -> StoreResult<EventPage> {
        self.read(permit, move |sql, permit| events::read(sql, permit, after, limit)).await
    }

    async fn forget_events(&self, before: Timestamp, limit: i64) -> StoreResult<i64> {
        self.writer.act(move |sql| events::forget(sql, before, limit)).await
    }

    async fn forget_answers(&self, before: Timestamp, limit: i64) -> StoreResult<i64> {
        self.writer.act(move |sql| idempotency::forget(sql, before, limit)).await
    }

    async fn enter(&self, permit: &Permit) -> StoreResult<()> {
        self.act(permit, |_, _| Ok(())).await
    }

    async fn enter_refused(&self, entries: Arc<Entries>) -> StoreResult<()> {
        self.writer.act(move |sql| audit::append_refused(sql, &entries)).await
    }

    async fn list_audit(
        &self,
        permit: &Permit,
        filter: AuditFilter,
        page: Page,
    ) -> StoreResult<Vec<AuditRow>> {
        self.read(permit, move |sql, permit| audit::list(sql, permit, &filter, page)).await
    }

    async fn audit_end(&self, permit: &Permit) -> StoreResult<AuditEnd> {
        self.read(permit, |sql, permit| audit::end(sql, permit.app())).await
    }

    async fn begin_purge(&self, permit: &Permit, job: JobRow, asked: bool) -> StoreResult<JobRow> {
        self.act(permit, move |sql, permit| retention::begin(sql, permit, &job, asked)).await
    }

    async fn apps_to_purge(&self, before: Timestamp, limit: i64) -> StoreResult<Vec<AppKey>> {
        self.readers.read(move |sql| retention::apps(sql, before, limit)).await
    }

    async fn claim_purge(&self, now: Timestamp, lease_until: Timestamp) -> StoreResult<Option<PurgeRow>> {
        self.writer.act(move |sql| retention::claim(sql, now, lease_until)).await
    }

    async fn purge(&self, permit: &Permit, id: &JobId) -> StoreResult<Option<PurgeRow>> {
        let id = id.clone();
        self.read(permit, move |sql, permit| retention::find(sql, permit, &id)).await
    }

    async fn due_conversations(&self, permit: &Permit, query: DueQuery) -> StoreResult<DuePage> {
        self.read(permit, move |sql, permit| retention::due(sql, permit, query)).await
    }

    async fn count_due(&self, permit: &Permit, before: Timestamp) -> StoreResult<PurgeCounts> {
        self.read(permit, move |sql, permit| retention::count(sql, permit, before)).await
    }

    async fn purge_messages(&self, permit: &Permit, step: PurgeStep) -> StoreResult<Purged> {
        self.act(permit, move |sql, permit| retention::purge(sql, permit, &step)).await
    }

    async fn note_purge(
        &self,
        id: &JobId,
        counts: PurgeCounts,
        days: Vec<PurgedDay>,
        lease_until: Timestamp,
    ) -> StoreResult<()> {
        let id = id.clone();
        self.writer.act(move |sql| retention::note(sql, &id, &counts, &days, lease_until)).await
    }

    async fn end_purge(&self, id: &JobId, end: PurgeEnd, at: Timestamp) -> StoreResult<()> {
        let id = id.clone();
        self.writer.act(move |sql| retention::end(sql, &id, end, at)).await
    }

    async fn forget_purged(&self, before: Timestamp, limit: i64) -> StoreResult<i64> {
        self.writer.act(move |sql| retention::forget(sql, before, limit)).await
    }

    async fn see_time(&self, now: Timestamp, step_ms_max: i64) -> StoreResult<Timestamp> {
        self.writer.light(move |sql| retention::see_time(sql, now, step_ms_max)).await
    }

    async fn accept_time(&self, now: Timestamp) -> StoreResult<()> {
        self.writer.light(move |sql| retention::accept_time(sql, now)).await
    }

    async fn set_kept_days(&self, permit: &Permit, days: Option<u16>) -> StoreResult<ConversationRow> {
        self.act(permit, move |sql, permit| holds::set_kept_days(sql, permit, days)).await
    }

    async fn set_hold(&self, permit: &Permit, on: HoldOn, held: bool, at: Timestamp) -> StoreResult<()> {
        self.act(permit, move |sql, permit| holds::set(sql, permit, on, held, at)).await
    }

    async fn holds(&self, permit: &Permit, page: Page) -> StoreResult<Vec<HoldRow>> {
        self.read(permit, move |sql, permit| holds::list(sql, permit, page)).await
    }

    async fn due_held(&self, permit: &Permit, before: Timestamp, limit: i64) -> StoreResult<Vec<DueMessage>> {
        self.read(permit, move |sql, permit| holds::due(sql, permit, before, limit)).await
    }

    async fn hold_messages(
        &self,
        permit: &Permit,
        step: PurgeStep,
        rule: i32,
        messages: Vec<HeldMessage>,
    ) -> StoreResult<Purged> {
        self.act(permit, move |sql, permit| holds::hold(sql, permit, &step, rule, &messages)).await
    }

    async fn held_messages(&self, permit: &Permit, after: Seq, limit: i64) -> StoreResult<Vec<DueMessage>> {
        self.read(permit, move |sql, permit| holds::messages(sql, permit, after, limit)).await
    }

    async fn released(&self, permit: &Permit, limit: i64) -> StoreResult<Vec<(ConversationKey, Seq)>> {
        self.read(permit, move |sql, permit| holds::released(sql, permit, limit)).await
    }

    async fn purge_released(
        &self,
        permit: &Permit,
        step: PurgeStep,
        messages: Vec<(ConversationKey, Seq)>,
    ) -> StoreResult<PurgeCounts> {
        self.act(permit, move |sql, permit| holds::purge_released(sql, permit, &step, &messages)).await
    }

    async fn empty_held_days(&self, permit: &Permit, limit: i64) -> StoreResult<Vec<PurgedDay>> {
        self.read(permit, move |sql, permit| holds::empty_days(sql, permit, limit)).await
    }

    async fn forget_held_days(&self, permit: &Permit, days: Vec<PurgedDay>) -> StoreResult<()> {
        self.act(permit, move |sql, permit| holds::forget_days(sql, permit, &days)).await
    }

    async fn ruled_conversations(
        &self,
        permit: &Permit,
        after: ConversationKey,
        limit: i64,
    ) -> StoreResult<Vec<RuledRow>> {
        self.read(permit, move |sql, permit| holds::ruled(sql, permit, after, limit)).await
    }

    async fn job(&self, permit: &Permit, id: &JobId) -> StoreResult<Option<JobRow>> {
        let id = id.clone();
        self.read(permit, move |sql, permit| jobs::find(sql, permit, &id)).await
    }

    async fn claim_job(&self, now: Timestamp, lease_until: Timestamp) -> StoreResult<Option<JobRow>> {
        self.writer.act(move |sql| jobs::claim(sql, jobs::Queue::Others, now, lease_until)).await
    }

    async fn work_job(
        &self,
        id: &JobId,
        rows: i64,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> StoreResult<JobRow> {
        let id = id.clone();
        self.writer.act(move |sql| jobs::work(sql, &id, rows, now, lease_until)).await
    }

    async fn erasure(&self, permit: &Permit, id: &JobId) -> StoreResult<Option<ErasureRow>> {
        let id = id.clone();
        self.read(permit, move |sql, permit| erasures::find(sql, permit, &id)).await
    }

    async fn followed(&self) -> StoreResult<Followed> {
        self.readers.read(erasures::followed).await
    }

    async fn note_followed(&self, position: i64) -> StoreResult<()> {
        self.writer.light(move |sql| erasures::note_followed(sql, position)).await
    }

    async fn redo(&self, destroyed: SecretName, job: JobRow) -> StoreResult<bool> {
        self.writer.act(move |sql| erasures::redo(sql, destroyed, &job)).await
    }

    async fn begin_anew(&self, anew: Anew) -> StoreResult<()> {
        self.writer.act(move |sql| erasures::begin_anew(sql, anew)).await
    }

    async fn reserve(&self, count: u32) -> StoreResult<Range<i64>> {
        self.writer
            .act(move |sql| {
                let statement = "UPDATE commits SET reserved = reserved + ?1 RETURNING reserved";
                let last = sql.one(statement, params![count], |row| row.int())?;
                Ok(last + 1 - i64::from(count)..last + 1)
            })
            .await
    }

    async fn claim_region(&self, region: &Region) -> StoreResult<Region> {
        let region = region.clone();
        self.writer.act(move |sql| apps::claim_region(sql, &region)).await
    }

    async fn ready(&self) -> StoreResult<()> {
        self.readers.read(|_| Ok(())).await?;
        // Every commit writes its version, so that an act that does nothing shows whether one can.
        self.writer.light(|_| Ok(())).await
    }

    fn rows_read(&self) -> u64 {
        self.rows.load(std::sync::atomic::Ordering::Relaxed)
    }

    async fn check(&self) -> StoreResult<Vec<Finding>> {
        self.readers.read(check::check).await
    }

    async fn walk(&self, from: WalkFrom, limit: i64) -> StoreResult<WalkPage> {
        self.readers.read(move |sql| walk::walk(sql, from, limit)).await
    }
}
