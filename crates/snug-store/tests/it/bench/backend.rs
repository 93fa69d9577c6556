//! The backends: where a store lies, and how it is opened.

use std::{path::PathBuf, sync::Arc};

use snug_store::{
    KeyStore, Store, StoreResult,
    sqlite::{self, Sqlite, SqliteKeys},
};
use tempfile::TempDir;

/// Where a store lies, until it is dropped.
pub(super) enum Place {
    Sqlite(TempDir),
}

impl Place {
    pub(super) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(super) async fn open(&self) -> StoreResult<(Arc<dyn Store>, Arc<dyn KeyStore>)> {
        Ok(match self {
            Self::Sqlite(folder) => {
                let store = Sqlite::open(&data_file(folder), &sqlite::Options::default())?;
                (Arc::new(store), Arc::new(SqliteKeys::open(&folder.path().join("keys.db"))?))
            }
        })
    }

    /// Runs a statement on the data behind the store's back.
    pub(super) async fn execute(&self, sql: &str) {
        match self {
            Self::Sqlite(folder) => {
                let connection = rusqlite::Connection::open(data_file(folder)).expect("the file opens");
                let done = connection.execute(sql, []).unwrap_or_else(|error| panic!("{sql}: {error}"));
                assert!(done > 0, "{sql}: it concerns no row");
            }
        }
    }
}

fn data_file(folder: &TempDir) -> PathBuf {
    folder.path().join("data.db")
}
