//! Users' inboxes.
//!
//! Most conversations of a user are found by the place that its member row was given, in an index. What changed since,
//! and what is too large to be placed, lies over that: few rows, compared by the conversation's own columns.

use std::cmp::Reverse;

use snug_model::{AppKey, Permit, Rev, Seq, UserKey, conversations::History, members::Access, policy::View};

use super::{
    conversations,
    messages::{self, Place},
    rows::{self, conversation_columns, member_columns},
    sql::{Sql, params},
    sync::as_at_removal,
};
use crate::{
    ConversationRow, InboxPlace, InboxQuery, InboxRow, InboxRows, MemberRow, StoreResult, UnreadRows,
};

/// What lies over a user's places: `overlay (conversation, place, unread, shown, activity)`, of the parameters 1, the app, and
/// 2, the user. Conversations that wait for their place, where the user is a member or the conversation is deleted; and the
/// user's large ones, of which a removed member keeps the place of its removal.
///
/// What waits and is the user's is looked for in the shorter list of the two, `first`, so that neither many of others' that wait
/// cost a user with few of its own, nor many of its own where few wait; beyond 256 it no longer matters which is shorter.
/// `OFFSET` keeps the planner to looking up what is in it: it may think that to read all that waits is cheaper.
macro_rules! overlay {
    () => {
        "WITH waiting (count) AS MATERIALIZED (
                 SELECT count(*) FROM (
                     SELECT 1 FROM conversations WHERE app = $1 AND pending = 1 LIMIT 256) c
             ), first (own) AS MATERIALIZED (
                 SELECT count(*) < (SELECT count FROM waiting) FROM (
                     SELECT 1 FROM members m WHERE m.app = $1 AND m.user = $2 LIMIT (SELECT count FROM waiting)) m
             ), overlay (conversation, place, unread, shown, activity) AS MATERIALIZED (
             SELECT c.conversation, greatest(m.joined_at, c.last_at),
                 (c.head_seq > greatest(m.read_seq, c.first_seq - 1, CASE WHEN c.history = 1 THEN m.joined_seq - 1 ELSE 0 END))::int,
                 c.state = 0 AND c.deleted_at IS NULL, c.activity
             FROM (SELECT p.conversation FROM conversations p
                   WHERE p.app = $1 AND p.pending = 1 AND NOT (SELECT own FROM first)
                   UNION ALL
                   SELECT o.conversation FROM members o
                   WHERE o.app = $1 AND o.user = $2 AND (SELECT own FROM first)) w
             CROSS JOIN LATERAL (
                 SELECT * FROM conversations c WHERE c.conversation = w.conversation AND c.app = $1 OFFSET 0) c
             CROSS JOIN LATERAL (
                 SELECT * FROM members m WHERE m.app = $1 AND m.conversation = w.conversation AND m.user = $2 OFFSET 0) m
             WHERE c.pending = 1 AND m.forgotten = 0 AND (m.access > 0 OR c.deleted_at IS NOT NULL)
             UNION ALL
             SELECT c.conversation, CASE WHEN m.access > 0 THEN greatest(m.joined_at, c.last_at) ELSE m.place END,
                 (CASE WHEN m.access > 0 THEN c.head_seq ELSE m.frozen_head_seq END
                     > greatest(m.read_seq, c.first_seq - 1, CASE WHEN c.history = 1 THEN m.joined_seq - 1 ELSE 0 END))::int,
                 c.deleted_at IS NULL AND CASE WHEN m.access > 0 THEN c.state = 0 ELSE m.place IS NOT NULL END,
                 CASE WHEN m.access > 0 OR c.deleted_at IS NOT NULL THEN c.activity ELSE m.changed END
             FROM members m JOIN conversations c ON c.conversation = m.conversation AND c.app = m.app
             WHERE m.app = $1 AND m.user = $2 AND m.large = 1 AND m.forgotten = 0
         )"
    };
}

/// The newest places below one, that `$which` asks for, with what lies over them; of the parameters 3, how many at most,
/// and 4 and 5, the time and the conversation of the place.
macro_rules! newest {
    ($which:literal) => {
        concat!(
            " SELECT * FROM (
                 (SELECT m.conversation, m.place, m.unread FROM members m
                  WHERE m.app = $1 AND m.user = $2 AND m.place IS NOT NULL AND m.large = 0 ",
            $which,
            " AND (m.place, m.conversation) < ($4, $5)
                      AND m.conversation NOT IN (SELECT conversation FROM overlay)
                  ORDER BY m.place DESC, m.conversation DESC LIMIT $3)
                 UNION ALL
                 SELECT conversation, place, unread FROM overlay
                 WHERE shown ",
            $which,
            " AND (place, conversation) < ($4, $5)) places
             ORDER BY place DESC, conversation DESC LIMIT $3"
        )
    };
}

/// Below these bits of what is answered as a version is a number of a transaction, above them who counted it.
const COUNT_BITS: u32 = 48;

