//! The contract, method by method: which side does it, and the function that does.

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

use super::{
    Postgres, apps, audit, blocks, check, consents, conversations, erasures, events, holds, idempotency,
    inbox, jobs, keys, member_rows, members, messages, of_user,
    pool::{Lock, act, read},
    retention, roles, sanctions,
    sql::params,
    sync, templates, token_keys, usage, users, walk,
};
use crate::*;

/// Does an act with a permit that still holds, behind the lock of its app, and enters it in the audit if it is to be. That comes last:
/// who holds the end of a chain waits for nothing else.
macro_rules! admitted {
    ($store:ident, $permit:ident, $lock:expr, |$sql:ident| $act:expr) => {
        act!(&$store.pool, $lock($permit.app()), |$sql| async {
            $store.admit($sql, $permit).await?;
            let answer = $act.await?;
            audit::enter($sql, $permit).await?;
            Ok(answer)
        })
    };
}

/// Reads with a permit that still holds.
macro_rules! permitted {
    ($store:ident, $permit:ident, |$sql:ident| $read:expr) => {
        read!(&$store.pool, |$sql| $store.held($sql, $permit, $read))
    };
}

#[async_trait]
impl Store for Postgres {
    async fn app(&self, app: AppRef, now: Timestamp) -> StoreResult<Option<AppRecord>> {
        read!(&self.pool, |sql| apps::find(sql, &app, now))
    }

    async fn key(&self, id: &KeyId) -> StoreResult<Option<KeyRow>> {
        let id = id.clone();
        {
            let connection = self.pool.connection().await?;
            let sql = &self.pool.alone(&connection);
            keys::find(sql, &id).await
        }
    }

    async fn user(&self, app: AppKey, user: UserRef) -> StoreResult<Option<UserRow>> {
        {
            let connection = self.pool.connection().await?;
            let sql = &self.pool.alone(&connection);
            users::find(sql, app, user).await
        }
    }

    async fn conversation(
        &self,
        app: AppKey,
        conversation: ConversationRef,
        viewer: Viewer,
    ) -> StoreResult<Option<Found>> {
        {
            let connection = self.pool.connection().await?;
            let sql = &self.pool.alone(&connection);
            conversations::find(sql, app, conversation, viewer).await
        }
    }

    async fn member(
        &self,
        app: AppKey,
        conversation: ConversationKey,
        user: UserKey,
    ) -> StoreResult<Option<MemberRow>> {
        {
            let connection = self.pool.connection().await?;
            let sql = &self.pool.alone(&connection);
            member_rows::row(sql, app, conversation, user).await
        }
    }

    async fn create_app(
        &self,
        permit: &Permit,
        app: AppRow,
        roles: Vec<RoleRow>,
        once: Option<Once>,
    ) -> StoreResult<()> {
        admitted!(self, permit, Lock::Shared, |sql| apps::create(
            sql,
            permit,
            app.clone(),
            roles.clone(),
            once
        ))
    }

    async fn list_apps(&self, permit: &Permit, page: Page) -> StoreResult<Vec<AppRow>> {
        permitted!(self, permit, |sql| apps::list(sql, page))
    }

    async fn edit_app(&self, permit: &Permit, edit: AppEdit) -> StoreResult<AppRow> {
        admitted!(self, permit, Lock::Alone, |sql| apps::edit(sql, permit, edit.clone()))
    }

    async fn delete_app(&self, permit: &Permit, job: JobRow) -> StoreResult<()> {
        admitted!(self, permit, Lock::Alone, |sql| apps::delete(sql, permit, job.clone()))
    }

    async fn put_role(&self, permit: &Permit, role: RoleRow) -> StoreResult<bool> {
        admitted!(self, permit, Lock::Alone, |sql| apps::put_role(sql, permit, role.clone()))
    }

    async fn delete_role(&self, permit: &Permit, role: RoleKey) -> StoreResult<()> {
        admitted!(self, permit, Lock::Alone, |sql| apps::delete_role(sql, permit, role))
    }

    async fn bearers(&self, permit: &Permit, role: RoleKey, most: i64) -> StoreResult<Bearers> {
        permitted!(self, permit, |sql| roles::bearers(sql, permit, role, most))
    }

