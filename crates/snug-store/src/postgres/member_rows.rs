//! Members' rows, read and written by set: a batch takes as many statements as one.
//!
//! Each row is looked up by its whole key, as [`named!`] sees to. A planner that knew the conversation beforehand would think of
//! its average size, and read all members of one that is far above it.

use std::collections::HashMap;

use snug_model::{AppKey, ConversationKey, UserKey};

use super::{
    members::Host,
    rows::{self, Code, member_columns},
    sql::{Sql, params, version},
};
use crate::{MemberRow, StoreResult};

/// A set of members, `w (app, conversation, …)`, of the parameters 1, the app, and 2, the conversation, and of arrays. `OFFSET`
/// keeps the planner from looking into it.
macro_rules! named {
    ($arrays:literal, $columns:literal) => {
        concat!(
            "(SELECT $1::bigint AS app, $2::bigint AS conversation, a.* FROM unnest(",
            $arrays,
            ") WITH ORDINALITY a (",
            $columns,
            ", nth) OFFSET 0) w"
        )
    };
}

pub(super) async fn row(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    user: UserKey,
) -> StoreResult<Option<MemberRow>> {
    sql.maybe(
        concat!(
            "SELECT ",
            member_columns!(),
            " FROM members m WHERE m.app = $1 AND m.conversation = $2 AND m.user = $3"
        ),
        params![app.0, conversation.0, user.0],
        rows::member,
    )
    .await
}

/// The rows of members, held until the commit: read marks move without the conversation being held.
pub(super) async fn held_all(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    users: &[UserKey],
) -> StoreResult<HashMap<UserKey, MemberRow>> {
    let users: Vec<i64> = users.iter().map(|user| user.0).collect();
    let held = sql
        .all(
            concat!(
                "SELECT ",
                member_columns!(),
                " FROM ",
                named!("$3::bigint[]", "person"),
                " JOIN members m ON m.app = w.app AND m.conversation = w.conversation AND m.user = w.person
                  ORDER BY m.user FOR NO KEY UPDATE OF m"
            ),
            params![app.0, conversation.0, users],
            |row| rows::member(row).map(|member| (member.user, member)),
        )
        .await?;
    Ok(held.into_iter().collect())
}

/// A member's row, held until the commit.
pub(super) async fn held(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    user: UserKey,
) -> StoreResult<Option<MemberRow>> {
    sql.maybe(
        concat!(
            "SELECT ",
            member_columns!(),
            " FROM members m WHERE m.app = $1 AND m.conversation = $2 AND m.user = $3 FOR NO KEY UPDATE"
        ),
        params![app.0, conversation.0, user.0],
        rows::member,
    )
    .await
}

/// The rows of members, in the order in which they are named.
pub(super) async fn all(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    users: &[UserKey],
) -> StoreResult<Vec<MemberRow>> {
    let users: Vec<i64> = users.iter().map(|user| user.0).collect();
    sql.all(
        concat!(
            "SELECT ",
            member_columns!(),
            " FROM ",
            named!("$3::bigint[]", "person"),
            " JOIN members m ON m.app = w.app AND m.conversation = w.conversation AND m.user = w.person ORDER BY w.nth"
        ),
        params![app.0, conversation.0, users],
        rows::member,
    )
    .await
}

/// The rows of members of conversations.
pub(super) async fn each(
    sql: &Sql<'_>,
    members: Vec<(AppKey, ConversationKey, UserKey)>,
) -> StoreResult<HashMap<(ConversationKey, UserKey), MemberRow>> {
    if members.is_empty() {
        return Ok(HashMap::new());
    }
    let column =
        |of: fn(&(AppKey, ConversationKey, UserKey)) -> i64| -> Vec<i64> { members.iter().map(of).collect() };
    let found = sql
        .all(
            concat!(
                "SELECT ",
                member_columns!(),
                " FROM (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) a (app, conversation, person)
                        OFFSET 0) w
                  JOIN members m ON m.app = w.app AND m.conversation = w.conversation AND m.user = w.person"
            ),
            params![column(|(app, ..)| app.0), column(|(_, key, _)| key.0), column(|(_, _, user)| user.0)],
            |row| rows::member(row).map(|member| ((member.conversation, member.user), member)),
        )
        .await?;
    Ok(found.into_iter().collect())
}

