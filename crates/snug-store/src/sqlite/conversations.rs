//! Conversations.

use rusqlite::{named_params, params};
use snug_model::{AppKey, ConversationKey, Permit, Rev, Seq, Timestamp, limits::PLACED_MEMBERS_MAX};

use super::{
    blocks, events, holds, idempotency, jobs, members,
    rows::{self, Code, conversation_columns, member_columns},
    sql::{Sql, after, paged},
};
use crate::{
    ConversationDeletion, ConversationEdit, ConversationFilter, ConversationRef, ConversationRow, EventKind,
    Found, JobRow, NewConversation, Once, Page, Sealed, StoreError, StoreResult, Unique, Viewer,
};

/// The conversation in which a permit holds.
pub(super) fn of(permit: &Permit) -> StoreResult<ConversationKey> {
    permit.conversation().ok_or(StoreError::NotFound)
}

pub(super) fn find(
    sql: &Sql<'_>,
    app: AppKey,
    conversation: ConversationRef,
    viewer: Viewer,
) -> StoreResult<Option<Found>> {
    let user = match viewer {
        Viewer::Anyone => None,
        Viewer::Member(user) | Viewer::Outsider(user) => Some(user.0),
    };
    let select = finding(&conversation, viewer);
    let key: &dyn rusqlite::ToSql = match &conversation {
        ConversationRef::Key(key) => &key.0,
        ConversationRef::Id(mac) | ConversationRef::Alias(mac) => &mac.0,
        ConversationRef::Members(mac) => &mac.0,
    };
    let read = |row: &mut super::sql::Cells<'_>| {
        let conversation = rows::conversation(row)?;
        let is_member = row.take::<Option<i64>>()?.is_some();
        let member = if is_member { Some(rows::member(row)?) } else { None };
        Ok(Found { conversation, member })
    };
    match user {
        Some(user) => sql.maybe(&select, named_params! { ":app": app.0, ":key": key, ":user": user }, read),
        None => sql.maybe(&select, named_params! { ":app": app.0, ":key": key }, read),
    }
}

/// The statement that finds a conversation, one whoever looks: what may not be seen costs the same rows as what is not there. A
/// row that was forgotten is such, but for a ban, of which its bearer is told.
fn finding(conversation: &ConversationRef, viewer: Viewer) -> String {
    let join = match viewer {
        // It equals nothing. A condition that names no column would be looked at for each row of all members.
        Viewer::Anyone => "LEFT JOIN members m ON m.member = NULL",
        Viewer::Member(_) => {
            "JOIN members m ON m.app = c.app AND m.conversation = c.conversation AND m.user = :user
             AND (m.forgotten = 0 OR m.banned_until IS NOT NULL)"
        }
        Viewer::Outsider(_) => {
            "LEFT JOIN members m ON m.app = c.app AND m.conversation = c.conversation AND m.user = :user"
        }
    };
    let by = match conversation {
        ConversationRef::Key(_) => "c.conversation",
        ConversationRef::Id(_) => "c.id_mac",
        ConversationRef::Alias(_) => "c.alias_mac",
        ConversationRef::Members(_) => "c.members_mac",
    };
    format!(
        concat!(
            "SELECT ",
            conversation_columns!(),
            ", m.member, ",
            member_columns!(),
            " FROM conversations c {join} WHERE c.app = :app AND {by} = :key AND c.deleted_at IS NULL"
        ),
        join = join,
        by = by,
    )
}

/// A conversation's row, deleted or not.
pub(super) fn row(sql: &Sql<'_>, app: AppKey, key: ConversationKey) -> StoreResult<Option<ConversationRow>> {
    sql.maybe(
        concat!(
            "SELECT ",
            conversation_columns!(),
            " FROM conversations c WHERE c.conversation = ?1 AND c.app = ?2"
        ),
        params![key.0, app.0],
        rows::conversation,
    )
}

