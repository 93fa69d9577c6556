//! Purge: what retention removes, what is kept of that, and the newest time that was seen.

use snug_model::{AppKey, ConversationKey, JobId, MessageId, Permit, Seq, Timestamp};

use super::{
    conversations::{self, Change, Step, advance, note_change},
    holds::held,
    jobs, members,
    messages::Place,
    rows::{self, Code, conversation_columns, job_columns},
    sql::{Cells, Sql, corrupt, params},
};
use crate::{
    Class, DuePage, DueQuery, JobRow, JobState, PurgeCounts, PurgeEnd, PurgeNext, PurgeRow, PurgeStep,
    Purged, PurgedDay, StoreError, StoreResult,
};

pub(super) async fn begin(sql: &Sql<'_>, permit: &Permit, job: &JobRow, asked: bool) -> StoreResult<JobRow> {
    let app = permit.app();
    // One after the other, or two who ask at once would each begin one.
    sql.run("SELECT 1 FROM apps WHERE app = $1 FOR NO KEY UPDATE", params![app.0]).await?;
    let open = sql
        .maybe(
            concat!(
                "SELECT ",
                job_columns!(),
                " FROM jobs j WHERE j.app = $1 AND j.kind = 4 AND j.reference = $2 AND j.state < 2 LIMIT 1"
            ),
            params![app.0, rows::job_kind_cells(job.kind).1],
            rows::job,
        )
        .await?;
    if let Some(open) = open {
        return Ok(open);
    }
    jobs::add(sql, app, job).await?;
    sql.run(
        "UPDATE apps SET purged_at = $1, purges = purges + 1 WHERE app = $2",
        params![job.created_at.0, app.0],
    )
    .await?;
    sql.run(
        "INSERT INTO purges (id, app, asked, number, messages, versions, reactions)
         SELECT $1, app, $3, purges, 0, 0, 0 FROM apps WHERE app = $2",
        params![job.id.as_str(), app.0, asked],
    )
    .await?;
    Ok(job.clone())
}

pub(super) async fn apps(sql: &Sql<'_>, before: Timestamp, limit: i64) -> StoreResult<Vec<AppKey>> {
    sql.all(
        "SELECT app FROM apps WHERE deleted_at IS NULL AND coalesce(purged_at, 0) < $1 ORDER BY app LIMIT $2",
        params![before.0, limit],
        |row| row.int().map(AppKey),
    )
    .await
}

pub(super) async fn claim(
    sql: &Sql<'_>,
    now: Timestamp,
    lease_until: Timestamp,
) -> StoreResult<Option<PurgeRow>> {
    match jobs::claim(sql, jobs::Queue::Purges, now, lease_until).await? {
        Some(job) => row(sql, job).await.map(Some),
        None => Ok(None),
    }
}

pub(super) async fn find(sql: &Sql<'_>, permit: &Permit, id: &JobId) -> StoreResult<Option<PurgeRow>> {
    match jobs::find(sql, permit, id).await? {
        Some(job) => row(sql, job).await.map(Some),
        None => Ok(None),
    }
}

/// What a purge did so far, by its job.
async fn row(sql: &Sql<'_>, job: JobRow) -> StoreResult<PurgeRow> {
    let (asked, number, stopped, counts) = sql
        .maybe(
            "SELECT asked, number, stopped, messages, versions, reactions, held, oldest, newest FROM purges
             WHERE id = $1",
            params![job.id.as_str()],
            |row| Ok((row.flag()?, row.int()?, row.time_or_none()?, counts(row)?)),
        )
        .await?
        .ok_or(StoreError::NotFound)?;
    let days = sql
        .all(
            "SELECT class, rule, day FROM purged_days WHERE id = $1 ORDER BY class, rule, day",
            params![job.id.as_str()],
            |row| {
                let class = row.int()?;
                let class = Class::from_cell(class).ok_or_else(|| corrupt("a class", class))?;
                Ok(PurgedDay { class, rule: small(row.int()?)?, day: small(row.int()?)? })
            },
        )
        .await?;
    Ok(PurgeRow { job, asked, number, counts, stopped, days })
}

