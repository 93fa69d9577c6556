//! What is asked of a server and of a database before anything is kept in it.

use futures_util::future::join_all;
use snug_rig::{PostgresOptions, TestDatabase};
use snug_store::{
    StoreError,
    postgres::{Control, Options, Postgres, PostgresKeys},
};

use super::{LIMIT, Session, open, with_settings};

/// Says that a database is refused, both for data and for keys, for a reason that names `what`.
async fn refused(url: &str, what: &str) {
    let data = Postgres::open(url, &Options::default()).await.map(drop);
    let keys = PostgresKeys::open(url).await.map(drop);
    for opened in [data, keys] {
        match opened {
            Err(StoreError::Unavailable(why)) => assert!(why.contains(what), "{why}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

async fn opens_without_strictness(url: &str) {
    drop(open(url, Options { control: Some(Control::AllowFsyncOff), ..Options::default() }).await);
}

/// A server of one's own, whose settings can be changed.
struct Server {
    server: snug_rig::Postgres,
    url: String,
}

impl Server {
    fn start() -> Self {
        let server = snug_rig::Postgres::start(PostgresOptions::default()).expect("PostgreSQL starts");
        server.create_database("data").expect("a database");
        let url = server.url("data");
        Self { server, url }
    }

    /// Changes settings of the whole server, and returns once new sessions have them: those that are open were told before.
    async fn set(&self, setting: &str, value: &str) {
        Session::start(&self.url).await.run(&format!("ALTER SYSTEM SET {setting} = {value}")).await;
        Session::start(&self.url).await.run("SELECT pg_reload_conf()").await;
        let is_set =
            format!("SELECT count(*) FROM pg_settings WHERE name = '{setting}' AND setting = '{value}'");
        let wait = async { while Session::start(&self.url).await.number(&is_set).await == 0 {} };
        tokio::time::timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("{setting} is never {value}"));
    }
}

#[tokio::test]
async fn a_server_that_answers_before_the_disk_is_refused() {
    let server = Server::start();
    for setting in ["fsync", "synchronous_commit"] {
        server.set(setting, "off").await;
        refused(&server.url, &format!("{setting}=off")).await;
        opens_without_strictness(&server.url).await;
        server.set(setting, "on").await;
        drop(open(&server.url, Options::default()).await);
    }
    for whose in ["ROLE postgres", "DATABASE data"] {
        let admin = Session::start(&server.url).await;
        admin.run(&format!("ALTER {whose} SET synchronous_commit = off")).await;
        refused(&server.url, "synchronous_commit=off").await;
        admin.run(&format!("ALTER {whose} RESET synchronous_commit")).await;
        drop(open(&server.url, Options::default()).await);
    }
    refused(&with_settings(&server.url, &[("synchronous_commit", "off")]), "synchronous_commit=off").await;
    drop(server.server);
}

#[tokio::test]
async fn a_schema_from_the_future_is_refused() {
    let database = TestDatabase::create().unwrap();
    drop(open(database.url(), Options::default()).await);
    let session = Session::start(database.url()).await;
    session
        .run("INSERT INTO refinery_schema_history (version, name, applied_on, checksum) VALUES (999, 'later', '2030-01-01T00:00:00Z', '1')")
        .await;
    match Postgres::open(database.url(), &Options::default()).await.map(drop) {
        Err(StoreError::Unavailable(why)) => assert!(why.contains("999") && why.contains("newer"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn several_may_open_an_empty_database_at_once() {
    let database = TestDatabase::create().unwrap();
    let stores = join_all((0..4).map(|_| open(database.url(), Options::default()))).await;
    for store in stores {
        store.ready().await.unwrap();
    }
}
