//! The key store: a file of its own.

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicU64},
};

use async_trait::async_trait;
use rusqlite::params;
use snug_model::{AppKey, Timestamp};

use super::{
    Options,
    readers::Readers,
    schema,
    sql::{Cells, Sql},
    writer::Writer,
};
use crate::{
    Destruction, Kept, KeyStore, SecretName, SecretsOf, StoreError, StoreResult, Swap, Under, Wrapped,
    secret_names::{BUCKET, cells, name},
};

/// Connections that read secrets at the same time: they are cached above, so few are asked for.
const READERS: usize = 2;

/// Wrapped secrets in a SQLite file.
pub struct SqliteKeys {
    writer: Writer,
    readers: Readers,
}

impl SqliteKeys {
    /// Opens the file at `path`, or makes it with mode 0600, and brings its schema up to date.
    ///
    /// # Errors
    /// `Unavailable` where the file cannot be opened, or has a schema that this program does not know.
    pub fn open(path: &Path) -> StoreResult<Self> {
        let rows = Arc::new(AtomicU64::new(0));
        let writer = Writer::start(schema::keys(path)?, Arc::clone(&rows), &Options::default())?;
        Ok(Self { writer, readers: Readers::open(path, READERS, rows)? })
    }
}

#[async_trait]
impl KeyStore for SqliteKeys {
    async fn secrets(&self, names: &[SecretName]) -> StoreResult<Vec<Kept>> {
        let names = names.to_vec();
        self.readers.read(move |sql| names.iter().map(|name| find(sql, *name)).collect()).await
    }

    async fn keep_secret(
        &self,
        name: SecretName,
        wrapped: Wrapped,
        under: Option<Under>,
    ) -> StoreResult<Wrapped> {
        self.writer.act(move |sql| keep(sql, name, wrapped, under)).await
    }

    async fn swap_secrets(&self, swaps: Vec<Swap>, together: bool) -> StoreResult<u64> {
        match self.writer.destroying(move |sql| swap_all(sql, &swaps, together)).await {
            Err(StoreError::Changed) => Ok(0),
            swapped => swapped,
        }
    }

    async fn destroy_secrets(&self, names: &[SecretName], at: Timestamp) -> StoreResult<u64> {
        let names = names.to_vec();
        self.writer.destroying(move |sql| names.iter().map(|name| destroy(sql, *name, at)).sum()).await
    }

    async fn destroy_app_secrets(&self, app: AppKey, limit: u64, at: Timestamp) -> StoreResult<u64> {
        self.writer.destroying(move |sql| destroy_app(sql, app, limit, at)).await
    }

    async fn ledger(&self, after: i64, limit: u64) -> StoreResult<Vec<Destruction>> {
        self.readers.read(move |sql| ledger(sql, after, limit)).await
    }

    async fn ledger_end(&self) -> StoreResult<i64> {
        let end = "SELECT coalesce(max(position), 0) FROM ledger";
        self.readers.read(move |sql| sql.one(end, [], |row| row.int())).await
    }

    async fn highest_row(&self) -> StoreResult<i64> {
        // Of a bucket the owner is its class.
        let highest = "SELECT coalesce(max(max(app, iif(kind IN (2, 3), owner, 0))), 0) FROM (
                SELECT app, kind, owner FROM secrets UNION ALL SELECT app, kind, owner FROM ledger)";
        self.readers.read(move |sql| sql.one(highest, [], |row| row.int())).await
    }

    async fn list_secrets(
        &self,
        app: AppKey,
        of: SecretsOf,
        after: Option<SecretName>,
        limit: u64,
    ) -> StoreResult<Vec<(SecretName, Wrapped)>> {
        self.readers.read(move |sql| list(sql, app, of, after, limit)).await
    }

    async fn app_after(&self, app: Option<AppKey>) -> StoreResult<Option<AppKey>> {
        let after = app.map_or(i64::MIN, |app| app.0);
        let next = "SELECT min(app) FROM secrets WHERE app > ?1";
        self.readers
            .read(move |sql| sql.one(next, [after], |row| Ok(row.take::<Option<i64>>()?.map(AppKey))))
            .await
    }

    async fn ready(&self) -> StoreResult<()> {
        self.readers.read(|_| Ok(())).await?;
        // Every commit writes its version.
        self.writer.act(|_| Ok(())).await
    }
}

/// A secret without a byte was destroyed: its name stays taken.
fn kept(bytes: Vec<u8>) -> Kept {
    if bytes.is_empty() { Kept::Destroyed } else { Kept::Secret(Wrapped(bytes.into())) }
}

fn find(sql: &Sql<'_>, name: SecretName) -> StoreResult<Kept> {
    let found = sql.maybe(
        "SELECT wrapped FROM secrets WHERE app = ?1 AND kind = ?2 AND owner = ?3 AND rule = ?4 AND day = ?5",
        cells(name),
        |row| row.take().map(kept),
    )?;
    Ok(found.unwrap_or(Kept::Nothing))
}

fn keep(sql: &Sql<'_>, name: SecretName, wrapped: Wrapped, under: Option<Under>) -> StoreResult<Wrapped> {
    match find(sql, name)? {
        Kept::Secret(kept) => return Ok(kept),
        Kept::Destroyed => return Err(StoreError::Destroyed),
        Kept::Nothing => {}
    }
    if let Some(Under { name, wrapped }) = under
        && find(sql, name)? != Kept::Secret(wrapped)
    {
        return Err(StoreError::Changed);
    }
    insert(sql, name, &wrapped)?;
    Ok(wrapped)
}

