//! Erasures: what they found; and how the data follows the key store's ledger.

use rusqlite::params;
use snug_model::{AppKey, ConversationKey, JobId, Permit, Timestamp, UserKey};

use super::{apps, conversations, jobs, of_user, sql::Sql, users};
use crate::{Anew, ErasureCounts, ErasureRow, Followed, JobRow, SecretName, StoreError, StoreResult};

/// How far versions and places of events go on ahead of what a backup has: more than were ever given after it was made.
const GAP: i64 = 1 << 40;

/// Begins to count what there is of a user who is about to be erased. What goes with its row is counted now.
pub(super) fn begin(sql: &Sql<'_>, app: AppKey, user: UserKey, job: &JobRow) -> StoreResult<()> {
    sql.run(
        "INSERT INTO erasures (id, app, memberships, messages, versions, reactions, consents, blocks, sanctions, conversation, seq)
         SELECT ?3, ?1,
             (SELECT count(*) FROM members WHERE app = ?1 AND user = ?2 AND (access > 0 OR forgotten = 0)),
             0, 0, 0,
             (SELECT count(*) FROM consents WHERE app = ?1 AND user = ?2),
             (SELECT count(*) FROM blocks WHERE app = ?1 AND user = ?2)
                 + (SELECT count(*) FROM blocks WHERE app = ?1 AND other = ?2),
             (banned_until IS NOT NULL) + (muted_until IS NOT NULL) + (shadow_banned_until IS NOT NULL)
                 + (SELECT coalesce(sum((banned_until IS NOT NULL) + (muted_until IS NOT NULL)), 0)
                    FROM members WHERE app = ?1 AND user = ?2),
             0, 0
         FROM users WHERE app = ?1 AND user = ?2",
        params![app.0, user.0, job.id.as_str()],
    )
    .map(drop)
}

/// Counts what an erased user has left in its conversations, from where it was counted up to last; how many rows it looked at.
pub(super) fn count(sql: &Sql<'_>, job: &JobRow, user: UserKey, rows: i64) -> StoreResult<i64> {
    let (app, mut looked) = (job.app, 0);
    while looked < rows {
        let at = sql.one(
            "SELECT conversation, seq FROM erasures WHERE id = ?1",
            params![job.id.as_str()],
            |row| Ok((row.take::<Option<i64>>()?, row.int()?)),
        )?;
        let (Some(conversation), seq) = at else { break };
        let limit = rows - looked;
        let (found, last, messages) = sql.one(
            "SELECT count(*), coalesce(max(seq), ?3), coalesce(sum(sender IS ?4), 0) FROM (
                 SELECT seq, sender FROM messages WHERE app = ?1 AND conversation = ?2 AND seq > ?3 ORDER BY seq LIMIT ?5)",
            params![app.0, conversation, seq, user.0, limit],
            |row| Ok((row.int()?, row.int()?, row.int()?)),
        )?;
        sql.run(
            "UPDATE erasures SET seq = ?4, messages = messages + ?6,
                 versions = versions + (SELECT count(*) FROM message_versions v JOIN messages g USING (app, conversation, seq)
                     WHERE v.app = ?1 AND v.conversation = ?2 AND v.seq > ?3 AND v.seq <= ?4 AND g.sender = ?5),
                 reactions = reactions + (SELECT count(*) FROM reactions
                     WHERE app = ?1 AND conversation = ?2 AND seq > ?3 AND seq <= ?4 AND user = ?5)
             WHERE id = ?7",
            params![app.0, conversation, seq, last, user.0, messages, job.id.as_str()],
        )?;
        looked += found;
        if found < limit {
            let next = of_user::conversations_in(sql, app, user, Some(ConversationKey(conversation)), 1)?;
            sql.run(
                "UPDATE erasures SET conversation = ?1, seq = 0 WHERE id = ?2",
                params![next.first().map(|next| next.0), job.id.as_str()],
            )?;
            looked += 1;
        }
    }
    Ok(looked)
}

pub(super) fn find(sql: &Sql<'_>, permit: &Permit, id: &JobId) -> StoreResult<Option<ErasureRow>> {
    let Some(job) = jobs::find(sql, permit, id)? else { return Ok(None) };
    let counts = sql.maybe(
        "SELECT memberships, messages, versions, reactions, consents, blocks, sanctions FROM erasures WHERE id = ?1",
        params![id.as_str()],
        |row| {
            Ok(ErasureCounts {
                memberships: row.int()?,
                messages: row.int()?,
                versions: row.int()?,
                reactions: row.int()?,
                consents: row.int()?,
                blocks: row.int()?,
                sanctions: row.int()?,
            })
        },
    )?;
    Ok(counts.map(|counts| ErasureRow { job, counts }))
}

pub(super) fn followed(sql: &Sql<'_>) -> StoreResult<Followed> {
    sql.one("SELECT followed, restored_at FROM ledger", [], |row| {
        Ok(Followed { position: row.int()?, restored_at: row.time()? })
    })
}

pub(super) fn note_followed(sql: &Sql<'_>, position: i64) -> StoreResult<()> {
    sql.run("UPDATE ledger SET followed = ?1 WHERE followed < ?1", params![position]).map(drop)
}

pub(super) fn redo(sql: &Sql<'_>, destroyed: SecretName, job: &JobRow) -> StoreResult<bool> {
    let done = match destroyed {
        SecretName::User(app, user) => users::erase_in(sql, app, user, job),
        SecretName::Conversation(app, conversation) => {
            conversations::delete_in(sql, app, conversation, None, job)
        }
        SecretName::App(app) => apps::delete_in(sql, app, job),
        SecretName::Bucket { .. } | SecretName::Wrapping(_) | SecretName::WrappingBefore(_) => {
            return Ok(false);
        }
    };
    match done {
        // It is done already, or was made after the copy.
        Err(StoreError::NotFound) => Ok(false),
        done => done.map(|()| true),
    }
}

pub(super) fn begin_anew(sql: &Sql<'_>, anew: Anew) -> StoreResult<()> {
    let Anew { at: Timestamp(at), beyond, epochs } = anew;
    let epochs = epochs.cast_signed();
    // Exclusive or, in what SQLite has for it.
    sql.run("UPDATE conversations SET epoch = (epoch | ?1) - (epoch & ?1)", params![epochs])?;
    sql.run("UPDATE commits SET version = version + ?1, reserved = max(reserved, ?2)", params![GAP, beyond])?;
    sql.run("INSERT INTO sqlite_sequence (name, seq) SELECT 'events', 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'events')", [])?;
    sql.run("UPDATE sqlite_sequence SET seq = seq + ?1 WHERE name = 'events'", params![GAP])?;
    sql.run("UPDATE ledger SET restored_at = ?1", params![at]).map(drop)
}
