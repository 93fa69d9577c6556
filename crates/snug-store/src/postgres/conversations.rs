//! Conversations.

use std::collections::HashMap;

use snug_model::{AppKey, ConversationKey, Permit, Rev, Seq, Timestamp, UserKey, limits::PLACED_MEMBERS_MAX};

use super::{
    blocks, events, holds, idempotency, jobs, member_rows, members,
    rows::{self, Code, conversation_columns, member_columns},
    sql::{Cells, Param, Sql, after, paged, params, version},
};
use crate::{
    ConversationDeletion, ConversationEdit, ConversationFilter, ConversationRef, ConversationRow, EventKind,
    Found, JobRow, NewConversation, Once, Page, Sealed, StoreError, StoreResult, Unique, Viewer,
};

/// The conversation in which a permit holds.
pub(super) fn of(permit: &Permit) -> StoreResult<ConversationKey> {
    permit.conversation().ok_or(StoreError::NotFound)
}

pub(super) async fn find(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationRef,
    viewer: Viewer,
) -> StoreResult<Option<Found>> {
    // One statement whoever looks: what may not be seen costs the same rows as what is not there. A row that was forgotten
    // is such, but for a ban, of which its bearer is told.
    let (join, user) = match viewer {
        // It equals nothing, for $3 is null. A condition that names no column would be looked at for each row of all members, in a
        // plan that is made before $3 is known.
        Viewer::Anyone => ("LEFT JOIN members m ON m.member = $3", None),
        Viewer::Member(user) => (
            "JOIN members m ON m.app = c.app AND m.conversation = c.conversation AND m.user = $3
             AND (m.forgotten = 0 OR m.banned_until IS NOT NULL)",
            Some(user.0),
        ),
        Viewer::Outsider(user) => (
            "LEFT JOIN members m ON m.app = c.app AND m.conversation = c.conversation AND m.user = $3",
            Some(user.0),
        ),
    };
    let (by, key) = match &conversation {
        ConversationRef::Key(key) => ("c.conversation", key.0.value()),
        ConversationRef::Id(mac) => ("c.id_mac", mac.0.value()),
        ConversationRef::Alias(mac) => ("c.alias_mac", mac.0.value()),
        ConversationRef::Members(mac) => ("c.members_mac", mac.0.value()),
    };
    let select = format!(
        concat!(
            "SELECT ",
            conversation_columns!(),
            ", m.member, ",
            member_columns!(),
            " FROM conversations c {join} WHERE c.app = $1 AND {by} = $2 AND c.deleted_at IS NULL"
        ),
        join = join,
        by = by,
    );
    let read = |row: &mut Cells<'_>| {
        let conversation = rows::conversation(row)?;
        let is_member = row.take::<Option<i64>>()?.is_some();
        let member = if is_member { Some(rows::member(row)?) } else { None };
        Ok(Found { conversation, member })
    };
    sql.maybe(&select, &[app.0.value(), key, user.value()], read).await
}

/// Holds a conversation until the commit, so that no other act comes between what this one sees of it and what it changes.
pub(super) async fn hold(sql: &Sql<'_>, app: AppKey, key: ConversationKey) -> StoreResult<()> {
    sql.run(
        "SELECT 1 FROM conversations WHERE conversation = $1 AND app = $2 FOR NO KEY UPDATE",
        params![key.0, app.0],
    )
    .await
    .map(drop)
}

/// A conversation's row, deleted or not.
pub(super) async fn row(
    sql: &Sql<'_>,
    app: AppKey,
    key: ConversationKey,
) -> StoreResult<Option<ConversationRow>> {
    sql.maybe(
        concat!(
            "SELECT ",
            conversation_columns!(),
            " FROM conversations c WHERE c.conversation = $1 AND c.app = $2"
        ),
        params![key.0, app.0],
        rows::conversation,
    )
    .await
}