/// How far transactions were counted when something was read, and by whom.
struct Counted {
    /// Everything that happens later is of this transaction or a later one: the first that the reader did not see the end
    /// of. Some that it did see may have begun later.
    next: i64,
    /// Says which database of which server counted, on which timeline. Data that was restored elsewhere, or from an earlier
    /// time, is counted anew, and less far: what changed would be taken for old.
    by: i64,
}

impl Counted {
    async fn now(sql: &Sql<'_>) -> StoreResult<Self> {
        sql.one(
            "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, hashtextextended(
                 concat_ws(' ', s.system_identifier, d.oid, left(pg_walfile_name(pg_current_wal_lsn()), 8)), 0) & 32767
             FROM pg_control_system() s, pg_database d WHERE d.datname = current_database()",
            params![],
            |row| Ok(Self { next: row.int()?, by: row.int()? }),
        )
        .await
    }

    /// The version that is answered.
    fn version(&self) -> i64 {
        self.by << COUNT_BITS | self.next
    }

    /// The transaction since which a reader of `version` asks; none where it cannot have been answered here. 0 is the
    /// beginning of every count.
    fn since(&self, version: i64) -> Option<i64> {
        let (by, since) = (version >> COUNT_BITS, version & ((1 << COUNT_BITS) - 1));
        (version == 0 || by == self.by && since <= self.next).then_some(since)
    }
}

pub(super) async fn inbox(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    query: InboxQuery,
) -> StoreResult<InboxRows> {
    let app = permit.app();
    match query {
        InboxQuery::Page { below, unread, limit } => page(sql, app, user, below, unread, limit).await,
        InboxQuery::Since { version, limit } => match since(sql, app, user, version, limit).await? {
            Some(changed) => Ok(changed),
            None => Ok(InboxRows { reset: true, ..page(sql, app, user, None, false, limit).await? }),
        },
    }
}

async fn page(
    sql: &Sql<'_>,
    app: AppKey,
    user: UserKey,
    below: Option<InboxPlace>,
    unread: bool,
    limit: i64,
) -> StoreResult<InboxRows> {
    let statement = if unread {
        concat!(overlay!(), newest!("AND unread = 1"))
    } else {
        concat!(overlay!(), newest!(""))
    };
    let below = below.unwrap_or(InboxPlace { at: i64::MAX, conversation: i64::MAX });
    let mut places = sql
        .all(statement, params![app.0, user.0, limit + 1, below.at, below.conversation], |row| {
            Ok(InboxPlace { conversation: row.int()?, at: row.int()? })
        })
        .await?;
    let more = places.len() as i64 > limit;
    places.truncate(usize::try_from(limit).unwrap_or_default());
    let listed = places.iter().map(|place| place.conversation).collect();
    let items = items(sql, app, user, listed).await?.into_iter().map(|item| item.row).collect();
    let next = places.last().copied().filter(|_| more);
    Ok(InboxRows { items, gone: Vec::new(), next, version: Counted::now(sql).await?.version(), reset: false })
}

/// What changed at the version `since` or later; none where that is more than `limit`, or where `since` was answered by
/// another count.
async fn since(
    sql: &Sql<'_>,
    app: AppKey,
    user: UserKey,
    since: i64,
    limit: i64,
) -> StoreResult<Option<InboxRows>> {
    let counted = Counted::now(sql).await?;
    let Some(since) = counted.since(since) else { return Ok(None) };
    let changed = sql
        .all(
            concat!(
                overlay!(),
                " SELECT conversation FROM (
                 (SELECT m.conversation FROM members m WHERE m.app = $1 AND m.user = $2 AND m.changed >= $4
                  ORDER BY m.changed DESC LIMIT $3)
                 UNION
                 SELECT conversation FROM overlay WHERE activity >= $4) changed
             LIMIT $3"
            ),
            params![app.0, user.0, limit + 1, since],
            |row| row.int(),
        )
        .await?;
    if changed.len() as i64 > limit {
        return Ok(None);
    }
    let mut items = items(sql, app, user, changed).await?;
    items.sort_by_key(|item| Reverse(item.place));
    let (gone, items): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| item.gone);
    Ok(Some(InboxRows {
        items: items.into_iter().map(|item| item.row).collect(),
        gone: gone.into_iter().map(|item| item.row.conversation).collect(),
        next: None,
        version: counted.version(),
        reset: false,
    }))
}

/// One conversation of a user's inbox, or one that was.
struct Item {
    row: InboxRow,
    place: InboxPlace,
    /// Whether it left the inbox for good: deleted, or forgotten.
    gone: bool,
}