    async fn list_role_users(&self, permit: &Permit, role: RoleKey, page: Page) -> StoreResult<Vec<UserRow>> {
        permitted!(self, permit, |sql| roles::list_users(sql, permit, role, page))
    }

    async fn list_role_members(
        &self,
        permit: &Permit,
        role: RoleKey,
        page: Page,
    ) -> StoreResult<Vec<(i64, MemberRow)>> {
        permitted!(self, permit, |sql| roles::list_members(sql, permit, role, page))
    }

    async fn add_role_use(&self, rows: Vec<RoleUseRow>, kept_since: i64) -> StoreResult<()> {
        act!(&self.pool, Lock::None, |sql| roles::add_use(sql, &rows, kept_since))
    }

    async fn role_use(&self, permit: &Permit, since: i64) -> StoreResult<Vec<RoleUseRow>> {
        permitted!(self, permit, |sql| roles::read_use(sql, permit, since))
    }

    async fn create_key(&self, permit: &Permit, key: KeyRow) -> StoreResult<()> {
        admitted!(self, permit, Lock::Shared, |sql| keys::create(sql, permit, key.clone()))
    }

    async fn list_keys(&self, permit: &Permit, page: Page) -> StoreResult<Vec<(i64, KeyRow)>> {
        permitted!(self, permit, |sql| keys::list(sql, permit, page))
    }

    async fn revoke_key(&self, permit: &Permit, id: &KeyId, at: Timestamp) -> StoreResult<()> {
        let id = id.clone();
        admitted!(self, permit, Lock::Alone, |sql| keys::revoke(sql, permit, &id, at))
    }

    async fn token_key(&self, id: &KeyId) -> StoreResult<Option<TokenKeyRow>> {
        let id = id.clone();
        {
            let connection = self.pool.connection().await?;
            let sql = &self.pool.alone(&connection);
            token_keys::find(sql, &id).await
        }
    }

    async fn create_token_key(&self, permit: &Permit, key: TokenKeyRow) -> StoreResult<()> {
        admitted!(self, permit, Lock::Shared, |sql| token_keys::create(sql, permit, &key))
    }

    async fn list_token_keys(&self, permit: &Permit, page: Page) -> StoreResult<Vec<(i64, TokenKeyRow)>> {
        permitted!(self, permit, |sql| token_keys::list(sql, permit, page))
    }

    async fn delete_token_key(&self, permit: &Permit, id: &KeyId) -> StoreResult<()> {
        let id = id.clone();
        admitted!(self, permit, Lock::Alone, |sql| token_keys::delete(sql, permit, &id))
    }

    async fn template(&self, app: AppKey, id: IdMac) -> StoreResult<Option<TemplateRow>> {
        let connection = self.pool.connection().await?;
        templates::find(&self.pool.alone(&connection), app, id).await
    }

    async fn put_template(&self, permit: &Permit, template: TemplateRow) -> StoreResult<bool> {
        // Alone: what it said before is not to appear after this.
        admitted!(self, permit, Lock::Alone, |sql| templates::put(sql, permit, &template))
    }

    async fn list_templates(&self, permit: &Permit, page: Page) -> StoreResult<Vec<TemplateRow>> {
        permitted!(self, permit, |sql| templates::list(sql, permit, page))
    }

    async fn delete_template(&self, permit: &Permit, id: IdMac) -> StoreResult<()> {
        admitted!(self, permit, Lock::Alone, |sql| templates::delete(sql, permit, id))
    }

    async fn note_key_use(&self, used: Vec<(KeyId, Timestamp)>) -> StoreResult<()> {
        act!(&self.pool, Lock::None, |sql| keys::note_use(sql, &used))
    }

    async fn add_usage(&self, rows: Vec<UsageRow>) -> StoreResult<()> {
        act!(&self.pool, Lock::None, |sql| usage::add(sql, &rows))
    }

    async fn usage(&self, permit: &Permit, from: i64, to: i64) -> StoreResult<Vec<UsageRow>> {
        permitted!(self, permit, |sql| usage::read(sql, permit, from, to))
    }

    async fn revoke_tokens(
        &self,
        permit: &Permit,
        revocation: RevocationRow,
        once: Option<Once>,
    ) -> StoreResult<()> {
        admitted!(self, permit, Lock::Alone, |sql| apps::revoke_tokens(sql, permit, revocation.clone(), once))
    }

