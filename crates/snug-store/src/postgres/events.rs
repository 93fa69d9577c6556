//! What was committed in apps, in its order.

use snug_model::{AppKey, ConversationKey, Permit, Rev, Seq, Timestamp, UserKey};

use super::{
    conversations, member_rows,
    messages::Place,
    pages::Side,
    sql::{Sql, corrupt, params},
    users,
};
use crate::{
    ChangedRow, EventKind, EventPage, EventPlace, EventRow, EventWhat, StoreResult, UserRef, revs::Changed,
};

/// Events that are given their places in one act.
const PLACED_AT_ONCE: i64 = 1_000;

/// Notes that something else than a new message took a conversation's rev. The conversation is held.
pub(super) async fn note_change(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    rev: Rev,
    at: Timestamp,
) -> StoreResult<()> {
    note(sql, app, conversation, (EventKind::Change, rev.0), at).await
}

/// Notes that a conversation was made or deleted.
pub(super) async fn note_conversation(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    kind: EventKind,
    at: Timestamp,
) -> StoreResult<()> {
    note(sql, app, conversation, (kind, 0), at).await
}

/// Notes that a member was muted, or that this was lifted.
pub(super) async fn note_mute(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    user: UserKey,
    at: Timestamp,
) -> StoreResult<()> {
    note(sql, app, conversation, (EventKind::MemberMuted, user.0), at).await
}

/// Notes that a user was made or changed, or put under a sanction of the app.
pub(super) async fn note_user(sql: &Sql<'_>, app: AppKey, user: UserKey, at: Timestamp) -> StoreResult<()> {
    note(sql, app, ConversationKey(0), (EventKind::User, user.0), at).await
}

async fn note(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    (kind, reference): (EventKind, i64),
    at: Timestamp,
) -> StoreResult<()> {
    sql.run(
        "INSERT INTO events (app, conversation, kind, reference, count, at) VALUES ($1, $2, $3, $4, 1, $5)",
        params![app.0, conversation.0, kind.cell(), reference, at.0],
    )
    .await
    .map(drop)
}

/// Gives those that have none their places: behind all that were given before, whenever they were noted. Of one conversation
/// they are committed in the order in which they were noted, so an earlier one is never left behind.
async fn place(sql: &Sql<'_>, app: AppKey) -> StoreResult<()> {
    let waiting = "SELECT 1 FROM events WHERE app = $1 AND place IS NULL LIMIT 1";
    if !sql.exists(waiting, params![app.0]).await? {
        return Ok(());
    }
    // One after the other, or the later of two might be given the lower places.
    sql.run("SELECT 1 FROM apps WHERE app = $1 FOR NO KEY UPDATE", params![app.0]).await?;
    sql.run(
        "UPDATE events e SET place = w.place
         FROM (SELECT event, nextval('event_places') AS place FROM (
                   SELECT event FROM events WHERE app = $1 AND place IS NULL ORDER BY event LIMIT $2
               ) waiting) w
         WHERE e.event = w.event",
        params![app.0, PLACED_AT_ONCE],
    )
    .await
    .map(drop)
}

/// A row of the table.
struct Noted {
    place: i64,
    conversation: ConversationKey,
    kind: EventKind,
    reference: i64,
    count: i64,
    at: Timestamp,
    /// Whether its conversation was deleted.
    deleted: bool,
}

/// Reads events, having given places to those that wait for them.
pub(super) async fn read(
    sql: &Sql<'_>,
    permit: &Permit,
    after: Option<EventPlace>,
    limit: i64,
) -> StoreResult<EventPage> {
    place(sql, permit.app()).await?;
    let after = after.unwrap_or_default();
    let noted = sql
        .all(
            "SELECT e.place, e.conversation, e.kind, e.reference, e.count, e.at,
                 CASE WHEN c.deleted_at IS NULL THEN 0 ELSE 1 END::bigint
             FROM events e LEFT JOIN conversations c ON c.conversation = e.conversation
             WHERE e.app = $1 AND e.place >= $2 ORDER BY e.place LIMIT $3",
            // One may have been read to its end.
            params![permit.app().0, after.event, limit + 1],
            |row| {
                let (place, conversation) = (row.int()?, ConversationKey(row.int()?));
                let kind = row.int()?;
                let kind = EventKind::from_cell(kind).ok_or_else(|| corrupt("an event's kind", kind))?;
                let (reference, count, at) = (row.int()?, row.int()?, row.time()?);
                Ok(Noted { place, conversation, kind, reference, count, at, deleted: row.flag()? })
            },
        )
        .await?;
    let mut page = EventPage::default();
    let mut left = limit;
    for noted in noted {
        let read = if noted.place == after.event { after.offset + 1 } else { 0 };
        let count = (noted.count - read).min(left);
        if count <= 0 {
            continue;
        }
        let place = EventPlace { event: noted.place, offset: read };
        if let Some(what) = noted.what(sql, permit.app(), read, count).await? {
            page.rows.push(EventRow { place, at: noted.at, what });
        }
        page.to = Some((EventPlace { event: noted.place, offset: read + count - 1 }, noted.at));
        left -= count;
    }
    page.full = left == 0;
    Ok(page)
}

