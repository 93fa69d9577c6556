//! Users' inboxes.
//!
//! Most conversations of a user are found by the place that its member row was given, in an index. What changed since,
//! and what is too large to be placed, lies over that: few rows, compared by the conversation's own columns.

use std::cmp::Reverse;

use rusqlite::{named_params, params};
use snug_model::{
    AppKey, ConversationKey, Permit, Rev, Seq, UserKey, conversations::History, members::Access, policy::View,
};

use super::{
    conversations,
    messages::Place,
    rows::{self, conversation_columns, member_columns},
    sql::Sql,
    sync::as_at_removal,
};
use crate::{
    ConversationRow, InboxPlace, InboxQuery, InboxRow, InboxRows, MemberRow, StoreResult, UnreadRows,
};

/// What lies over a user's places: `overlay (conversation, place, unread, shown, activity)`, of the parameters `:app` and
/// `:user`. Conversations that wait for their place, where the user is a member or the conversation is deleted: `$waiting`
/// joins them in the order in which to look. And the user's large ones, of which a removed member keeps the place of its
/// removal.
macro_rules! overlay {
    ($waiting:literal) => {
        concat!(
            "WITH overlay (conversation, place, unread, shown, activity) AS MATERIALIZED (
             SELECT c.conversation, max(m.joined_at, c.last_at),
                 c.head_seq > max(m.read_seq, c.first_seq - 1, iif(c.history = 1, m.joined_seq - 1, 0)),
                 c.state = 0 AND c.deleted_at IS NULL, c.activity
             FROM ",
            $waiting,
            " ON m.app = c.app AND m.conversation = c.conversation
             WHERE c.app = :app AND c.pending = 1 AND m.app = :app AND m.user = :user AND m.forgotten = 0
                 AND (m.access > 0 OR c.deleted_at IS NOT NULL)
             UNION ALL
             SELECT c.conversation, iif(m.access > 0, max(m.joined_at, c.last_at), m.place),
                 iif(m.access > 0, c.head_seq, m.frozen_head_seq)
                     > max(m.read_seq, c.first_seq - 1, iif(c.history = 1, m.joined_seq - 1, 0)),
                 c.deleted_at IS NULL AND iif(m.access > 0, c.state = 0, m.place IS NOT NULL),
                 iif(m.access > 0 OR c.deleted_at IS NOT NULL, c.activity, m.changed)
             FROM members m CROSS JOIN conversations c
                 ON c.conversation = m.conversation AND c.app = m.app
             WHERE m.app = :app AND m.user = :user AND m.large = 1 AND m.forgotten = 0
         )"
        )
    };
}

/// A statement that looks at a user's places with what lies over them, as [`Shorter`] says.
macro_rules! overlaid {
    ($shorter:expr, $($select:expr),+) => {
        match $shorter {
            Shorter::Waiting => {
                concat!(overlay!("conversations c CROSS JOIN members m"), $($select),+)
            }
            Shorter::Own => {
                concat!(overlay!("members m CROSS JOIN conversations c"), $($select),+)
            }
        }
    };
}

/// How long lists are before it no longer matters which of them is shorter.
const LOOK_MAX: i64 = 256;

/// Which list to go through for the conversations that are on both: so that neither many of others' that wait cost a user with
/// few of its own, nor many of its own where few wait.
#[derive(Debug, Clone, Copy)]
enum Shorter {
    /// The app's conversations that wait for their place.
    Waiting,
    /// The user's own.
    Own,
}

impl Shorter {
    fn of(sql: &Sql<'_>, app: AppKey, user: UserKey) -> StoreResult<Self> {
        let waiting = sql.one(
            "SELECT count(*) FROM (SELECT 1 FROM conversations WHERE app = ?1 AND pending = 1 LIMIT ?2)",
            params![app.0, LOOK_MAX],
            |row| row.int(),
        )?;
        if waiting == 0 {
            return Ok(Self::Waiting);
        }
        let own = sql.one(
            "SELECT count(*) FROM (SELECT 1 FROM members WHERE app = ?1 AND user = ?2 LIMIT ?3)",
            params![app.0, user.0, waiting],
            |row| row.int(),
        )?;
        Ok(if own < waiting { Self::Own } else { Self::Waiting })
    }
}