pub(super) fn create(
    sql: &Sql<'_>,
    permit: &Permit,
    new: NewConversation,
    once: Option<Once>,
) -> StoreResult<Found> {
    let app = permit.app();
    idempotency::remember(sql, app, once)?;
    let taken = |by: &str, mac: &[u8; 32]| {
        sql.exists(
            &format!("SELECT 1 FROM conversations WHERE app = ?1 AND {by} = ?2 AND deleted_at IS NULL"),
            params![app.0, mac],
        )
    };
    if taken("id_mac", &new.id_mac.0)? {
        return Err(StoreError::Taken(Unique::Conversation));
    }
    if let Some(mac) = &new.distinct
        && taken("members_mac", &mac.0)?
    {
        return Err(StoreError::Taken(Unique::Conversation));
    }
    if let Some((mac, _)) = &new.alias
        && taken("alias_mac", &mac.0)?
    {
        return Err(StoreError::Taken(Unique::Alias));
    }
    let large = new.members.len() as u64 > PLACED_MEMBERS_MAX;
    sql.run(
        "INSERT INTO conversations (conversation, app, id_mac, id, alias_mac, alias, members_mac, profile,
             profile_version, state, frozen, slow_mode_s, history, epoch, rev, head_seq, member_count, created_at, created_by,
             updated_at, version, last_at, activity, pending, large)
         VALUES (:conversation, :app, :id_mac, :id, :alias_mac, :alias, :members_mac, :profile,
             1, :state, :frozen, :slow_mode_s, :history, :epoch, 0, 0, :member_count, :at, :created_by,
             :at, 1, :at, :activity, :pending, :large)",
        named_params! {
            ":conversation": new.key.0,
            ":app": app.0,
            ":id_mac": new.id_mac.0,
            ":id": new.id.0,
            ":alias_mac": new.alias.as_ref().map(|(mac, _)| mac.0),
            ":alias": new.alias.as_ref().map(|(_, alias)| &alias.0),
            ":members_mac": new.distinct.map(|mac| mac.0),
            ":profile": new.profile.0,
            ":state": Code(new.state),
            ":frozen": new.frozen,
            ":slow_mode_s": new.slow_mode_s,
            ":history": Code(new.history),
            ":epoch": new.epoch.0.cast_signed(),
            ":member_count": new.members.len() as i64,
            ":at": new.at.0,
            ":created_by": new.created_by.map(|user| user.0),
            ":activity": sql.version,
            ":pending": !large,
            ":large": large,
        },
    )?;
    members::add_first(sql, app, new.key, new.members, large, new.at)?;
    events::note_conversation(sql, app, new.key, EventKind::ConversationMade, new.at)?;
    blocks::check_permit(sql, permit, new.key)?;
    let conversation = row(sql, app, new.key)?.ok_or(StoreError::NotFound)?;
    let member = match permit.user() {
        Some(user) => members::row(sql, app, new.key, user)?,
        None => None,
    };
    Ok(Found { conversation, member })
}

pub(super) fn edit(sql: &Sql<'_>, permit: &Permit, edit: ConversationEdit) -> StoreResult<ConversationRow> {
    let (app, key) = (permit.app(), of(permit)?);
    let before = row(sql, app, key)?.ok_or(StoreError::NotFound)?;
    if edit.profile_version != before.profile_version + 1
        || edit.if_match.is_some_and(|wanted| wanted != (before.epoch, before.rev))
    {
        return Err(StoreError::Changed);
    }
    if let Some((mac, _)) = &edit.alias
        && sql.exists(
            "SELECT 1 FROM conversations
             WHERE app = ?1 AND alias_mac = ?2 AND deleted_at IS NULL AND conversation <> ?3",
            params![app.0, mac.0, key.0],
        )?
    {
        return Err(StoreError::Taken(Unique::Alias));
    }
    let decisive = (before.state, before.frozen, before.slow_mode_s, before.history)
        != (edit.state, edit.frozen, edit.slow_mode_s, edit.history);
    sql.run(
        "UPDATE conversations SET alias_mac = :alias_mac, alias = :alias, profile = :profile,
             profile_version = :profile_version, state = :state, frozen = :frozen, slow_mode_s = :slow_mode_s,
             history = :history,
             version = version + :decisive
         WHERE conversation = :conversation AND app = :app",
        named_params! {
            ":alias_mac": edit.alias.as_ref().map(|(mac, _)| mac.0),
            ":alias": edit.alias.as_ref().map(|(_, alias)| &alias.0),
            ":profile": edit.profile.0,
            ":profile_version": edit.profile_version,
            ":state": Code(edit.state),
            ":frozen": edit.frozen,
            ":slow_mode_s": edit.slow_mode_s,
            ":history": Code(edit.history),
            ":decisive": decisive,
            ":conversation": key.0,
            ":app": app.0,
        },
    )?;
    if edit.history != before.history {
        members::recount_removed(sql, app, key, edit.history)?;
    }
    let moved = advance(sql, app, key, Step { at: edit.at, members: 0 })?;
    note_change(sql, app, key, &moved, Change::Conversation, edit.at)?;
    row(sql, app, key)?.ok_or(StoreError::NotFound)
}