/// The rows of conversations, deleted or not.
pub(super) async fn rows(
    sql: &Sql<'_>,
    keys: &[(AppKey, ConversationKey)],
) -> StoreResult<HashMap<(AppKey, ConversationKey), ConversationRow>> {
    let apps: Vec<i64> = keys.iter().map(|(app, _)| app.0).collect();
    let conversations: Vec<i64> = keys.iter().map(|(_, key)| key.0).collect();
    let found = sql
        .all(
            concat!(
                "SELECT w.app, ",
                conversation_columns!(),
                " FROM (SELECT * FROM unnest($1::bigint[], $2::bigint[]) a (app, conversation) OFFSET 0) w
                  JOIN conversations c ON c.conversation = w.conversation AND c.app = w.app"
            ),
            params![apps, conversations],
            |row| {
                let app = AppKey(row.int()?);
                rows::conversation(row).map(|conversation| ((app, conversation.key), conversation))
            },
        )
        .await?;
    Ok(found.into_iter().collect())
}

pub(super) async fn create(
    sql: &Sql<'_>,
    permit: &Permit,
    new: NewConversation,
    once: Option<Once>,
) -> StoreResult<Found> {
    let app = permit.app();
    idempotency::remember(sql, app, once).await?;
    // The indexes refuse the second of two who come at once; asked first, they say which name it is, one after the other.
    let taken = async |by: &str, mac: &[u8; 32]| {
        sql.exists(
            &format!("SELECT 1 FROM conversations WHERE app = $1 AND {by} = $2 AND deleted_at IS NULL"),
            params![app.0, *mac],
        )
        .await
    };
    if taken("id_mac", &new.id_mac.0).await? {
        return Err(StoreError::Taken(Unique::Conversation));
    }
    if let Some(mac) = &new.distinct
        && taken("members_mac", &mac.0).await?
    {
        return Err(StoreError::Taken(Unique::Conversation));
    }
    if let Some((mac, _)) = &new.alias
        && taken("alias_mac", &mac.0).await?
    {
        return Err(StoreError::Taken(Unique::Alias));
    }
    let large = new.members.len() as u64 > PLACED_MEMBERS_MAX;
    sql.run(
        concat!(
            "INSERT INTO conversations (conversation, app, id_mac, id, alias_mac, alias, members_mac, profile,
                 profile_version, state, frozen, history, epoch, rev, head_seq, member_count, created_at,
                 created_by, updated_at, version, last_at, activity, pending, large, slow_mode_s)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8,
                 1, $9, $10, $11, $12, 0, 0, $13, $14,
                 $15, $14, 1, $14, ",
            version!(),
            ", $16, $17, $18)"
        ),
        params![
            new.key.0,
            app.0,
            new.id_mac.0,
            new.id.0,
            new.alias.as_ref().map(|(mac, _)| mac.0),
            new.alias.as_ref().map(|(_, alias)| &alias.0),
            new.distinct.map(|mac| mac.0),
            new.profile.0,
            Code(new.state),
            new.frozen,
            Code(new.history),
            new.epoch.0.cast_signed(),
            new.members.len() as i64,
            new.at.0,
            new.created_by.map(|user| user.0),
            !large,
            large,
            i64::from(new.slow_mode_s)
        ],
    )
    .await?;
    members::add_first(sql, app, new.key, new.members, large, new.at).await?;
    events::note_conversation(sql, app, new.key, EventKind::ConversationMade, new.at).await?;
    blocks::check_permit(sql, permit, new.key).await?;
    let conversation = row(sql, app, new.key).await?.ok_or(StoreError::NotFound)?;
    let member = match permit.user() {
        Some(user) => member_rows::row(sql, app, new.key, user).await?,
        None => None,
    };
    Ok(Found { conversation, member })
}

