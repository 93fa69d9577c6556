//! Members.
//!
//! A change that takes a rev reaches inboxes with the conversation's `activity`. What changes of one member alone is noted
//! in its own row: the read mark, `notify`, and removal, after which the conversation's changes are not its own any more.

use std::collections::{HashMap, HashSet};

use snug_model::{
    AppKey, ConversationKey, Permit, Rev, RoleKey, Seq, Timestamp, UserKey, Version,
    conversations::{History, State},
    members::{Access, Notify},
};

use super::{
    blocks,
    conversations::{self, Moved, Step, advance, note_members},
    idempotency,
    member_rows::{all, held, held_all, insert, note_items, row, write},
    rows::{self, Code, member_columns, word},
    sanctions,
    sql::{Sql, after, paged, params, version},
    users,
};
use crate::{
    Audience, AudienceMember, FrozenRow, MemberAdd, MemberEdit, MemberRow, MembersChanged, Once, Page,
    ReadMark, SanctionRow, StoreError, StoreResult,
};

/// What a read mark cannot pass.
const HEAD: &str = "the newest message";

/// What members need of their conversation.
pub(super) struct Host {
    pub(super) app: AppKey,
    pub(super) key: ConversationKey,
    state: State,
    history: History,
    rev: Rev,
    head_seq: Seq,
    member_count: i64,
    last_at: Timestamp,
    pub(super) large: bool,
}

impl Host {
    async fn of(sql: &Sql<'_>, app: AppKey, key: ConversationKey) -> StoreResult<Self> {
        sql.maybe(
            "SELECT state, history, rev, head_seq, member_count, last_at, large
             FROM conversations WHERE conversation = $1 AND app = $2 AND deleted_at IS NULL",
            params![key.0, app.0],
            |row| {
                Ok(Self {
                    app,
                    key,
                    state: word(row)?,
                    history: word(row)?,
                    rev: Rev(row.int()?),
                    head_seq: Seq(row.int()?),
                    member_count: row.int()?,
                    last_at: row.time()?,
                    large: row.flag()?,
                })
            },
        )
        .await?
        .ok_or(StoreError::NotFound)
    }

    /// Where a member's view begins.
    fn first_seq(&self, member: &MemberRow) -> Seq {
        match self.history {
            History::All => Seq(1),
            History::SinceJoined => member.joined_seq,
        }
    }

    /// Whether a member's item holds something unread.
    pub(super) fn unread(&self, member: &MemberRow) -> bool {
        let head = member.frozen.as_ref().map_or(self.head_seq, |frozen| frozen.head_seq);
        head.0 > member.read_seq.0.max(self.first_seq(member).0 - 1)
    }

    fn check_mark(&self, seq: Option<Seq>) -> StoreResult<()> {
        if seq.is_some_and(|seq| seq > self.head_seq) { Err(StoreError::Full(HEAD)) } else { Ok(()) }
    }

    /// What became of members, without a rev.
    fn unchanged(&self, members: Vec<MemberRow>) -> MembersChanged {
        MembersChanged { rev: None, members, member_count: self.member_count, joined: Vec::new() }
    }
}

fn present(member: &MemberRow) -> bool {
    member.access != Access::None
}

/// The first members of a new conversation: part of its state at rev 0.
pub(super) async fn add_first(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    members: Vec<MemberAdd>,
    large: bool,
    at: Timestamp,
) -> StoreResult<()> {
    let host = Host { large, ..Host::of(sql, app, conversation).await? };
    let users: Vec<UserKey> = members.iter().map(|add| add.user).collect();
    let living = users::living(sql, app, &users).await?;
    let mut first = Vec::with_capacity(members.len());
    for add in members {
        host.check(&living, &add)?;
        first.push(MemberRow { rev: Rev(0), ..host.newcomer(add, at)? });
    }
    insert(sql, &host, &first.iter().collect::<Vec<_>>()).await
}

impl Host {
    /// Refuses who is no user of the app, or was erased, and a mark above the head.
    fn check(&self, living: &HashSet<UserKey>, add: &MemberAdd) -> StoreResult<()> {
        if !living.contains(&add.user) {
            return Err(StoreError::NotFound);
        }
        self.check_mark(add.read_seq)
    }