pub(super) fn delete(sql: &Sql<'_>, permit: &Permit, deletion: ConversationDeletion) -> StoreResult<()> {
    let (app, key) = (permit.app(), of(permit)?);
    let ConversationDeletion { gone_id, job, if_match } = deletion;
    if let Some(wanted) = if_match {
        let before = row(sql, app, key)?.ok_or(StoreError::NotFound)?;
        if wanted != (before.epoch, before.rev) {
            return Err(StoreError::Changed);
        }
    }
    holds::check_conversation(sql, app, key)?;
    delete_in(sql, app, key, Some(&gone_id), &job)?;
    events::note_conversation(sql, app, key, EventKind::ConversationDeleted, job.created_at)
}

/// Begins the deletion of a conversation of an app, whoever allowed it. Its id stays sealed as it is where nobody can read it any more.
pub(super) fn delete_in(
    sql: &Sql<'_>,
    app: AppKey,
    key: ConversationKey,
    gone_id: Option<&Sealed>,
    job: &JobRow,
) -> StoreResult<()> {
    // Its members' inboxes lose it like any other change reaches them: at once where it is large or waits for its place,
    // which all others now do.
    let deleted = sql.run(
        "UPDATE conversations SET deleted_at = ?1, updated_at = max(updated_at, ?1), version = version + 1,
             activity = ?2, pending = NOT large, id = coalesce(?5, id)
         WHERE conversation = ?3 AND app = ?4 AND deleted_at IS NULL",
        params![job.created_at.0, sql.version, key.0, app.0, gone_id.map(|id| &id.0)],
    )?;
    if deleted == 0 {
        return Err(StoreError::NotFound);
    }
    jobs::add(sql, app, job)
}

pub(super) fn list(
    sql: &Sql<'_>,
    permit: &Permit,
    filter: ConversationFilter,
    page: Page,
) -> StoreResult<Vec<ConversationRow>> {
    // From the user's rows where the list is one user's, so that it costs what that user has.
    let (from, column) = match filter.member {
        Some(_) => (
            "members m CROSS JOIN conversations c ON c.conversation = m.conversation AND c.app = m.app
             WHERE m.app = :app AND m.user = :member AND m.access > 0",
            "m.conversation",
        ),
        None => ("conversations c WHERE c.app = :app AND :member IS NULL", "c.conversation"),
    };
    let select = format!(
        concat!(
            "SELECT ",
            conversation_columns!(),
            " FROM {from} AND c.deleted_at IS NULL AND c.state IS coalesce(:state, c.state)
               AND c.updated_at > :active_after AND c.created_at > :created_after
               AND c.alias_mac IS coalesce(:alias, c.alias_mac)"
        ),
        from = from
    );
    sql.all(
        &paged(&select, column, &page),
        named_params! {
            ":app": permit.app().0,
            ":member": filter.member.map(|user| user.0),
            ":state": filter.state.map(Code),
            ":active_after": filter.active_after.map_or(i64::MIN, |at| at.0),
            ":created_after": filter.created_after.map_or(i64::MIN, |at| at.0),
            ":alias": filter.alias.map(|mac| mac.0),
            ":after": after(&page),
            ":limit": page.limit,
        },
        rows::conversation,
    )
}

