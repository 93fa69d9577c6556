//! Members.
//!
//! A change that takes a rev reaches inboxes with the conversation's `activity`. What changes of one member alone is noted
//! in its own row: the read mark, `notify`, and removal, after which the conversation's changes are not its own any more.

use rusqlite::{named_params, params};
use snug_model::{
    AppKey, ConversationKey, Permit, Rev, RoleKey, Seq, Timestamp, UserKey, Version,
    conversations::{History, State},
    members::{Access, Notify},
};

use super::{
    blocks,
    conversations::{self, Change, Moved, Step, advance, note_change},
    idempotency,
    rows::{self, Code, member_columns, word},
    sanctions,
    sql::{Sql, after, paged},
    users,
};
use crate::{
    Audience, AudienceMember, FrozenRow, MemberAdd, MemberEdit, MemberRow, MembersChanged, Once, Page,
    ReadMark, SanctionRow, StoreError, StoreResult,
};

/// What a read mark cannot pass.
const HEAD: &str = "the newest message";

pub(super) fn row(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    user: UserKey,
) -> StoreResult<Option<MemberRow>> {
    sql.maybe(
        concat!(
            "SELECT ",
            member_columns!(),
            " FROM members m WHERE m.app = ?1 AND m.conversation = ?2 AND m.user = ?3"
        ),
        params![app.0, conversation.0, user.0],
        rows::member,
    )
}

/// What members need of their conversation.
struct Host {
    app: AppKey,
    key: ConversationKey,
    state: State,
    history: History,
    rev: Rev,
    head_seq: Seq,
    member_count: i64,
    last_at: Timestamp,
    large: bool,
}

