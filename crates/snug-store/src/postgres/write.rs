//! The statement that writes a batch of messages, however many they are, and the columns that it is given.

use std::collections::HashMap;

use snug_model::{AppKey, ConversationKey, Rev, Seq, Timestamp, UserKey};

use super::{
    basis::{self, Facts},
    rows::{Code, sender_cells},
    sql::{Cells, Sql, params, version},
};
use crate::{NewMessage, SenderRow, StoreResult};

/// Where an append goes.
pub(super) type Target = (AppKey, ConversationKey);

/// Inserts messages, moves the ends of their conversations, sees to it that inboxes hear of it, and notes it as an event of each
/// conversation; and moves the marks of senders, who have read what they said. Of these `changed` and `unread` stay: the
/// conversations' own activity has just outdated them.
///
/// It answers where each conversation ended before, from where its messages are counted; of one that is gone it writes and
/// answers nothing. It fails as a whole where a fact has changed, or a message of one of these ids was purged.
///
/// Arrays are unfolded beside each other in a list of columns, which keeps no rows; in `FROM` each would be written down first.
const WRITE: &str = concat!(
    "WITH moved AS (
         UPDATE conversations c SET head_seq = c.head_seq + w.count, rev = c.rev + w.count,
             updated_at = greatest(c.updated_at, w.at), last_at = greatest(c.last_at, w.at), pending = 1 - c.large,
             activity = ",
    version!(),
    "    FROM (SELECT unnest($7::bigint[]) AS app, unnest($8::bigint[]) AS conversation, unnest($9::bigint[]) AS count,
                   unnest($10::bigint[]) AS at) w
         WHERE c.conversation = w.conversation AND c.app = w.app AND c.deleted_at IS NULL
         RETURNING c.app, c.conversation, c.head_seq - w.count AS seq, c.rev - w.count AS rev, w.count, w.at,
             c.first_seq
     ), added AS (
         INSERT INTO messages (app, conversation, seq, rev, id, sender_kind, sender, via, body, version, body_rev, draft,
             reply_to, reacted, created_at, hidden_at)
         SELECT v.app, v.conversation, v.seq + w.nth, v.rev + w.nth, w.id, w.kind, w.sender, w.via, w.body, 1,
             v.rev + w.nth, w.draft, w.reply_to, 0, w.at, w.hidden
         FROM (SELECT unnest($11::bigint[]) AS conversation, unnest($12::bigint[]) AS nth, unnest($13::uuid[]) AS id,
                   unnest($14::bigint[]) AS kind, unnest($15::bigint[]) AS sender, unnest($16::bigint[]) AS via,
                   unnest($17::bytea[]) AS body, unnest($18::bytea[]) AS draft, unnest($19::uuid[]) AS reply_to,
                   unnest($20::bigint[]) AS at, unnest($21::bigint[]) AS hidden) w
         JOIN moved v ON v.conversation = w.conversation
     ), told AS (
         INSERT INTO events (app, conversation, kind, reference, count, at)
         SELECT app, conversation, 0, seq + 1, count, at FROM moved
     ), marked AS (
         UPDATE members m SET read_seq = v.seq + w.nth, read_at = w.at, sent_at = w.at
         FROM (SELECT unnest($22::bigint[]) AS conversation, unnest($23::bigint[]) AS person,
                   unnest($24::bigint[]) AS nth, unnest($25::bigint[]) AS at) w
         JOIN moved v ON v.conversation = w.conversation
         WHERE m.app = v.app AND m.conversation = v.conversation AND m.user = w.person AND m.access > 0
     )
     SELECT app, conversation, seq, rev FROM moved WHERE ",
    basis::none_outdated!(),
    // A message that was purged has left its id behind.
    " AND 1 / (CASE WHEN EXISTS (
         SELECT 1 FROM moved v
         JOIN (SELECT unnest($11::bigint[]) AS conversation, unnest($13::uuid[]) AS id) w
             ON w.conversation = v.conversation
         JOIN purged_messages p ON p.app = v.app AND p.conversation = v.conversation AND p.id = w.id
         WHERE v.first_seq > 1) THEN 0 ELSE 1 END) = 1"
);

/// Has the server know the statement, so that it can be sent together with others.
pub(super) async fn prepare(sql: &Sql<'_>) -> StoreResult<()> {
    sql.prepare(&[WRITE]).await
}

