//! The audit: entries behind each other, in the commit of what they tell of.

use snug_model::{
    AppKey, ConversationKey, KeyId, Permit, UserKey,
    audit::{self, Act, Entries, Entry, Outcome, Target},
    policy::By,
};

use super::sql::{Cells, Sql, after, corrupt, paged, params};
use crate::{
    AuditEnd, AuditFilter, AuditRow, Finding, Page, StoreResult,
    chain::{self, Follower, Hash},
};

/// How many entries of a chain are looked at together.
const CHECKED_AT_ONCE: i64 = 1_000;

/// The columns of [`row`], of `audit a`.
macro_rules! audit_columns {
    () => {
        "a.n, a.id, a.at, a.actor, a.actor_key, a.actor_user, a.act, a.target, a.target_id, a.conversation, a.\"user\", \
         a.outcome, a.count, a.origin, a.note, a.hash"
    };
}

/// Enters what is to be entered of what a permit allows. By one that owes an entry and has none nothing is done.
pub(super) async fn enter(sql: &Sql<'_>, permit: &Permit) -> StoreResult<()> {
    match (permit.entries(), permit.owes()) {
        (Some(entries), _) => append(sql, entries).await,
        (None, None) => Ok(()),
        (None, Some(act)) => Err(corrupt("an act without its entry", act)),
    }
}

/// Puts entries behind the last one of their chain, whose end is held until the commit.
pub(super) async fn append(sql: &Sql<'_>, entries: &Entries) -> StoreResult<()> {
    let app = entries.chain;
    sql.run(
        "INSERT INTO audit_ends (app, n, hash) VALUES ($1, 0, $2) ON CONFLICT (app) DO NOTHING",
        params![app.0, Hash::default()],
    )
    .await?;
    let held = "SELECT n, hash FROM audit_ends WHERE app = $1 FOR UPDATE";
    let AuditEnd { mut n, mut hash } = sql.one(held, params![app.0], read_end).await?;
    for entry in &entries.list {
        n += 1;
        hash = chain::hash(n, entry, &hash);
        insert(sql, app, n, entry, &hash).await?;
    }
    sql.run("UPDATE audit_ends SET n = $2, hash = $3 WHERE app = $1", params![app.0, n, hash]).await.map(drop)
}

/// Enters what was refused in an app, unless that is gone: nothing would remove the entries any more.
pub(super) async fn append_refused(sql: &Sql<'_>, entries: &Entries) -> StoreResult<()> {
    let app = entries.chain;
    // Held, so that the app's deletion comes before or after.
    let there = "SELECT 1::bigint FROM apps WHERE app = $1 AND deleted_at IS NULL FOR SHARE";
    if app != AppKey::INSTALLATION && sql.maybe(there, params![app.0], |row| row.int()).await?.is_none() {
        return Ok(());
    }
    append(sql, entries).await
}

async fn insert(sql: &Sql<'_>, app: AppKey, n: i64, entry: &Entry, hash: &Hash) -> StoreResult<()> {
    let (key, user) = match &entry.by {
        By::Key(key) => (Some(key.as_str()), None),
        By::User(user) => (None, Some(user.0)),
        By::System => (None, None),
    };
    sql.run(
        r#"INSERT INTO audit (app, n, id, at, actor, actor_key, actor_user, act, target, target_id, conversation, "user",
             outcome, count, origin, note, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"#,
        params![
            app.0,
            n,
            entry.id,
            entry.at.0,
            audit::actor_kind(&entry.by),
            key,
            user,
            entry.act.name(),
            entry.target.kind(),
            entry.target.id().as_deref(),
            entry.target.conversation().map(|conversation| conversation.0),
            entry.target.user().map(|user| user.0),
            entry.outcome.name(),
            entry.count,
            entry.origin,
            entry.note,
            hash
        ],
    )
    .await
    .map(drop)
}

pub(super) async fn end(sql: &Sql<'_>, app: AppKey) -> StoreResult<AuditEnd> {
    let end = sql.maybe("SELECT n, hash FROM audit_ends WHERE app = $1", params![app.0], read_end).await?;
    Ok(end.unwrap_or_default())
}

fn read_end(row: &mut Cells<'_>) -> StoreResult<AuditEnd> {
    Ok(AuditEnd { n: row.int()?, hash: row.bytes()? })
}

pub(super) async fn list(
    sql: &Sql<'_>,
    permit: &Permit,
    filter: &AuditFilter,
    page: Page,
) -> StoreResult<Vec<AuditRow>> {
    let select = concat!(
        "SELECT ",
        audit_columns!(),
        r#" FROM audit a WHERE a.app = $3 AND ($4::text IS NULL OR a.act = $4)
             AND ($5::text IS NULL OR a.actor_key = $5) AND ($6::bigint IS NULL OR a.actor_user = $6)
             AND ($7::bigint IS NULL OR a."user" = $7) AND ($8::bigint IS NULL OR a.conversation = $8)
             AND ($9::bigint IS NULL OR a.at >= $9) AND ($10::bigint IS NULL OR a.at < $10)"#
    );
    sql.all(
        &paged(select, "a.n", &page),
        params![
            after(&page),
            page.limit,
            permit.app().0,
            filter.act.map(Act::name),
            filter.by_key.as_ref().map(KeyId::as_str),
            filter.by_user.map(|user| user.0),
            filter.user.map(|user| user.0),
            filter.conversation.map(|conversation| conversation.0),
            filter.since.map(|at| at.0),
            filter.until.map(|at| at.0)
        ],
        row,
    )
    .await
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
    let (id, at) = (row.bytes()?, row.time()?);
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
    Ok(Raw { n, entry, hash: row.bytes()? })
}

/// Follows every chain from its beginning to its end, but of apps that are being deleted: what is left of theirs is no chain.
pub(super) async fn check(sql: &Sql<'_>) -> StoreResult<Vec<Finding>> {
    let apps = "SELECT app FROM audit UNION SELECT app FROM audit_ends
        EXCEPT SELECT app FROM apps WHERE deleted_at IS NOT NULL";
    let apps = sql.all(apps, params![], |row| row.int()).await?;
    let mut findings = Vec::new();
    for app in apps {
        let mut follower = Follower::default();
        let mut from = i64::MIN;
        let mut found = |fault: chain::Fault| {
            findings.push(Finding { place: format!("the audit of app {app}"), what: fault.to_string() });
        };
        loop {
            let rows = sql
                .all(
                    concat!(
                        "SELECT ",
                        audit_columns!(),
                        " FROM audit a WHERE a.app = $1 AND a.n > $2 ORDER BY a.n LIMIT $3"
                    ),
                    params![app, from, CHECKED_AT_ONCE],
                    raw,
                )
                .await?;
            for Raw { n, entry, hash } in &rows {
                follower.follow(*n, entry.as_ref(), *hash).map(&mut found);
            }
            match rows.last() {
                Some(last) => from = last.n,
                None => break,
            }
        }
        follower.end(end(sql, AppKey(app)).await?).map(&mut found);
    }
    Ok(findings)
}