pub(super) async fn edit(
    sql: &Sql<'_>,
    permit: &Permit,
    edit: ConversationEdit,
) -> StoreResult<ConversationRow> {
    let (app, key) = (permit.app(), of(permit)?);
    let before = row(sql, app, key).await?.ok_or(StoreError::NotFound)?;
    if edit.profile_version != before.profile_version + 1
        || edit.if_match.is_some_and(|wanted| wanted != (before.epoch, before.rev))
    {
        return Err(StoreError::Changed);
    }
    if let Some((mac, _)) = &edit.alias
        && sql
            .exists(
                "SELECT 1 FROM conversations
             WHERE app = $1 AND alias_mac = $2 AND deleted_at IS NULL AND conversation <> $3",
                params![app.0, mac.0, key.0],
            )
            .await?
    {
        return Err(StoreError::Taken(Unique::Alias));
    }
    let decisive = (before.state, before.frozen, before.slow_mode_s, before.history)
        != (edit.state, edit.frozen, edit.slow_mode_s, edit.history);
    if decisive {
        sql.narrow()?;
    }
    sql.run(
        "UPDATE conversations SET alias_mac = $1, alias = $2, profile = $3,
             profile_version = $4, state = $5, frozen = $6, history = $7,
             version = version + $8, slow_mode_s = $11
         WHERE conversation = $9 AND app = $10",
        params![
            edit.alias.as_ref().map(|(mac, _)| mac.0),
            edit.alias.as_ref().map(|(_, alias)| &alias.0),
            edit.profile.0,
            edit.profile_version,
            Code(edit.state),
            edit.frozen,
            Code(edit.history),
            decisive,
            key.0,
            app.0,
            i64::from(edit.slow_mode_s)
        ],
    )
    .await?;
    if edit.history != before.history {
        members::recount_removed(sql, app, key, edit.history).await?;
    }
    let moved = advance(sql, app, key, Step { at: edit.at, message: false, members: 0 }).await?;
    note_change(sql, app, key, &moved, Change::Conversation, edit.at).await?;
    row(sql, app, key).await?.ok_or(StoreError::NotFound)
}

pub(super) async fn delete(
    sql: &Sql<'_>,
    permit: &Permit,
    deletion: ConversationDeletion,
) -> StoreResult<()> {
    let (app, key) = (permit.app(), of(permit)?);
    let ConversationDeletion { gone_id, job, if_match } = deletion;
    if let Some(wanted) = if_match {
        let before = row(sql, app, key).await?.ok_or(StoreError::NotFound)?;
        if wanted != (before.epoch, before.rev) {
            return Err(StoreError::Changed);
        }
    }
    holds::check_conversation(sql, app, key).await?;
    delete_in(sql, app, key, Some(&gone_id), &job).await?;
    events::note_conversation(sql, app, key, EventKind::ConversationDeleted, job.created_at).await
}

/// Begins the deletion of a conversation of an app, whoever allowed it. Its id stays sealed as it is where nobody can read it any more.
pub(super) async fn delete_in(
    sql: &Sql<'_>,
    app: AppKey,
    key: ConversationKey,
    gone_id: Option<&Sealed>,
    job: &JobRow,
) -> StoreResult<()> {
    // Its members' inboxes lose it like any other change reaches them: at once where it is large or waits for its place,
    // which all others now do.
    let deleted = sql
        .run(
            concat!(
                "UPDATE conversations SET deleted_at = $1, updated_at = greatest(updated_at, $1),
                 version = version + 1, pending = 1 - large, id = coalesce($4, id), activity = ",
                version!(),
                " WHERE conversation = $2 AND app = $3 AND deleted_at IS NULL"
            ),
            params![job.created_at.0, key.0, app.0, gone_id.map(|id| &id.0)],
        )
        .await?;
    if deleted == 0 {
        return Err(StoreError::NotFound);
    }
    jobs::add(sql, app, job).await
}

pub(super) async fn list(
    sql: &Sql<'_>,
    permit: &Permit,
    filter: ConversationFilter,
    page: Page,
) -> StoreResult<Vec<ConversationRow>> {
    // From the user's rows where the list is one user's, so that it costs what that user has.
    let (from, column) = match filter.member {
        Some(_) => (
            "members m JOIN conversations c ON c.conversation = m.conversation AND c.app = m.app
             WHERE m.app = $3 AND m.user = $4 AND m.access > 0",
            "m.conversation",
        ),
        None => ("conversations c WHERE c.app = $3 AND $4::bigint IS NULL", "c.conversation"),
    };
    let select = format!(
        concat!(
            "SELECT ",
            conversation_columns!(),
            " FROM {from} AND c.deleted_at IS NULL AND c.state = coalesce($5, c.state)
               AND c.updated_at > $6 AND c.created_at > $7
               AND ($8::bytea IS NULL OR c.alias_mac = $8)"
        ),
        from = from
    );
    sql.all(
        &paged(&select, column, &page),
        params![
            after(&page),
            page.limit,
            permit.app().0,
            filter.member.map(|user| user.0),
            filter.state.map(Code),
            filter.active_after.map_or(i64::MIN, |at| at.0),
            filter.created_after.map_or(i64::MIN, |at| at.0),
            filter.alias.map(|mac| mac.0)
        ],
        rows::conversation,
    )
    .await
}

