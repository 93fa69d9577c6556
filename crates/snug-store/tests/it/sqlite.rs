//! What is peculiar to the embedded database: the commit that acts share, and the files.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    pin::Pin,
    task::{Context, Waker},
};

use rusqlite::Connection;
use snug_model::{Seq, messages::Via};
use snug_store::{
    Appended, NewConversation, NewMessage, Once, SenderRow, Store, StoreError, StoreResult,
    sqlite::{Options, Sqlite, SqliteKeys},
};

use crate::bench::{Bench, Conversation, mac, on_sqlite_in_folder};

/// Opens the data behind the store's back.
fn behind(folder: &Path) -> Connection {
    Connection::open(folder.join("data.db")).expect("the file opens")
}

fn commits(file: &Connection) -> i64 {
    file.query_one("SELECT version FROM commits", [], |row| row.get(0)).expect("commits are counted")
}

/// An act of a store that was not begun yet.
type Act<'a, T> = Pin<Box<dyn Future<Output = StoreResult<T>> + Send + 'a>>;

/// Whether an act is in the writer's queue, to which the first poll puts it, and waits there.
fn waits<T>(act: &mut Act<'_, T>) -> bool {
    act.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

/// The answers to acts that wait for the writer together, in this order: while they enter its queue, the file's lock is
/// held behind the store's back, so that nothing can be committed.
async fn together<T>(file: &Connection, mut acts: Vec<Act<'_, T>>) -> Vec<StoreResult<T>> {
    file.execute_batch("BEGIN IMMEDIATE").expect("the lock is free");
    assert!(acts.iter_mut().all(waits), "nothing is answered while nothing can be committed");
    file.execute_batch("ROLLBACK").expect("the lock is released");
    let mut answers = Vec::new();
    for act in acts {
        answers.push(act.await);
    }
    answers
}

/// Sends these messages so that they wait together.
async fn send_together(
    file: &Connection,
    conversation: &Conversation,
    messages: Vec<NewMessage>,
) -> Vec<StoreResult<Appended>> {
    let (permit, store) = (conversation.system().await, &conversation.app.store);
    together(file, messages.into_iter().map(|message| store.append(&permit, message)).collect()).await
}

fn texts(conversation: &Conversation, count: usize) -> Vec<NewMessage> {
    (0..count).map(|number| conversation.message(SenderRow::System, &format!("{number}"))).collect()
}

async fn conversation(bench: &Bench) -> Conversation {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    app.conversation("c", &[ann]).await
}

#[tokio::test]
async fn acts_that_wait_share_a_commit_in_the_order_of_the_queue() {
    on_sqlite_in_folder(async |bench, folder| {
        let (file, conversation) = (behind(folder), conversation(bench).await);
        let before = commits(&file);
        let answers = send_together(&file, &conversation, texts(&conversation, 100)).await;
        let seqs = answers.into_iter().map(|answer| match answer {
            Ok(Appended::New { seq, .. }) => seq.0,
            other => panic!("expected a new message, not {other:?}"),
        });
        assert_eq!(seqs.collect::<Vec<_>>(), (1..=100).collect::<Vec<_>>());
        // The first commit began with whatever had arrived; the others wait for its end.
        assert!(commits(&file) - before <= 2, "{} commits for 100 acts", commits(&file) - before);
    })
    .await;
}

#[tokio::test]
async fn an_act_that_fails_in_a_shared_commit_fails_alone_and_whole() {
    on_sqlite_in_folder(async |bench, folder| {
        let (file, conversation) = (behind(folder), conversation(bench).await);
        let (app, store) = (&conversation.app, &conversation.app.store);
        let (permit, of_app) = (conversation.system().await, app.system().await);
        let mut messages = texts(&conversation, 3);
        // It notes its request, and only then finds that its id is taken.
        let once = |name| Once { scope: mac(name), body: mac("body"), at: app.now() };
        let taken = NewConversation { ..app.new_conversation("c", &[]).await };
        let free = app.new_conversation("d", &[]).await;
        let of_nobody = NewMessage { reply_to: Some(crate::bench::message_id(-1)), ..messages.remove(1) };

        let send = |message| -> Act<'_, ()> {
            let permit = &permit;
            Box::pin(async move { store.append(permit, message).await.map(drop) })
        };
        let create = |new, once| -> Act<'_, ()> {
            let permit = &of_app;
            Box::pin(async move { store.create_conversation(permit, new, Some(once)).await.map(drop) })
        };
        let (second, first) = (messages.pop().unwrap(), messages.pop().unwrap());
        let acts = vec![
            send(first),
            create(taken, once("taken")),
            send(of_nobody),
            create(free, once("free")),
            send(second),
        ];
        let answers = together(&file, acts).await;

        let refused: Vec<bool> = answers.iter().map(Result::is_err).collect();
        assert_eq!(refused, [false, true, true, false, false], "{answers:?}");
        assert!(store.remembered(app.key, mac("taken")).await.unwrap().is_none(), "nothing of it was done");
        assert!(store.remembered(app.key, mac("free")).await.unwrap().is_some());
        assert_eq!(conversation.row().await.head_seq, Seq(2));
    })
    .await;
}

