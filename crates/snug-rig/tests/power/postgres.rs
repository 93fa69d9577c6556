//! A real PostgreSQL, whose power is cut while it commits.

use snug_rig::{Postgres, PostgresOptions, PowerDisk};
use tokio_postgres::{Client, NoTls};

const ROWS: i64 = 300;

async fn connect(server: &Postgres) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url("postgres"), NoTls).await.unwrap();
    // It ends with the server.
    tokio::spawn(connection);
    client
}

fn options(disk: &PowerDisk) -> PostgresOptions {
    PostgresOptions { data_folder: Some(disk.path().join("data")), ..PostgresOptions::default() }
}

/// Starts a server on `disk`, commits rows, cuts the power while more are being committed, and answers the number of the last
/// that was acknowledged.
async fn cut_while_committing(disk: &mut PowerDisk, settings: &[(&str, &str)]) -> i64 {
    let options = settings.iter().fold(options(disk), |options, (name, value)| options.setting(name, value));
    let mut server = Postgres::start(options).unwrap();
    let client = connect(&server).await;
    let mut acknowledged: i64 =
        client.query_one("SELECT coalesce(max(n), 0) FROM rows", &[]).await.unwrap().get(0);
    let enough = acknowledged + ROWS;
    while let Ok(row) =
        client.query_one("INSERT INTO rows (n) SELECT count(*) + 1 FROM rows RETURNING n", &[]).await
    {
        acknowledged = row.get(0);
        if acknowledged == enough {
            disk.cut();
        }
    }
    server.kill().unwrap();
    disk.remount().unwrap();
    acknowledged
}

/// Starts a server on `disk`, and answers the number of the last row and the count of them.
async fn look(disk: &PowerDisk) -> (i64, i64) {
    let server = Postgres::start(options(disk)).unwrap();
    let row = connect(&server)
        .await
        .query_one("SELECT coalesce(max(n), 0), count(*) FROM rows", &[])
        .await
        .unwrap();
    (row.get(0), row.get(1))
}

async fn disk_with_a_table() -> PowerDisk {
    let disk = PowerDisk::mount().unwrap();
    let server = Postgres::start(options(&disk)).unwrap();
    connect(&server).await.batch_execute("CREATE TABLE rows (n bigint PRIMARY KEY)").await.unwrap();
    drop(server);
    disk
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_synced_at_each_commit_survives_every_cut() {
    let mut disk = disk_with_a_table().await;
    for _ in 0..3 {
        let acknowledged = cut_while_committing(&mut disk, &[]).await;
        let (last, count) = look(&disk).await;
        assert!(last >= acknowledged, "{acknowledged} were acknowledged, and {last} are there");
        assert_eq!(last, count);
    }
    assert!(disk.counters().discarded_bytes > 0, "{:?}", disk.counters());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_synced_at_each_commit_is_lost() {
    let settings = [
        [("fsync", "off")].as_slice(),
        // Then a process writes the log now and then. Not meanwhile.
        &[("synchronous_commit", "off"), ("wal_writer_delay", "10s")],
    ];
    for settings in settings {
        let mut disk = disk_with_a_table().await;
        let acknowledged = cut_while_committing(&mut disk, settings).await;
        let (last, _) = look(&disk).await;
        assert!(last < acknowledged, "{settings:?}: {acknowledged} were acknowledged, and {last} are there");
    }
}
