//! The key store: a database of its own.

use async_trait::async_trait;
use snug_model::{AppKey, Timestamp};

use super::{
    Options,
    pool::{Lock, Pool, act},
    schema::Address,
    sql::{Cells, Sql, params},
};
use crate::{
    Destruction, Kept, KeyStore, SecretName, SecretsOf, StoreError, StoreResult, Swap, Under, Wrapped,
    secret_names::{BUCKET, cells, name},
};

/// Connections at the same time: secrets are cached above, so few are asked for.
const CONNECTIONS: usize = 4;

/// Wrapped secrets in a PostgreSQL database.
pub struct PostgresKeys {
    pool: Pool,
}

impl PostgresKeys {
    /// Connects to the database at `url`, and brings its schema up to date.
    ///
    /// # Errors
    /// As [`Postgres::open`](super::Postgres::open).
    pub async fn open(url: &str) -> StoreResult<Self> {
        let address = Address::parse(url)?;
        address.migrate_keys().await?;
        Ok(Self { pool: Pool::new(&address, CONNECTIONS, &Options::default())? })
    }
}

#[async_trait]
impl KeyStore for PostgresKeys {
    async fn secrets(&self, names: &[SecretName]) -> StoreResult<Vec<Kept>> {
        let connection = self.pool.connection().await?;
        find(&self.pool.alone(&connection), names).await
    }

    async fn keep_secret(
        &self,
        name: SecretName,
        wrapped: Wrapped,
        under: Option<Under>,
    ) -> StoreResult<Wrapped> {
        act!(&self.pool, Lock::None, |sql| keep(sql, name, &wrapped, under.as_ref()))?;
        // After the commit, for so it sees what another kept, or destroyed, while ours waited.
        match self.secrets(&[name]).await?.pop() {
            Some(Kept::Secret(kept)) => Ok(kept),
            Some(Kept::Destroyed) => Err(StoreError::Destroyed),
            // What it was to be kept under was replaced, or destroyed with all that its app had.
            Some(Kept::Nothing) | None => Err(StoreError::Changed),
        }
    }

    async fn swap_secrets(&self, swaps: Vec<Swap>, together: bool) -> StoreResult<u64> {
        match act!(&self.pool, Lock::None, |sql| swap_all(sql, &swaps, together)) {
            Err(StoreError::Changed) => Ok(0),
            swapped => swapped,
        }
    }

    async fn destroy_secrets(&self, names: &[SecretName], at: Timestamp) -> StoreResult<u64> {
        act!(&self.pool, Lock::None, |sql| destroy(sql, names, at))
    }

    async fn destroy_app_secrets(&self, app: AppKey, limit: u64, at: Timestamp) -> StoreResult<u64> {
        act!(&self.pool, Lock::None, |sql| destroy_app(sql, app, limit, at))
    }

    async fn ledger(&self, after: i64, limit: u64) -> StoreResult<Vec<Destruction>> {
        let connection = self.pool.connection().await?;
        ledger(&self.pool.alone(&connection), after, limit).await
    }

    async fn ledger_end(&self) -> StoreResult<i64> {
        let connection = self.pool.connection().await?;
        let end = "SELECT coalesce(max(position), 0) FROM ledger";
        self.pool.alone(&connection).one(end, params![], |row| row.int()).await
    }

    async fn highest_row(&self) -> StoreResult<i64> {
        let connection = self.pool.connection().await?;
        // Of a bucket the owner is its class.
        let highest =
            "SELECT coalesce(max(greatest(app, CASE WHEN kind IN (2, 3) THEN owner ELSE 0 END)), 0) FROM (
                SELECT app, kind, owner FROM secrets UNION ALL SELECT app, kind, owner FROM ledger) names";
        self.pool.alone(&connection).one(highest, params![], |row| row.int()).await
    }

    async fn list_secrets(
        &self,
        app: AppKey,
        of: SecretsOf,
        after: Option<SecretName>,
        limit: u64,
    ) -> StoreResult<Vec<(SecretName, Wrapped)>> {
        let connection = self.pool.connection().await?;
        list(&self.pool.alone(&connection), app, of, after, limit).await
    }

    async fn app_after(&self, app: Option<AppKey>) -> StoreResult<Option<AppKey>> {
        let after = app.map_or(i64::MIN, |app| app.0);
        let connection = self.pool.connection().await?;
        let next = "SELECT min(app) FROM secrets WHERE app > $1";
        let sql = self.pool.alone(&connection);
        sql.one(next, params![after], |row| Ok(row.take::<Option<i64>>()?.map(AppKey))).await
    }

    async fn ready(&self) -> StoreResult<()> {
        self.pool.ready().await
    }
}

