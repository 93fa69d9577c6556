//! Rows: which columns each is read from, in which order, and the integers that stand for words.

use snug_model::{
    AppId, AppKey, ConversationKey, Epoch, JobId, KeyId, PermissionSet, Rev, RoleKey, Seq, TemplateKey,
    UserKey, Version,
    conversations::{History, State},
    facts::{ConsentMark, IdMac},
    ids::Region,
    keys::ScopeSet,
    members::{Access, Notify},
    messages::Via,
    permissions::Scope,
};

use super::sql::{Cells, Param, Value, corrupt};
use crate::{
    AppRow, ConversationRow, FrozenRow, JobKind, JobRow, JobState, KeyRow, MemberRow, MessageRow, RoleRow,
    SanctionRow, SenderRow, SettingsRow, StoreResult, TemplateRow, TokenKeyRow, UserRow,
};

/// The columns of [`app`], of `apps a`.
macro_rules! app_columns {
    () => {
        "a.app, a.id, a.region, a.profile, a.profile_version, a.auto_create_users, a.default_role, a.member_role, \
         a.creator_role, a.version, a.tokens_not_before, a.created_at, a.deleted_at"
    };
}

pub(super) fn app(row: &mut Cells<'_>) -> StoreResult<AppRow> {
    Ok(AppRow {
        key: AppKey(row.int()?),
        id: AppId::parse(row.take::<&str>()?).map_err(|_| corrupt("an app's id", "cannot be read"))?,
        region: Region::parse(row.take::<&str>()?).map_err(|_| corrupt("a region", "cannot be read"))?,
        profile: row.sealed()?,
        profile_version: row.int()?,
        settings: SettingsRow {
            auto_create_users: row.flag()?,
            default_role: RoleKey(row.int()?),
            member_role: RoleKey(row.int()?),
            creator_role: RoleKey(row.int()?),
        },
        version: Version(row.int()?),
        tokens_not_before: row.time_or_none()?,
        created_at: row.time()?,
        deleted_at: row.time_or_none()?,
    })
}

/// The columns of [`role`], of `roles r`.
macro_rules! role_columns {
    () => {
        "r.role, r.scope, r.name_mac, r.name, r.permissions"
    };
}

pub(super) fn role(row: &mut Cells<'_>) -> StoreResult<RoleRow> {
    Ok(RoleRow {
        key: RoleKey(row.int()?),
        scope: word(row)?,
        name_mac: row.mac()?,
        name: row.sealed()?,
        permissions: PermissionSet::from_bits(row.int()?),
    })
}

/// The columns of [`key`], of `keys k`.
macro_rules! key_columns {
    () => {
        "k.app, k.id, k.secret_hash, k.secret, k.profile, k.scopes, k.may_mint, k.expires_at, k.last_used_at, \
         k.created_at, k.revoked_at, k.tokens_not_before, k.version"
    };
}

pub(super) fn key(row: &mut Cells<'_>) -> StoreResult<KeyRow> {
    Ok(KeyRow {
        app: AppKey(row.int()?),
        id: key_id(row)?,
        secret_hash: row.bytes()?,
        secret: row.sealed_or_none()?,
        profile: row.sealed()?,
        scopes: ScopeSet::from_bits(row.int()?),
        may_mint: row.take::<Option<i64>>()?.map(RoleKey),
        expires_at: row.time_or_none()?,
        last_used_at: row.time_or_none()?,
        created_at: row.time()?,
        revoked_at: row.time_or_none()?,
        tokens_not_before: row.time_or_none()?,
        version: Version(row.int()?),
    })
}

pub(super) fn key_id(row: &mut Cells<'_>) -> StoreResult<KeyId> {
    KeyId::parse(row.take::<&str>()?).map_err(|_| corrupt("a key's id", "cannot be read"))
}

/// The columns of [`token_key`], of `token_keys t`.
macro_rules! token_key_columns {
    () => {
        "t.app, t.id, t.profile, t.scopes, t.may_mint, t.created_at, t.tokens_not_before, t.version"
    };
}

