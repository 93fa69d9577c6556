//! The readers: a few connections that see what is committed, on threads where they may block.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
};

use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::Semaphore;

use super::{schema, sql::Sql};
use crate::{StoreError, StoreResult};

/// A pool of connections that cannot write.
pub(super) struct Readers {
    pool: Arc<Pool>,
    rows: Arc<AtomicU64>,
    /// As many permits as there may be connections.
    turns: Arc<Semaphore>,
}

struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Opens `count` connections.
    pub(super) fn open(path: &Path, count: usize, rows: Arc<AtomicU64>) -> StoreResult<Self> {
        let idle = (0..count).map(|_| schema::reader(path)).collect::<StoreResult<Vec<_>>>()?;
        let pool = Arc::new(Pool { path: path.to_owned(), idle: Mutex::new(idle) });
        Ok(Self { pool, rows, turns: Arc::new(Semaphore::new(count)) })
    }

    /// Reads within one snapshot.
    pub(super) async fn read<T, F>(&self, read: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Sql<'_>) -> StoreResult<T> + Send + 'static,
    {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| StoreError::Unavailable("the readers have stopped".to_owned()))?;
        let (pool, rows) = (Arc::clone(&self.pool), Arc::clone(&self.rows));
        let reading = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            pool.read(&rows, read)
        });
        reading.await.map_err(|error| StoreError::Unavailable(format!("a reader failed: {error}")))?
    }
}

impl Pool {
    fn read<T>(&self, rows: &AtomicU64, read: impl FnOnce(&Sql<'_>) -> StoreResult<T>) -> StoreResult<T> {
        let idle = self.idle.lock().pop();
        // There are as many connections as turns, unless a read ended in a panic and took one with it.
        let mut connection = idle.map_or_else(|| schema::reader(&self.path), Ok)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        let version =
            transaction.prepare_cached("SELECT version FROM commits")?.query_row([], |row| row.get(0))?;
        let result = read(&Sql::reading(&transaction, version, rows));
        transaction.finish()?;
        self.idle.lock().push(connection);
        result
    }
}