    /// The row of somebody who has none, at the rev that follows.
    fn newcomer(&self, add: MemberAdd, at: Timestamp) -> StoreResult<MemberRow> {
        if add.profile.is_some() && add.profile_version != 1 {
            return Err(StoreError::Changed);
        }
        let read_seq = add.read_seq.unwrap_or(match self.history {
            History::All => Seq(0),
            History::SinceJoined => self.head_seq,
        });
        Ok(MemberRow {
            conversation: self.key,
            user: add.user,
            role: add.role,
            access: add.access,
            ban: None,
            mute: None,
            profile_version: i64::from(add.profile.is_some()),
            profile: add.profile,
            notify: add.notify,
            read_seq,
            read_at: None,
            joined_at: at,
            joined_seq: self.head_seq.next(),
            frozen_rev: None,
            frozen: None,
            forgotten: false,
            rev: self.rev.next(),
            version: Version(1),
        })
    }
}

pub(super) async fn add(
    sql: &Sql<'_>,
    permit: &Permit,
    adds: Vec<MemberAdd>,
    at: Timestamp,
    once: Option<Once>,
) -> StoreResult<MembersChanged> {
    idempotency::remember(sql, permit.app(), once).await?;
    let host = Host::of(sql, permit.app(), conversations::of(permit)?).await?;
    let users: Vec<UserKey> = adds.iter().map(|add| add.user).collect();
    let living = users::living(sql, host.app, &users).await?;
    let mut batch = Batch { rows: held_all(sql, host.app, host.key, &users).await?, ..Batch::default() };
    for add in adds {
        host.check(&living, &add)?;
        batch.add(sql, &host, add, at)?;
    }
    batch.write(sql, &host).await?;
    if batch.joined.is_empty() && batch.changed.is_empty() {
        return Ok(host.unchanged(all(sql, host.app, host.key, &users).await?));
    }
    let step = Step { at, message: false, members: batch.joined.len() as i64 };
    let moved = advance(sql, host.app, host.key, step).await?;
    if !batch.joined.is_empty() {
        blocks::check_permit(sql, permit, host.key).await?;
    }
    let counted: Vec<UserKey> = batch.changed.iter().chain(&batch.joined).copied().collect();
    note_members(sql, host.app, host.key, &moved, &counted, at).await?;
    Ok(MembersChanged {
        rev: Some(moved.rev),
        members: all(sql, host.app, host.key, &users).await?,
        member_count: moved.member_count,
        joined: batch.joined,
    })
}

/// Members that are added together, while it is found out what becomes of each.
#[derive(Default)]
struct Batch {
    /// The rows as they are to be.
    rows: HashMap<UserKey, MemberRow>,
    /// Who had no row.
    new: Vec<UserKey>,
    joined: Vec<UserKey>,
    changed: Vec<UserKey>,
    marked: Vec<UserKey>,
}

impl Batch {
    fn add(&mut self, sql: &Sql<'_>, host: &Host, add: MemberAdd, at: Timestamp) -> StoreResult<()> {
        let user = add.user;
        let (became, after) = match self.rows.get(&user) {
            Some(before) => again(sql, host, before, add, at)?,
            None => {
                self.new.push(user);
                (Added::Joined, host.newcomer(add, at)?)
            }
        };
        match became {
            Added::Joined => self.joined.push(user),
            Added::Changed => self.changed.push(user),
            Added::Marked if self.marked.contains(&user) => {}
            Added::Marked => self.marked.push(user),
            Added::AsItWas => return Ok(()),
        }
        self.rows.insert(user, after);
        Ok(())
    }

    async fn write(&self, sql: &Sql<'_>, host: &Host) -> StoreResult<()> {
        let rows = |users: &[UserKey]| -> Vec<&MemberRow> {
            users.iter().filter_map(|user| self.rows.get(user)).collect()
        };
        insert(sql, host, &rows(&self.new)).await?;
        let written: Vec<UserKey> =
            [&self.joined, &self.changed, &self.marked].into_iter().flatten().copied().collect();
        let new: HashSet<&UserKey> = self.new.iter().collect();
        let known: Vec<UserKey> = written.into_iter().filter(|user| !new.contains(user)).collect();
        write(sql, host, &rows(&known)).await?;
        note_items(sql, host, &rows(&self.marked)).await
    }
}

/// What became of one who was to be added.
enum Added {
    /// It is a member now, and was none.
    Joined,
    /// It was one, and something that others see is another now.
    Changed,
    /// Only what concerns itself is another.
    Marked,
    /// It stays as it was.
    AsItWas,
}