/// Members' rows, a column each.
#[derive(Default)]
struct Columns<'m> {
    users: Vec<i64>,
    roles: Vec<i64>,
    accesses: Vec<i64>,
    banned_until: Vec<Option<i64>>,
    ban_reasons: Vec<Option<&'m [u8]>>,
    banned_since: Vec<Option<i64>>,
    profiles: Vec<Option<&'m [u8]>>,
    profile_versions: Vec<i64>,
    notify: Vec<i64>,
    read_seqs: Vec<i64>,
    read_at: Vec<Option<i64>>,
    joined_at: Vec<i64>,
    joined_seqs: Vec<i64>,
    frozen_revs: Vec<Option<i64>>,
    frozen_profiles: Vec<Option<&'m [u8]>>,
    frozen_profile_versions: Vec<Option<i64>>,
    frozen_states: Vec<Option<i64>>,
    frozen_frozen: Vec<Option<i64>>,
    frozen_head_seqs: Vec<Option<i64>>,
    frozen_member_counts: Vec<Option<i64>>,
    frozen_at: Vec<Option<i64>>,
    forgotten: Vec<i64>,
    revs: Vec<i64>,
    versions: Vec<i64>,
}

impl<'m> Columns<'m> {
    fn of(members: &[&'m MemberRow]) -> Self {
        let mut columns = Self::default();
        for member in members {
            columns.push(member);
        }
        columns
    }

    fn push(&mut self, member: &'m MemberRow) {
        let (ban, frozen) = (member.ban.as_ref(), member.frozen.as_ref());
        self.users.push(member.user.0);
        self.roles.push(member.role.0);
        self.accesses.push(Code(member.access).cell());
        self.banned_until.push(ban.map(|ban| ban.until.0));
        self.ban_reasons.push(ban.and_then(|ban| ban.note.as_ref()).map(|note| &*note.0));
        self.banned_since.push(ban.map(|ban| ban.since.0));
        self.profiles.push(member.profile.as_ref().map(|profile| &*profile.0));
        self.profile_versions.push(member.profile_version);
        self.notify.push(Code(member.notify).cell());
        self.read_seqs.push(member.read_seq.0);
        self.read_at.push(member.read_at.map(|at| at.0));
        self.joined_at.push(member.joined_at.0);
        self.joined_seqs.push(member.joined_seq.0);
        self.frozen_revs.push(member.frozen_rev.map(|rev| rev.0));
        self.frozen_profiles.push(frozen.map(|frozen| &*frozen.profile.0));
        self.frozen_profile_versions.push(frozen.map(|frozen| frozen.profile_version));
        self.frozen_states.push(frozen.map(|frozen| Code(frozen.state).cell()));
        self.frozen_frozen.push(frozen.map(|frozen| i64::from(frozen.frozen)));
        self.frozen_head_seqs.push(frozen.map(|frozen| frozen.head_seq.0));
        self.frozen_member_counts.push(frozen.map(|frozen| frozen.member_count));
        self.frozen_at.push(frozen.map(|frozen| frozen.at.0));
        self.forgotten.push(i64::from(member.forgotten));
        self.revs.push(member.rev.0);
        self.versions.push(member.version.0);
    }
}

/// Inserts rows that have no place yet, and no frozen view.
pub(super) async fn insert(sql: &Sql<'_>, host: &Host, members: &[&MemberRow]) -> StoreResult<()> {
    if members.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(members);
    sql.run(
        r#"INSERT INTO members (app, conversation, large, "user", role, access, banned_until, ban_reason, banned_since,
             profile, profile_version, notify, read_seq, read_at, joined_at, joined_seq, forgotten, rev, version,
             changed, unread)
         SELECT $1, $2, $3, w.*, 0, 0
         FROM unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bytea[], $9::bigint[], $10::bytea[],
             $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[],
             $18::bigint[], $19::bigint[]) w"#,
        params![
            host.app.0,
            host.key.0,
            host.large,
            columns.users,
            columns.roles,
            columns.accesses,
            columns.banned_until,
            columns.ban_reasons,
            columns.banned_since,
            columns.profiles,
            columns.profile_versions,
            columns.notify,
            columns.read_seqs,
            columns.read_at,
            columns.joined_at,
            columns.joined_seqs,
            columns.forgotten,
            columns.revs,
            columns.versions
        ],
    )
    .await
    .map(drop)
}