/// Sends five messages, of which something happens to the first and the last, which came by an import: so that whichever
/// commit the writer begins with, each of the others shares its commit with one of them. Then it happens no more.
async fn fails_together(bench: &Bench, folder: &Path, begin: &str, end: &str) {
    let (file, conversation) = (behind(folder), conversation(bench).await);
    let before = conversation.row().await;
    let mut messages = texts(&conversation, 5);
    messages[0].via = Some(Via::Import);
    messages[4].via = Some(Via::Import);
    file.execute_batch(begin).expect("something can happen");
    for answer in send_together(&file, &conversation, messages.clone()).await {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "not {answer:?}");
    }
    assert_eq!(conversation.row().await, before, "nothing was done");
    file.execute_batch(end).expect("it can end");
    for answer in send_together(&file, &conversation, messages).await {
        assert!(matches!(answer, Ok(Appended::New { .. })), "not {answer:?}");
    }
}

#[tokio::test]
async fn acts_of_a_transaction_that_ends_midway_all_fail() {
    on_sqlite_in_folder(async |bench, folder| {
        // As a full disk does, in the middle of an act.
        let begin = "CREATE TRIGGER full BEFORE INSERT ON messages WHEN new.via = 1
                     BEGIN SELECT RAISE(ROLLBACK, 'full'); END";
        fails_together(bench, folder, begin, "DROP TRIGGER full").await;
    })
    .await;
}

