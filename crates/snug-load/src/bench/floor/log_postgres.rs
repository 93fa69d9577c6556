//! The floor's table in PostgreSQL: the same rows, inserted by set, one statement a batch.

use std::collections::HashMap;
use std::sync::mpsc::SyncSender;

use anyhow::Result;
use tokio::sync::mpsc;
use tokio_postgres::{Client, NoTls, Statement};

use super::{Asked, BATCH_MAX, Committed};

const SCHEMA: &str = "
    CREATE TABLE messages (
        key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, conversation BIGINT NOT NULL, seq BIGINT NOT NULL,
        id UUID NOT NULL, sender TEXT NOT NULL, at BIGINT NOT NULL, text TEXT NOT NULL,
        UNIQUE (conversation, seq), UNIQUE (conversation, id)
    )";

const INSERT: &str = "
    INSERT INTO messages (conversation, seq, id, sender, at, text)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::text[], $5::bigint[], $6::text[])";

/// The table.
pub(super) struct Table {
    client: Client,
    insert: Statement,
    heads: HashMap<u64, i64>,
}

impl Table {
    /// Makes it, in a database that has none yet.
    pub(super) async fn open(url: &str) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute(SCHEMA).await?;
        client.batch_execute("SET synchronous_commit = on").await?;
        let insert = client.prepare(INSERT).await?;
        Ok(Self { client, insert, heads: HashMap::new() })
    }

    /// Commits what comes, as much together as has come, until nobody can ask any more.
    pub(super) fn start(mut self, mut waiting: mpsc::Receiver<Asked>, done: SyncSender<Vec<Committed>>) {
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(BATCH_MAX);
            while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
                match self.commit(batch.drain(..)).await {
                    Ok(committed) => {
                        if done.send(committed).is_err() {
                            return;
                        }
                    }
                    Err(error) => return eprintln!("the floor cannot commit: {error}"),
                }
            }
        });
    }

    async fn commit(&mut self, batch: impl Iterator<Item = Asked>) -> Result<Vec<Committed>> {
        let at_ms = jiff::Timestamp::now().as_millisecond();
        let mut number = |asked: Asked| {
            let head = self.heads.entry(asked.conversation).or_default();
            *head += 1;
            Committed { asked, seq: *head, at_ms }
        };
        let committed: Vec<Committed> = batch.map(&mut number).collect();
        let conversations: Vec<i64> =
            committed.iter().map(|message| message.asked.conversation as i64).collect();
        let seqs: Vec<i64> = committed.iter().map(|message| message.seq).collect();
        let ids: Vec<uuid::Uuid> = committed.iter().map(|message| message.asked.id).collect();
        let senders: Vec<&str> =
            committed.iter().map(|message| message.asked.connection.user.as_str()).collect();
        let times: Vec<i64> = committed.iter().map(|message| message.at_ms).collect();
        let texts: Vec<&str> = committed.iter().map(|message| message.asked.text.as_str()).collect();
        self.client.execute(&self.insert, &[&conversations, &seqs, &ids, &senders, &times, &texts]).await?;
        Ok(committed)
    }
}