/// Adds who has a row: what became of it, and the row as it is to be.
fn again(
    sql: &Sql<'_>,
    host: &Host,
    before: &MemberRow,
    add: MemberAdd,
    at: Timestamp,
) -> StoreResult<(Added, MemberRow)> {
    let before = before.clone();
    let banned = before.ban.as_ref().is_some_and(|ban| ban.until > at);
    // A row of this very rev is one that the batch named before.
    if banned || before.rev == host.rev.next() || (present(&before) && !add.replace) {
        return Ok((Added::AsItWas, before));
    }
    if present(&before) {
        let edit = MemberEdit {
            user: add.user,
            role: Some(add.role),
            access: Some(add.access),
            profile: add.profile.map(|profile| (profile, add.profile_version)),
            notify: Some(add.notify),
            read_seq: add.read_seq,
            at,
        };
        return replace(sql, host, before, edit);
    }
    if add.profile.is_some() && add.profile_version != before.profile_version + 1 {
        return Err(StoreError::Changed);
    }
    let after = MemberRow {
        role: add.role,
        access: add.access,
        profile_version: before.profile_version + i64::from(add.profile.is_some()),
        profile: add.profile.or(before.profile),
        notify: add.notify,
        read_seq: add.read_seq.unwrap_or(before.read_seq),
        joined_at: at,
        joined_seq: host.head_seq.next(),
        frozen_rev: None,
        frozen: None,
        forgotten: false,
        rev: host.rev.next(),
        version: Version(before.version.0 + 1),
        ..before
    };
    Ok((Added::Joined, after))
}

/// What becomes of a member by an edit, and its row as it is to be.
fn replace(
    sql: &Sql<'_>,
    host: &Host,
    before: MemberRow,
    edit: MemberEdit,
) -> StoreResult<(Added, MemberRow)> {
    host.check_mark(edit.read_seq)?;
    if edit.profile.as_ref().is_some_and(|(_, version)| *version != before.profile_version + 1) {
        return Err(StoreError::Changed);
    }
    let (role, access) = (edit.role.unwrap_or(before.role), edit.access.unwrap_or(before.access));
    let (notify, read_seq) = (edit.notify.unwrap_or(before.notify), edit.read_seq.unwrap_or(before.read_seq));
    let decisive = (role, access) != (before.role, before.access);
    let counted = decisive || edit.profile.is_some();
    let marked = read_seq != before.read_seq;
    if !counted && !marked && notify == before.notify {
        return Ok((Added::AsItWas, before));
    }
    if decisive {
        sql.narrow()?;
    }
    let (profile, profile_version) = match edit.profile {
        Some((profile, version)) => (Some(profile), version),
        None => (before.profile, before.profile_version),
    };
    let after = MemberRow {
        role,
        access,
        profile,
        profile_version,
        notify,
        read_seq,
        read_at: if marked { Some(edit.at) } else { before.read_at },
        rev: if counted { host.rev.next() } else { before.rev },
        version: Version(before.version.0 + i64::from(decisive)),
        ..before
    };
    Ok((if counted { Added::Changed } else { Added::Marked }, after))
}

pub(super) async fn edit(sql: &Sql<'_>, permit: &Permit, edit: MemberEdit) -> StoreResult<MembersChanged> {
    let host = Host::of(sql, permit.app(), conversations::of(permit)?).await?;
    let (user, at) = (edit.user, edit.at);
    let before = held(sql, host.app, host.key, user).await?.filter(present).ok_or(StoreError::NotFound)?;
    let (became, after) = replace(sql, &host, before, edit)?;
    match became {
        Added::Joined | Added::Changed => {
            write(sql, &host, &[&after]).await?;
            settle(sql, &host, user, 0, at).await
        }
        Added::Marked => {
            write(sql, &host, &[&after]).await?;
            note_items(sql, &host, &[&after]).await?;
            Ok(host.unchanged(vec![after]))
        }
        Added::AsItWas => Ok(host.unchanged(vec![after])),
    }
}

/// Takes the rev for the change of one member.
async fn settle(
    sql: &Sql<'_>,
    host: &Host,
    user: UserKey,
    members: i64,
    at: Timestamp,
) -> StoreResult<MembersChanged> {
    let moved: Moved = advance(sql, host.app, host.key, Step { at, message: false, members }).await?;
    note_members(sql, host.app, host.key, &moved, &[user], at).await?;
    Ok(MembersChanged {
        rev: Some(moved.rev),
        members: row(sql, host.app, host.key, user).await?.into_iter().collect(),
        member_count: moved.member_count,
        joined: Vec::new(),
    })
}