/// Writes all of rows that are there, but for what orders inboxes.
pub(super) async fn write(sql: &Sql<'_>, host: &Host, members: &[&MemberRow]) -> StoreResult<()> {
    if members.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(members);
    sql.run(
        concat!(
            "UPDATE members m SET role = w.role, access = w.access, banned_until = w.banned_until,
                 ban_reason = w.ban_reason, banned_since = w.banned_since, profile = w.profile,
                 profile_version = w.profile_version, notify = w.notify, read_seq = w.read_seq, read_at = w.read_at,
                 joined_at = w.joined_at, joined_seq = w.joined_seq, frozen_rev = w.frozen_rev,
                 frozen_profile = w.frozen_profile, frozen_profile_version = w.frozen_profile_version,
                 frozen_state = w.frozen_state, frozen_frozen = w.frozen_frozen, frozen_head_seq = w.frozen_head_seq,
                 frozen_member_count = w.frozen_member_count, frozen_at = w.frozen_at, forgotten = w.forgotten,
                 rev = w.rev, version = w.version
             FROM ",
            named!(
                "$3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[], $8::bigint[], $9::bytea[],
                 $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[],
                 $16::bigint[], $17::bytea[], $18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[],
                 $22::bigint[], $23::bigint[], $24::bigint[], $25::bigint[], $26::bigint[]",
                "person, role, access, banned_until, ban_reason, banned_since, profile, profile_version, notify,
                 read_seq, read_at, joined_at, joined_seq, frozen_rev, frozen_profile, frozen_profile_version,
                 frozen_state, frozen_frozen, frozen_head_seq, frozen_member_count, frozen_at, forgotten, rev,
                 version"
            ),
            " WHERE m.app = w.app AND m.conversation = w.conversation AND m.user = w.person"
        ),
        params![
            host.app.0,
            host.key.0,
            columns.users,
            columns.roles,
            columns.accesses,
            columns.banned_until,
            columns.ban_reasons,
            columns.banned_since,
            columns.profiles,
            columns.profile_versions,
            columns.notify,
            columns.read_seqs,
            columns.read_at,
            columns.joined_at,
            columns.joined_seqs,
            columns.frozen_revs,
            columns.frozen_profiles,
            columns.frozen_profile_versions,
            columns.frozen_states,
            columns.frozen_frozen,
            columns.frozen_head_seqs,
            columns.frozen_member_counts,
            columns.frozen_at,
            columns.forgotten,
            columns.revs,
            columns.versions
        ],
    )
    .await
    .map(drop)
}

/// Notes that members' inbox items changed by themselves.
pub(super) async fn note_items(sql: &Sql<'_>, host: &Host, members: &[&MemberRow]) -> StoreResult<()> {
    if members.is_empty() {
        return Ok(());
    }
    let users: Vec<i64> = members.iter().map(|member| member.user.0).collect();
    let unread: Vec<i64> = members.iter().map(|member| i64::from(host.unread(member))).collect();
    sql.run(
        concat!(
            "UPDATE members m SET changed = ",
            version!(),
            ", unread = w.unread, place = CASE WHEN forgotten = 1 THEN NULL ELSE place END FROM ",
            named!("$3::bigint[], $4::bigint[]", "person, unread"),
            " WHERE m.app = w.app AND m.conversation = w.conversation AND m.user = w.person"
        ),
        params![host.app.0, host.key.0, users, unread],
    )
    .await
    .map(drop)
}