/// A visible change that takes the next rev, other than a new message.
pub(super) struct Step {
    pub(super) at: Timestamp,
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
pub(super) fn advance(sql: &Sql<'_>, app: AppKey, key: ConversationKey, step: Step) -> StoreResult<Moved> {
    let (moved, pending, large) = sql
        .maybe(
            "UPDATE conversations SET rev = rev + 1, member_count = member_count + ?1,
                 updated_at = max(updated_at, ?2), activity = ?3
             WHERE conversation = ?4 AND app = ?5 AND deleted_at IS NULL
             RETURNING rev, head_seq, member_count, pending, large",
            params![step.members, step.at.0, sql.version, key.0, app.0],
            |row| {
                let moved =
                    Moved { rev: Rev(row.int()?), head_seq: Seq(row.int()?), member_count: row.int()? };
                Ok((moved, row.flag()?, row.flag()?))
            },
        )?
        .ok_or(StoreError::NotFound)?;
    if !large && moved.member_count.cast_unsigned() > PLACED_MEMBERS_MAX {
        sql.run(
            "UPDATE conversations SET large = 1, pending = 0 WHERE conversation = ?1 AND app = ?2",
            params![key.0, app.0],
        )?;
        sql.run("UPDATE members SET large = 1 WHERE app = ?1 AND conversation = ?2", params![app.0, key.0])?;
    } else if !large && !pending {
        // A statement of its own: naming the column would touch its index with every change.
        sql.run(
            "UPDATE conversations SET pending = 1 WHERE conversation = ?1 AND app = ?2",
            params![key.0, app.0],
        )?;
    }
    events::note_change(sql, app, key, moved.rev, step.at)?;
    Ok(moved)
}

/// What a change other than a new message was of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Message(Seq),
    Member(snug_model::UserKey),
    Conversation,
    Purge(Seq),
}

/// Notes what took a rev, for those who sync.
pub(super) fn note_change(
    sql: &Sql<'_>,
    app: AppKey,
    key: ConversationKey,
    moved: &Moved,
    change: Change,
    at: Timestamp,
) -> StoreResult<()> {
    let (kind, reference) = match change {
        Change::Message(seq) => (1, seq.0),
        Change::Member(user) => (2, user.0),
        Change::Conversation => (3, 0),
        Change::Purge(seq) => (4, seq.0),
    };
    sql.run(
        "INSERT INTO changes (app, conversation, rev, kind, reference, head_seq, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![app.0, key.0, moved.rev.0, kind, reference, moved.head_seq.0, at.0],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use snug_model::{UserKey, facts::IdMac};

    use super::*;
    use crate::{
        Mac,
        sqlite::{Options, schema},
    };

    #[test]
    fn no_conversation_is_found_by_looking_through_a_table() {
        let folder = tempfile::tempdir().unwrap();
        let database = schema::data(&folder.path().join("data.db"), &Options::default()).unwrap();
        let mac = [0; 32];
        let refs = [
            ConversationRef::Key(ConversationKey(1)),
            ConversationRef::Id(IdMac(mac)),
            ConversationRef::Alias(IdMac(mac)),
            ConversationRef::Members(Mac(mac)),
        ];
        for conversation in &refs {
            for viewer in [Viewer::Anyone, Viewer::Member(UserKey(1)), Viewer::Outsider(UserKey(1))] {
                let plan = format!("EXPLAIN QUERY PLAN {}", finding(conversation, viewer));
                let mut plan = database.prepare(&plan).unwrap();
                let mut steps = plan.raw_query();
                while let Some(step) = steps.next().unwrap() {
                    let step: String = step.get("detail").unwrap();
                    assert!(step.starts_with("SEARCH "), "{conversation:?} for {viewer:?}: {step}");
                }
            }
        }
    }
}