impl Host {
    fn of(sql: &Sql<'_>, app: AppKey, key: ConversationKey) -> StoreResult<Self> {
        sql.maybe(
            "SELECT state, history, rev, head_seq, member_count, last_at, large
             FROM conversations WHERE conversation = ?1 AND app = ?2 AND deleted_at IS NULL",
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
        )?
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
    fn unread(&self, member: &MemberRow) -> bool {
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
pub(super) fn add_first(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    members: Vec<MemberAdd>,
    large: bool,
    at: Timestamp,
) -> StoreResult<()> {
    let host = Host::of(sql, app, conversation)?;
    for add in members {
        host.check_user(sql, add.user)?;
        host.check_mark(add.read_seq)?;
        let member = host.newcomer(add, at)?;
        insert(sql, &host, &MemberRow { rev: Rev(0), ..member }, large)?;
    }
    Ok(())
}

impl Host {
    /// Refuses who is no user of the app, or was erased.
    fn check_user(&self, sql: &Sql<'_>, user: UserKey) -> StoreResult<()> {
        if users::lives(sql, self.app, user)? { Ok(()) } else { Err(StoreError::NotFound) }
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

pub(super) fn add(
    sql: &Sql<'_>,
    permit: &Permit,
    adds: Vec<MemberAdd>,
    at: Timestamp,
    once: Option<Once>,
) -> StoreResult<MembersChanged> {
    idempotency::remember(sql, permit.app(), once)?;
    let host = Host::of(sql, permit.app(), conversations::of(permit)?)?;
    let users: Vec<UserKey> = adds.iter().map(|add| add.user).collect();
    let (mut counted, mut joined) = (Vec::new(), Vec::new());
    for add in adds {
        host.check_user(sql, add.user)?;
        host.check_mark(add.read_seq)?;
        let user = add.user;
        match add_one(sql, &host, add, at)? {
            Added::Joined => joined.push(user),
            Added::Changed => counted.push(user),
            Added::Marked | Added::AsItWas => continue,
        }
    }
    let members = |sql: &Sql<'_>| {
        let rows = users.iter().map(|user| row(sql, host.app, host.key, *user));
        rows.filter_map(Result::transpose).collect::<StoreResult<Vec<_>>>()
    };
    counted.extend(&joined);
    if counted.is_empty() {
        return Ok(host.unchanged(members(sql)?));
    }
    let step = Step { at, members: joined.len() as i64 };
    let moved = advance(sql, host.app, host.key, step)?;
    if !joined.is_empty() {
        blocks::check_permit(sql, permit, host.key)?;
    }
    for user in counted {
        note_change(sql, host.app, host.key, &moved, Change::Member(user), at)?;
    }
    Ok(MembersChanged {
        rev: Some(moved.rev),
        members: members(sql)?,
        member_count: moved.member_count,
        joined,
    })
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

fn add_one(sql: &Sql<'_>, host: &Host, add: MemberAdd, at: Timestamp) -> StoreResult<Added> {
    let Some(before) = row(sql, host.app, host.key, add.user)? else {
        insert(sql, host, &host.newcomer(add, at)?, host.large)?;
        return Ok(Added::Joined);
    };
    let banned = before.ban.as_ref().is_some_and(|ban| ban.until > at);
    // A row of this very rev is one that the batch named before.
    if banned || before.rev == host.rev.next() || (present(&before) && !add.replace) {
        return Ok(Added::AsItWas);
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
    write(sql, host, &after)?;
    Ok(Added::Joined)
}

/// Gives a member what an edit says.
fn replace(sql: &Sql<'_>, host: &Host, before: MemberRow, edit: MemberEdit) -> StoreResult<Added> {
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
        return Ok(Added::AsItWas);
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
    write(sql, host, &after)?;
    if counted {
        return Ok(Added::Changed);
    }
    note_item(sql, host, &after)?;
    Ok(Added::Marked)
}

pub(super) fn edit(sql: &Sql<'_>, permit: &Permit, edit: MemberEdit) -> StoreResult<MembersChanged> {
    let host = Host::of(sql, permit.app(), conversations::of(permit)?)?;
    let (user, at) = (edit.user, edit.at);
    let before = row(sql, host.app, host.key, user)?.filter(present).ok_or(StoreError::NotFound)?;
    match replace(sql, &host, before, edit)? {
        Added::Joined | Added::Changed => settle(sql, &host, user, 0, at),
        Added::Marked | Added::AsItWas => {
            Ok(host.unchanged(row(sql, host.app, host.key, user)?.into_iter().collect()))
        }
    }
}

/// Takes the rev for the change of one member.
fn settle(
    sql: &Sql<'_>,
    host: &Host,
    user: UserKey,
    members: i64,
    at: Timestamp,
) -> StoreResult<MembersChanged> {
    let moved: Moved = advance(sql, host.app, host.key, Step { at, members })?;
    note_change(sql, host.app, host.key, &moved, Change::Member(user), at)?;
    Ok(MembersChanged {
        rev: Some(moved.rev),
        members: row(sql, host.app, host.key, user)?.into_iter().collect(),
        member_count: moved.member_count,
        joined: Vec::new(),
    })
}

pub(super) fn remove(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    forget: bool,
    at: Timestamp,
) -> StoreResult<MembersChanged> {
    let host = Host::of(sql, permit.app(), conversations::of(permit)?)?;
    let before = row(sql, host.app, host.key, user)?.ok_or(StoreError::NotFound)?;
    if present(&before) {
        let ban = before.ban.clone();
        return take_out(sql, &host, before, ban, forget, at);
    }
    if forget && !before.forgotten {
        let after =
            MemberRow { frozen: None, forgotten: true, version: Version(before.version.0 + 1), ..before };
        write(sql, &host, &after)?;
        note_item(sql, &host, &after)?;
        return Ok(host.unchanged(vec![after]));
    }
    Ok(host.unchanged(vec![before]))
}

/// Takes an erased person out of a conversation, with all that was kept of it there.
pub(super) fn expel(
    sql: &Sql<'_>,
    app: AppKey,
    key: ConversationKey,
    user: UserKey,
    at: Timestamp,
) -> StoreResult<()> {
    let host = Host::of(sql, app, key)?;
    let before = row(sql, app, key, user)?.ok_or(StoreError::NotFound)?;
    sanctions::blank_mute(sql, app, key, user)?;
    let before = MemberRow { profile: None, profile_version: 0, ..before };
    let ban = before.ban.clone().map(|ban| SanctionRow { note: None, ..ban });
    if present(&before) {
        take_out(sql, &host, before, ban, true, at)?;
        return Ok(());
    }
    let version = Version(before.version.0 + 1);
    let after = MemberRow { ban, frozen: None, forgotten: true, version, ..before };
    write(sql, &host, &after)?;
    note_item(sql, &host, &after)
}

/// Ends a membership: the view is frozen at the rev that this takes, or dropped.
fn take_out(
    sql: &Sql<'_>,
    host: &Host,
    before: MemberRow,
    ban: Option<SanctionRow>,
    forget: bool,
    at: Timestamp,
) -> StoreResult<MembersChanged> {
    let kept = sql.one(
        "SELECT profile, profile_version, state, frozen, head_seq, member_count FROM conversations
         WHERE conversation = ?1 AND app = ?2",
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
    )?;
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
    write(sql, host, &after)?;
    // Its place is what it would have been given by now, and is not given again.
    let place = (host.state == State::Open).then_some(after.joined_at.max(host.last_at).0);
    sql.run(
        "UPDATE members SET place = ?1 WHERE app = ?2 AND conversation = ?3 AND user = ?4",
        params![place, host.app.0, host.key.0, after.user.0],
    )?;
    note_item(sql, host, &after)?;
    settle(sql, host, after.user, -1, at)
}

/// Says anew whether removed members left something unread, where the history that they see has changed: they are given no
/// place any more, and so would never hear of it.
pub(super) fn recount_removed(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    history: History,
) -> StoreResult<()> {
    sql.run(
        "UPDATE members SET changed = ?1,
             unread = frozen_head_seq > max(read_seq, iif(?2 = 1, joined_seq - 1, 0),
                 (SELECT first_seq - 1 FROM conversations c WHERE c.conversation = ?4 AND c.app = ?3))
         WHERE app = ?3 AND conversation = ?4 AND access = 0 AND forgotten = 0",
        params![sql.version, Code(history), app.0, conversation.0],
    )?;
    Ok(())
}

/// Says of removed members that they left nothing unread, where all that they left was purged: they too are given no place any
/// more.
pub(super) fn purged(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    first: Seq,
) -> StoreResult<()> {
    sql.run(
        "UPDATE members SET changed = ?1, unread = 0
         WHERE app = ?2 AND conversation = ?3 AND access = 0 AND unread = 1 AND frozen_head_seq < ?4",
        params![sql.version, app.0, conversation.0, first.0],
    )
    .map(drop)
}

pub(super) fn set_ban(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    role: RoleKey,
    ban: Option<SanctionRow>,
    at: Timestamp,
    once: Option<Once>,
) -> StoreResult<MembersChanged> {
    idempotency::remember(sql, permit.app(), once)?;
    let host = Host::of(sql, permit.app(), conversations::of(permit)?)?;
    match (row(sql, host.app, host.key, user)?, ban) {
        (Some(before), Some(ban)) if present(&before) => take_out(sql, &host, before, Some(ban), false, at),
        (Some(before), ban) if before.ban != ban => {
            let after = MemberRow { ban, version: Version(before.version.0 + 1), ..before };
            write(sql, &host, &after)?;
            if !after.forgotten {
                note_item(sql, &host, &after)?;
            }
            Ok(host.unchanged(vec![after]))
        }
        (Some(before), _) => Ok(host.unchanged(vec![before])),
        (None, None) => Ok(host.unchanged(Vec::new())),
        (None, Some(ban)) => {
            host.check_user(sql, user)?;
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
            insert(sql, &host, &after, host.large)?;
            Ok(host.unchanged(vec![after]))
        }
    }
}

pub(super) fn list(sql: &Sql<'_>, permit: &Permit, page: Page) -> StoreResult<Vec<MemberRow>> {
    sql.all(
        &paged(
            concat!(
                "SELECT ",
                member_columns!(),
                " FROM members m WHERE m.app = :app AND m.conversation = :conversation AND m.access > 0"
            ),
            "m.user",
            &page,
        ),
        named_params! {
            ":app": permit.app().0,
            ":conversation": conversations::of(permit)?.0,
            ":after": after(&page),
            ":limit": page.limit,
        },
        rows::member,
    )
}

pub(super) fn mark_read(sql: &Sql<'_>, permit: &Permit, mark: ReadMark) -> StoreResult<MemberRow> {
    let host = Host::of(sql, permit.app(), conversations::of(permit)?)?;
    let before = row(sql, host.app, host.key, mark.user)?.filter(present).ok_or(StoreError::NotFound)?;
    host.check_mark(Some(mark.seq))?;
    if mark.seq == before.read_seq || (mark.seq < before.read_seq && !mark.back) {
        return Ok(before);
    }
    let after = MemberRow { read_seq: mark.seq, read_at: Some(mark.at), ..before };
    sql.run(
        "UPDATE members SET read_seq = ?1, read_at = ?2 WHERE app = ?3 AND conversation = ?4 AND user = ?5",
        params![mark.seq.0, mark.at.0, host.app.0, host.key.0, mark.user.0],
    )?;
    note_item(sql, &host, &after)?;
    Ok(after)
}

pub(super) fn audience(sql: &Sql<'_>, permit: &Permit) -> StoreResult<Audience> {
    let host = Host::of(sql, permit.app(), conversations::of(permit)?)?;
    let members = sql.all(
        "SELECT user, joined_seq, role, access FROM members
         WHERE app = ?1 AND conversation = ?2 AND access > 0",
        params![host.app.0, host.key.0],
        |row| {
            let (user, joined) = (UserKey(row.int()?), Seq(row.int()?));
            let from_seq = if host.history == History::All { Seq(1) } else { joined };
            Ok(AudienceMember { user, from_seq, role: RoleKey(row.int()?), access: word(row)? })
        },
    )?;
    Ok(Audience { rev: host.rev, members })
}

fn insert(sql: &Sql<'_>, host: &Host, member: &MemberRow, large: bool) -> StoreResult<()> {
    sql.run(
        "INSERT INTO members (app, conversation, user, role, access, banned_until, ban_reason, banned_since, profile,
             profile_version, notify, read_seq, read_at, joined_at, joined_seq, forgotten, rev, version, changed,
             unread, large)
         VALUES (:app, :conversation, :user, :role, :access, :banned_until, :ban_reason, :banned_since, :profile,
             :profile_version, :notify, :read_seq, :read_at, :joined_at, :joined_seq, :forgotten, :rev, :version, 0,
             0, :large)",
        named_params! {
            ":app": host.app.0,
            ":conversation": host.key.0,
            ":user": member.user.0,
            ":role": member.role.0,
            ":access": Code(member.access),
            ":banned_until": member.ban.as_ref().map(|ban| ban.until.0),
            ":ban_reason": member.ban.as_ref().and_then(|ban| ban.note.as_ref()).map(|note| &note.0),
            ":banned_since": member.ban.as_ref().map(|ban| ban.since.0),
            ":profile": member.profile.as_ref().map(|profile| &profile.0),
            ":profile_version": member.profile_version,
            ":notify": Code(member.notify),
            ":read_seq": member.read_seq.0,
            ":read_at": member.read_at.map(|at| at.0),
            ":joined_at": member.joined_at.0,
            ":joined_seq": member.joined_seq.0,
            ":forgotten": member.forgotten,
            ":rev": member.rev.0,
            ":version": member.version.0,
            ":large": large,
        },
    )?;
    Ok(())
}

fn write(sql: &Sql<'_>, host: &Host, member: &MemberRow) -> StoreResult<()> {
    sql.run(
        "UPDATE members SET role = :role, access = :access, banned_until = :banned_until, ban_reason = :ban_reason,
             banned_since = :banned_since, profile = :profile, profile_version = :profile_version, notify = :notify,
             read_seq = :read_seq, read_at = :read_at, joined_at = :joined_at, joined_seq = :joined_seq,
             frozen_rev = :frozen_rev, frozen_profile = :frozen_profile,
             frozen_profile_version = :frozen_profile_version, frozen_state = :frozen_state,
             frozen_frozen = :frozen_frozen, frozen_head_seq = :frozen_head_seq,
             frozen_member_count = :frozen_member_count, frozen_at = :frozen_at,
             forgotten = :forgotten, rev = :rev, version = :version
         WHERE app = :app AND conversation = :conversation AND user = :user",
        named_params! {
            ":role": member.role.0,
            ":access": Code(member.access),
            ":banned_until": member.ban.as_ref().map(|ban| ban.until.0),
            ":ban_reason": member.ban.as_ref().and_then(|ban| ban.note.as_ref()).map(|note| &note.0),
            ":banned_since": member.ban.as_ref().map(|ban| ban.since.0),
            ":profile": member.profile.as_ref().map(|profile| &profile.0),
            ":profile_version": member.profile_version,
            ":notify": Code(member.notify),
            ":read_seq": member.read_seq.0,
            ":read_at": member.read_at.map(|at| at.0),
            ":joined_at": member.joined_at.0,
            ":joined_seq": member.joined_seq.0,
            ":frozen_rev": member.frozen_rev.map(|rev| rev.0),
            ":frozen_profile": member.frozen.as_ref().map(|frozen| &frozen.profile.0),
            ":frozen_profile_version": member.frozen.as_ref().map(|frozen| frozen.profile_version),
            ":frozen_state": member.frozen.as_ref().map(|frozen| Code(frozen.state)),
            ":frozen_frozen": member.frozen.as_ref().map(|frozen| frozen.frozen),
            ":frozen_head_seq": member.frozen.as_ref().map(|frozen| frozen.head_seq.0),
            ":frozen_member_count": member.frozen.as_ref().map(|frozen| frozen.member_count),
            ":frozen_at": member.frozen.as_ref().map(|frozen| frozen.at.0),
            ":forgotten": member.forgotten,
            ":rev": member.rev.0,
            ":version": member.version.0,
            ":app": host.app.0,
            ":conversation": host.key.0,
            ":user": member.user.0,
        },
    )?;
    Ok(())
}

/// Notes that a member's inbox item changed by itself.
fn note_item(sql: &Sql<'_>, host: &Host, member: &MemberRow) -> StoreResult<()> {
    sql.run(
        "UPDATE members SET changed = ?1, unread = ?2, place = iif(forgotten, NULL, place)
         WHERE app = ?3 AND conversation = ?4 AND user = ?5",
        params![sql.version, host.unread(member), host.app.0, host.key.0, member.user.0],
    )?;
    Ok(())
}
