//! The key store: a database of its own.

use async_trait::async_trait;

use super::{
    Options,
    pool::{Lock, Pool, act},
    schema::Address,
    sql::{Sql, params},
};
use crate::{Class, KeyStore, SecretName, StoreError, StoreResult, Wrapped};

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
    async fn secrets(&self, names: &[SecretName]) -> StoreResult<Vec<Option<Wrapped>>> {
        let connection = self.pool.connection().await?;
        find(&self.pool.alone(&connection), names).await
    }

    async fn keep_secret(&self, name: SecretName, wrapped: Wrapped) -> StoreResult<Wrapped> {
        act!(&self.pool, Lock::None, |sql| keep(sql, name, &wrapped))?;
        // After the commit, for so it sees what another kept while ours waited. What is not there was destroyed meanwhile:
        // nothing must be sealed by it any more.
        let kept = self.secrets(&[name]).await?;
        kept.into_iter()
            .flatten()
            .next()
            .ok_or_else(|| StoreError::Unavailable("a secret was destroyed while it was kept".to_owned()))
    }

    async fn ready(&self) -> StoreResult<()> {
        self.pool.ready().await
    }
}

/// The cells that name a secret: app, kind, owner, rule, day.
fn cells(name: SecretName) -> (i64, i64, i64, i64, i64) {
    match name {
        SecretName::App(app) => (app.0, 1, 0, 0, 0),
        SecretName::User(app, user) => (app.0, 2, user.0, 0, 0),
        SecretName::Conversation(app, conversation) => (app.0, 3, conversation.0, 0, 0),
        SecretName::Bucket { app, class: Class::Messages, rule, day } => {
            (app.0, 4, 1, rule.into(), day.into())
        }
    }
}

async fn find(sql: &Sql<'_>, names: &[SecretName]) -> StoreResult<Vec<Option<Wrapped>>> {
    let (mut apps, mut kinds, mut owners, mut rules, mut days) = Default::default();
    let columns: [&mut Vec<i64>; 5] = [&mut apps, &mut kinds, &mut owners, &mut rules, &mut days];
    for name in names {
        let (app, kind, owner, rule, day) = cells(*name);
        columns[0].push(app);
        columns[1].push(kind);
        columns[2].push(owner);
        columns[3].push(rule);
        columns[4].push(day);
    }
    sql.all(
        "SELECT s.wrapped
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) WITH ORDINALITY
             w (app, kind, owner, rule, day, nth)
         LEFT JOIN secrets s ON s.app = w.app AND s.kind = w.kind AND s.owner = w.owner AND s.rule = w.rule
             AND s.day = w.day
         ORDER BY w.nth",
        params![apps, kinds, owners, rules, days],
        |row| Ok(row.take::<Option<&[u8]>>()?.map(|bytes| Wrapped(bytes.into()))),
    )
    .await
}

async fn keep(sql: &Sql<'_>, name: SecretName, wrapped: &Wrapped) -> StoreResult<()> {
    let (app, kind, owner, rule, day) = cells(name);
    sql.run(
        "INSERT INTO secrets (app, kind, owner, rule, day, wrapped) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (app, kind, owner, rule, day) DO NOTHING",
        params![app, kind, owner, rule, day, wrapped.0],
    )
    .await
    .map(drop)
}
