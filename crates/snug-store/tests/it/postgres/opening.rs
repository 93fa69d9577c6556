//! What is asked of a server and of a database before anything is kept in it.

use futures_util::future::join_all;
use snug_rig::{PostgresOptions, TestDatabase};
use snug_store::{
    StoreError,
    postgres::{Control, Options, Postgres, PostgresKeys},
};

use super::{LIMIT, Session, open, with_settings};
use crate::bench::on_postgres;

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
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        let opened_before = open(&server.url, Options::default()).await;
        opened_before.ready().await.unwrap();
        server.set(setting, "off").await;
        refused(&server.url, &format!("{setting}=off")).await;
        match opened_before.ready().await {
            Err(StoreError::Unavailable(why)) => assert!(why.contains(setting), "{why}"),
            other => panic!("{setting}: {other:?}"),
        }
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

/// The settings of a role hold for its next session: one that the pool makes long after the store was opened.
#[tokio::test]
async fn a_connection_that_is_made_later_is_looked_at_too() {
    let server = Server::start();
    let store = open(&server.url, Options::default()).await;
    let admin = Session::start(&server.url).await;
    admin.run("ALTER DATABASE data SET synchronous_commit = off").await;
    let refused = store.reserve(1).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    admin.run("ALTER DATABASE data RESET synchronous_commit").await;
    store.reserve(1).await.unwrap();
}

#[tokio::test]
async fn a_standby_is_refused() {
    let mut server = Server::start();
    drop(open(&server.url, Options::default()).await);
    std::fs::write(server.server.data_folder().join("standby.signal"), "").unwrap();
    server.server.restart().unwrap();
    refused(&server.url, "standby").await;
}

/// Only an address without TLS has been tried against a server here: its certificate would have to be one that the machine
/// trusts.
#[tokio::test]
async fn modes_of_tls_that_would_not_be_kept_are_refused() {
    let database = TestDatabase::create().unwrap();
    let first = if database.url().contains('?') { '&' } else { '?' };
    for mode in ["allow", "prefer", "verify-ca", "verify-full"] {
        refused(&format!("{}{first}sslmode={mode}", database.url()), &format!("sslmode={mode}")).await;
        refused(&format!("host=localhost sslmode = '{mode}' user=postgres"), &format!("sslmode={mode}"))
            .await;
    }
    drop(open(&format!("{}{first}sslmode=disable", database.url()), Options::default()).await);
    // The server has none.
    refused(&format!("{}{first}sslmode=require", database.url()), "TLS").await;
}

/// What a session was told is noted by a trigger, when a user is made.
#[tokio::test]
async fn sessions_have_the_settings_of_the_address_and_ours() {
    on_postgres(async |bench| {
        let app = bench.app("one").await;
        let beside = Session::start(bench.postgres_url()).await;
        beside
            .run(
                "CREATE TABLE told (name TEXT, setting TEXT);
                 CREATE FUNCTION note_told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                     INSERT INTO told SELECT name, setting FROM pg_settings; RETURN NEW; END $$;
                 CREATE TRIGGER note_told BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION note_told()",
            )
            .await;
        let url = with_settings(bench.postgres_url(), &[("work_mem", "2MB"), ("lock_timeout", "7s")]);
        app.through(&open(&url, Options::default()).await).user("ann").await;
        for (name, setting) in [
            ("work_mem", "2048"),
            ("lock_timeout", "7000"),
            ("idle_in_transaction_session_timeout", "5000"),
            ("enable_seqscan", "off"),
        ] {
            let told = format!("SELECT count(*) FROM told WHERE name = '{name}' AND setting = '{setting}'");
            assert_eq!(beside.number(&told).await, 1, "{name}");
        }
        beside.run("DROP TRIGGER note_told ON users").await;
    })
    .await;
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

/// What is sealed looks like chance: only what has a length of its own, such as a MAC, is left to the server's ways.
#[tokio::test]
async fn nothing_sealed_is_compressed() {
    let database = TestDatabase::create().unwrap();
    drop(open(database.url(), Options::default()).await);
    let keys = TestDatabase::create().unwrap();
    drop(PostgresKeys::open(keys.url()).await.unwrap());
    let compressed = "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.atttypid = 'bytea'::regtype
             AND a.attstorage <> 'e' AND NOT EXISTS (
                 SELECT FROM pg_constraint k
                 WHERE k.conrelid = c.oid AND k.contype = 'c' AND a.attnum = ANY (k.conkey))";
    for database in [database, keys] {
        assert_eq!(Session::start(database.url()).await.number(compressed).await, 0);
    }
}