/// The `:limit` newest places below `:at`, `:below` that `$which` asks for, with what lies over them.
macro_rules! newest {
    ($which:literal) => {
        concat!(
            " SELECT * FROM (
                 SELECT conversation, place, unread FROM members
                 WHERE app = :app AND user = :user AND place IS NOT NULL AND large = 0 ",
            $which,
            " AND (place, conversation) < (:at, :below)
                     AND conversation NOT IN (SELECT conversation FROM overlay)
                 ORDER BY place DESC, conversation DESC LIMIT :limit)
             UNION ALL
             SELECT conversation, place, unread FROM overlay
             WHERE shown ",
            $which,
            " AND (place, conversation) < (:at, :below)
             ORDER BY place DESC, conversation DESC LIMIT :limit"
        )
    };
}

pub(super) fn inbox(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    query: InboxQuery,
) -> StoreResult<InboxRows> {
    let app = permit.app();
    match query {
        InboxQuery::Page { below, unread, limit } => page(sql, app, user, below, unread, limit),
        InboxQuery::Since { version, limit } => match since(sql, app, user, version, limit)? {
            Some(changed) => Ok(changed),
            None => Ok(InboxRows { reset: true, ..page(sql, app, user, None, false, limit)? }),
        },
    }
}

fn page(
    sql: &Sql<'_>,
    app: AppKey,
    user: UserKey,
    below: Option<InboxPlace>,
    unread: bool,
    limit: i64,
) -> StoreResult<InboxRows> {
    let shorter = Shorter::of(sql, app, user)?;
    let statement =
        if unread { overlaid!(shorter, newest!("AND unread = 1")) } else { overlaid!(shorter, newest!("")) };
    let below = below.unwrap_or(InboxPlace { at: i64::MAX, conversation: i64::MAX });
    let mut places = sql.all(
        statement,
        named_params! {
            ":app": app.0,
            ":user": user.0,
            ":at": below.at,
            ":below": below.conversation,
            ":limit": limit + 1,
        },
        |row| Ok(InboxPlace { conversation: row.int()?, at: row.int()? }),
    )?;
    let more = places.len() as i64 > limit;
    places.truncate(usize::try_from(limit).unwrap_or_default());
    let mut items = Vec::with_capacity(places.len());
    for place in &places {
        let item = item(sql, app, ConversationKey(place.conversation), user)?;
        items.extend(item.map(|item| item.row));
    }
    let next = places.last().copied().filter(|_| more);
    Ok(InboxRows { items, gone: Vec::new(), next, version: sql.version + 1, reset: false })
}

/// What changed at `version` or later; none where that is more than `limit`.
fn since(
    sql: &Sql<'_>,
    app: AppKey,
    user: UserKey,
    version: i64,
    limit: i64,
) -> StoreResult<Option<InboxRows>> {
    // From a file that was restored since, which had counted further.
    if version > sql.version + 1 {
        return Ok(None);
    }
    let changed = sql.all(
        overlaid!(
            Shorter::of(sql, app, user)?,
            " SELECT conversation FROM (
                 SELECT conversation FROM members WHERE app = :app AND user = :user AND changed >= :version
                 ORDER BY changed DESC LIMIT :limit)
             UNION
             SELECT conversation FROM overlay WHERE activity >= :version
             LIMIT :limit"
        ),
        named_params! { ":app": app.0, ":user": user.0, ":version": version, ":limit": limit + 1 },
        |row| row.int().map(ConversationKey),
    )?;
    if changed.len() as i64 > limit {
        return Ok(None);
    }
    let (mut items, mut gone) = (Vec::new(), Vec::new());
    for conversation in changed {
        match item(sql, app, conversation, user)? {
            Some(item) if item.gone => gone.push(item.row.conversation),
            Some(item) => items.push(item),
            None => {}
        }
    }
    items.sort_by_key(|item| Reverse(item.place));
    let items = items.into_iter().map(|item| item.row).collect();
    Ok(Some(InboxRows { items, gone, next: None, version: sql.version + 1, reset: false }))
}

/// One conversation of a user's inbox, or one that was.
struct Item {
    row: InboxRow,
    place: InboxPlace,
    /// Whether it left the inbox for good: deleted, or forgotten.
    gone: bool,
}

fn item(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    user: UserKey,
) -> StoreResult<Option<Item>> {
    let found = sql.maybe(
        concat!(
            "SELECT iif(m.access > 0, max(m.joined_at, c.last_at), coalesce(m.place, 0)),
                 m.forgotten OR c.deleted_at IS NOT NULL, ",
            conversation_columns!(),
            ", ",
            member_columns!(),
            " FROM members m CROSS JOIN conversations c ON c.conversation = m.conversation AND c.app = m.app
              WHERE m.app = ?1 AND m.conversation = ?2 AND m.user = ?3"
        ),
        params![app.0, conversation.0, user.0],
        |row| Ok((row.int()?, row.flag()?, rows::conversation(row)?, rows::member(row)?)),
    )?;
    let Some((at, gone, conversation, member)) = found else { return Ok(None) };
    let place = InboxPlace { at, conversation: conversation.key.0 };
    let row = shown(sql, app, conversation, member, gone)?;
    Ok(Some(Item { row, place, gone }))
}