pub(super) fn small(cell: i64) -> StoreResult<i32> {
    i32::try_from(cell).map_err(|_| corrupt("a rule or a day", cell))
}

/// Of six columns: messages, versions, reactions, held, oldest, newest.
fn counts(row: &mut Cells<'_>) -> StoreResult<PurgeCounts> {
    Ok(PurgeCounts {
        messages: row.int()?,
        versions: row.int()?,
        reactions: row.int()?,
        held: row.int()?,
        oldest: row.time_or_none()?,
        newest: row.time_or_none()?,
    })
}

pub(super) async fn due(sql: &Sql<'_>, permit: &Permit, query: DueQuery) -> StoreResult<DuePage> {
    let app = permit.app();
    let looked_to = sql
        .one(
            "SELECT max(conversation) FROM (
             SELECT conversation FROM conversations WHERE app = $1 AND conversation > $2
             ORDER BY conversation LIMIT $3) looked",
            params![app.0, query.after.0, query.look],
            |row| Ok(row.take::<Option<i64>>()?.map(ConversationKey)),
        )
        .await?;
    let Some(last) = looked_to else { return Ok(DuePage::default()) };
    let rows = sql
        .all(
            concat!(
                "SELECT ",
                conversation_columns!(),
                " FROM conversations c
              JOIN messages g ON g.app = c.app AND g.conversation = c.conversation AND g.seq = c.first_seq
              WHERE c.app = $1 AND c.conversation > $2 AND c.conversation <= $3 AND c.deleted_at IS NULL
                  AND g.created_at < greatest($4, $5 - c.kept_days * 86400000)
              ORDER BY c.conversation"
            ),
            params![app.0, query.after.0, last.0, query.before.0, query.now.0],
            rows::conversation,
        )
        .await?;
    Ok(DuePage { rows, looked_to })
}

pub(super) async fn count(sql: &Sql<'_>, permit: &Permit, before: Timestamp) -> StoreResult<PurgeCounts> {
    let (app, key) = (permit.app(), conversations::of(permit)?);
    let first = conversations::row(sql, app, key).await?.ok_or(StoreError::NotFound)?.first_seq;
    let kept = sql
        .one(
            "SELECT coalesce(min(seq), 9223372036854775807) FROM messages
         WHERE app = $1 AND conversation = $2 AND seq >= $3 AND created_at >= $4",
            params![app.0, key.0, first.0, before.0],
            |row| row.int().map(Seq),
        )
        .await?;
    let gone = tally(sql, app, key, first, kept).await?;
    let held = sql
        .one(
            concat!(
                "SELECT count(*) FROM messages g
             WHERE g.app = $1 AND g.conversation = $2 AND g.seq >= $3 AND g.seq < $4 AND ",
                held!()
            ),
            params![app.0, key.0, first.0, kept.0],
            |row| row.int(),
        )
        .await?;
    Ok(PurgeCounts { held, ..gone })
}

/// Counts messages that are not held, from one seq to before another, with what belongs to them.
async fn tally(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    from: Seq,
    to: Seq,
) -> StoreResult<PurgeCounts> {
    sql.one(
        concat!(
            "WITH goes AS MATERIALIZED (
                 SELECT seq, created_at FROM messages g
                 WHERE g.app = $1 AND g.conversation = $2 AND g.seq >= $3 AND g.seq < $4 AND NOT ",
            held!(),
            ")
             SELECT count(*),
                 (SELECT count(*) FROM goes JOIN message_versions v
                      ON v.app = $1 AND v.conversation = $2 AND v.seq = goes.seq),
                 (SELECT count(*) FROM goes JOIN reactions r
                      ON r.app = $1 AND r.conversation = $2 AND r.seq = goes.seq),
                 0::bigint, min(created_at), max(created_at)
             FROM goes"
        ),
        params![app.0, conversation.0, from.0, to.0],
        counts,
    )
    .await
}

