//! What only PostgreSQL does: which servers it trusts, its locks, its connections, and its batches.

mod batches;
mod connections;
mod inboxes;
mod locks;
mod opening;
mod proxy;
mod statistics;

use std::{sync::Arc, time::Duration};

use snug_model::UserKey;
use snug_store::{
    Store,
    postgres::{Options, Postgres},
};
use tokio_postgres::{Client, NoTls};

use crate::bench::{App, Bench, Conversation};

/// How long a condition may take to come about: far longer than it does.
const LIMIT: Duration = Duration::from_secs(60);

/// Connections of a store for acts and reads. They are few: many tests run side by side on one server.
const CONNECTIONS: usize = 4;

/// Opens a store of the data at `url`.
async fn open(url: &str, options: Options) -> Arc<dyn Store> {
    let options = Options { connections: CONNECTIONS, ..options };
    Arc::new(Postgres::open(url, &options).await.expect("the store opens"))
}

/// `url` with server settings for the sessions that are opened by it.
fn with_settings(url: &str, settings: &[(&str, &str)]) -> String {
    let settings: Vec<_> = settings.iter().map(|(name, value)| format!("-c%20{name}%3D{value}")).collect();
    let first = if url.contains('?') { '&' } else { '?' };
    format!("{url}{first}options={}", settings.join("%20"))
}

/// A conversation of Ann and Bob.
async fn two(bench: &Bench) -> (App, UserKey, Conversation) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    (app, ann, conversation)
}

/// A session beside those of the store, to look, or to be in the way. Dropped, it ends, and what it holds is free.
struct Session(Client);

impl Session {
    async fn start(url: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server is there");
        tokio::spawn(connection);
        Self(client)
    }

    async fn run(&self, statements: &str) {
        self.0.batch_execute(statements).await.unwrap_or_else(|error| panic!("{statements}: {error:?}"));
    }

    /// Asks for one number.
    async fn number(&self, query: &str) -> i64 {
        let row = self.0.query_one(query, &[]).await.unwrap_or_else(|error| panic!("{query}: {error:?}"));
        row.get(0)
    }

    /// How many sessions of the database wait for a lock of another.
    async fn waiting(&self) -> i64 {
        self.number(
            "SELECT count(DISTINCT l.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
             WHERE a.datname = current_database() AND NOT l.granted",
        )
        .await
    }

    /// Returns once that many sessions wait for a lock.
    async fn until_waiting(&self, sessions: i64) {
        let wait = async { while self.waiting().await < sessions {} };
        tokio::time::timeout(LIMIT, wait)
            .await
            .unwrap_or_else(|_| panic!("{sessions} sessions never waited"));
    }
}