pub(super) async fn remove(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    forget: bool,
    at: Timestamp,
) -> StoreResult<MembersChanged> {
    let host = Host::of(sql, permit.app(), conversations::of(permit)?).await?;
    let before = held(sql, host.app, host.key, user).await?.ok_or(StoreError::NotFound)?;
    if present(&before) {
        let ban = before.ban.clone();
        return take_out(sql, &host, before, ban, forget, at).await;
    }
    if forget && !before.forgotten {
        let after =
            MemberRow { frozen: None, forgotten: true, version: Version(before.version.0 + 1), ..before };
        write(sql, &host, &[&after]).await?;
        note_items(sql, &host, &[&after]).await?;
        return Ok(host.unchanged(vec![after]));
    }
    Ok(host.unchanged(vec![before]))
}

/// Takes an erased person out of a conversation, with all that was kept of it there.
pub(super) async fn expel(
    sql: &Sql<'_>,
    app: AppKey,
    key: ConversationKey,
    user: UserKey,
    at: Timestamp,
) -> StoreResult<()> {
    let host = Host::of(sql, app, key).await?;
    let before = held(sql, app, key, user).await?.ok_or(StoreError::NotFound)?;
    sanctions::blank_mute(sql, app, key, user).await?;
    let before = MemberRow { profile: None, profile_version: 0, ..before };
    let ban = before.ban.clone().map(|ban| SanctionRow { note: None, ..ban });
    if present(&before) {
        take_out(sql, &host, before, ban, true, at).await?;
        return Ok(());
    }
    let version = Version(before.version.0 + 1);
    let after = MemberRow { ban, frozen: None, forgotten: true, version, ..before };
    write(sql, &host, &[&after]).await?;
    note_items(sql, &host, &[&after]).await
}

/// Ends a membership: the view is frozen at the rev that this takes, or dropped.
async fn take_out(
    sql: &Sql<'_>,
    host: &Host,
    before: MemberRow,
    ban: Option<SanctionRow>,
    forget: bool,
    at: Timestamp,
) -> StoreResult<MembersChanged> {
    let kept = sql
        .one(
            "SELECT profile, profile_version, state, frozen, head_seq, member_count FROM conversations
             WHERE conversation = $1 AND app = $2",
            params![host.key.0, host.app.0],
            |row| {
                Ok(FrozenRow {
                    profile: row.sealed()?,
                    profile_version: row.int()?,
                    state: word(row)?,
                    frozen: row.flag()?,
                    head_seq: Seq(row.int()?),
                    member_count: row.int()? - 1,
                    at,
                })
            },
        )
        .await?;
    let after = MemberRow {
        access: Access::None,
        ban,
        frozen_rev: Some(host.rev.next()),
        frozen: if forget { None } else { Some(kept) },
        forgotten: forget,
        rev: host.rev.next(),
        version: Version(before.version.0 + 1),
        ..before
    };
    write(sql, host, &[&after]).await?;
    // Its place is what it would have been given by now, and is not given again.
    let place = (host.state == State::Open).then_some(after.joined_at.max(host.last_at).0);
    sql.run(
        "UPDATE members m SET place = $1 WHERE app = $2 AND conversation = $3 AND m.user = $4",
        params![place, host.app.0, host.key.0, after.user.0],
    )
    .await?;
    note_items(sql, host, &[&after]).await?;
    settle(sql, host, after.user, -1, at).await
}

/// Says anew whether removed members left something unread, where the history that they see has changed: they are given no
/// place any more, and so would never hear of it.
pub(super) async fn recount_removed(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    history: History,
) -> StoreResult<()> {
    sql.run(
        concat!(
            "UPDATE members SET changed = ",
            version!(),
            ", unread = CASE
                 WHEN frozen_head_seq
                     > greatest(read_seq, CASE WHEN $1 = 1::bigint THEN joined_seq - 1 ELSE 0 END,
                         (SELECT c.first_seq - 1 FROM conversations c WHERE c.conversation = $3 AND c.app = $2)) THEN 1
                 ELSE 0 END
             WHERE app = $2 AND conversation = $3 AND access = 0 AND forgotten = 0"
        ),
        params![Code(history), app.0, conversation.0],
    )
    .await?;
    Ok(())
}

/// Says of removed members that they left nothing unread, where all that they left was purged: they too are given no place any
/// more.
pub(super) async fn purged(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    first: Seq,
) -> StoreResult<()> {
    sql.run(
        concat!(
            "UPDATE members SET changed = ",
            version!(),
            ", unread = 0
             WHERE app = $1 AND conversation = $2 AND access = 0 AND unread = 1 AND frozen_head_seq < $3"
        ),
        params![app.0, conversation.0, first.0],
    )
    .await
    .map(drop)
}