/// Messages that are to be written.
#[derive(Default)]
pub(super) struct Batch<'a> {
    rows: Vec<Row<'a>>,
    ends: HashMap<Target, Last>,
    marks: HashMap<(Target, UserKey), Last>,
}

/// A message, and where it goes.
struct Row<'a> {
    conversation: ConversationKey,
    /// Its place among those that its conversation gets, from 1.
    nth: i64,
    message: &'a NewMessage,
    hidden_at: Option<Timestamp>,
}

/// The last message of a conversation in the batch, or of a sender in one.
#[derive(Clone, Copy)]
struct Last {
    nth: i64,
    /// When the newest was accepted.
    at: Timestamp,
}

/// Where conversations end; those that are gone are left out.
pub(super) type Ends = HashMap<Target, (Seq, Rev)>;

/// A row of a conversation's end.
pub(super) fn end(row: &mut Cells<'_>) -> StoreResult<(Target, (Seq, Rev))> {
    let target = (AppKey(row.int()?), ConversationKey(row.int()?));
    Ok((target, (Seq(row.int()?), Rev(row.int()?))))
}

impl<'a> Batch<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether it adds to more than one conversation.
    pub(super) fn is_of_many(&self) -> bool {
        self.ends.len() > 1
    }

    /// When the newest message that it adds of a sender to a conversation was accepted.
    pub(super) fn sent_at(&self, target: Target, sender: UserKey) -> Option<Timestamp> {
        self.marks.get(&(target, sender)).map(|mark| mark.at)
    }

    /// Adds a message, which is hidden from others since then, if it is.
    pub(super) fn push(&mut self, target: Target, message: &'a NewMessage, hidden_at: Option<Timestamp>) {
        let end = self.ends.entry(target).or_insert(Last { nth: 0, at: message.at });
        *end = Last { nth: end.nth + 1, at: end.at.max(message.at) };
        let nth = end.nth;
        if let SenderRow::User(user) = message.sender {
            self.marks.insert((target, user), Last { nth, at: message.at });
        }
        self.rows.push(Row { conversation: target.1, nth, message, hidden_at });
    }

    /// Writes the batch in one statement if the facts still are as they were seen, and ends its transaction: where conversations
    /// ended before.
    ///
    /// # Errors
    /// `Stale` if a fact has changed or a message of one of these ids was purged, and `Taken` if there is a message with the id of one of these; nothing was written.
    pub(super) async fn commit(&self, sql: &Sql<'_>, facts: &Facts<'_>) -> StoreResult<Ends> {
        let ends: Vec<(&Target, &Last)> = self.ends.iter().collect();
        let marks: Vec<(&(Target, UserKey), &Last)> = self.marks.iter().collect();
        let senders: Vec<(i64, Option<i64>)> =
            self.rows.iter().map(|row| sender_cells(row.message.sender)).collect();
        let before = sql
            .all_and_commit(
                WRITE,
                params![
                    facts.kinds,
                    facts.versions,
                    facts.apps,
                    facts.conversations,
                    facts.users,
                    facts.keys,
                    column(&ends, |((app, _), _)| app.0),
                    column(&ends, |((_, conversation), _)| conversation.0),
                    column(&ends, |(_, end)| end.nth),
                    column(&ends, |(_, end)| end.at.0),
                    column(&self.rows, |row| row.conversation.0),
                    column(&self.rows, |row| row.nth),
                    column(&self.rows, |row| row.message.id.0),
                    column(&senders, |(kind, _)| *kind),
                    column(&senders, |(_, sender)| *sender),
                    column(&self.rows, |row| row.message.via.map(|via| Code(via).cell())),
                    column(&self.rows, |row| &*row.message.body.0),
                    column(&self.rows, |row| row.message.draft.0.as_slice()),
                    column(&self.rows, |row| row.message.reply_to.map(|id| id.0)),
                    column(&self.rows, |row| row.message.at.0),
                    column(&self.rows, |row| row.hidden_at.map(|at| at.0)),
                    column(&marks, |(((_, conversation), _), _)| conversation.0),
                    column(&marks, |((_, user), _)| user.0),
                    column(&marks, |(_, mark)| mark.nth),
                    column(&marks, |(_, mark)| mark.at.0),
                ],
                end,
            )
            .await?;
        Ok(before.into_iter().collect())
    }
}

/// A column of rows.
fn column<'r, R, C>(rows: &'r [R], cell: impl Fn(&'r R) -> C) -> Vec<C> {
    rows.iter().map(cell).collect()
}
