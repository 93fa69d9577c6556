//! Reading messages back from the floor's table.

use std::path::{Path, PathBuf};

use anyhow::Result;
use parking_lot::Mutex;
use rusqlite::{Connection, params};
use tokio_postgres::{Client, NoTls, Statement};

/// A message that was read.
pub(super) struct Message {
    pub(super) seq: i64,
    pub(super) id: uuid::Uuid,
    pub(super) sender: String,
    pub(super) at_ms: i64,
    pub(super) text: String,
}

/// Which messages: the first ones above a seq, ascending.
pub(super) struct Page {
    pub(super) conversation: u64,
    pub(super) after: i64,
    pub(super) limit: i64,
}

/// Who reads.
pub(super) enum Pages {
    /// On the thread that asks, each by a connection that nobody else has meanwhile.
    Sqlite { file: PathBuf, idle: Mutex<Vec<Connection>> },
    /// By one connection, whose requests follow each other without waiting.
    Postgres { client: Client, select: Statement },
}

impl Pages {
    /// Reads the table in this file.
    pub(super) fn sqlite(file: &Path) -> Self {
        Self::Sqlite { file: file.to_owned(), idle: Mutex::default() }
    }

    /// Reads the table of this database, which is there.
    pub(super) async fn postgres(url: &str) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        let select = client
            .prepare(
                "SELECT seq, id, sender, at, text FROM messages
                 WHERE conversation = $1 AND seq > $2 ORDER BY seq LIMIT $3",
            )
            .await?;
        Ok(Self::Postgres { client, select })
    }

    /// The messages of a page.
    pub(super) async fn read(&self, page: &Page) -> Result<Vec<Message>> {
        let conversation = page.conversation as i64;
        match self {
            Self::Sqlite { file, idle } => {
                let idle_one = idle.lock().pop();
                let connection = match idle_one {
                    Some(connection) => connection,
                    None => Connection::open(file)?,
                };
                let messages = select(&connection, page)?;
                idle.lock().push(connection);
                Ok(messages)
            }
            Self::Postgres { client, select } => {
                let rows = client.query(select, &[&conversation, &page.after, &page.limit]).await?;
                let message = |row: &tokio_postgres::Row| {
                    Ok(Message {
                        seq: row.try_get(0)?,
                        id: row.try_get(1)?,
                        sender: row.try_get(2)?,
                        at_ms: row.try_get(3)?,
                        text: row.try_get(4)?,
                    })
                };
                rows.iter().map(message).collect()
            }
        }
    }
}

fn select(connection: &Connection, page: &Page) -> Result<Vec<Message>> {
    let mut select = connection.prepare_cached(
        "SELECT seq, id, sender, at, text FROM messages WHERE conversation = ? AND seq > ? ORDER BY seq LIMIT ?",
    )?;
    let rows = select.query_map(params![page.conversation as i64, page.after, page.limit], |row| {
        let id: [u8; 16] = row.get(1)?;
        Ok(Message {
            seq: row.get(0)?,
            id: uuid::Uuid::from_bytes(id),
            sender: row.get(2)?,
            at_ms: row.get(3)?,
            text: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