fn insert(sql: &Sql<'_>, name: SecretName, wrapped: &Wrapped) -> StoreResult<()> {
    let (app, kind, owner, rule, day) = cells(name);
    sql.run(
        "INSERT INTO secrets (app, kind, owner, rule, day, wrapped) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![app, kind, owner, rule, day, wrapped.0],
    )
    .map(drop)
}

fn swap_all(sql: &Sql<'_>, swaps: &[Swap], together: bool) -> StoreResult<u64> {
    let mut swapped = 0;
    for Swap { name, from, to } in swaps {
        let there = match find(sql, *name)? {
            Kept::Secret(wrapped) => Some(wrapped),
            Kept::Nothing => None,
            Kept::Destroyed => continue,
        };
        if there != *from {
            continue;
        }
        let (app, kind, owner, rule, day) = cells(*name);
        match (there, to) {
            (None, None) => {}
            (None, Some(to)) => insert(sql, *name, to)?,
            (Some(_), Some(to)) => {
                sql.run(
                    "UPDATE secrets SET wrapped = ?6
                     WHERE app = ?1 AND kind = ?2 AND owner = ?3 AND rule = ?4 AND day = ?5",
                    params![app, kind, owner, rule, day, to.0],
                )?;
            }
            (Some(_), None) => {
                sql.run(
                    "DELETE FROM secrets WHERE app = ?1 AND kind = ?2 AND owner = ?3 AND rule = ?4 AND day = ?5",
                    params![app, kind, owner, rule, day],
                )?;
            }
        }
        swapped += 1;
    }
    if together && swapped < swaps.len() as u64 {
        return Err(StoreError::Changed);
    }
    Ok(swapped)
}

/// Destroys a secret; 1 where there was one.
fn destroy(sql: &Sql<'_>, name: SecretName, at: Timestamp) -> StoreResult<u64> {
    let destroyed = sql.run(
        "UPDATE secrets SET wrapped = x''
         WHERE app = ?1 AND kind = ?2 AND owner = ?3 AND rule = ?4 AND day = ?5 AND wrapped <> x''",
        cells(name),
    )?;
    let taken = match destroyed {
        0 => sql.run(
            "INSERT INTO secrets (app, kind, owner, rule, day, wrapped) VALUES (?1, ?2, ?3, ?4, ?5, x'')
             ON CONFLICT DO NOTHING",
            cells(name),
        )?,
        _ => 0,
    };
    if destroyed + taken > 0 {
        let (app, kind, owner, rule, day) = cells(name);
        sql.run(
            "INSERT INTO ledger (app, kind, owner, rule, day, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![app, kind, owner, rule, day, at.0],
        )?;
    }
    Ok(destroyed as u64)
}

fn ledger(sql: &Sql<'_>, after: i64, limit: u64) -> StoreResult<Vec<Destruction>> {
    sql.all(
        "SELECT position, app, kind, owner, rule, day, at FROM ledger WHERE position > ?1 ORDER BY position LIMIT ?2",
        params![after, limit as i64],
        |row| {
            let position = row.int()?;
            let name = name((row.int()?, row.int()?, row.int()?, row.int()?, row.int()?))?;
            Ok(Destruction { position, name, at: row.time()? })
        },
    )
}

fn destroy_app(sql: &Sql<'_>, app: AppKey, limit: u64, at: Timestamp) -> StoreResult<u64> {
    let destroyed = sql.run(
        "DELETE FROM secrets WHERE secret IN (SELECT secret FROM secrets WHERE app = ?1 AND kind > 1 LIMIT ?2)",
        params![app.0, limit as i64],
    )? as u64;
    if destroyed < limit {
        destroy(sql, SecretName::App(app), at)?;
    }
    Ok(destroyed)
}

fn list(
    sql: &Sql<'_>,
    app: AppKey,
    of: SecretsOf,
    after: Option<SecretName>,
    limit: u64,
) -> StoreResult<Vec<(SecretName, Wrapped)>> {
    let name_and_secret = |row: &mut Cells<'_>| {
        let name = name((app.0, row.int()?, row.int()?, row.int()?, row.int()?))?;
        Ok((name, Wrapped(row.take::<Vec<u8>>()?.into())))
    };
    // Before the first of them there is nothing.
    let first = (0, 0, 0, 0, i64::MIN);
    let (_, kind, owner, rule, day) = after.map_or(first, cells);
    match of {
        SecretsOf::Everything => sql.all(
            "SELECT kind, owner, rule, day, wrapped FROM secrets
             WHERE app = ?1 AND kind IN (2, 3, 4) AND (kind, owner, rule, day) > (?2, ?3, ?4, ?5) AND wrapped <> x''
             ORDER BY kind, owner, rule, day LIMIT ?6",
            params![app.0, kind, owner, rule, day, limit as i64],
            name_and_secret,
        ),
        SecretsOf::Buckets { class, rule, before } => sql.all(
            "SELECT kind, owner, rule, day, wrapped FROM secrets
             WHERE app = ?1 AND kind = ?2 AND owner = ?3 AND rule = ?4 AND day > ?5 AND day < ?6 AND wrapped <> x''
             ORDER BY day LIMIT ?7",
            params![app.0, BUCKET, class.cell(), rule, day, before, limit as i64],
            name_and_secret,
        ),
    }
}