/// The cells of many names, a column each.
#[derive(Default)]
struct Names {
    apps: Vec<i64>,
    kinds: Vec<i64>,
    owners: Vec<i64>,
    rules: Vec<i64>,
    days: Vec<i64>,
}

impl Names {
    fn of(names: &[SecretName]) -> Self {
        let mut columns = Self::default();
        for (app, kind, owner, rule, day) in names.iter().map(|name| cells(*name)) {
            columns.apps.push(app);
            columns.kinds.push(kind);
            columns.owners.push(owner);
            columns.rules.push(rule);
            columns.days.push(day);
        }
        columns
    }
}

/// A secret without a byte was destroyed: its name stays taken.
fn kept(bytes: Option<&[u8]>) -> Kept {
    match bytes {
        None => Kept::Nothing,
        Some([]) => Kept::Destroyed,
        Some(bytes) => Kept::Secret(Wrapped(bytes.into())),
    }
}

async fn find(sql: &Sql<'_>, names: &[SecretName]) -> StoreResult<Vec<Kept>> {
    let Names { apps, kinds, owners, rules, days } = Names::of(names);
    sql.all(
        "SELECT s.wrapped
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) WITH ORDINALITY
             w (app, kind, owner, rule, day, nth)
         LEFT JOIN secrets s ON s.app = w.app AND s.kind = w.kind AND s.owner = w.owner AND s.rule = w.rule
             AND s.day = w.day
         ORDER BY w.nth",
        params![apps, kinds, owners, rules, days],
        |row| row.take().map(kept),
    )
    .await
}

async fn keep(sql: &Sql<'_>, name: SecretName, wrapped: &Wrapped, under: Option<&Under>) -> StoreResult<()> {
    if let Some(Under { name, wrapped }) = under {
        let (app, kind, owner, rule, day) = cells(*name);
        // Locked: who replaces it comes before this act, or after all of it.
        let there = sql
            .maybe(
                "SELECT 1 FROM secrets
                 WHERE app = $1 AND kind = $2 AND owner = $3 AND rule = $4 AND day = $5 AND wrapped = $6 FOR SHARE",
                params![app, kind, owner, rule, day, wrapped.0],
                |_| Ok(()),
            )
            .await?;
        if there.is_none() {
            return Ok(());
        }
    }
    insert(sql, name, wrapped).await.map(drop)
}

/// Keeps a secret where there is none; whether there was none.
async fn insert(sql: &Sql<'_>, name: SecretName, wrapped: &Wrapped) -> StoreResult<u64> {
    let (app, kind, owner, rule, day) = cells(name);
    sql.run(
        "INSERT INTO secrets (app, kind, owner, rule, day, wrapped) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (app, kind, owner, rule, day) DO NOTHING",
        params![app, kind, owner, rule, day, wrapped.0],
    )
    .await
}

async fn swap_all(sql: &Sql<'_>, swaps: &[Swap], together: bool) -> StoreResult<u64> {
    let mut swapped = 0;
    let (mut names, mut froms, mut tos) = (Vec::new(), Vec::new(), Vec::new());
    for Swap { name, from, to } in swaps {
        let (app, kind, owner, rule, day) = cells(*name);
        match (from, to) {
            (None, None) => {}
            (None, Some(to)) => swapped += insert(sql, *name, to).await?,
            (Some(from), None) => {
                swapped += sql
                    .run(
                        "DELETE FROM secrets
                         WHERE app = $1 AND kind = $2 AND owner = $3 AND rule = $4 AND day = $5 AND wrapped = $6",
                        params![app, kind, owner, rule, day, from.0],
                    )
                    .await?;
            }
            (Some(from), Some(to)) => {
                names.push(*name);
                froms.push(&*from.0);
                tos.push(&*to.0);
            }
        }
    }
    let Names { apps, kinds, owners, rules, days } = Names::of(&names);
    swapped += sql
        .run(
            "UPDATE secrets s SET wrapped = w.to_be
             FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bytea[])
                 w (app, kind, owner, rule, day, was, to_be)
             WHERE s.app = w.app AND s.kind = w.kind AND s.owner = w.owner AND s.rule = w.rule AND s.day = w.day
                 AND s.wrapped = w.was",
            params![apps, kinds, owners, rules, days, froms, tos],
        )
        .await?;
    if together && swapped < swaps.len() as u64 {
        return Err(StoreError::Changed);
    }
    Ok(swapped)
}

