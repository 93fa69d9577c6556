//! The server itself, on a disk whose power is cut while people write: what it acknowledged is there afterwards, once and in
//! its place. These tests need root and /dev/fuse.

mod account;
mod chat;
mod machine;
mod people;

use account::Faults;
use chat::Chat;
use machine::{Fault, Store};
use snug_rig::PowerDisk;

/// What the moments of the cuts come from.
const SEEDS: [u64; 2] = [1, 2];

/// How often the power of one disk is cut.
const ROUNDS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_on_sqlite_survives_every_cut() {
    survives(Store::Sqlite, PowerDisk::mount).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_on_postgres_survives_every_cut() {
    survives(Store::Postgres, PowerDisk::mount).await;
}

/// Not on PostgreSQL, which trusts that a file that it syncs keeps its name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_on_sqlite_survives_where_only_synced_folders_keep_names() {
    survives(Store::Sqlite, PowerDisk::mount_posix).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_that_does_not_sync_each_commit_loses_what_was_acknowledged() {
    loses(Store::Sqlite, Fault { control: "synchronous-normal", settings: &[] }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_that_does_not_sync_loses_what_was_acknowledged() {
    loses(Store::Postgres, Fault { control: "allow-fsync-off", settings: &[("fsync", "off")] }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_answers_before_sqlite_commits_loses_what_it_acknowledged() {
    loses(Store::Sqlite, Fault { control: "answer-before-commit", settings: &[] }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_answers_before_postgres_commits_loses_what_it_acknowledged() {
    loses(Store::Postgres, Fault { control: "answer-before-commit", settings: &[] }).await;
}

/// Finds nothing wrong after any of many cuts.
async fn survives(store: Store, mount: impl Fn() -> anyhow::Result<PowerDisk>) {
    for seed in SEEDS {
        let mut chat = Chat::start(seed, mount().unwrap(), store).await;
        for round in 1..=ROUNDS {
            chat.cut_while_sending().await;
            assert_eq!(chat.faults().await, Faults::default(), "seed {seed}, round {round}");
            chat.resend().await;
            assert_eq!(chat.faults().await, Faults::default(), "seed {seed}, round {round}, sent again");
        }
        chat.check_at_rest();
    }
}

/// Finds losses of a server with this fault.
async fn loses(store: Store, fault: Fault) {
    let mut chat = Chat::start(1, PowerDisk::mount().unwrap(), store).await.with(&fault);
    for _ in 0..ROUNDS {
        chat.cut_while_sending().await;
    }
    let found = chat.faults().await;
    assert!(found.lost > 0, "{fault:?}: {found:?}");
}