/// These conversations of a user, in this order, but for those in which the user never was. They take as many statements as
/// one.
async fn items(sql: &Sql<'_>, app: AppKey, user: UserKey, conversations: Vec<i64>) -> StoreResult<Vec<Item>> {
    let found = sql
        .all(
            concat!(
                "SELECT CASE WHEN m.access > 0 THEN greatest(m.joined_at, c.last_at) ELSE coalesce(m.place, 0) END,
                     m.forgotten = 1 OR c.deleted_at IS NOT NULL, ",
                conversation_columns!(),
                ", ",
                member_columns!(),
                // `OFFSET` keeps the planner from looking into it: else it may read all rows of the user instead of these.
                " FROM (SELECT $1::bigint AS app, $2::bigint AS person, a.*
                        FROM unnest($3::bigint[]) WITH ORDINALITY a (conversation, nth) OFFSET 0) w
                  JOIN members m ON m.app = w.app AND m.conversation = w.conversation AND m.user = w.person
                  JOIN conversations c ON c.conversation = m.conversation AND c.app = m.app
                  ORDER BY w.nth"
            ),
            params![app.0, user.0, conversations],
            |row| {
                let (at, gone) = (row.int()?, row.truth()?);
                Ok(shown(app, at, gone, rows::conversation(row)?, rows::member(row)?))
            },
        )
        .await?;
    let (mut keys, mut heads) = (Vec::new(), Vec::new());
    for (item, place) in &found {
        // Of one that is gone no message is looked for.
        if !item.gone && item.row.visible_head >= place.view.from_seq {
            keys.push(place.conversation.0);
            heads.push(item.row.visible_head.0);
        }
    }
    let mut newest = messages::at_each(sql, app, keys, heads).await?;
    let mut items = Vec::with_capacity(found.len());
    for (mut item, place) in found {
        if let Some(stored) = newest.remove(&place.conversation) {
            item.row.last_message = Some(place.until(sql, stored).await?);
        }
        items.push(item);
    }
    Ok(items)
}

/// A conversation as its member may see it, still without its newest message; and what the member may see.
fn shown(
    app: AppKey,
    at: i64,
    gone: bool,
    conversation: ConversationRow,
    member: MemberRow,
) -> (Item, Place) {
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
    let unread = (visible_head.0 - member.read_seq.0.max(from_seq.0 - 1)).max(0);
    let item = Item {
        place: InboxPlace { at, conversation: conversation.key.0 },
        row: InboxRow { conversation, member, last_message: None, visible_head, unread },
        gone,
    };
    (item, place)
}

pub(super) async fn inbox_item(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
) -> StoreResult<Option<InboxRow>> {
    let items = items(sql, permit.app(), user, vec![conversations::of(permit)?.0]).await?;
    Ok(items.into_iter().find(|item| !item.gone).map(|item| item.row))
}

pub(super) async fn unread(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
    look: i64,
) -> StoreResult<UnreadRows> {
    sql.one(
        concat!(
            overlay!(),
            " SELECT count(*) FILTER (WHERE unread = 1 AND nth <= $3 - 1), count(*) FROM (
                 SELECT unread, row_number() OVER (ORDER BY place DESC, conversation DESC) AS nth FROM (",
            newest!(""),
            ") newest) numbered"
        ),
        params![permit.app().0, user.0, look + 1, i64::MAX, i64::MAX],
        |row| Ok(UnreadRows { conversations: row.int()?, capped: row.int()? > look }),
    )
    .await
}

/// The place of a conversation on the work list, in the list's order.
pub(super) type Turn = (i64, i64);

/// Gives up to `limit` conversations of the work list their places, and says how many, and whose turn was the last. It begins
/// after `turn`, and after the end of the list at its beginning: so however busy some are, each has its turn.
pub(super) async fn place(sql: &Sql<'_>, turn: Turn, limit: i64) -> StoreResult<(i64, Turn)> {
    let mut pending = pending(sql, ">", turn, limit).await?;
    let left = limit - pending.len() as i64;
    if left > 0 {
        pending.extend(self::pending(sql, "<=", turn, left).await?);
    }
    let Some(last) = pending.last().copied() else { return Ok((0, turn)) };
    let pending: Vec<i64> = pending.into_iter().map(|(_, conversation)| conversation).collect();
    // A removed member keeps the place of its removal, unless the conversation is deleted.
    sql.run(
        "UPDATE members m SET
             place = CASE WHEN c.deleted_at IS NULL AND c.state = 0 THEN greatest(m.joined_at, c.last_at) END,
             unread = CASE
                 WHEN c.head_seq > greatest(m.read_seq, c.first_seq - 1, CASE WHEN c.history = 1 THEN m.joined_seq - 1 ELSE 0 END) THEN 1
                 ELSE 0 END,
             changed = greatest(m.changed, c.activity)
         FROM conversations c
         WHERE c.conversation = ANY($1) AND m.app = c.app AND m.conversation = c.conversation AND m.forgotten = 0
             AND (m.access > 0 OR c.deleted_at IS NOT NULL)",
        params![pending],
    )
    .await?;
    sql.run("UPDATE conversations SET pending = 0 WHERE conversation = ANY($1)", params![pending]).await?;
    Ok((pending.len() as i64, last))
}

/// The conversations of the work list on one side of `turn`, held. Those that somebody is changing now stay on the list.
async fn pending(sql: &Sql<'_>, side: &str, turn: Turn, limit: i64) -> StoreResult<Vec<Turn>> {
    sql.all(
        &format!(
            "SELECT app, conversation FROM conversations WHERE pending = 1 AND (app, conversation) {side} ($1, $2)
             ORDER BY app, conversation LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED"
        ),
        params![turn.0, turn.1, limit],
        |row| Ok((row.int()?, row.int()?)),
    )
    .await
}
