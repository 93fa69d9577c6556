//! The audit: entries behind each other, in the commit of what they tell of.

use rusqlite::{named_params, params};
use snug_model::{
    AppKey, ConversationKey, KeyId, Permit, UserKey,
    audit::{self, Act, Entries, Entry, Outcome, Target},
    policy::By,
};

use super::sql::{Cells, Sql, after, corrupt, paged};
use crate::{
    AuditEnd, AuditFilter, AuditRow, Finding, Page, StoreResult,
    chain::{self, Follower, Hash},
};

/// How many entries of a chain are looked at together.
const CHECKED_AT_ONCE: i64 = 1_000;

/// The columns of [`row`], of `audit a`.
macro_rules! audit_columns {
    () => {
        "a.n, a.id, a.at, a.actor, a.actor_key, a.actor_user, a.act, a.target, a.target_id, a.conversation, a.user, \
         a.outcome, a.count, a.origin, a.note, a.hash"
    };
}

/// Enters what is to be entered of what a permit allows. By one that owes an entry and has none nothing is done.
pub(super) fn enter(sql: &Sql<'_>, permit: &Permit) -> StoreResult<()> {
    match (permit.entries(), permit.owes()) {
        (Some(entries), _) => append(sql, entries),
        (None, None) => Ok(()),
        (None, Some(act)) => Err(corrupt("an act without its entry", act)),
    }
}

/// Puts entries behind the last one of their chain.
pub(super) fn append(sql: &Sql<'_>, entries: &Entries) -> StoreResult<()> {
    let AuditEnd { mut n, mut hash } = end(sql, entries.chain)?;
    for entry in &entries.list {
        n += 1;
        hash = chain::hash(n, entry, &hash);
        insert(sql, entries.chain, n, entry, &hash)?;
    }
    sql.run(
        "INSERT INTO audit_ends (app, n, hash) VALUES (?1, ?2, ?3)
         ON CONFLICT (app) DO UPDATE SET n = excluded.n, hash = excluded.hash",
        params![entries.chain.0, n, hash],
    )
    .map(drop)
}

/// Enters what was refused in an app, unless that is gone: nothing would remove the entries any more.
pub(super) fn append_refused(sql: &Sql<'_>, entries: &Entries) -> StoreResult<()> {
    let there = "SELECT 1 FROM apps WHERE app = ?1 AND deleted_at IS NULL";
    let app = entries.chain;
    match app != AppKey::INSTALLATION && sql.maybe(there, params![app.0], |row| row.int())?.is_none() {
        true => Ok(()),
        false => append(sql, entries),
    }
}

fn insert(sql: &Sql<'_>, app: AppKey, n: i64, entry: &Entry, hash: &Hash) -> StoreResult<()> {
    let (key, user) = match &entry.by {
        By::Key(key) => (Some(key.as_str()), None),
        By::User(user) => (None, Some(user.0)),
        By::System => (None, None),
    };
    sql.run(
        "INSERT INTO audit (app, n, id, at, actor, actor_key, actor_user, act, target, target_id, conversation, user, outcome,
             count, origin, note, hash)
         VALUES (:app, :n, :id, :at, :actor, :actor_key, :actor_user, :act, :target, :target_id, :conversation, :user,
             :outcome, :count, :origin, :note, :hash)",
        named_params! {
            ":app": app.0,
            ":n": n,
            ":id": entry.id,
            ":at": entry.at.0,
            ":actor": audit::actor_kind(&entry.by),
            ":actor_key": key,
            ":actor_user": user,
            ":act": entry.act.name(),
            ":target": entry.target.kind(),
            ":target_id": entry.target.id(),
            ":conversation": entry.target.conversation().map(|conversation| conversation.0),
            ":user": entry.target.user().map(|user| user.0),
            ":outcome": entry.outcome.name(),
            ":count": entry.count,
            ":origin": entry.origin,
            ":note": entry.note,
            ":hash": hash,
        },
    )
    .map(drop)
}

pub(super) fn end(sql: &Sql<'_>, app: AppKey) -> StoreResult<AuditEnd> {
    let read = |row: &mut Cells<'_>| Ok(AuditEnd { n: row.int()?, hash: row.take()? });
    Ok(sql.maybe("SELECT n, hash FROM audit_ends WHERE app = ?1", params![app.0], read)?.unwrap_or_default())
}

