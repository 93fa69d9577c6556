//! Connections that break: what was not done says so, and what may have been done says that.

use snug_model::Seq;
use snug_store::{Appended, SenderRow, StoreError, postgres::Options};

use super::{
    Session, open,
    proxy::{COMMIT, Cut, Proxy},
    two, with_settings,
};
use crate::bench::on_postgres;

/// What is to be found once the connection was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    NotDone,
    Done,
}

/// Cuts the connection of an append and of another act; both may be tried again, on a new connection.
async fn cut(append: Cut, act: Cut, expected: fn(&StoreError) -> bool, outcome: Outcome) {
    on_postgres(async |bench| {
        let (_, ann, conversation) = two(bench).await;
        let proxy = Proxy::start(bench.postgres_url()).await;
        let store = open(&proxy.url(), Options::default()).await;
        let behind = conversation.through(&store);
        let (permit, message) =
            (conversation.client(ann).await, conversation.message(SenderRow::User(ann), "hi"));
        proxy.cut(append);
        let broken = store.append(&permit, message.clone()).await.expect_err("the connection was cut");
        assert!(expected(&broken) && proxy.was_cut(), "{broken:?}");
        let head = conversation.row().await.head_seq;
        assert_eq!(head == Seq(1), outcome == Outcome::Done, "{head}");
        let again = store.append(&permit, message.clone()).await.expect("the server is there");
        assert_eq!(matches!(again, Appended::Repeat(_)), outcome == Outcome::Done, "{again:?}");

        proxy.cut(act);
        let broken = behind.edit(message.id, 2, "hi all").await.expect_err("the connection was cut");
        assert!(expected(&broken) && proxy.was_cut(), "{broken:?}");
        let done = conversation.message_row(message.id).await.version == 2;
        assert_eq!(done, outcome == Outcome::Done);
        let again = behind.edit(message.id, 2, "hi all").await;
        assert_eq!(matches!(again, Err(StoreError::Changed)), outcome == Outcome::Done, "{again:?}");
    })
    .await;
}

#[tokio::test]
async fn what_was_cut_off_before_its_commit_was_not_done() {
    let unavailable = |error: &_| matches!(error, StoreError::Unavailable(_));
    let (append, act) = (Cut::Before(b"INSERT INTO messages"), Cut::Before(b"INSERT INTO message_versions"));
    cut(append, act, unavailable, Outcome::NotDone).await;
}

#[tokio::test]
async fn what_was_cut_off_in_its_commit_may_not_have_been_done() {
    let unknown = |error: &_| matches!(error, StoreError::Unknown(_));
    cut(Cut::Before(COMMIT), Cut::Before(COMMIT), unknown, Outcome::NotDone).await;
}

#[tokio::test]
async fn what_was_cut_off_in_its_commit_may_have_been_done() {
    let unknown = |error: &_| matches!(error, StoreError::Unknown(_));
    cut(Cut::After(COMMIT), Cut::After(COMMIT), unknown, Outcome::Done).await;
}

/// A server that ends a session says why, where a broken connection says nothing.
#[tokio::test]
async fn a_session_that_the_server_ends_is_made_anew() {
    on_postgres(async |bench| {
        let (_, ann, conversation) = two(bench).await;
        let (gate, watcher) =
            (Session::start(bench.postgres_url()).await, Session::start(bench.postgres_url()).await);
        let (permit, message) =
            (conversation.client(ann).await, conversation.message(SenderRow::User(ann), "hi"));
        gate.run("BEGIN; LOCK TABLE messages IN EXCLUSIVE MODE").await;
        let append = bench.store.append(&permit, message.clone());
        tokio::pin!(append);
        tokio::select! {
            biased;
            _ = &mut append => panic!("nothing holds it up"),
            () = watcher.until_waiting(1) => {}
        }
        let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE NOT granted AND relation = 'messages'::regclass";
        assert_eq!(watcher.number(ended).await, 1);
        let broken = append.await;
        assert!(matches!(broken, Err(StoreError::Unavailable(_))), "{broken:?}");
        gate.run("ROLLBACK").await;
        let again = bench.store.append(&permit, message).await;
        assert!(matches!(again, Ok(Appended::New { seq: Seq(1), .. })), "{again:?}");
    })
    .await;
}

/// A node that hangs in the middle of an act loses it, and what it holds is free for others.
#[tokio::test]
async fn a_node_that_hangs_keeps_nobody_waiting() {
    on_postgres(async |bench| {
        let (_, ann, conversation) = two(bench).await;
        let sent = conversation.send(ann, "hi").await.id;
        let proxy = Proxy::start(bench.postgres_url()).await;
        let quick = with_settings(&proxy.url(), &[("idle_in_transaction_session_timeout", "100ms")]);
        let behind = conversation.through(&open(&quick, Options::default()).await);
        proxy.cut(Cut::Hang(b"INSERT INTO message_versions"));
        let hung = tokio::spawn(async move { behind.edit(sent, 2, "hi all").await });
        proxy.until_cut().await;
        conversation.edit(sent, 2, "hi both").await.expect("the server has ended the session of the other");
        assert!(!hung.is_finished());
        hung.abort();
    })
    .await;
}
