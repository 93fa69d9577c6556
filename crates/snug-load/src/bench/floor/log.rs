//! The floor's table in SQLite, and the one thread that writes it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::SyncSender;

use anyhow::Result;
use rusqlite::{Connection, params};
use tokio::sync::mpsc;

use super::{Asked, BATCH_MAX, Committed};

/// The settings are those with which Snug writes; the indexes are the two that a log of messages cannot do without: by its
/// order, and by the id that makes a repeated send harmless.
const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 16000;
    PRAGMA cache_size = -65536;
    CREATE TABLE messages (
        key INTEGER PRIMARY KEY, conversation INTEGER NOT NULL, seq INTEGER NOT NULL, id BLOB NOT NULL,
        sender TEXT NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL,
        UNIQUE (conversation, seq), UNIQUE (conversation, id)
    );";

/// The table.
pub(super) struct Table {
    connection: Connection,
    heads: HashMap<u64, i64>,
}

impl Table {
    /// Makes it, in a file that is not there yet.
    pub(super) fn open(file: &Path) -> Result<Self> {
        let connection = Connection::open(file)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection, heads: HashMap::new() })
    }

    /// Commits what comes, as much together as has come, until nobody can ask any more.
    pub(super) fn work(mut self, mut waiting: mpsc::Receiver<Asked>, done: &SyncSender<Vec<Committed>>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while waiting.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
            match self.commit(batch.drain(..)) {
                Ok(committed) => {
                    if done.send(committed).is_err() {
                        return;
                    }
                }
                Err(error) => return eprintln!("the floor cannot commit: {error}"),
            }
        }
    }

    fn commit(&mut self, batch: impl Iterator<Item = Asked>) -> Result<Vec<Committed>> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut committed = Vec::new();
        {
            let mut insert = self.connection.prepare_cached(
                "INSERT INTO messages (conversation, seq, id, sender, at, text) VALUES (?, ?, ?, ?, ?, ?)",
            )?;
            for asked in batch {
                let head = self.heads.entry(asked.conversation).or_default();
                *head += 1;
                let (seq, at_ms) = (*head, jiff::Timestamp::now().as_millisecond());
                let (conversation, id) = (asked.conversation as i64, asked.id.as_bytes());
                insert.execute(params![conversation, seq, id, asked.connection.user, at_ms, asked.text])?;
                committed.push(Committed { asked, seq, at_ms });
            }
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(committed)
    }
}
