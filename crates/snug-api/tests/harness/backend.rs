//! The backends: where a node's data lies, and how it is opened.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use snug_rig::TestDatabase;
use snug_store::{
    KeyStore, Store, StoreResult,
    postgres::{self, Postgres, PostgresKeys},
    sqlite::{self, Sqlite, SqliteKeys},
};
use tempfile::TempDir;

/// A backend, and what is to be wrong with it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Backend {
    Sqlite(Option<sqlite::Control>),
    Postgres(Option<postgres::Control>),
}

impl Backend {
    /// The embedded database, as it is.
    pub(crate) const SQLITE: Self = Self::Sqlite(None);
    /// PostgreSQL, as it is.
    pub(crate) const POSTGRES: Self = Self::Postgres(None);
}

/// Where the data and the secrets of a node lie, until this is dropped.
pub(crate) enum Place {
    /// Files in a folder.
    Sqlite { folder: TempDir, control: Option<sqlite::Control> },
    /// Databases of a server, by their URLs, and those of them that are dropped with this.
    Postgres { data: String, keys: String, control: Option<postgres::Control>, _dropped: Vec<TestDatabase> },
}

impl Place {
    /// An empty one of a backend.
    pub(crate) fn new(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite(control) => Self::Sqlite { folder: tempfile::tempdir().unwrap(), control },
            Backend::Postgres(control) => {
                let [data, keys] = [(); 2].map(|()| TestDatabase::create().unwrap());
                Self::Postgres {
                    data: data.url().to_owned(),
                    keys: keys.url().to_owned(),
                    control,
                    _dropped: vec![data, keys],
                }
            }
        }
    }

    /// Opens the stores.
    pub(crate) async fn open(&self) -> StoreResult<(Arc<dyn Store>, Arc<dyn KeyStore>)> {
        Ok(match self {
            Self::Sqlite { folder, control } => {
                let [data, keys] = files(folder.path());
                let options = sqlite::Options { control: *control, ..sqlite::Options::default() };
                (Arc::new(Sqlite::open(&data, &options)?), Arc::new(SqliteKeys::open(&keys)?))
            }
            Self::Postgres { data, keys, control, .. } => {
                let options = postgres::Options { control: *control, ..postgres::Options::default() };
                let store = Postgres::open(data, &options).await?;
                (Arc::new(store), Arc::new(PostgresKeys::open(keys).await?))
            }
        })
    }
}

/// The files of the embedded database: the data, and the secrets.
pub(crate) fn files(folder: &Path) -> [PathBuf; 2] {
    ["data.db", "keys.db"].map(|name| folder.join(name))
}
