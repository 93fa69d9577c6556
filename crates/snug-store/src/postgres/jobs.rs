//! Jobs: the rows of those who do them, and the steps of each kind.

use snug_model::{AppKey, ConversationKey, JobId, Permit, Timestamp, UserKey};

use super::{
    conversations, erasures, members,
    rows::{self, Code, job_columns, job_kind_cells},
    sql::{Param, Sql, Value, params},
};
use crate::{JobKind, JobRow, JobState, StoreError, StoreResult};

/// Adds a job in the commit of the act that causes it.
pub(super) async fn add(sql: &Sql<'_>, app: AppKey, job: &JobRow) -> StoreResult<()> {
    let (kind, reference) = job_kind_cells(job.kind);
    sql.run(
        "INSERT INTO jobs (app, id, kind, reference, state, progress, attempts, created_at, run_at, done_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        params![
            app.0,
            job.id.as_str(),
            kind,
            reference,
            Code(job.state),
            job.progress,
            job.attempts,
            job.created_at.0,
            job.run_at.0,
            job.done_at.map(|at| at.0)
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn find(sql: &Sql<'_>, permit: &Permit, id: &JobId) -> StoreResult<Option<JobRow>> {
    Ok(row(sql, id).await?.filter(|job| job.app == permit.app()))
}

async fn row(sql: &Sql<'_>, id: &JobId) -> StoreResult<Option<JobRow>> {
    sql.maybe(
        concat!("SELECT ", job_columns!(), " FROM jobs j WHERE j.id = $1"),
        params![id.as_str()],
        rows::job,
    )
    .await
}

/// Who takes a job: purges take long, and nothing else waits for one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Queue {
    Purges,
    Others,
}

pub(super) async fn claim(
    sql: &Sql<'_>,
    queue: Queue,
    now: Timestamp,
    lease_until: Timestamp,
) -> StoreResult<Option<JobRow>> {
    sql.maybe(
        concat!(
            "UPDATE jobs j SET state = 1, attempts = attempts + 1, run_at = $2
             WHERE j.job = (SELECT job FROM jobs WHERE state < 2 AND run_at <= $1 AND (kind = 4) = ($3 = 1::bigint)
                            ORDER BY run_at, job LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING ",
            job_columns!()
        ),
        params![now.0, lease_until.0, matches!(queue, Queue::Purges)],
        rows::job,
    )
    .await
}

pub(super) async fn work(
    sql: &Sql<'_>,
    id: &JobId,
    rows: i64,
    now: Timestamp,
    lease_until: Timestamp,
) -> StoreResult<JobRow> {
    // Two who took the same job, the first of them too late, work one after the other.
    sql.run("SELECT 1 FROM jobs WHERE id = $1 FOR NO KEY UPDATE", params![id.as_str()]).await?;
    let job = row(sql, id).await?.ok_or(StoreError::NotFound)?;
    if job.state == JobState::Done {
        return Ok(job);
    }
    let dealt = match job.kind {
        JobKind::DeleteApp => delete_app(sql, &job, rows).await?,
        JobKind::PurgeConversation(conversation) => purge(sql, job.app, conversation, rows).await?,
        JobKind::EraseUser(user) | JobKind::EraseUserWithMessages(user) => {
            let counted = erasures::count(sql, &job, user, rows).await?;
            counted + erase(sql, job.app, user, rows - counted, now).await?
        }
        JobKind::Purge { .. } => return Err(StoreError::NotFound),
    };
    // A step that did less than it might has come to the end.
    let done = dealt < rows;
    sql.run(
        "UPDATE jobs SET progress = progress + $1, state = $2, run_at = $3, done_at = $4 WHERE id = $5",
        params![
            dealt,
            Code(if done { JobState::Done } else { JobState::Running }),
            lease_until.0,
            done.then_some(now.0),
            id.as_str()
        ],
    )
    .await?;
    row(sql, id).await?.ok_or(StoreError::NotFound)
}

/// Counts what a step may still do.
struct Step<'s, 'c> {
    sql: &'s Sql<'c>,
    left: i64,
    dealt: i64,
}

impl<'s, 'c> Step<'s, 'c> {
    fn new(sql: &'s Sql<'c>, rows: i64) -> Self {
        Self { sql, left: rows, dealt: 0 }
    }

    /// Runs a statement of `of`, that deals with as many rows at most as its last parameter says.
    async fn run(&mut self, statement: &str, of: &[i64]) -> StoreResult<()> {
        if self.left > 0 {
            let params: Vec<Value<'_>> = of.iter().chain([&self.left]).map(Param::value).collect();
            let dealt = self.sql.run(statement, &params).await?.cast_signed();
            self.left -= dealt;
            self.dealt += dealt;
        }
        Ok(())
    }
}

/// Removes rows of an app, the app's own at last.
async fn delete_app(sql: &Sql<'_>, job: &JobRow, rows: i64) -> StoreResult<i64> {
    let mut step = Step::new(sql, rows);
    for statement in [
        "DELETE FROM reactions WHERE reaction IN (SELECT reaction FROM reactions WHERE app = $1 LIMIT $2)",
        "DELETE FROM message_versions WHERE message_version IN
             (SELECT message_version FROM message_versions WHERE app = $1 LIMIT $2)",
        "DELETE FROM messages WHERE message IN (SELECT message FROM messages WHERE app = $1 LIMIT $2)",
        "DELETE FROM purged_messages WHERE ctid = ANY (ARRAY(SELECT ctid FROM purged_messages WHERE app = $1 LIMIT $2))",
        "DELETE FROM purged_days WHERE ctid = ANY (ARRAY(SELECT ctid FROM purged_days WHERE app = $1 LIMIT $2))",
        "DELETE FROM held_days WHERE ctid = ANY (ARRAY(SELECT ctid FROM held_days WHERE app = $1 LIMIT $2))",
        "DELETE FROM purges WHERE id IN (SELECT id FROM purges WHERE app = $1 LIMIT $2)",
        "DELETE FROM erasures WHERE id IN (SELECT id FROM erasures WHERE app = $1 LIMIT $2)",
        "DELETE FROM changes WHERE change IN (SELECT change FROM changes WHERE app = $1 LIMIT $2)",
        "DELETE FROM events WHERE event IN (SELECT event FROM events WHERE app = $1 LIMIT $2)",
        "DELETE FROM members WHERE member IN (SELECT member FROM members WHERE app = $1 LIMIT $2)",
        "DELETE FROM conversations WHERE conversation IN
             (SELECT conversation FROM conversations WHERE app = $1 LIMIT $2)",
        "DELETE FROM users u WHERE u.user IN (SELECT d.user FROM users d WHERE d.app = $1 LIMIT $2)",
        "DELETE FROM keys WHERE key IN (SELECT key FROM keys WHERE app = $1 LIMIT $2)",
        "DELETE FROM token_keys WHERE token_key IN
             (SELECT token_key FROM token_keys WHERE app = $1 LIMIT $2)",
        "DELETE FROM templates WHERE template IN
             (SELECT template FROM templates WHERE app = $1 LIMIT $2)",
        "DELETE FROM usage WHERE app = $1 AND day IN (SELECT day FROM usage WHERE app = $1 LIMIT $2)",
        "DELETE FROM role_use WHERE ctid = ANY (ARRAY(SELECT ctid FROM role_use WHERE app = $1 LIMIT $2))",
        "DELETE FROM revoked_tokens WHERE revoked_token IN
             (SELECT revoked_token FROM revoked_tokens WHERE app = $1 LIMIT $2)",
        "DELETE FROM blocks WHERE block IN (SELECT block FROM blocks WHERE app = $1 LIMIT $2)",
        "DELETE FROM consents WHERE consent IN (SELECT consent FROM consents WHERE app = $1 LIMIT $2)",
        "DELETE FROM idempotency WHERE request IN (SELECT request FROM idempotency WHERE app = $1 LIMIT $2)",
        "DELETE FROM audit WHERE entry IN (SELECT entry FROM audit WHERE app = $1 LIMIT $2)",
        "DELETE FROM audit_ends WHERE app IN (SELECT app FROM audit_ends WHERE app = $1 LIMIT $2)",
        "DELETE FROM roles WHERE role IN (SELECT role FROM roles WHERE app = $1 LIMIT $2)",
    ] {
        step.run(statement, &[job.app.0]).await?;
    }
    // This job stays, to say that it is done.
    step.run(
        "DELETE FROM jobs WHERE job IN (SELECT job FROM jobs WHERE app = $1 AND (kind, reference) <> (1, 0) LIMIT $2)",
        &[job.app.0],
    )
    .await?;
    step.run("DELETE FROM apps WHERE app = $1 AND $2::bigint > 0", &[job.app.0]).await?;
    Ok(step.dealt)
}

/// Removes what was said in a deleted conversation, and blanks what it and its members were called. The rows stay, so that
/// inboxes that were not asked since hear that it is gone.
async fn purge(sql: &Sql<'_>, app: AppKey, conversation: ConversationKey, rows: i64) -> StoreResult<i64> {
    let mut step = Step::new(sql, rows);
    for statement in [
        "DELETE FROM reactions WHERE reaction IN
             (SELECT reaction FROM reactions WHERE app = $1 AND conversation = $2 LIMIT $3)",
        "DELETE FROM message_versions WHERE message_version IN
             (SELECT message_version FROM message_versions WHERE app = $1 AND conversation = $2 LIMIT $3)",
        "DELETE FROM messages WHERE message IN
             (SELECT message FROM messages WHERE app = $1 AND conversation = $2 LIMIT $3)",
        "DELETE FROM changes WHERE change IN
             (SELECT change FROM changes WHERE app = $1 AND conversation = $2 LIMIT $3)",
        "DELETE FROM purged_messages WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM purged_messages WHERE app = $1 AND conversation = $2 LIMIT $3))",
        "UPDATE members SET profile = NULL, profile_version = 0, ban_reason = NULL, mute_note = NULL,
             frozen_profile = NULL, frozen_profile_version = NULL, frozen_state = NULL, frozen_frozen = NULL, frozen_head_seq = NULL,
             frozen_member_count = NULL, frozen_at = NULL
         WHERE member IN (
             SELECT member FROM members WHERE app = $1 AND conversation = $2
                 AND (profile IS NOT NULL OR ban_reason IS NOT NULL OR mute_note IS NOT NULL
                     OR frozen_profile IS NOT NULL) LIMIT $3)",
        "UPDATE conversations SET profile = '', alias = NULL, alias_mac = NULL, members_mac = NULL
         WHERE app = $1 AND conversation IN
             (SELECT conversation FROM conversations WHERE conversation = $2 AND profile <> '' LIMIT $3)",
    ] {
        step.run(statement, &[app.0, conversation.0]).await?;
    }
    Ok(step.dealt)
}

/// Takes an erased user out of its conversations, a rev each.
async fn erase(sql: &Sql<'_>, app: AppKey, user: UserKey, rows: i64, now: Timestamp) -> StoreResult<i64> {
    if rows == 0 {
        return Ok(0);
    }
    let left = sql
        .all(
            "SELECT m.conversation FROM members m
         JOIN conversations c ON c.conversation = m.conversation AND c.deleted_at IS NULL
         WHERE m.app = $1 AND m.user = $2
             AND (m.access > 0 OR m.forgotten = 0 OR m.profile IS NOT NULL OR m.ban_reason IS NOT NULL
                 OR m.mute_note IS NOT NULL)
         ORDER BY m.conversation LIMIT $3",
            params![app.0, user.0, rows],
            |row| row.int().map(ConversationKey),
        )
        .await?;
    // In order of their numbers, as appends hold them.
    for conversation in &left {
        conversations::hold(sql, app, *conversation).await?;
        members::expel(sql, app, *conversation, user, now).await?;
    }
    Ok(left.len() as i64)
}