pub(super) async fn purge(sql: &Sql<'_>, permit: &Permit, step: &PurgeStep) -> StoreResult<Purged> {
    let (app, key) = (permit.app(), conversations::of(permit)?);
    let conversation = conversations::row(sql, app, key).await?.ok_or(StoreError::NotFound)?;
    let first = conversation.first_seq;
    let found = sql.all(
        concat!(
            "SELECT g.seq, g.created_at < $5, ",
            held!(),
            " FROM messages g WHERE g.app = $1 AND g.conversation = $2 AND g.seq >= $3 ORDER BY g.seq LIMIT $4"
        ),
        params![app.0, key.0, first.0, step.rows, step.before.0],
        |row| Ok((Seq(row.int()?), row.truth()?, row.truth()?)),
    ).await?;
    let goes = found.iter().take_while(|(_, due, held)| *due && !held).count();
    let next = match found.get(goes) {
        Some((_, true, true)) => PurgeNext::Held,
        Some(_) => PurgeNext::Nothing,
        None if found.len() as i64 == step.rows => PurgeNext::More,
        None => PurgeNext::Nothing,
    };
    let Some((last, ..)) = found[..goes].last() else {
        return Ok(Purged { rev: None, before: first, counts: PurgeCounts::default(), next });
    };
    let kept = last.next();
    let went = remove(sql, app, key, first, kept, step.at).await?;
    sql.run(
        "UPDATE conversations SET first_seq = $1 WHERE conversation = $2 AND app = $3",
        params![kept.0, key.0, app.0],
    )
    .await?;
    members::purged(sql, app, key, kept).await?;
    let moved = advance(sql, app, key, Step { at: step.at, message: false, members: 0 }).await?;
    note_change(sql, app, key, &moved, Change::Purge(kept), step.at).await?;
    note(sql, &step.job, &went, &[], step.lease_until).await?;
    Ok(Purged { rev: Some(moved.rev), before: kept, counts: went, next })
}

/// Removes messages from one seq to before another, none of which is held, with what belongs to them; their ids stay.
pub(super) async fn remove(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationKey,
    from: Seq,
    to: Seq,
    at: Timestamp,
) -> StoreResult<PurgeCounts> {
    let went = tally(sql, app, conversation, from, to).await?;
    sql.run(
        "INSERT INTO purged_messages (app, conversation, id, seq, at)
         SELECT app, conversation, id, seq, $5 FROM messages
         WHERE app = $1 AND conversation = $2 AND seq >= $3 AND seq < $4",
        params![app.0, conversation.0, from.0, to.0, at.0],
    )
    .await?;
    for statement in [
        "DELETE FROM reactions WHERE app = $1 AND conversation = $2 AND seq >= $3 AND seq < $4",
        "DELETE FROM message_versions WHERE app = $1 AND conversation = $2 AND seq >= $3 AND seq < $4",
        "DELETE FROM messages WHERE app = $1 AND conversation = $2 AND seq >= $3 AND seq < $4",
    ] {
        sql.run(statement, params![app.0, conversation.0, from.0, to.0]).await?;
    }
    Ok(went)
}