/// A visible change that takes the next rev.
pub(super) struct Step {
    pub(super) at: Timestamp,
    /// Whether it is a new message.
    pub(super) message: bool,
    /// How many members more there are.
    pub(super) members: i64,
}

/// Where a step has led.
pub(super) struct Moved {
    pub(super) rev: Rev,
    pub(super) head_seq: Seq,
    pub(super) member_count: i64,
}

/// Takes the next rev of a conversation, and sees to it that inboxes hear of it.
pub(super) async fn advance(
    sql: &Sql<'_>,
    app: AppKey,
    key: ConversationKey,
    step: Step,
) -> StoreResult<Moved> {
    let (moved, was_large) = sql
        .maybe(
            concat!(
                "UPDATE conversations c SET rev = c.rev + 1, head_seq = c.head_seq + $1,
                     member_count = c.member_count + $2, updated_at = greatest(c.updated_at, $3),
                     last_at = CASE WHEN $1 = 1 THEN greatest(c.last_at, $3) ELSE c.last_at END,
                     large = CASE WHEN c.member_count + $2 > $4 THEN 1 ELSE c.large END,
                     pending = CASE WHEN c.large = 1 OR c.member_count + $2 > $4 THEN 0 ELSE 1 END,
                     activity = ",
                version!(),
                " FROM (SELECT conversation, large FROM conversations WHERE conversation = $5) before
                 WHERE c.conversation = before.conversation AND c.app = $6 AND c.deleted_at IS NULL
                 RETURNING c.rev, c.head_seq, c.member_count, before.large"
            ),
            params![step.message, step.members, step.at.0, PLACED_MEMBERS_MAX.cast_signed(), key.0, app.0],
            |row| {
                let moved =
                    Moved { rev: Rev(row.int()?), head_seq: Seq(row.int()?), member_count: row.int()? };
                Ok((moved, row.flag()?))
            },
        )
        .await?
        .ok_or(StoreError::NotFound)?;
    if !was_large && moved.member_count.cast_unsigned() > PLACED_MEMBERS_MAX {
        sql.run("UPDATE members SET large = 1 WHERE app = $1 AND conversation = $2", params![app.0, key.0])
            .await?;
    }
    events::note_change(sql, app, key, moved.rev, step.at).await?;
    Ok(moved)
}

/// What a change was of, other than a new message, or members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Message(Seq),
    Conversation,
    Purge(Seq),
}

/// Notes what took a rev, for those who sync.
pub(super) async fn note_change(
    sql: &Sql<'_>,
    app: AppKey,
    key: ConversationKey,
    moved: &Moved,
    change: Change,
    at: Timestamp,
) -> StoreResult<()> {
    let (kind, reference) = match change {
        Change::Message(seq) => (1, seq.0),
        Change::Conversation => (3, 0),
        Change::Purge(seq) => (4, seq.0),
    };
    note_changes(sql, app, key, moved, kind, vec![reference], at).await
}

/// Notes the members whose change took a rev.
pub(super) async fn note_members(
    sql: &Sql<'_>,
    app: AppKey,
    key: ConversationKey,
    moved: &Moved,
    members: &[UserKey],
    at: Timestamp,
) -> StoreResult<()> {
    note_changes(sql, app, key, moved, 2, members.iter().map(|user| user.0).collect(), at).await
}

async fn note_changes(
    sql: &Sql<'_>,
    app: AppKey,
    key: ConversationKey,
    moved: &Moved,
    kind: i64,
    references: Vec<i64>,
    at: Timestamp,
) -> StoreResult<()> {
    sql.run(
        "INSERT INTO changes (app, conversation, rev, kind, reference, head_seq, at)
         SELECT $1, $2, $3, $4, reference, $5, $6 FROM unnest($7::bigint[]) w (reference)",
        params![app.0, key.0, moved.rev.0, kind, moved.head_seq.0, at.0, references],
    )
    .await
    .map(drop)
}