pub(super) async fn set_ban(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    role: RoleKey,
    ban: Option<SanctionRow>,
    at: Timestamp,
    once: Option<Once>,
) -> StoreResult<MembersChanged> {
    idempotency::remember(sql, permit.app(), once).await?;
    let host = Host::of(sql, permit.app(), conversations::of(permit)?).await?;
    match (held(sql, host.app, host.key, user).await?, ban) {
        (Some(before), Some(ban)) if present(&before) => {
            take_out(sql, &host, before, Some(ban), false, at).await
        }
        (Some(before), ban) if before.ban != ban => {
            let after = MemberRow { ban, version: Version(before.version.0 + 1), ..before };
            write(sql, &host, &[&after]).await?;
            if !after.forgotten {
                note_items(sql, &host, &[&after]).await?;
            }
            Ok(host.unchanged(vec![after]))
        }
        (Some(before), _) => Ok(host.unchanged(vec![before])),
        (None, None) => Ok(host.unchanged(Vec::new())),
        (None, Some(ban)) => {
            if !users::living(sql, host.app, &[user]).await?.contains(&user) {
                return Err(StoreError::NotFound);
            }
            // Who never was a member has nothing to see once the ban ends: the row is born forgotten.
            let after = MemberRow {
                conversation: host.key,
                user,
                role,
                access: Access::None,
                ban: Some(ban),
                mute: None,
                profile: None,
                profile_version: 0,
                notify: Notify::All,
                read_seq: Seq(0),
                read_at: None,
                joined_at: at,
                joined_seq: host.head_seq.next(),
                frozen_rev: None,
                frozen: None,
                forgotten: true,
                rev: Rev(0),
                version: Version(1),
            };
            insert(sql, &host, &[&after]).await?;
            Ok(host.unchanged(vec![after]))
        }
    }
}

pub(super) async fn list(sql: &Sql<'_>, permit: &Permit, page: Page) -> StoreResult<Vec<MemberRow>> {
    sql.all(
        &paged(
            concat!(
                "SELECT ",
                member_columns!(),
                " FROM members m WHERE m.app = $3 AND m.conversation = $4 AND m.access > 0"
            ),
            "m.user",
            &page,
        ),
        params![after(&page), page.limit, permit.app().0, conversations::of(permit)?.0],
        rows::member,
    )
    .await
}

pub(super) async fn mark_read(sql: &Sql<'_>, permit: &Permit, mark: ReadMark) -> StoreResult<MemberRow> {
    let (app, key) = (permit.app(), conversations::of(permit)?);
    // The conversation is not held, so that readers do not wait for senders: whoever gives the item its place holds this
    // row too, so that either it sees this mark, or the head read next is the one that it saw.
    let before = held(sql, app, key, mark.user).await?;
    let host = Host::of(sql, app, key).await?;
    let before = before.filter(present).ok_or(StoreError::NotFound)?;
    host.check_mark(Some(mark.seq))?;
    if mark.seq == before.read_seq || (mark.seq < before.read_seq && !mark.back) {
        return Ok(before);
    }
    let after = MemberRow { read_seq: mark.seq, read_at: Some(mark.at), ..before };
    sql.run(
        "UPDATE members m SET read_seq = $1, read_at = $2
         WHERE app = $3 AND conversation = $4 AND m.user = $5",
        params![mark.seq.0, mark.at.0, host.app.0, host.key.0, mark.user.0],
    )
    .await?;
    note_items(sql, &host, &[&after]).await?;
    Ok(after)
}

pub(super) async fn audience(sql: &Sql<'_>, permit: &Permit) -> StoreResult<Audience> {
    let host = Host::of(sql, permit.app(), conversations::of(permit)?).await?;
    let members = sql
        .all(
            "SELECT m.user, joined_seq, role, access FROM members m
         WHERE app = $1 AND conversation = $2 AND access > 0",
            params![host.app.0, host.key.0],
            |row| {
                let (user, joined) = (UserKey(row.int()?), Seq(row.int()?));
                let from_seq = if host.history == History::All { Seq(1) } else { joined };
                Ok(AudienceMember { user, from_seq, role: RoleKey(row.int()?), access: word(row)? })
            },
        )
        .await?;
    Ok(Audience { rev: host.rev, members })
}
