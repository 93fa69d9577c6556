//! Where conversations stand while messages are appended: read once, and written once a commit, however many come.

use std::{cell::RefCell, collections::HashMap};

use rusqlite::params;
use snug_model::{AppKey, ConversationKey, Rev, Seq, Timestamp};

use super::{events, sql::Sql};
use crate::{StoreError, StoreResult};

/// Conversations that are remembered from one commit to the next at most.
const HEADS_KEPT_MAX: usize = 10_000;

/// The conversations in which the writer has appended of late. What it remembers holds until an act of another kind comes, or
/// another process has written.
#[derive(Default)]
pub(super) struct Heads {
    known: RefCell<HashMap<(AppKey, ConversationKey), Head>>,
    /// Those whose rows are behind.
    behind: RefCell<Vec<(AppKey, ConversationKey)>>,
}

/// Where a conversation stands.
#[derive(Debug, Clone, Copy)]
struct Head {
    rev: Rev,
    seq: Seq,
    last_at: Timestamp,
    updated_at: Timestamp,
    /// Whether its members' inboxes have its present place, or are about to get it, or never do.
    pending_or_large: bool,
    /// Whether messages of it were purged.
    purged: bool,
    /// The messages that its row lacks.
    behind: i64,
}

/// What the next message of a conversation takes.
pub(super) struct Next {
    pub(super) seq: Seq,
    pub(super) rev: Rev,
    /// Whether messages of the conversation were purged: their ids are not free.
    pub(super) purged: bool,
}

impl Heads {
    /// The seq and rev that the next message of a conversation takes. It has not taken them yet.
    pub(super) fn next(
        &self,
        sql: &Sql<'_>,
        app: AppKey,
        conversation: ConversationKey,
    ) -> StoreResult<Next> {
        let mut known = self.known.borrow_mut();
        let head = match known.get(&(app, conversation)) {
            Some(head) => *head,
            None => {
                let head = read(sql, app, conversation)?;
                known.insert((app, conversation), head);
                head
            }
        };
        Ok(Next { seq: head.seq.next(), rev: head.rev.next(), purged: head.purged })
    }

    /// Has a message that is accepted at `at` take the next seq and rev.
    pub(super) fn take(&self, app: AppKey, conversation: ConversationKey, at: Timestamp) {
        let mut known = self.known.borrow_mut();
        let Some(head) = known.get_mut(&(app, conversation)) else { return };
        (head.seq, head.rev) = (head.seq.next(), head.rev.next());
        (head.last_at, head.updated_at) = (head.last_at.max(at), head.updated_at.max(at));
        head.behind += 1;
        if head.behind == 1 {
            self.behind.borrow_mut().push((app, conversation));
        }
    }

    /// Writes the rows that are behind, and sees to it that inboxes hear of them.
    pub(super) fn write(&self, sql: &Sql<'_>) -> StoreResult<()> {
        let mut known = self.known.borrow_mut();
        for place in self.behind.borrow_mut().drain(..) {
            let Some(head) = known.get_mut(&place) else { continue };
            let (app, conversation) = place;
            sql.run(
                "UPDATE conversations SET rev = ?1, head_seq = ?2, updated_at = ?3, last_at = ?4, activity = ?5
                 WHERE conversation = ?6 AND app = ?7",
                params![
                    head.rev.0,
                    head.seq.0,
                    head.updated_at.0,
                    head.last_at.0,
                    sql.version,
                    conversation.0,
                    app.0
                ],
            )?;
            if !head.pending_or_large {
                // A statement of its own: naming the column would touch its index with every message.
                sql.run(
                    "UPDATE conversations SET pending = 1 WHERE conversation = ?1 AND app = ?2",
                    params![conversation.0, app.0],
                )?;
                head.pending_or_large = true;
            }
            let first = Seq(head.seq.0 - head.behind + 1);
            events::note_messages(sql, app, conversation, (first, head.behind), head.updated_at)?;
            head.behind = 0;
        }
        if known.len() > HEADS_KEPT_MAX {
            known.clear();
        }
        Ok(())
    }

    /// Forgets everything: rows may have changed, or what was to be written shall not be.
    pub(super) fn forget(&self) {
        self.known.borrow_mut().clear();
        self.behind.borrow_mut().clear();
    }
}

fn read(sql: &Sql<'_>, app: AppKey, conversation: ConversationKey) -> StoreResult<Head> {
    sql.maybe(
        "SELECT rev, head_seq, last_at, updated_at, pending OR large, first_seq > 1 FROM conversations
         WHERE conversation = ?1 AND app = ?2 AND deleted_at IS NULL",
        params![conversation.0, app.0],
        |row| {
            Ok(Head {
                rev: Rev(row.int()?),
                seq: Seq(row.int()?),
                last_at: row.time()?,
                updated_at: row.time()?,
                pending_or_large: row.flag()?,
                purged: row.flag()?,
                behind: 0,
            })
        },
    )?
    .ok_or(StoreError::NotFound)
}