pub(super) fn token_key(row: &mut Cells<'_>) -> StoreResult<TokenKeyRow> {
    Ok(TokenKeyRow {
        app: AppKey(row.int()?),
        id: key_id(row)?,
        profile: row.sealed()?,
        scopes: ScopeSet::from_bits(row.int()?),
        may_mint: RoleKey(row.int()?),
        created_at: row.time()?,
        tokens_not_before: row.time_or_none()?,
        version: Version(row.int()?),
    })
}

/// The columns of [`template`], of `templates t`.
macro_rules! template_columns {
    () => {
        "t.template, t.id_mac, t.body, t.created_at, t.updated_at, t.version"
    };
}

pub(super) fn template(row: &mut Cells<'_>) -> StoreResult<TemplateRow> {
    Ok(TemplateRow {
        key: TemplateKey(row.int()?),
        id_mac: IdMac(row.bytes()?),
        body: row.sealed()?,
        created_at: row.time()?,
        updated_at: row.time()?,
        version: Version(row.int()?),
    })
}

/// The columns of [`user`], of `users u`.
macro_rules! user_columns {
    () => {
        "u.user, u.id_mac, u.id, u.profile, u.profile_version, u.role, u.banned_until, u.ban_reason, u.banned_since, \
         u.muted_until, u.mute_note, u.muted_since, u.shadow_banned_until, u.shadow_ban_note, \
         u.shadow_banned_since, u.blocks, u.tokens_not_before, u.proofs_allowed_at, u.consented, u.resumed, \
         u.erased_at, u.created_at, u.updated_at, u.version"
    };
}

pub(super) fn user(row: &mut Cells<'_>) -> StoreResult<UserRow> {
    Ok(UserRow {
        key: UserKey(row.int()?),
        id_mac: IdMac(row.bytes()?),
        id: row.sealed_or_none()?,
        profile: row.sealed_or_none()?,
        profile_version: row.int()?,
        role: RoleKey(row.int()?),
        ban: sanction(row)?,
        mute: sanction(row)?,
        shadow_ban: sanction(row)?,
        blocks: row.int()?,
        tokens_not_before: row.time_or_none()?,
        proofs_allowed_at: row.time_or_none()?,
        consented: row.bytes_or_none()?.map(ConsentMark),
        resumed: row.int()?,
        erased_at: row.time_or_none()?,
        created_at: row.time()?,
        updated_at: row.time()?,
        version: Version(row.int()?),
    })
}

/// Of three columns: until, note, since.
fn sanction(row: &mut Cells<'_>) -> StoreResult<Option<SanctionRow>> {
    let (until, note, since) = (row.time_or_none()?, row.sealed_or_none()?, row.time_or_none()?);
    Ok(until.map(|until| SanctionRow { until, note, since: since.unwrap_or_default() }))
}

/// The columns of [`conversation`], of `conversations c`.
macro_rules! conversation_columns {
    () => {
        "c.conversation, c.id_mac, c.id, c.alias, c.profile, c.profile_version, c.state, c.frozen, c.slow_mode_s, c.history, c.epoch, \
         c.rev, c.head_seq, c.first_seq, c.rule, c.kept_days, c.member_count, c.created_at, c.created_by, c.updated_at, c.version"
    };
}

pub(super) fn conversation(row: &mut Cells<'_>) -> StoreResult<ConversationRow> {
    Ok(ConversationRow {
        key: ConversationKey(row.int()?),
        id_mac: IdMac(row.bytes()?),
        id: row.sealed()?,
        alias: row.sealed_or_none()?,
        profile: row.sealed()?,
        profile_version: row.int()?,
        state: word(row)?,
        frozen: row.flag()?,
        slow_mode_s: row.seconds()?,
        history: word(row)?,
        epoch: Epoch(row.int()?.cast_unsigned()),
        rev: Rev(row.int()?),
        head_seq: Seq(row.int()?),
        first_seq: Seq(row.int()?),
        rule: i32::try_from(row.int()?).map_err(|_| corrupt("a rule", "is too large"))?,
        kept_days: row.take()?,
        member_count: row.int()?,
        created_at: row.time()?,
        created_by: row.take::<Option<i64>>()?.map(UserKey),
        updated_at: row.time()?,
        version: Version(row.int()?),
    })
}

