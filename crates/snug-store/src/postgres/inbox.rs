//! Users' inboxes.
//!
//! Most conversations of a user are found by the place that its member row was given, in an index. What changed since,
//! and what is too large to be placed, lies over that: few rows, compared by the conversation's own columns.

use std::cmp::Reverse;

use snug_model::{
    AppKey, ConversationKey, Permit, Rev, Seq, UserKey, conversations::History, members::Access, policy::View,
};

use super::{
    conversations,
    messages::Place,
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
macro_rules! overlay {
    () => {
        "WITH overlay (conversation, place, unread, shown, activity) AS MATERIALIZED (
             SELECT c.conversation, greatest(m.joined_at, c.last_at),
                 (c.head_seq > greatest(m.read_seq, CASE WHEN c.history = 1 THEN m.joined_seq - 1 ELSE 0 END))::int,
                 c.state = 0 AND c.deleted_at IS NULL, c.activity
             FROM conversations c JOIN members m
                 ON m.app = c.app AND m.conversation = c.conversation AND m.user = $2
             WHERE c.app = $1 AND c.pending = 1 AND m.forgotten = 0
                 AND (m.access > 0 OR c.deleted_at IS NOT NULL)
             UNION ALL
             SELECT c.conversation, CASE WHEN m.access > 0 THEN greatest(m.joined_at, c.last_at) ELSE m.place END,
                 (CASE WHEN m.access > 0 THEN c.head_seq ELSE m.frozen_head_seq END
                     > greatest(m.read_seq, CASE WHEN c.history = 1 THEN m.joined_seq - 1 ELSE 0 END))::int,
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

/// Everything that happens after this was read has this version or a later one: the first transaction that it did not see
/// the end of. Some that it did see may have begun later.
async fn version(sql: &Sql<'_>) -> StoreResult<i64> {
    let statement = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint";
    sql.one(statement, params![], |row| row.int()).await
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
    let mut items = Vec::with_capacity(places.len());
    for place in &places {
        let item = item(sql, app, ConversationKey(place.conversation), user).await?;
        items.extend(item.map(|item| item.row));
    }
    let next = places.last().copied().filter(|_| more);
    Ok(InboxRows { items, gone: Vec::new(), next, version: version(sql).await?, reset: false })
}

/// What changed at the version `since` or later; none where that is more than `limit`.
async fn since(
    sql: &Sql<'_>,
    app: AppKey,
    user: UserKey,
    since: i64,
    limit: i64,
) -> StoreResult<Option<InboxRows>> {
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
            |row| row.int().map(ConversationKey),
        )
        .await?;
    if changed.len() as i64 > limit {
        return Ok(None);
    }
    let (mut items, mut gone) = (Vec::new(), Vec::new());
    for conversation in changed {
        match item(sql, app, conversation, user).await? {
            Some(item) if item.gone => gone.push(item.row.conversation),
            Some(item) => items.push(item),
            None => {}
        }
    }
    items.sort_by_key(|item| Reverse(item.place));
    let items = items.into_iter().map(|item| item.row).collect();
    Ok(Some(InboxRows { items, gone, next: None, version: version(sql).await?, reset: false }))
}

/// One conversation of a user's inbox, or one that was.
struct Item {
    row: InboxRow,
    place: InboxPlace,
    /// Whether it left the inbox for good: deleted, or forgotten.
    gone: bool,
}

async fn item(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    user: UserKey,
) -> StoreResult<Option<Item>> {
    let found = sql.maybe(
        concat!(
            "SELECT CASE WHEN m.access > 0 THEN greatest(m.joined_at, c.last_at) ELSE coalesce(m.place, 0) END,
                 m.forgotten = 1 OR c.deleted_at IS NOT NULL, ",
            conversation_columns!(),
            ", ",
            member_columns!(),
            " FROM members m JOIN conversations c ON c.conversation = m.conversation AND c.app = m.app
              WHERE m.app = $1 AND m.conversation = $2 AND m.user = $3"
        ),
        params![app.0, conversation.0, user.0],
        |row| Ok((row.int()?, row.truth()?, rows::conversation(row)?, rows::member(row)?)),
    ).await?;
    let Some((at, gone, conversation, member)) = found else { return Ok(None) };
    let place = InboxPlace { at, conversation: conversation.key.0 };
    let row = shown(sql, app, conversation, member, gone).await?;
    Ok(Some(Item { row, place, gone }))
}

/// A conversation as its member may see it; of one that is gone no message is looked for.
async fn shown(
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
    let place = Place { app, conversation: conversation.key, view, reader: Some(member.user) };
    let conversation = as_at_removal(conversation, &place, Some(&member));
    let visible_head = conversation.head_seq;
    let last_message =
        if gone || visible_head < from_seq { None } else { place.at(sql, visible_head).await? };
    let unread = (visible_head.0 - member.read_seq.0.max(from_seq.0 - 1)).max(0);
    Ok(InboxRow { conversation, member, last_message, visible_head, unread })
}

pub(super) async fn inbox_item(
    sql: &Sql<'_>,
    permit: &Permit,
    user: UserKey,
) -> StoreResult<Option<InboxRow>> {
    let item = item(sql, permit.app(), conversations::of(permit)?, user).await?;
    Ok(item.filter(|item| !item.gone).map(|item| item.row))
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

pub(super) async fn place(sql: &Sql<'_>, limit: i64) -> StoreResult<i64> {
    // Whoever changes one of them now leaves it on the list.
    let pending = sql
        .all(
            "SELECT conversation FROM conversations WHERE pending = 1
             ORDER BY app, conversation LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED",
            params![limit],
            |row| row.int(),
        )
        .await?;
    if pending.is_empty() {
        return Ok(0);
    }
    // A removed member keeps the place of its removal, unless the conversation is deleted.
    sql.run(
        "UPDATE members m SET
             place = CASE WHEN c.deleted_at IS NULL AND c.state = 0 THEN greatest(m.joined_at, c.last_at) END,
             unread = CASE
                 WHEN c.head_seq > greatest(m.read_seq, CASE WHEN c.history = 1 THEN m.joined_seq - 1 ELSE 0 END) THEN 1
                 ELSE 0 END,
             changed = greatest(m.changed, c.activity)
         FROM conversations c
         WHERE c.conversation = ANY($1) AND m.app = c.app AND m.conversation = c.conversation AND m.forgotten = 0
             AND (m.access > 0 OR c.deleted_at IS NOT NULL)",
        params![pending],
    )
    .await?;
    sql.run("UPDATE conversations SET pending = 0 WHERE conversation = ANY($1)", params![pending]).await?;
    Ok(pending.len() as i64)
}
