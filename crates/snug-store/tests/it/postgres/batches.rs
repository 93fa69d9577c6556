//! Appends that share a commit.

use futures_util::future::join_all;
use snug_model::{Rev, Seq};
use snug_store::{Appended, NewMessage, SenderRow, StoreError, Unique, postgres::Options};

use super::{Session, open, two};
use crate::bench::{mac, message_id, on_postgres, seal};

/// While one append is held up, the others gather behind it, and are committed together: each has its own answer, in the
/// order in which they came.
#[tokio::test]
async fn a_batch_is_answered_in_order_and_each_by_itself() {
    on_postgres(async |bench| {
        let (app, ann, conversation) = two(bench).await;
        let second = app.conversation("d", &[ann]).await;
        let store = open(bench.postgres_url(), Options { committers: 1, ..Options::default() }).await;
        let stale = conversation.client(ann).await;
        let archived = snug_store::ConversationEdit { frozen: true, ..conversation.unchanged().await };
        conversation.edit_conversation(archived).await.unwrap();
        let open_again = snug_store::ConversationEdit { frozen: false, ..conversation.unchanged().await };
        conversation.edit_conversation(open_again).await.unwrap();
        let (permit, other) = (conversation.client(ann).await, second.client(ann).await);
        let message = |text: &str| conversation.message(SenderRow::User(ann), text);
        let old = message("old");
        let known = conversation.append(&permit, old.clone()).await.unwrap();

        let gate = Session::start(bench.postgres_url()).await;
        gate.run("BEGIN; LOCK TABLE messages IN EXCLUSIVE MODE").await;
        let held_up = store.append(&permit, message("held up"));
        tokio::pin!(held_up);
        let watcher = Session::start(bench.postgres_url()).await;
        tokio::select! {
            biased;
            _ = &mut held_up => panic!("nothing holds it up"),
            () = watcher.until_waiting(1) => {}
        }
        let (first, last) = (message("first"), message("last"));
        let batch = [
            (&permit, first.clone()),
            (&stale, message("stale")),
            (&permit, old.clone()),
            (&permit, NewMessage { draft: mac("another"), body: seal("another"), ..old }),
            (&permit, NewMessage { sender: SenderRow::System, ..first.clone() }),
            (&permit, NewMessage { reply_to: Some(message_id(-1)), ..message("to nothing") }),
            (&other, second.message(SenderRow::User(ann), "elsewhere")),
            (&permit, first.clone()),
            (&permit, NewMessage { reply_to: Some(first.id), ..last.clone() }),
        ];
        let answers = join_all(batch.into_iter().map(|(permit, message)| store.append(permit, message)));
        tokio::pin!(answers);
        // Asked once, each is in the queue.
        tokio::select! {
            biased;
            _ = &mut answers => panic!("nothing holds them up"),
            () = std::future::ready(()) => {}
        }
        gate.run("ROLLBACK").await;
        assert!(matches!(held_up.await, Ok(Appended::New { seq: Seq(2), rev: Rev(4) })));
        let answers = answers.await;
        let new = |seq, rev| Appended::New { seq: Seq(seq), rev: Rev(rev) };
        assert_eq!(*answers[0].as_ref().unwrap(), new(3, 5));
        assert!(matches!(answers[1], Err(StoreError::Stale)), "{:?}", answers[1]);
        match &answers[2] {
            Ok(Appended::Repeat(row)) => {
                assert_eq!((row.id, row.seq, row.rev), (known.id, known.seq, known.rev))
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(answers[3], Err(StoreError::Taken(Unique::Message))), "{:?}", answers[3]);
        assert!(matches!(answers[4], Err(StoreError::Taken(Unique::Message))), "{:?}", answers[4]);
        assert!(matches!(answers[5], Err(StoreError::NotFound)), "{:?}", answers[5]);
        assert_eq!(*answers[6].as_ref().unwrap(), new(1, 1));
        match &answers[7] {
            Ok(Appended::Repeat(row)) => assert_eq!((row.id, row.seq, row.rev), (first.id, Seq(3), Rev(5))),
            other => panic!("{other:?}"),
        }
        assert_eq!(*answers[8].as_ref().unwrap(), new(4, 6));
        assert_eq!(conversation.message_row(last.id).await.reply_to, Some(first.id));
        let commits = "SELECT count(DISTINCT xmin::text) FROM messages WHERE seq > 2 OR conversation <> (
                           SELECT min(conversation) FROM conversations)";
        assert_eq!(watcher.number(commits).await, 1, "they shared a commit");
    })
    .await;
}
