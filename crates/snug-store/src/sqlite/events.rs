//! What was committed in apps, in its order.

use rusqlite::params;
use snug_model::{AppKey, ConversationKey, Permit, Rev, Seq, Timestamp, UserKey};

use super::{
    conversations, members,
    messages::{Place, Side},
    sql::{Sql, corrupt},
    users,
};
use crate::{
    ChangedRow, EventKind, EventPage, EventPlace, EventRow, EventWhat, StoreResult, UserRef, revs::Changed,
};

/// Notes that a conversation got so many messages, of which the first has this seq.
pub(super) fn note_messages(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    (first, count): (Seq, i64),
    at: Timestamp,
) -> StoreResult<()> {
    note(sql, app, conversation, (EventKind::Messages, first.0, count), at)
}

/// Notes that something else took a conversation's rev.
pub(super) fn note_change(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    rev: Rev,
    at: Timestamp,
) -> StoreResult<()> {
    note(sql, app, conversation, (EventKind::Change, rev.0, 1), at)
}

/// Notes that a conversation was made or deleted.
pub(super) fn note_conversation(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    kind: EventKind,
    at: Timestamp,
) -> StoreResult<()> {
    note(sql, app, conversation, (kind, 0, 1), at)
}

/// Notes that a member was muted, or that this was lifted.
pub(super) fn note_mute(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    user: UserKey,
    at: Timestamp,
) -> StoreResult<()> {
    note(sql, app, conversation, (EventKind::MemberMuted, user.0, 1), at)
}

/// Notes that a user was made or changed, or put under a sanction of the app.
pub(super) fn note_user(sql: &Sql<'_>, app: AppKey, user: UserKey, at: Timestamp) -> StoreResult<()> {
    note(sql, app, ConversationKey(0), (EventKind::User, user.0, 1), at)
}

fn note(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    (kind, reference, count): (EventKind, i64, i64),
    at: Timestamp,
) -> StoreResult<()> {
    sql.run(
        "INSERT INTO events (app, conversation, kind, reference, count, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![app.0, conversation.0, kind.cell(), reference, count, at.0],
    )
    .map(drop)
}

/// A row of the table.
struct Noted {
    event: i64,
    conversation: ConversationKey,
    kind: EventKind,
    reference: i64,
    count: i64,
    at: Timestamp,
    /// Whether its conversation was deleted.
    deleted: bool,
}

pub(super) fn read(
    sql: &Sql<'_>,
    permit: &Permit,
    after: Option<EventPlace>,
    limit: i64,
) -> StoreResult<EventPage> {
    let after = after.unwrap_or_default();
    let noted = sql.all(
        "SELECT e.event, e.conversation, e.kind, e.reference, e.count, e.at, c.deleted_at IS NOT NULL
         FROM events e LEFT JOIN conversations c ON c.conversation = e.conversation
         WHERE e.app = ?1 AND e.event >= ?2 ORDER BY e.event LIMIT ?3",
        // One may have been read to its end.
        params![permit.app().0, after.event, limit + 1],
        |row| {
            let (event, conversation) = (row.int()?, ConversationKey(row.int()?));
            let kind = row.int()?;
            let kind = EventKind::from_cell(kind).ok_or_else(|| corrupt("an event's kind", kind))?;
            let (reference, count, at) = (row.int()?, row.int()?, row.time()?);
            Ok(Noted { event, conversation, kind, reference, count, at, deleted: row.flag()? })
        },
    )?;
    let mut page = EventPage::default();
    let mut left = limit;
    for noted in noted {
        let read = if noted.event == after.event { after.offset + 1 } else { 0 };
        let count = (noted.count - read).min(left);
        if count <= 0 {
            continue;
        }
        let place = EventPlace { event: noted.event, offset: read };
        if let Some(what) = noted.what(sql, permit.app(), read, count)? {
            page.rows.push(EventRow { place, at: noted.at, what });
        }
        page.to = Some((EventPlace { event: noted.event, offset: read + count - 1 }, noted.at));
        left -= count;
    }
    page.full = left == 0;
    Ok(page)
}

impl Noted {
    /// What it was, as it is now; of messages, so many from one on. Nothing where it is gone.
    fn what(&self, sql: &Sql<'_>, app: AppKey, from: i64, count: i64) -> StoreResult<Option<EventWhat>> {
        let user = UserRef::Key(UserKey(self.reference));
        let user = match self.kind {
            EventKind::User | EventKind::MemberMuted => users::find(sql, app, user)?,
            _ => None,
        };
        let user = user.filter(|user| user.erased_at.is_none());
        if self.kind == EventKind::User {
            return Ok(user.map(EventWhat::User));
        }
        let Some(row) = conversations::row(sql, app, self.conversation)? else { return Ok(None) };
        let place = Place::whole(app, self.conversation);
        Ok(match self.kind {
            EventKind::ConversationDeleted => Some(EventWhat::ConversationDeleted(row)),
            _ if self.deleted => None,
            EventKind::ConversationMade => Some(EventWhat::ConversationMade(row)),
            EventKind::Messages => {
                let first = Seq(self.reference + from);
                let messages = place.page(sql, first, Seq(first.0 + count - 1), Side::Oldest, count)?;
                Some(EventWhat::Messages(row, messages))
            }
            EventKind::Change => {
                let rev = Rev(self.reference);
                let changed = changed(sql, &place, rev)?;
                changed.map(|changed| EventWhat::Changed(row, rev, changed))
            }
            EventKind::MemberMuted => {
                let Some(user) = user else { return Ok(None) };
                let member = members::row(sql, app, self.conversation, user.key)?;
                member.map(|member| EventWhat::MemberMuted(row, member))
            }
            EventKind::User => None,
        })
    }
}

/// What took a rev that was not a new message.
fn changed(sql: &Sql<'_>, place: &Place, rev: Rev) -> StoreResult<Option<ChangedRow>> {
    let changes = sql.all(
        "SELECT kind, reference FROM changes WHERE app = ?1 AND conversation = ?2 AND rev = ?3
         ORDER BY reference",
        params![place.app.0, place.conversation.0, rev.0],
        |row| {
            let kind = row.int()?;
            Changed::from_row(kind, row.int()?).ok_or_else(|| corrupt("a change's kind", kind))
        },
    )?;
    let mut rows = Vec::new();
    for change in changes {
        match change {
            Changed::Message(seq) => {
                let mut messages = place.page(sql, seq, seq, Side::Oldest, 1)?;
                return Ok(messages.pop().map(ChangedRow::Message));
            }
            Changed::Conversation => return Ok(Some(ChangedRow::Conversation)),
            Changed::Purge(seq) => return Ok(Some(ChangedRow::Purged(seq))),
            Changed::Member(user) => rows.extend(members::row(sql, place.app, place.conversation, user)?),
        }
    }
    Ok((!rows.is_empty()).then_some(ChangedRow::Members(rows)))
}

pub(super) fn forget(sql: &Sql<'_>, before: Timestamp, limit: i64) -> StoreResult<i64> {
    let forgotten = sql.run(
        "DELETE FROM events WHERE at < ?1 AND event IN (SELECT event FROM events ORDER BY event LIMIT ?2)",
        params![before.0, limit],
    )?;
    Ok(forgotten as i64)
}