pub(super) async fn note(
    sql: &Sql<'_>,
    id: &JobId,
    counts: &PurgeCounts,
    days: &[PurgedDay],
    lease_until: Timestamp,
) -> StoreResult<()> {
    let noted = sql.run(
        "UPDATE purges SET messages = messages + $2, versions = versions + $3, reactions = reactions + $4,
             held = held + $7, oldest = least(oldest, $5), newest = greatest(newest, $6)
         WHERE id = $1",
        params![
            id.as_str(),
            counts.messages,
            counts.versions,
            counts.reactions,
            counts.oldest.map(|at| at.0),
            counts.newest.map(|at| at.0),
            counts.held
        ],
    )
    .await?;
    if noted == 0 {
        return Err(StoreError::NotFound);
    }
    for day in days {
        sql.run(
            "INSERT INTO purged_days (id, app, class, rule, day) SELECT id, app, $2, $3, $4 FROM purges WHERE id = $1
             ON CONFLICT (id, class, rule, day) DO NOTHING",
            params![id.as_str(), day.class.cell(), i64::from(day.rule), i64::from(day.day)],
        )
    .await?;
    }
    sql.run(
        "UPDATE jobs SET progress = progress + $2, run_at = $3 WHERE id = $1",
        params![id.as_str(), counts.messages + counts.held, lease_until.0],
    )
    .await
    .map(drop)
}

pub(super) async fn end(sql: &Sql<'_>, id: &JobId, end: PurgeEnd, at: Timestamp) -> StoreResult<()> {
    let state = match end {
        PurgeEnd::Forgotten => {
            sql.run("DELETE FROM jobs WHERE id = $1", params![id.as_str()]).await?;
            return sql.run("DELETE FROM purges WHERE id = $1", params![id.as_str()]).await.map(drop);
        }
        PurgeEnd::Done => JobState::Done,
        PurgeEnd::Stopped { seen } => {
            sql.run("UPDATE purges SET stopped = $2 WHERE id = $1", params![id.as_str(), seen.0]).await?;
            JobState::Stopped
        }
    };
    sql.run("UPDATE jobs SET state = $2, done_at = $3 WHERE id = $1", params![id.as_str(), Code(state), at.0])
        .await
        .map(drop)
}

pub(super) async fn forget(sql: &Sql<'_>, before: Timestamp, limit: i64) -> StoreResult<i64> {
    let ids = sql
        .run(
            "DELETE FROM purged_messages WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM purged_messages WHERE at < $1 ORDER BY at LIMIT $2))",
            params![before.0, limit],
        )
        .await?;
    let old = "SELECT id FROM jobs WHERE kind = 4 AND done_at < $1 ORDER BY job LIMIT $2";
    for table in ["purged_days", "purges", "jobs"] {
        sql.run(&format!("DELETE FROM {table} WHERE id IN ({old})"), params![before.0, limit]).await?;
    }
    Ok(ids as i64)
}

pub(super) async fn see_time(sql: &Sql<'_>, now: Timestamp, step_ms_max: i64) -> StoreResult<Timestamp> {
    sql.one(
        "UPDATE clock SET seen_at = CASE WHEN $1 - w.seen > $2 THEN greatest(clock.seen_at, w.seen) ELSE greatest(clock.seen_at, $1) END
         FROM (SELECT coalesce(
                   (SELECT seen_at FROM clock),
                   (SELECT at FROM events ORDER BY event DESC LIMIT 1),
                   $1) AS seen) w
         RETURNING seen_at",
        params![now.0, step_ms_max],
        |row| row.time(),
    )
    .await
}

pub(super) async fn accept_time(sql: &Sql<'_>, now: Timestamp) -> StoreResult<()> {
    sql.run("UPDATE clock SET seen_at = $1", params![now.0]).await.map(drop)
}

/// Refuses a message that was purged, as far as the view would show it if it were there.
pub(super) async fn check_gone(sql: &Sql<'_>, place: &Place, id: MessageId) -> StoreResult<()> {
    let seq = sql
        .maybe(
            "SELECT seq FROM purged_messages WHERE app = $1 AND conversation = $2 AND id = $3",
            params![place.app.0, place.conversation.0, id],
            |row| row.int().map(Seq),
        )
        .await?;
    match seq {
        Some(seq) if place.shows(sql, seq).await? => Err(StoreError::Gone),
        Some(_) | None => Ok(()),
    }
}