/// The columns of [`member`], of `members m`.
macro_rules! member_columns {
    () => {
        "m.conversation, m.user, m.role, m.access, m.banned_until, m.ban_reason, m.banned_since, m.muted_until, \
         m.mute_note, m.muted_since, m.profile, m.profile_version, m.notify, m.read_seq, m.read_at, m.joined_at, m.joined_seq, m.frozen_rev, m.frozen_profile, \
         m.frozen_profile_version, m.frozen_state, m.frozen_frozen, m.frozen_head_seq, m.frozen_member_count, \
         m.frozen_at, m.forgotten, m.rev, m.version"
    };
}

pub(super) fn member(row: &mut Cells<'_>) -> StoreResult<MemberRow> {
    Ok(MemberRow {
        conversation: ConversationKey(row.int()?),
        user: UserKey(row.int()?),
        role: RoleKey(row.int()?),
        access: word(row)?,
        ban: sanction(row)?,
        mute: sanction(row)?,
        profile: row.sealed_or_none()?,
        profile_version: row.int()?,
        notify: word(row)?,
        read_seq: Seq(row.int()?),
        read_at: row.time_or_none()?,
        joined_at: row.time()?,
        joined_seq: Seq(row.int()?),
        frozen_rev: row.take::<Option<i64>>()?.map(Rev),
        frozen: frozen(row)?,
        forgotten: row.flag()?,
        rev: Rev(row.int()?),
        version: Version(row.int()?),
    })
}

/// Of seven columns, which are all there or all not.
fn frozen(row: &mut Cells<'_>) -> StoreResult<Option<FrozenRow>> {
    let Some(profile) = row.sealed_or_none()? else {
        row.skip(6);
        return Ok(None);
    };
    Ok(Some(FrozenRow {
        profile,
        profile_version: row.int()?,
        state: word(row)?,
        frozen: row.flag()?,
        head_seq: Seq(row.int()?),
        member_count: row.int()?,
        at: row.time()?,
    }))
}

/// A message as it is stored, without its reactions.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) message: MessageRow,
    /// The rev at which the present body began.
    pub(super) body_rev: Rev,
    /// Whether it has reactions.
    pub(super) reacted: bool,
    /// Whether it was set aside: it is due and held, and to readers it is gone.
    pub(super) held: bool,
}

/// The columns of [`stored`], of `messages g`.
macro_rules! message_columns {
    () => {
        "g.id, g.seq, g.rev, g.sender_kind, g.sender, g.via, g.body, g.version, g.reply_to, g.created_at, g.edited_at, \
         g.deleted_at, g.hidden_at, g.body_rev, g.reacted, g.held IS NOT NULL"
    };
}

pub(super) fn stored(row: &mut Cells<'_>) -> StoreResult<Stored> {
    let message = MessageRow {
        id: row.message_id()?,
        seq: Seq(row.int()?),
        rev: Rev(row.int()?),
        sender: sender(row)?,
        via: row.take::<Option<i64>>()?.map(Word::read).transpose()?,
        body: row.sealed_or_none()?,
        version: row.int()?,
        reply_to: row.message_id_or_none()?,
        reactions: Vec::new(),
        created_at: row.time()?,
        edited_at: row.time_or_none()?,
        deleted_at: row.time_or_none()?,
        hidden_at: row.time_or_none()?,
    };
    Ok(Stored { message, body_rev: Rev(row.int()?), reacted: row.flag()?, held: row.truth()? })
}

/// Of two columns: kind and user.
pub(super) fn sender(row: &mut Cells<'_>) -> StoreResult<SenderRow> {
    match (row.int()?, row.take::<Option<i64>>()?) {
        (0, Some(user)) => Ok(SenderRow::User(UserKey(user))),
        (1, None) => Ok(SenderRow::Bot { verified: false }),
        (2, None) => Ok(SenderRow::Bot { verified: true }),
        (3, None) => Ok(SenderRow::System),
        (kind, _) => Err(corrupt("a sender", kind)),
    }
}

/// The two cells that [`sender`] reads.
pub(super) fn sender_cells(sender: SenderRow) -> (i64, Option<i64>) {
    match sender {
        SenderRow::User(user) => (0, Some(user.0)),
        SenderRow::Bot { verified: false } => (1, None),
        SenderRow::Bot { verified: true } => (2, None),
        SenderRow::System => (3, None),
    }
}

