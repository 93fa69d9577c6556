//! Erasures: what they found; and how the data follows the key store's ledger.

use snug_model::{AppKey, ConversationKey, JobId, Permit, UserKey};

use super::{
    apps, conversations, jobs, of_user,
    sql::{Sql, params, version},
    users,
};
use crate::{Anew, ErasureCounts, ErasureRow, Followed, JobRow, SecretName, StoreError, StoreResult};

/// How far places of events go on ahead of what a backup has: more than were ever given after it was made.
const GAP: i64 = 1 << 40;

/// Begins to count what there is of a user who is about to be erased. What goes with its row is counted now.
pub(super) async fn begin(sql: &Sql<'_>, app: AppKey, user: UserKey, job: &JobRow) -> StoreResult<()> {
    sql.run(
        "INSERT INTO erasures (id, app, memberships, messages, versions, reactions, consents, blocks, sanctions, conversation, seq)
         SELECT $3::text, $1::bigint,
             (SELECT count(*) FROM members m WHERE m.app = $1 AND m.user = $2 AND (access > 0 OR forgotten = 0)),
             0, 0, 0,
             (SELECT count(*) FROM consents c WHERE c.app = $1 AND c.user = $2),
             (SELECT count(*) FROM blocks b WHERE b.app = $1 AND b.user = $2)
                 + (SELECT count(*) FROM blocks b WHERE b.app = $1 AND b.other = $2),
             (u.banned_until IS NOT NULL)::int + (u.muted_until IS NOT NULL)::int
                 + (u.shadow_banned_until IS NOT NULL)::int
                 + (SELECT coalesce(sum((m.banned_until IS NOT NULL)::int + (m.muted_until IS NOT NULL)::int), 0)
                    FROM members m WHERE m.app = $1 AND m.user = $2),
             0, 0
         FROM users u WHERE u.app = $1 AND u.user = $2",
        params![app.0, user.0, job.id.as_str()],
    )
    .await
    .map(drop)
}

/// Counts what an erased user has left in its conversations, from where it was counted up to last; how many rows it looked at.
pub(super) async fn count(sql: &Sql<'_>, job: &JobRow, user: UserKey, rows: i64) -> StoreResult<i64> {
    let (app, mut looked) = (job.app, 0);
    while looked < rows {
        let at = sql
            .one("SELECT conversation, seq FROM erasures WHERE id = $1", params![job.id.as_str()], |row| {
                Ok((row.take::<Option<i64>>()?, row.int()?))
            })
            .await?;
        let (Some(conversation), seq) = at else { break };
        let limit = rows - looked;
        let (found, last, messages) = sql
            .one(
                "SELECT count(*), coalesce(max(seq), $3), count(*) FILTER (WHERE sender = $4) FROM (
                     SELECT seq, sender FROM messages WHERE app = $1 AND conversation = $2 AND seq > $3
                     ORDER BY seq LIMIT $5) page",
                params![app.0, conversation, seq, user.0, limit],
                |row| Ok((row.int()?, row.int()?, row.int()?)),
            )
            .await?;
        sql.run(
            "UPDATE erasures SET seq = $4, messages = messages + $6,
                 versions = versions + (SELECT count(*) FROM message_versions v
                     JOIN messages g ON g.app = v.app AND g.conversation = v.conversation AND g.seq = v.seq
                     WHERE v.app = $1 AND v.conversation = $2 AND v.seq > $3 AND v.seq <= $4 AND g.sender = $5),
                 reactions = reactions + (SELECT count(*) FROM reactions r
                     WHERE r.app = $1 AND r.conversation = $2 AND r.seq > $3 AND r.seq <= $4 AND r.user = $5)
             WHERE id = $7",
            params![app.0, conversation, seq, last, user.0, messages, job.id.as_str()],
        )
        .await?;
        looked += found;
        if found < limit {
            let after = Some(ConversationKey(conversation));
            let next = of_user::conversations_in(sql, app, user, after, 1).await?;
            sql.run(
                "UPDATE erasures SET conversation = $1, seq = 0 WHERE id = $2",
                params![next.first().map(|next| next.0), job.id.as_str()],
            )
            .await?;
            looked += 1;
        }
    }
    Ok(looked)
}

pub(super) async fn find(sql: &Sql<'_>, permit: &Permit, id: &JobId) -> StoreResult<Option<ErasureRow>> {
    let Some(job) = jobs::find(sql, permit, id).await? else { return Ok(None) };
    let counts = sql
        .maybe(
            "SELECT memberships, messages, versions, reactions, consents, blocks, sanctions FROM erasures WHERE id = $1",
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
        )
        .await?;
    Ok(counts.map(|counts| ErasureRow { job, counts }))
}

pub(super) async fn followed(sql: &Sql<'_>) -> StoreResult<Followed> {
    sql.one("SELECT followed, restored_at FROM ledger", params![], |row| {
        Ok(Followed { position: row.int()?, restored_at: row.time()? })
    })
    .await
}

pub(super) async fn note_followed(sql: &Sql<'_>, position: i64) -> StoreResult<()> {
    sql.run("UPDATE ledger SET followed = $1 WHERE followed < $1", params![position]).await.map(drop)
}

pub(super) async fn redo(sql: &Sql<'_>, destroyed: SecretName, job: &JobRow) -> StoreResult<bool> {
    let done = match destroyed {
        SecretName::User(app, user) => users::erase_in(sql, app, user, job).await,
        SecretName::Conversation(app, conversation) => {
            conversations::delete_in(sql, app, conversation, None, job).await
        }
        SecretName::App(app) => apps::delete_in(sql, app, job).await,
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

pub(super) async fn begin_anew(sql: &Sql<'_>, anew: Anew) -> StoreResult<()> {
    sql.run("UPDATE conversations SET epoch = epoch # $1::bigint", params![anew.epochs.cast_signed()])
        .await?;
    // Another server counts its transactions from elsewhere: whatever changed, changed now.
    sql.run(concat!("UPDATE conversations SET activity = ", version!()), params![]).await?;
    sql.run(concat!("UPDATE members SET changed = ", version!()), params![]).await?;
    sql.all(
        "SELECT setval('row_numbers', greatest((SELECT last_value FROM row_numbers), $1::bigint)),
             setval('event_places', (SELECT last_value FROM event_places) + $2::bigint)",
        params![anew.beyond.max(1), GAP],
        |_| Ok(()),
    )
    .await?;
    sql.run("UPDATE ledger SET restored_at = $1", params![anew.at.0]).await.map(drop)
}
