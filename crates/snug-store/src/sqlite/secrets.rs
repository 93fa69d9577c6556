//! The key store: a file of its own.

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicU64},
};

use async_trait::async_trait;
use rusqlite::params;

use super::{Options, readers::Readers, schema, sql::Sql, writer::Writer};
use crate::{Class, KeyStore, SecretName, StoreResult, Wrapped};

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
    async fn secrets(&self, names: &[SecretName]) -> StoreResult<Vec<Option<Wrapped>>> {
        let names = names.to_vec();
        self.readers.read(move |sql| names.iter().map(|name| find(sql, *name)).collect()).await
    }

    async fn keep_secret(&self, name: SecretName, wrapped: Wrapped) -> StoreResult<Wrapped> {
        self.writer.act(move |sql| keep(sql, name, wrapped)).await
    }

    async fn ready(&self) -> StoreResult<()> {
        self.readers.read(|_| Ok(())).await?;
        // Every commit writes its version.
        self.writer.act(|_| Ok(())).await
    }
}

/// The cells that name a secret: app, kind, owner, rule, day.
fn cells(name: SecretName) -> (i64, i64, i64, i32, i32) {
    match name {
        SecretName::App(app) => (app.0, 1, 0, 0, 0),
        SecretName::User(app, user) => (app.0, 2, user.0, 0, 0),
        SecretName::Conversation(app, conversation) => (app.0, 3, conversation.0, 0, 0),
        SecretName::Bucket { app, class: Class::Messages, rule, day } => (app.0, 4, 1, rule, day),
    }
}

fn find(sql: &Sql<'_>, name: SecretName) -> StoreResult<Option<Wrapped>> {
    sql.maybe(
        "SELECT wrapped FROM secrets WHERE app = ?1 AND kind = ?2 AND owner = ?3 AND rule = ?4 AND day = ?5",
        cells(name),
        |row| row.take::<Vec<u8>>().map(|bytes| Wrapped(bytes.into())),
    )
}

fn keep(sql: &Sql<'_>, name: SecretName, wrapped: Wrapped) -> StoreResult<Wrapped> {
    if let Some(kept) = find(sql, name)? {
        return Ok(kept);
    }
    let (app, kind, owner, rule, day) = cells(name);
    sql.run(
        "INSERT INTO secrets (app, kind, owner, rule, day, wrapped) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![app, kind, owner, rule, day, wrapped.0],
    )?;
    Ok(wrapped)
}