/// A conversation as its member may see it; of one that is gone no message is looked for.
fn shown(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationRow,
    member: MemberRow,
    gone: bool,
) -> StoreResult<InboxRow> {
    let from_seq = match conversation.history {
        History::All => Seq(1),
        History::SinceJoined => member.joined_seq,
    };
    let until = (member.access == Access::None).then(|| member.frozen_rev.unwrap_or(Rev(0)));
    let view = View { from_seq, until, ..View::NOTHING };
    let place = Place {
        app,
        conversation: conversation.key,
        view,
        reader: Some(member.user),
        pace_ms: None,
        heeds_blocks: false,
        hides: false,
    };
    let conversation = as_at_removal(conversation, &place, Some(&member));
    let visible_head = conversation.head_seq;
    let from_seq = from_seq.max(conversation.first_seq);
    let last_message = if gone || visible_head < from_seq { None } else { place.at(sql, visible_head)? };
    let unread = (visible_head.0 - member.read_seq.0.max(from_seq.0 - 1)).max(0);
    Ok(InboxRow { conversation, member, last_message, visible_head, unread })
}

pub(super) fn inbox_item(sql: &Sql<'_>, permit: &Permit, user: UserKey) -> StoreResult<Option<InboxRow>> {
    let item = item(sql, permit.app(), conversations::of(permit)?, user)?;
    Ok(item.filter(|item| !item.gone).map(|item| item.row))
}

pub(super) fn unread(sql: &Sql<'_>, permit: &Permit, user: UserKey, look: i64) -> StoreResult<UnreadRows> {
    sql.one(
        overlaid!(
            Shorter::of(sql, permit.app(), user)?,
            " SELECT coalesce(sum(unread AND nth <= :limit - 1), 0), count(*) FROM (
                 SELECT unread, row_number() OVER (ORDER BY place DESC, conversation DESC) AS nth FROM (",
            newest!(""),
            "))"
        ),
        named_params! {
            ":app": permit.app().0,
            ":user": user.0,
            ":at": i64::MAX,
            ":below": i64::MAX,
            ":limit": look + 1,
        },
        |row| Ok(UnreadRows { conversations: row.int()?, capped: row.int()? > look }),
    )
}

/// The place of a conversation on the work list, in the list's order.
pub(super) type Turn = (i64, i64);

/// Gives up to `limit` conversations of the work list their places, and says how many, and whose turn was the last. It begins
/// after `turn`, and after the end of the list at its beginning: so however busy some are, each has its turn.
pub(super) fn place(sql: &Sql<'_>, turn: Turn, limit: i64) -> StoreResult<(i64, Turn)> {
    let mut pending = pending(sql, ">", turn, limit)?;
    let left = limit - pending.len() as i64;
    if left > 0 {
        pending.extend(self::pending(sql, "<=", turn, left)?);
    }
    let last = pending.last().copied().unwrap_or(turn);
    for (app, conversation) in &pending {
        // A removed member keeps the place of its removal, unless the conversation is deleted.
        sql.run(
            "UPDATE members SET
                 place = iif(c.deleted_at IS NULL AND c.state = 0, max(joined_at, c.last_at), NULL),
                 unread = c.head_seq > max(read_seq, c.first_seq - 1, iif(c.history = 1, joined_seq - 1, 0)),
                 changed = max(changed, c.activity)
             FROM (SELECT * FROM conversations WHERE conversation = ?2 AND app = ?1) c
             WHERE members.app = ?1 AND members.conversation = ?2 AND forgotten = 0
                 AND (access > 0 OR c.deleted_at IS NOT NULL)",
            params![app, conversation],
        )?;
        sql.run(
            "UPDATE conversations SET pending = 0 WHERE conversation = ?1 AND app = ?2",
            params![conversation, app],
        )?;
    }
    Ok((pending.len() as i64, last))
}

/// The conversations of the work list on one side of `turn`.
fn pending(sql: &Sql<'_>, side: &str, turn: Turn, limit: i64) -> StoreResult<Vec<Turn>> {
    sql.all(
        &format!(
            "SELECT app, conversation FROM conversations WHERE pending = 1 AND (app, conversation) {side} (?1, ?2)
             ORDER BY app, conversation LIMIT ?3"
        ),
        params![turn.0, turn.1, limit],
        |row| Ok((row.int()?, row.int()?)),
    )
}
