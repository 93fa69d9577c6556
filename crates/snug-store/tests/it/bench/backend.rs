//! The backends: where a store lies, and how it is opened.

use std::{path::PathBuf, sync::Arc};

use snug_rig::TestDatabase;
use snug_store::{
    KeyStore, Store, StoreResult,
    postgres::{self, Postgres, PostgresKeys},
    sqlite::{self, Sqlite, SqliteKeys},
};
use tempfile::TempDir;
use tokio_postgres::NoTls;

/// Where a store lies, until it is dropped.
pub(super) enum Place {
    Sqlite(TempDir),
    Postgres { data: TestDatabase, keys: TestDatabase },
}

impl Place {
    pub(super) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(super) fn postgres() -> Self {
        let database = || TestDatabase::create().expect("a database of a PostgreSQL server");
        Self::Postgres { data: database(), keys: database() }
    }

    pub(super) async fn open(&self) -> StoreResult<(Arc<dyn Store>, Arc<dyn KeyStore>)> {
        Ok(match self {
            Self::Sqlite(folder) => {
                let store = Sqlite::open(&data_file(folder), &sqlite::Options::default())?;
                (Arc::new(store), Arc::new(SqliteKeys::open(&folder.path().join("keys.db"))?))
            }
            Self::Postgres { data, keys } => {
                // Few connections: many tests run side by side on one server.
                let options = postgres::Options { connections: 6, ..postgres::Options::default() };
                let store = Postgres::open(data.url(), &options).await?;
                (Arc::new(store), Arc::new(PostgresKeys::open(keys.url()).await?))
            }
        })
    }

    pub(super) fn postgres_url(&self) -> &str {
        match self {
            Self::Sqlite(_) => panic!("the embedded database has no URL"),
            Self::Postgres { data, .. } => data.url(),
        }
    }

    /// Runs a statement on the data behind the store's back.
    pub(super) async fn execute(&self, sql: &str) {
        match self {
            Self::Sqlite(folder) => {
                let connection = rusqlite::Connection::open(data_file(folder)).expect("the file opens");
                let done = connection.execute(sql, []).unwrap_or_else(|error| panic!("{sql}: {error}"));
                assert!(done > 0, "{sql}: it concerns no row");
            }
            Self::Postgres { data, .. } => {
                let (client, connection) =
                    tokio_postgres::connect(data.url(), NoTls).await.expect("the database is there");
                let connection = tokio::spawn(connection);
                let done = client.execute(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
                assert!(done > 0, "{sql}: it concerns no row");
                drop(client);
                connection.await.expect("the connection's task").expect("the connection ends well");
            }
        }
    }
}

fn data_file(folder: &TempDir) -> PathBuf {
    folder.path().join("data.db")
}