#[tokio::test]
async fn appends_of_which_one_fails_after_it_has_written_all_fail() {
    on_sqlite_in_folder(async |bench, folder| {
        let (file, app) = (behind(folder), bench.app("one").await);
        let ann = app.user("ann").await;
        let conversation = app.conversation("c", &[ann]).await;
        let message = |number| conversation.message(SenderRow::User(ann), &format!("{number}"));
        // Each batch begins with the first message, whose sender's read mark then cannot be moved.
        let begin = "CREATE TRIGGER broken BEFORE UPDATE ON members WHEN new.read_seq = 1
                     BEGIN SELECT RAISE(ABORT, 'broken'); END";
        file.execute_batch(begin).unwrap();
        for answer in send_together(&file, &conversation, (0..5).map(message).collect()).await {
            assert!(matches!(answer, Err(StoreError::Unavailable(_))), "not {answer:?}");
        }
        assert_eq!(conversation.row().await.head_seq, Seq(0));

        file.execute_batch("DROP TRIGGER broken").unwrap();
        for answer in send_together(&file, &conversation, (0..5).map(message).collect()).await {
            assert!(matches!(answer, Ok(Appended::New { .. })), "not {answer:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_another_process_writes_is_noticed() {
    on_sqlite_in_folder(async |bench, folder| {
        let (file, conversation) = (behind(folder), conversation(bench).await);
        let other = Sqlite::open(&folder.join("data.db"), &Options::default()).unwrap();
        let permit = conversation.system().await;
        for (seq, message) in (1..).zip(texts(&conversation, 4)) {
            let store: &dyn Store = if seq % 2 == 0 { &other } else { &*bench.store };
            let appended = store.append(&permit, message).await;
            assert!(
                matches!(appended, Ok(Appended::New { seq: Seq(now), .. }) if now == seq),
                "{appended:?}"
            );
        }
        file.execute_batch("UPDATE conversations SET version = version + 1").unwrap();
        let [message] = texts(&conversation, 1).try_into().unwrap();
        assert!(matches!(bench.store.append(&permit, message).await, Err(StoreError::Stale)));
    })
    .await;
}

#[tokio::test]
async fn acts_whose_commit_fails_all_fail() {
    on_sqlite_in_folder(async |bench, folder| {
        // What the act promises is looked at when it is committed.
        let begin = "CREATE TABLE promised (one INTEGER PRIMARY KEY);
                     CREATE TABLE promises (one INTEGER REFERENCES promised DEFERRABLE INITIALLY DEFERRED);
                     CREATE TRIGGER promise BEFORE INSERT ON messages WHEN new.via = 1
                     BEGIN INSERT INTO promises VALUES (1); END";
        fails_together(bench, folder, begin, "DROP TRIGGER promise").await;
    })
    .await;
}

#[tokio::test]
async fn what_was_answered_is_in_the_files_before_anything_is_closed() {
    on_sqlite_in_folder(async |bench, folder| {
        let conversation = conversation(bench).await;
        let sent = conversation.announce("hi").await;
        let copy = tempfile::tempdir().unwrap();
        for name in ["data.db", "data.db-wal"] {
            fs::copy(folder.join(name), copy.path().join(name)).unwrap();
        }
        let permit = conversation.system().await;
        let store = Sqlite::open(&copy.path().join("data.db"), &Options::default()).unwrap();
        assert_eq!(store.message(&permit, sent.id).await.unwrap().unwrap().seq, sent.seq);
        assert_eq!(store.check().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn what_a_killed_server_left_in_the_log_is_in_the_file_once_it_is_open_again() {
    on_sqlite_in_folder(async |bench, folder| {
        let sent = conversation(bench).await.announce("hi").await;
        let (killed, file) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for name in ["data.db", "data.db-wal"] {
            fs::copy(folder.join(name), killed.path().join(name)).unwrap();
        }
        let _open = Sqlite::open(&killed.path().join("data.db"), &Options::default()).unwrap();
        fs::copy(killed.path().join("data.db"), file.path().join("data.db")).unwrap();
        let newest: i64 =
            behind(file.path()).query_one("SELECT max(seq) FROM messages", [], |row| row.get(0)).unwrap();
        assert_eq!(newest, sent.seq.0);
    })
    .await;
}

#[tokio::test]
async fn acts_in_the_queue_are_done_when_the_store_is_dropped() {
    on_sqlite_in_folder(async |bench, folder| {
        let file = behind(folder);
        let store = Sqlite::open(&folder.join("data.db"), &Options::default()).unwrap();
        let before = commits(&file);
        let mut acts: Vec<Act<'_, _>> = (0..3).map(|_| Store::reserve(&store, 1)).collect();
        file.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert!(acts.iter_mut().all(waits));
        drop(acts);
        file.execute_batch("ROLLBACK").unwrap();
        drop(store);
        assert!(commits(&file) > before, "who asked is gone, and the acts are done");
        let reserved: i64 = file.query_one("SELECT reserved FROM commits", [], |row| row.get(0)).unwrap();
        assert_eq!(bench.store.reserve(1).await.unwrap().start, reserved + 1);
        assert_eq!(reserved, 3);
    })
    .await;
}

#[tokio::test]
async fn files_are_their_owners_alone() {
    on_sqlite_in_folder(async |bench, folder| {
        bench.store.ready().await.unwrap();
        bench.keys.ready().await.unwrap();
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{:?} has mode {mode:o}", entry.file_name());
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        let of = |name: &str| [name.to_owned(), format!("{name}-shm"), format!("{name}-wal")];
        assert_eq!(names, [of("data.db"), of("keys.db")].concat());
    })
    .await;
}

#[tokio::test]
async fn a_schema_of_a_newer_or_another_program_is_refused() {
    on_sqlite_in_folder(async |_, folder| {
        for (name, open) in [
            (
                "data.db",
                &(|path: &Path| Sqlite::open(path, &Options::default()).map(drop)) as &dyn Fn(&Path) -> _,
            ),
            ("keys.db", &|path: &Path| SqliteKeys::open(path).map(drop)),
        ] {
            let path = folder.join(name);
            let file = Connection::open(&path).unwrap();
            let refused = |what: &str| match open(&path) {
                Err(StoreError::Unavailable(why)) => assert!(why.contains(what), "{why}"),
                other => panic!("expected a refusal, not {other:?}"),
            };
            open(&path).unwrap();
            let newest: i64 = file
                .query_one("SELECT max(version) FROM refinery_schema_history", [], |row| row.get(0))
                .unwrap();
            file.execute(
                "INSERT INTO refinery_schema_history SELECT 99, 'later', applied_on, checksum
                 FROM refinery_schema_history WHERE version = 1",
                [],
            )
            .unwrap();
            let known = format!("its schema has version 99, and this program knows versions up to {newest}");
            refused(&known);
            file.execute("DELETE FROM refinery_schema_history WHERE version = 99", []).unwrap();
            file.execute("UPDATE refinery_schema_history SET checksum = '1'", []).unwrap();
            refused("its schema cannot be brought up to date");
        }
    })
    .await;
}
