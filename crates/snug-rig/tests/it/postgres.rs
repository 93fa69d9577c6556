//! PostgreSQL: started, killed, restarted, and gone afterwards.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

use snug_rig::{Postgres, PostgresOptions, TestDatabase};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

/// The variable that tells tests to use a server that runs already.
const SERVER_VARIABLE: &str = "SNUG_TEST_POSTGRES";

async fn connect(url: &str) -> (Client, JoinHandle<Result<(), tokio_postgres::Error>>) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    (client, tokio::spawn(connection))
}

async fn text(client: &Client, query: &str) -> String {
    client.query_one(query, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn what_is_committed_outlives_a_kill_under_open_transactions() {
    let mut server = Postgres::start(PostgresOptions::default()).unwrap();
    server.create_database("kept").unwrap();
    let url = server.url("kept");
    let (writer, _) = connect(&url).await;
    writer.batch_execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)").await.unwrap();
    writer.batch_execute("BEGIN; INSERT INTO t VALUES (2)").await.unwrap();
    let (sleeper, _) = connect(&url).await;
    let asleep = tokio::spawn(async move { sleeper.batch_execute("SELECT pg_sleep(3600)").await });
    let before = server.pid().unwrap();

    server.kill().unwrap();
    assert_eq!(server.pid(), None);
    assert!(asleep.await.unwrap().is_err());
    server.restart().unwrap();

    assert_ne!(server.pid().unwrap(), before);
    assert_eq!(server.url("kept"), url);
    let (reader, _) = connect(&url).await;
    assert_eq!(text(&reader, "SELECT string_agg(n::text, ',') FROM t").await, "1");
}

#[tokio::test]
async fn settings_are_in_force_and_a_given_folder_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    // The server runs as another user than root, who has to get there.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let options = PostgresOptions { data_folder: Some(folder.path().join("data")), ..Default::default() };

    let server = Postgres::start(options.clone().setting("fsync", "off")).unwrap();
    let (client, _) = connect(&server.url("postgres")).await;
    assert_eq!(text(&client, "SHOW fsync").await, "off");
    client.batch_execute("CREATE TABLE here (n int)").await.unwrap();
    drop(server);

    let server = Postgres::start(options).unwrap();
    let (client, _) = connect(&server.url("postgres")).await;
    assert_eq!(text(&client, "SHOW fsync").await, "on");
    assert_eq!(text(&client, "SELECT to_regclass('here')::text").await, "here");
}

#[tokio::test]
async fn dropped_it_leaves_neither_process_nor_folder() {
    let server = Postgres::start(PostgresOptions::default()).unwrap();
    let process = format!("/proc/{}", server.pid().unwrap());
    let folder = server.data_folder().to_path_buf();
    let url = server.url("postgres");
    assert!(Path::new(&process).exists() && folder.exists());

    drop(server);
    assert!(!Path::new(&process).exists());
    assert!(!folder.exists());
    assert!(tokio_postgres::connect(&url, NoTls).await.is_err());
}

#[tokio::test]
async fn each_test_database_is_its_own_and_is_dropped() {
    let (one, other) = (TestDatabase::create().unwrap(), TestDatabase::create().unwrap());
    let (client, _) = connect(one.url()).await;
    assert_eq!(text(&client, "SELECT current_database()::text").await, one.name());
    client.batch_execute("CREATE TABLE mine (n int)").await.unwrap();

    let (client, _) = connect(other.url()).await;
    assert_eq!(text(&client, "SELECT coalesce(to_regclass('mine')::text, 'absent')").await, "absent");
    let exists = format!("SELECT EXISTS (SELECT FROM pg_database WHERE datname = '{}')::text", one.name());
    assert_eq!(text(&client, &exists).await, "true");
    drop(one);
    assert_eq!(text(&client, &exists).await, "false");
}

/// Runs `each_test_database_is_its_own_and_is_dropped` in a process of its own, with its temporary files in `temporary`.
fn run_in_a_process_of_its_own(temporary: &Path, server: Option<&str>) -> Output {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "postgres::each_test_database_is_its_own_and_is_dropped"]);
    command.env("TMPDIR", temporary).env_remove(SERVER_VARIABLE);
    command.envs(server.map(|url| (SERVER_VARIABLE, url)));
    command.output().unwrap()
}

#[test]
fn the_shared_server_ends_with_its_process() {
    let temporary = tempfile::tempdir().unwrap();
    fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let output = run_in_a_process_of_its_own(temporary.path(), None);
    assert!(output.status.success(), "{output:?}");

    // Its folder goes last, after the server.
    let started = Instant::now();
    while fs::read_dir(temporary.path()).unwrap().next().is_some() {
        assert!(started.elapsed() < Duration::from_secs(60), "the server's folder is still there");
        std::thread::yield_now();
    }
}

#[test]
fn a_server_that_runs_already_is_used_instead() {
    let server = Postgres::start(PostgresOptions::default()).unwrap();
    // A server of its own would have no place for its data.
    let nowhere = Path::new("/nowhere");
    let without = run_in_a_process_of_its_own(nowhere, None);
    assert!(!without.status.success(), "{without:?}");
    let url = format!("{}?connect_timeout=10", server.url("postgres"));
    let with = run_in_a_process_of_its_own(nowhere, Some(&url));
    assert!(with.status.success(), "{with:?}");
}