impl Noted {
    /// What it was, as it is now; of messages, so many from one on. Nothing where it is gone.
    async fn what(
        &self,
        sql: &Sql<'_>,
        app: AppKey,
        from: i64,
        count: i64,
    ) -> StoreResult<Option<EventWhat>> {
        let user = UserRef::Key(UserKey(self.reference));
        let user = match self.kind {
            EventKind::User | EventKind::MemberMuted => users::find(sql, app, user).await?,
            _ => None,
        };
        let user = user.filter(|user| user.erased_at.is_none());
        if self.kind == EventKind::User {
            return Ok(user.map(EventWhat::User));
        }
        let Some(row) = conversations::row(sql, app, self.conversation).await? else { return Ok(None) };
        let place = Place::whole(app, self.conversation);
        Ok(match self.kind {
            EventKind::ConversationDeleted => Some(EventWhat::ConversationDeleted(row)),
            _ if self.deleted => None,
            EventKind::ConversationMade => Some(EventWhat::ConversationMade(row)),
            EventKind::Messages => {
                let first = Seq(self.reference + from);
                let last = Seq(first.0 + count - 1);
                let messages = place.page(sql, first, last, Side::Oldest, count).await?;
                Some(EventWhat::Messages(row, messages))
            }
            EventKind::Change => {
                let rev = Rev(self.reference);
                let changed = changed(sql, &place, rev).await?;
                changed.map(|changed| EventWhat::Changed(row, rev, changed))
            }
            EventKind::MemberMuted => {
                let Some(user) = user else { return Ok(None) };
                let member = member_rows::row(sql, app, self.conversation, user.key).await?;
                member.map(|member| EventWhat::MemberMuted(row, member))
            }
            EventKind::User => None,
        })
    }
}

/// What took a rev that was not a new message.
async fn changed(sql: &Sql<'_>, place: &Place, rev: Rev) -> StoreResult<Option<ChangedRow>> {
    let changes = sql
        .all(
            "SELECT kind, reference FROM changes WHERE app = $1 AND conversation = $2 AND rev = $3
             ORDER BY reference",
            params![place.app.0, place.conversation.0, rev.0],
            |row| {
                let kind = row.int()?;
                Changed::from_row(kind, row.int()?).ok_or_else(|| corrupt("a change's kind", kind))
            },
        )
        .await?;
    let mut rows = Vec::new();
    for change in changes {
        match change {
            Changed::Message(seq) => {
                let mut messages = place.page(sql, seq, seq, Side::Oldest, 1).await?;
                return Ok(messages.pop().map(ChangedRow::Message));
            }
            Changed::Conversation => return Ok(Some(ChangedRow::Conversation)),
            Changed::Purge(seq) => return Ok(Some(ChangedRow::Purged(seq))),
            Changed::Member(user) => {
                rows.extend(member_rows::row(sql, place.app, place.conversation, user).await?);
            }
        }
    }
    Ok((!rows.is_empty()).then_some(ChangedRow::Members(rows)))
}

pub(super) async fn forget(sql: &Sql<'_>, before: Timestamp, limit: i64) -> StoreResult<i64> {
    let forgotten = sql
        .run(
            "DELETE FROM events WHERE at < $1 AND event IN (SELECT event FROM events ORDER BY event LIMIT $2)",
            params![before.0, limit],
        )
        .await?;
    Ok(forgotten.cast_signed())
}
