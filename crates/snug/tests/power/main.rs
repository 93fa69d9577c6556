//! The server itself, on a disk whose power is cut while people write: what it acknowledged is there afterwards, once and in
//! its place. These tests need root and /dev/fuse.

mod account;
mod chat;

use account::Faults;
use chat::Chat;

/// What the moments of the cuts come from.
const SEEDS: [u64; 2] = [1, 2];

/// How often the power of one disk is cut.
const ROUNDS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_every_cut() {
    for seed in SEEDS {
        let mut chat = Chat::start(seed, None).await;
        for round in 1..=ROUNDS {
            chat.cut_while_sending().await;
            assert_eq!(chat.faults().await, Faults::default(), "seed {seed}, round {round}");
            chat.resend().await;
            assert_eq!(chat.faults().await, Faults::default(), "seed {seed}, round {round}, sent again");
        }
        chat.check_at_rest();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_sync_each_commit_loses_what_it_acknowledged() {
    loses("synchronous-normal").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_answers_before_the_commit_loses_what_it_acknowledged() {
    loses("answer-before-commit").await;
}

/// Finds losses of a server with this fault.
async fn loses(control: &str) {
    let mut chat = Chat::start(1, Some(control)).await;
    for _ in 0..ROUNDS {
        chat.cut_while_sending().await;
    }
    let found = chat.faults().await;
    assert!(found.lost > 0, "{control}: {found:?}");
}