/// Destroys secrets, in an order that all have, so that two who destroy the same do not wait for each other.
async fn destroy(sql: &Sql<'_>, names: &[SecretName], at: Timestamp) -> StoreResult<u64> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    let Names { apps, kinds, owners, rules, days } = Names::of(&names);
    // First the names, for a secret that somebody is keeping right now is waited for.
    sql.run(
        "WITH taken AS (
             INSERT INTO secrets (app, kind, owner, rule, day, wrapped)
             SELECT app, kind, owner, rule, day, ''::bytea
             FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) WITH ORDINALITY
                 w (app, kind, owner, rule, day, nth)
             ORDER BY w.nth
             ON CONFLICT (app, kind, owner, rule, day) DO NOTHING
             RETURNING app, kind, owner, rule, day)
         INSERT INTO ledger (app, kind, owner, rule, day, at)
         SELECT app, kind, owner, rule, day, $6::bigint FROM taken",
        params![apps, kinds, owners, rules, days, at.0],
    )
    .await?;
    sql.run(
        "WITH doomed AS (
             SELECT s.secret
             FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
                 w (app, kind, owner, rule, day)
             JOIN secrets s ON s.app = w.app AND s.kind = w.kind AND s.owner = w.owner AND s.rule = w.rule
                 AND s.day = w.day
             WHERE s.wrapped <> ''::bytea ORDER BY s.secret FOR UPDATE OF s),
         destroyed AS (
             UPDATE secrets s SET wrapped = ''::bytea FROM doomed d WHERE s.secret = d.secret AND s.wrapped <> ''::bytea
             RETURNING s.app, s.kind, s.owner, s.rule, s.day)
         INSERT INTO ledger (app, kind, owner, rule, day, at)
         SELECT app, kind, owner, rule, day, $6::bigint FROM destroyed",
        params![apps, kinds, owners, rules, days, at.0],
    )
    .await
}

async fn ledger(sql: &Sql<'_>, after: i64, limit: u64) -> StoreResult<Vec<Destruction>> {
    sql.all(
        "SELECT position, app, kind, owner, rule, day, at FROM ledger WHERE position > $1 ORDER BY position LIMIT $2",
        params![after, limit as i64],
        |row| {
            let position = row.int()?;
            let name = name((row.int()?, row.int()?, row.int()?, row.int()?, row.int()?))?;
            Ok(Destruction { position, name, at: row.time()? })
        },
    )
    .await
}

async fn destroy_app(sql: &Sql<'_>, app: AppKey, limit: u64, at: Timestamp) -> StoreResult<u64> {
    let destroyed = sql
        .run(
            "DELETE FROM secrets WHERE secret IN
                 (SELECT secret FROM secrets WHERE app = $1 AND kind > 1 ORDER BY secret LIMIT $2 FOR UPDATE)",
            params![app.0, limit as i64],
        )
        .await?;
    if destroyed < limit {
        destroy(sql, &[SecretName::App(app)], at).await?;
    }
    Ok(destroyed)
}

async fn list(
    sql: &Sql<'_>,
    app: AppKey,
    of: SecretsOf,
    after: Option<SecretName>,
    limit: u64,
) -> StoreResult<Vec<(SecretName, Wrapped)>> {
    let name_and_secret = |row: &mut Cells<'_>| {
        let name = name((app.0, row.int()?, row.int()?, row.int()?, row.int()?))?;
        Ok((name, Wrapped(row.take::<&[u8]>()?.into())))
    };
    // Before the first of them there is nothing.
    let first = (0, 0, 0, 0, i64::MIN);
    let (_, kind, owner, rule, day) = after.map_or(first, cells);
    match of {
        SecretsOf::Everything => {
            sql.all(
                "SELECT kind, owner, rule, day, wrapped FROM secrets
                 WHERE app = $1 AND kind IN (2, 3, 4) AND (kind, owner, rule, day) > ($2, $3, $4, $5)
                     AND wrapped <> ''::bytea
                 ORDER BY kind, owner, rule, day LIMIT $6",
                params![app.0, kind, owner, rule, day, limit as i64],
                name_and_secret,
            )
            .await
        }
        SecretsOf::Buckets { class, rule, before } => {
            sql.all(
                "SELECT kind, owner, rule, day, wrapped FROM secrets
                 WHERE app = $1 AND kind = $2 AND owner = $3 AND rule = $4 AND day > $5 AND day < $6
                     AND wrapped <> ''::bytea
                 ORDER BY day LIMIT $7",
                params![app.0, BUCKET, class.cell(), i64::from(rule), day, i64::from(before), limit as i64],
                name_and_secret,
            )
            .await
        }
    }
}