pub(super) fn list(
    sql: &Sql<'_>,
    permit: &Permit,
    filter: &AuditFilter,
    page: Page,
) -> StoreResult<Vec<AuditRow>> {
    let select = concat!(
        "SELECT ",
        audit_columns!(),
        " FROM audit a WHERE a.app = :app AND (:act IS NULL OR a.act = :act)
             AND (:by_key IS NULL OR a.actor_key = :by_key) AND (:by_user IS NULL OR a.actor_user = :by_user)
             AND (:user IS NULL OR a.user = :user)
             AND (:conversation IS NULL OR a.conversation = :conversation)
             AND (:since IS NULL OR a.at >= :since) AND (:until IS NULL OR a.at < :until)"
    );
    sql.all(
        &paged(select, "a.n", &page),
        named_params! {
            ":app": permit.app().0,
            ":act": filter.act.map(Act::name),
            ":by_key": filter.by_key.as_ref().map(KeyId::as_str),
            ":by_user": filter.by_user.map(|user| user.0),
            ":user": filter.user.map(|user| user.0),
            ":conversation": filter.conversation.map(|conversation| conversation.0),
            ":since": filter.since.map(|at| at.0),
            ":until": filter.until.map(|at| at.0),
            ":after": after(&page),
            ":limit": page.limit,
        },
        row,
    )
}

fn row(row: &mut Cells<'_>) -> StoreResult<AuditRow> {
    let Raw { n, entry, hash } = raw(row)?;
    Ok(AuditRow { n, entry: entry.ok_or_else(|| corrupt("an entry of the audit", n))?, hash })
}

/// A row as it lies, and the entry that it is, if it can be one.
struct Raw {
    n: i64,
    entry: Option<Entry>,
    hash: Hash,
}

fn raw(row: &mut Cells<'_>) -> StoreResult<Raw> {
    let n = row.int()?;
    let (id, at) = (row.take()?, row.time()?);
    let (actor, key, user) =
        (row.take::<String>()?, row.take::<Option<String>>()?, row.take::<Option<i64>>()?);
    let act = Act::from_name(&row.take::<String>()?);
    let (kind, target_id) = (row.take::<String>()?, row.take::<Option<String>>()?);
    let conversation = row.take::<Option<i64>>()?.map(ConversationKey);
    let target = Target::from_parts(
        &kind,
        target_id.as_deref(),
        conversation,
        row.take::<Option<i64>>()?.map(UserKey),
    );
    let outcome = Outcome::from_name(&row.take::<String>()?);
    let (count, origin, note) = (row.int()?, row.sealed_or_none()?, row.sealed()?);
    let by = audit::actor(&actor, key.as_deref(), user.map(UserKey));
    let entry = (|| {
        let (by, act, target, outcome) = (by?, act?, target?, outcome?);
        let (origin, note) = (origin.map(|sealed| sealed.0), note.0);
        Some(Entry { id, at, by, act, target, outcome, count, origin, note })
    })();
    Ok(Raw { n, entry, hash: row.take()? })
}

/// Follows every chain from its beginning to its end, but of apps that are being deleted: what is left of theirs is no chain.
pub(super) fn check(sql: &Sql<'_>) -> StoreResult<Vec<Finding>> {
    let apps = "SELECT app FROM audit UNION SELECT app FROM audit_ends
        EXCEPT SELECT app FROM apps WHERE deleted_at IS NOT NULL";
    let apps = sql.all(apps, [], |row| row.int())?;
    let mut findings = Vec::new();
    for app in apps {
        let mut follower = Follower::default();
        let mut from = i64::MIN;
        let mut found = |fault: chain::Fault| {
            findings.push(Finding { place: format!("the audit of app {app}"), what: fault.to_string() });
        };
        loop {
            let rows = sql.all(
                concat!(
                    "SELECT ",
                    audit_columns!(),
                    " FROM audit a WHERE a.app = ?1 AND a.n > ?2 ORDER BY a.n LIMIT ?3"
                ),
                params![app, from, CHECKED_AT_ONCE],
                raw,
            )?;
            for Raw { n, entry, hash } in &rows {
                follower.follow(*n, entry.as_ref(), *hash).map(&mut found);
            }
            match rows.last() {
                Some(last) => from = last.n,
                None => break,
            }
        }
        follower.end(end(sql, AppKey(app))?).map(&mut found);
    }
    Ok(findings)
}