    async fn write_user(&self, permit: &Permit, write: UserWrite) -> StoreResult<UserRow> {
        admitted!(self, permit, Lock::Shared, |sql| users::write(sql, permit, write.clone()))
    }

    async fn list_users(&self, permit: &Permit, page: Page) -> StoreResult<Vec<UserRow>> {
        permitted!(self, permit, |sql| users::list(sql, permit, page))
    }

    async fn people(&self, permit: &Permit, users: &[UserKey]) -> StoreResult<Vec<UserRow>> {
        let users = users.to_vec();
        permitted!(self, permit, |sql| users::people(sql, permit, &users))
    }

    async fn people_by_id(
        &self,
        permit: &Permit,
        ids: &[IdMac],
        sharing: Option<UserKey>,
    ) -> StoreResult<Vec<UserRow>> {
        let ids = ids.to_vec();
        permitted!(self, permit, |sql| users::people_by_id(sql, permit, &ids, sharing))
    }

    async fn set_user_ban(
        &self,
        permit: &Permit,
        user: UserKey,
        ban: Option<SanctionRow>,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<()> {
        let lock = if ban.is_some() { Lock::Alone } else { Lock::Shared };
        admitted!(self, permit, lock, |sql| users::set_ban(sql, permit, user, ban.clone(), at, once))
    }

    async fn set_user_mute(
        &self,
        permit: &Permit,
        user: UserKey,
        mute: Option<SanctionRow>,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<()> {
        let lock = if mute.is_some() { Lock::Alone } else { Lock::Shared };
        admitted!(self, permit, lock, |sql| sanctions::mute_user(sql, permit, user, mute.clone(), at, once))
    }

    async fn set_user_shadow_ban(
        &self,
        permit: &Permit,
        user: UserKey,
        ban: Option<SanctionRow>,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<()> {
        let lock = if ban.is_some() { Lock::Alone } else { Lock::Shared };
        admitted!(self, permit, lock, |sql| sanctions::shadow_ban_user(
            sql,
            permit,
            user,
            ban.clone(),
            at,
            once
        ))
    }

    async fn list_user_sanctions(
        &self,
        permit: &Permit,
        kind: InApp,
        now: Timestamp,
        page: Page,
    ) -> StoreResult<Vec<UserRow>> {
        permitted!(self, permit, |sql| sanctions::list_users(sql, permit, kind, now, page))
    }

    async fn set_block(
        &self,
        permit: &Permit,
        user: UserKey,
        other: UserKey,
        since: Option<Timestamp>,
    ) -> StoreResult<()> {
        let lock = if since.is_some() { Lock::Alone } else { Lock::Shared };
        admitted!(self, permit, lock, |sql| blocks::set(sql, permit, user, other, since))
    }

    async fn list_blocks(&self, permit: &Permit, user: UserKey, page: Page) -> StoreResult<Vec<BlockRow>> {
        permitted!(self, permit, |sql| blocks::list(sql, permit, user, page))
    }

    async fn accept_consent(
        &self,
        permit: &Permit,
        write: ConsentWrite,
        once: Option<Once>,
    ) -> StoreResult<ConsentRow> {
        admitted!(self, permit, Lock::Shared, |sql| consents::accept(sql, permit, write.clone(), once))
    }

    async fn list_consents(
        &self,
        permit: &Permit,
        user: Option<UserKey>,
        page: Page,
    ) -> StoreResult<Vec<ConsentRow>> {
        permitted!(self, permit, |sql| consents::list(sql, permit, user, page))
    }

    async fn allow_proofs(
        &self,
        permit: &Permit,
        user: UserKey,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<()> {
        admitted!(self, permit, Lock::Shared, |sql| users::allow_proofs(sql, permit, user, at, once))
    }

    async fn conversations_of(
        &self,
        permit: &Permit,
        user: UserKey,
        after: Option<ConversationKey>,
        limit: i64,
    ) -> StoreResult<Vec<ConversationKey>> {
        permitted!(self, permit, |sql| of_user::conversations(sql, permit, user, after, limit))
    }

    async fn reactions_of(
        &self,
        permit: &Permit,
        user: UserKey,
        page: Page,
    ) -> StoreResult<Vec<OwnReactionRow>> {
        permitted!(self, permit, |sql| of_user::reactions(sql, permit, user, page))
    }

    async fn resume_visitor(&self, permit: &Permit, user: UserKey, from: i64, to: i64) -> StoreResult<bool> {
        admitted!(self, permit, Lock::Shared, |sql| users::resume(sql, permit, user, from, to))
    }

    async fn erase_user(&self, permit: &Permit, user: UserKey, job: JobRow) -> StoreResult<()> {
        admitted!(self, permit, Lock::Alone, |sql| users::erase(sql, permit, user, job.clone()))
    }

    async fn create_conversation(
        &self,
        permit: &Permit,
        new: NewConversation,
        once: Option<Once>,
    ) -> StoreResult<Found> {
        admitted!(self, permit, Lock::Shared, |sql| conversations::create(sql, permit, new.clone(), once))
    }

    async fn edit_conversation(
        &self,
        permit: &Permit,
        edit: ConversationEdit,
    ) -> StoreResult<ConversationRow> {
        admitted!(self, permit, Lock::Shared, |sql| conversations::edit(sql, permit, edit.clone()))
    }

    async fn delete_conversation(&self, permit: &Permit, deletion: ConversationDeletion) -> StoreResult<()> {
        admitted!(self, permit, Lock::Alone, |sql| conversations::delete(sql, permit, deletion.clone()))
    }

    async fn list_conversations(
        &self,
        permit: &Permit,
        filter: ConversationFilter,
        page: Page,
    ) -> StoreResult<Vec<ConversationRow>> {
        permitted!(self, permit, |sql| conversations::list(sql, permit, filter, page))
    }

    async fn add_members(
        &self,
        permit: &Permit,
        members: Vec<MemberAdd>,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<MembersChanged> {
        admitted!(self, permit, Lock::Shared, |sql| members::add(sql, permit, members.clone(), at, once))
    }

    async fn edit_member(&self, permit: &Permit, edit: MemberEdit) -> StoreResult<MembersChanged> {
        admitted!(self, permit, Lock::Shared, |sql| members::edit(sql, permit, edit.clone()))
    }

    async fn remove_member(
        &self,
        permit: &Permit,
        user: UserKey,
        forget: bool,
        at: Timestamp,
    ) -> StoreResult<MembersChanged> {
        admitted!(self, permit, Lock::Alone, |sql| members::remove(sql, permit, user, forget, at))
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
        let lock = if ban.is_some() { Lock::Alone } else { Lock::Shared };
        admitted!(self, permit, lock, |sql| members::set_ban(sql, permit, user, role, ban.clone(), at, once))
    }

    async fn set_member_mute(
        &self,
        permit: &Permit,
        user: UserKey,
        mute: Option<SanctionRow>,
        at: Timestamp,
        once: Option<Once>,
    ) -> StoreResult<MemberRow> {
        let lock = if mute.is_some() { Lock::Alone } else { Lock::Shared };
        admitted!(self, permit, lock, |sql| sanctions::mute_member(sql, permit, user, mute.clone(), at, once))
    }

    async fn list_member_sanctions(
        &self,
        permit: &Permit,
        kind: InConversation,
        now: Timestamp,
        page: Page,
    ) -> StoreResult<Vec<MemberRow>> {
        permitted!(self, permit, |sql| sanctions::list_members(sql, permit, kind, now, page))
    }

    async fn list_members(&self, permit: &Permit, page: Page) -> StoreResult<Vec<MemberRow>> {
        permitted!(self, permit, |sql| members::list(sql, permit, page))
    }

    async fn mark_read(&self, permit: &Permit, mark: ReadMark) -> StoreResult<MemberRow> {
        act!(&self.pool, Lock::Shared(permit.app()), |sql| async {
            self.compare(sql, permit).await?;
            members::mark_read(sql, permit, mark).await
        })
    }

    async fn audience(&self, permit: &Permit) -> StoreResult<Audience> {
        permitted!(self, permit, |sql| members::audience(sql, permit))
    }

    async fn append_all(
        &self,
        permit: &Permit,
        messages: Vec<NewMessage>,
    ) -> StoreResult<Vec<StoreResult<Appended>>> {
        self.committers.append(permit, messages).await
    }

    async fn edit_message(&self, permit: &Permit, edit: MessageEdit) -> StoreResult<MessageChanged> {
        admitted!(self, permit, Lock::Shared, |sql| messages::edit(sql, permit, edit.clone()))
    }

    async fn delete_message(
        &self,
        permit: &Permit,
        id: MessageId,
        at: Timestamp,
    ) -> StoreResult<MessageChanged> {
        admitted!(self, permit, Lock::Shared, |sql| messages::delete(sql, permit, id, at))
    }

    async fn react(&self, permit: &Permit, reaction: ReactionWrite) -> StoreResult<MessageChanged> {
        admitted!(self, permit, Lock::Shared, |sql| messages::react(sql, permit, reaction.clone()))
    }

    async fn message(&self, permit: &Permit, id: MessageId) -> StoreResult<Option<MessageRow>> {
        permitted!(self, permit, |sql| messages::find(sql, permit, id))
    }

    async fn versions(&self, permit: &Permit, id: MessageId) -> StoreResult<Vec<VersionRow>> {
        permitted!(self, permit, |sql| messages::versions(sql, permit, id))
    }

    async fn history(&self, permit: &Permit, window: Window, limit: i64) -> StoreResult<MessagePage> {
        permitted!(self, permit, |sql| messages::history(sql, permit, window, limit))
    }

    async fn sync_all(
        &self,
        asks: Vec<(Permit, SyncFrom)>,
        bytes_max: usize,
    ) -> StoreResult<Vec<StoreResult<SyncRows>>> {
        read!(&self.pool, |sql| sync::sync_all(sql, &asks, self.outdated(sql, &asks), bytes_max))
    }

    async fn inbox(&self, permit: &Permit, user: UserKey, query: InboxQuery) -> StoreResult<InboxRows> {
        permitted!(self, permit, |sql| inbox::inbox(sql, permit, user, query))
    }

    async fn inbox_item(&self, permit: &Permit, user: UserKey) -> StoreResult<Option<InboxRow>> {
        permitted!(self, permit, |sql| inbox::inbox_item(sql, permit, user))
    }

    async fn unread(&self, permit: &Permit, user: UserKey, look: i64) -> StoreResult<UnreadRows> {
        permitted!(self, permit, |sql| inbox::unread(sql, permit, user, look))
    }

    async fn place_inboxes(&self, limit: i64) -> StoreResult<i64> {
        let turn = *self.placed.lock();
        let (count, last) = act!(&self.pool, Lock::None, |sql| inbox::place(sql, turn, limit))?;
        *self.placed.lock() = last;
        Ok(count)
    }

    async fn remembered(&self, app: AppKey, scope: Mac) -> StoreResult<Option<Remembered>> {
        {
            let connection = self.pool.connection().await?;
            let sql = &self.pool.alone(&connection);
            idempotency::remembered(sql, app, scope).await
        }
    }

    async fn keep_answer(&self, app: AppKey, scope: Mac, answer: Sealed) -> StoreResult<()> {
        act!(&self.pool, Lock::None, |sql| idempotency::keep_answer(sql, app, scope, answer.clone()))
    }

    async fn events(&self, permit: &Permit, after: Option<EventPlace>, limit: i64) -> StoreResult<EventPage> {
        admitted!(self, permit, Lock::Shared, |sql| events::read(sql, permit, after, limit))
    }

    async fn forget_events(&self, before: Timestamp, limit: i64) -> StoreResult<i64> {
        act!(&self.pool, Lock::None, |sql| events::forget(sql, before, limit))
    }

    async fn forget_answers(&self, before: Timestamp, limit: i64) -> StoreResult<i64> {
        act!(&self.pool, Lock::None, |sql| idempotency::forget(sql, before, limit))
    }

    async fn enter(&self, permit: &Permit) -> StoreResult<()> {
        admitted!(self, permit, Lock::Shared, |sql| std::future::ready(StoreResult::Ok(())))
    }

    async fn enter_refused(&self, entries: Arc<Entries>) -> StoreResult<()> {
        act!(&self.pool, Lock::None, |sql| audit::append_refused(sql, &entries))
    }

    async fn list_audit(
        &self,
        permit: &Permit,
        filter: AuditFilter,
        page: Page,
    ) -> StoreResult<Vec<AuditRow>> {
        permitted!(self, permit, |sql| audit::list(sql, permit, &filter, page))
    }

    async fn audit_end(&self, permit: &Permit) -> StoreResult<AuditEnd> {
        permitted!(self, permit, |sql| audit::end(sql, permit.app()))
    }

    async fn begin_purge(&self, permit: &Permit, job: JobRow, asked: bool) -> StoreResult<JobRow> {
        admitted!(self, permit, Lock::Shared, |sql| retention::begin(sql, permit, &job, asked))
    }

    async fn apps_to_purge(&self, before: Timestamp, limit: i64) -> StoreResult<Vec<AppKey>> {
        read!(&self.pool, |sql| retention::apps(sql, before, limit))
    }

    async fn claim_purge(&self, now: Timestamp, lease_until: Timestamp) -> StoreResult<Option<PurgeRow>> {
        act!(&self.pool, Lock::None, |sql| retention::claim(sql, now, lease_until))
    }

    async fn purge(&self, permit: &Permit, id: &JobId) -> StoreResult<Option<PurgeRow>> {
        let id = id.clone();
        permitted!(self, permit, |sql| retention::find(sql, permit, &id))
    }

    async fn due_conversations(&self, permit: &Permit, query: DueQuery) -> StoreResult<DuePage> {
        permitted!(self, permit, |sql| retention::due(sql, permit, query))
    }

    async fn count_due(&self, permit: &Permit, before: Timestamp) -> StoreResult<PurgeCounts> {
        permitted!(self, permit, |sql| retention::count(sql, permit, before))
    }

    async fn purge_messages(&self, permit: &Permit, step: PurgeStep) -> StoreResult<Purged> {
        admitted!(self, permit, Lock::Shared, |sql| retention::purge(sql, permit, &step))
    }

    async fn note_purge(
        &self,
        id: &JobId,
        counts: PurgeCounts,
        days: Vec<PurgedDay>,
        lease_until: Timestamp,
    ) -> StoreResult<()> {
        let id = id.clone();
        act!(&self.pool, Lock::None, |sql| retention::note(sql, &id, &counts, &days, lease_until))
    }

    async fn end_purge(&self, id: &JobId, end: PurgeEnd, at: Timestamp) -> StoreResult<()> {
        let id = id.clone();
        act!(&self.pool, Lock::None, |sql| retention::end(sql, &id, end, at))
    }

    async fn forget_purged(&self, before: Timestamp, limit: i64) -> StoreResult<i64> {
        act!(&self.pool, Lock::None, |sql| retention::forget(sql, before, limit))
    }

    async fn see_time(&self, now: Timestamp, step_ms_max: i64) -> StoreResult<Timestamp> {
        act!(&self.pool, Lock::None, |sql| retention::see_time(sql, now, step_ms_max))
    }

    async fn accept_time(&self, now: Timestamp) -> StoreResult<()> {
        act!(&self.pool, Lock::None, |sql| retention::accept_time(sql, now))
    }

    async fn set_kept_days(&self, permit: &Permit, days: Option<u16>) -> StoreResult<ConversationRow> {
        admitted!(self, permit, Lock::Alone, |sql| holds::set_kept_days(sql, permit, days))
    }

    async fn set_hold(&self, permit: &Permit, on: HoldOn, held: bool, at: Timestamp) -> StoreResult<()> {
        admitted!(self, permit, Lock::Alone, |sql| holds::set(sql, permit, on, held, at))
    }

    async fn holds(&self, permit: &Permit, page: Page) -> StoreResult<Vec<HoldRow>> {
        permitted!(self, permit, |sql| holds::list(sql, permit, page))
    }

    async fn due_held(&self, permit: &Permit, before: Timestamp, limit: i64) -> StoreResult<Vec<DueMessage>> {
        permitted!(self, permit, |sql| holds::due(sql, permit, before, limit))
    }

    async fn hold_messages(
        &self,
        permit: &Permit,
        step: PurgeStep,
        rule: i32,
        messages: Vec<HeldMessage>,
    ) -> StoreResult<Purged> {
        admitted!(self, permit, Lock::Shared, |sql| holds::hold(sql, permit, &step, rule, &messages))
    }

    async fn held_messages(&self, permit: &Permit, after: Seq, limit: i64) -> StoreResult<Vec<DueMessage>> {
        permitted!(self, permit, |sql| holds::messages(sql, permit, after, limit))
    }

    async fn released(&self, permit: &Permit, limit: i64) -> StoreResult<Vec<(ConversationKey, Seq)>> {
        permitted!(self, permit, |sql| holds::released(sql, permit, limit))
    }

    async fn purge_released(
        &self,
        permit: &Permit,
        step: PurgeStep,
        messages: Vec<(ConversationKey, Seq)>,
    ) -> StoreResult<PurgeCounts> {
        admitted!(self, permit, Lock::Shared, |sql| holds::purge_released(sql, permit, &step, &messages))
    }

    async fn empty_held_days(&self, permit: &Permit, limit: i64) -> StoreResult<Vec<PurgedDay>> {
        permitted!(self, permit, |sql| holds::empty_days(sql, permit, limit))
    }

    async fn forget_held_days(&self, permit: &Permit, days: Vec<PurgedDay>) -> StoreResult<()> {
        admitted!(self, permit, Lock::Shared, |sql| holds::forget_days(sql, permit, &days))
    }

    async fn ruled_conversations(
        &self,
        permit: &Permit,
        after: ConversationKey,
        limit: i64,
    ) -> StoreResult<Vec<RuledRow>> {
        permitted!(self, permit, |sql| holds::ruled(sql, permit, after, limit))
    }

    async fn job(&self, permit: &Permit, id: &JobId) -> StoreResult<Option<JobRow>> {
        let id = id.clone();
        permitted!(self, permit, |sql| jobs::find(sql, permit, &id))
    }

    async fn claim_job(&self, now: Timestamp, lease_until: Timestamp) -> StoreResult<Option<JobRow>> {
        act!(&self.pool, Lock::None, |sql| jobs::claim(sql, jobs::Queue::Others, now, lease_until))
    }

    async fn work_job(
        &self,
        id: &JobId,
        rows: i64,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> StoreResult<JobRow> {
        let id = id.clone();
        act!(&self.pool, Lock::None, |sql| jobs::work(sql, &id, rows, now, lease_until))
    }

    async fn erasure(&self, permit: &Permit, id: &JobId) -> StoreResult<Option<ErasureRow>> {
        let id = id.clone();
        permitted!(self, permit, |sql| erasures::find(sql, permit, &id))
    }

    async fn followed(&self) -> StoreResult<Followed> {
        read!(&self.pool, |sql| erasures::followed(sql))
    }

    async fn note_followed(&self, position: i64) -> StoreResult<()> {
        act!(&self.pool, Lock::None, |sql| erasures::note_followed(sql, position))
    }

    async fn redo(&self, destroyed: SecretName, job: JobRow) -> StoreResult<bool> {
        act!(&self.pool, Lock::Alone(job.app), |sql| erasures::redo(sql, destroyed, &job))
    }

    async fn begin_anew(&self, anew: Anew) -> StoreResult<()> {
        act!(&self.pool, Lock::None, |sql| erasures::begin_anew(sql, anew))
    }

    async fn reserve(&self, count: u32) -> StoreResult<Range<i64>> {
        // Numbers that follow each other: whoever reserves some holds the lock, to the end of the statement.
        let reserve = "WITH alone AS MATERIALIZED (SELECT pg_advisory_xact_lock(0, 1))
             SELECT min(number), count(*)
             FROM (SELECT nextval('row_numbers') AS number FROM alone, generate_series(1, $1::bigint)) numbers";
        let connection = self.pool.connection().await?;
        let (first, count) = self
            .pool
            .alone(&connection)
            .one(reserve, params![i64::from(count)], |row| {
                Ok((row.take::<Option<i64>>()?.unwrap_or_default(), row.int()?))
            })
            .await?;
        Ok(first..first + count)
    }

    async fn claim_region(&self, region: &Region) -> StoreResult<Region> {
        act!(&self.pool, Lock::None, |sql| apps::claim_region(sql, region))
    }

    async fn ready(&self) -> StoreResult<()> {
        self.pool.ready().await
    }

    fn rows_read(&self) -> u64 {
        self.pool.rows() + self.committers.rows()
    }

    async fn check(&self) -> StoreResult<Vec<Finding>> {
        read!(&self.pool, |sql| check::check(sql))
    }

    async fn walk(&self, from: WalkFrom, limit: i64) -> StoreResult<WalkPage> {
        read!(&self.pool, |sql| walk::walk(sql, from, limit))
    }
}