/// The columns of [`job`], of `jobs j`.
macro_rules! job_columns {
    () => {
        "j.app, j.id, j.kind, j.reference, j.state, j.progress, j.attempts, j.created_at, j.run_at, j.done_at"
    };
}

pub(super) fn job(row: &mut Cells<'_>) -> StoreResult<JobRow> {
    Ok(JobRow {
        app: AppKey(row.int()?),
        id: JobId::parse(row.take::<&str>()?).map_err(|_| corrupt("a job's id", "cannot be read"))?,
        kind: match (row.int()?, row.int()?) {
            (1, 0) => JobKind::DeleteApp,
            (2, conversation) => JobKind::PurgeConversation(ConversationKey(conversation)),
            (3, user) => JobKind::EraseUser(UserKey(user)),
            (5, user) => JobKind::EraseUserWithMessages(UserKey(user)),
            (4, dry_run @ (0 | 1)) => JobKind::Purge { dry_run: dry_run == 1 },
            (kind, _) => return Err(corrupt("a job's kind", kind)),
        },
        state: word(row)?,
        progress: row.int()?,
        attempts: row.int()?,
        created_at: row.time()?,
        run_at: row.time()?,
        done_at: row.time_or_none()?,
    })
}

/// The two cells that stand for a job's kind.
pub(super) fn job_kind_cells(kind: JobKind) -> (i64, i64) {
    match kind {
        JobKind::DeleteApp => (1, 0),
        JobKind::PurgeConversation(conversation) => (2, conversation.0),
        JobKind::EraseUser(user) => (3, user.0),
        JobKind::EraseUserWithMessages(user) => (5, user.0),
        JobKind::Purge { dry_run } => (4, dry_run.into()),
    }
}

pub(super) use {
    app_columns, conversation_columns, job_columns, key_columns, member_columns, message_columns,
    role_columns, template_columns, token_key_columns, user_columns,
};

/// A word that is stored as an integer.
pub(super) trait Word: Copy + PartialEq + 'static {
    /// What it is called where an integer stands for none of them.
    const NAME: &str;
    /// The words, in the order of their integers, which begin at 0.
    const ALL: &[Self];

    fn read(cell: i64) -> StoreResult<Self> {
        let index = usize::try_from(cell).ok();
        index.and_then(|index| Self::ALL.get(index)).copied().ok_or_else(|| corrupt(Self::NAME, cell))
    }
}

/// Reads the next cell as a word.
pub(super) fn word<W: Word>(row: &mut Cells<'_>) -> StoreResult<W> {
    row.int().and_then(W::read)
}

/// A word as a parameter of a statement.
pub(super) struct Code<W>(pub(super) W);

impl<W: Word> Param for Code<W> {
    fn value(&self) -> Value<'_> {
        Value::Int(self.cell())
    }
}

impl<W: Word> Code<W> {
    /// The integer that stands for the word.
    pub(super) fn cell(&self) -> i64 {
        W::ALL.iter().position(|word| *word == self.0).unwrap_or_default() as i64
    }
}

impl Word for Scope {
    const NAME: &str = "a role's scope";
    const ALL: &[Self] = &[Self::App, Self::Conversation];
}

impl Word for State {
    const NAME: &str = "a conversation's state";
    const ALL: &[Self] = &[Self::Open, Self::Archived];
}

impl Word for History {
    const NAME: &str = "a conversation's history";
    const ALL: &[Self] = &[Self::All, Self::SinceJoined];
}

impl Word for Access {
    const NAME: &str = "a member's access";
    const ALL: &[Self] = &[Self::None, Self::Read, Self::Full];
}

impl Word for Notify {
    const NAME: &str = "a member's notify";
    const ALL: &[Self] = &[Self::All, Self::Mentions, Self::None];
}

impl Word for Via {
    const NAME: &str = "a message's via";
    const ALL: &[Self] = &[Self::Api, Self::Import];
}

impl Word for JobState {
    const NAME: &str = "a job's state";
    const ALL: &[Self] = &[Self::Waiting, Self::Running, Self::Done, Self::Stopped];
}
