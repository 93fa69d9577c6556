//! Slow mode: how long one waits between two messages of one's own.

use snug_model::{Action, Permit, Timestamp, UserKey, roles};
use snug_store::{Appended, ConversationEdit, NewMessage, SenderRow, StoreError, StoreResult};

use crate::bench::{Bench, Conversation, message_id};

on_both! {
    one_waits_between_two_messages
    of_messages_sent_at_once_one_passes
    a_permit_from_before_it_was_slow_is_stale
}

const PAUSE_S: u32 = 30;

async fn slow(bench: &mut Bench) -> (Conversation, [UserKey; 2]) {
    let app = bench.app("one").await;
    let users = [app.user("ann").await, app.user("bob").await];
    let conversation = app.conversation("c", &users).await;
    slow_down(&conversation).await;
    (conversation, users)
}

async fn slow_down(conversation: &Conversation) {
    let edit = ConversationEdit { slow_mode_s: PAUSE_S, ..conversation.unchanged().await };
    let row = conversation.app.store.edit_conversation(&conversation.system().await, edit).await.unwrap();
    assert_eq!(row.slow_mode_s, PAUSE_S);
}

async fn sender(conversation: &Conversation, user: UserKey) -> Permit {
    conversation.decide(user, &Action::SendMessage { as_user: false }).await.unwrap()
}

fn said(conversation: &Conversation, user: UserKey, text: &str, at: i64) -> NewMessage {
    NewMessage { at: Timestamp(at), ..conversation.message(SenderRow::User(user), text) }
}

#[track_caller]
fn too_soon(answer: StoreResult<Appended>, left_ms: u64) {
    match answer {
        Err(StoreError::TooSoon { retry_after_ms }) => assert_eq!(retry_after_ms, left_ms),
        other => panic!("it passed, or failed otherwise: {other:?}"),
    }
}

async fn one_waits_between_two_messages(bench: &mut Bench) {
    let (conversation, [ann, bob]) = slow(bench).await;
    let store = &conversation.app.store;
    let permit = sender(&conversation, ann).await;
    let first = said(&conversation, ann, "one", 1_000);
    store.append(&permit, first.clone()).await.unwrap();
    too_soon(store.append(&permit, said(&conversation, ann, "two", 30_999)).await, 1);
    // Others wait for their own words alone, and the server for nobody's.
    store.append(&sender(&conversation, bob).await, said(&conversation, bob, "mine", 2_000)).await.unwrap();
    let system = conversation.system().await;
    store.append(&system, said(&conversation, ann, "in her name", 3_000)).await.unwrap();
    too_soon(store.append(&permit, said(&conversation, ann, "two", 31_000)).await, 2_000);
    // A repeat costs nothing, and what was refused has left nothing.
    assert!(matches!(store.append(&permit, first).await, Ok(Appended::Repeat(_))));
    assert_eq!(conversation.row().await.head_seq.0, 3);
    store.append(&permit, said(&conversation, ann, "two", 33_000)).await.unwrap();
    // Of those that come together each is answered by itself.
    let both = vec![said(&conversation, ann, "three", 70_000), said(&conversation, ann, "four", 70_000)];
    let mut answers = store.append_all(&permit, both).await.unwrap();
    too_soon(answers.pop().unwrap(), 30_000);
    assert!(matches!(answers.pop().unwrap(), Ok(Appended::New { .. })));
    // Who keeps order does not wait.
    let moderator = snug_store::MemberEdit {
        role: Some(conversation.app.role(roles::MODERATOR)),
        ..conversation.member_edit(ann)
    };
    conversation.edit_member(moderator).await.unwrap();
    let permit = sender(&conversation, ann).await;
    store.append(&permit, said(&conversation, ann, "five", 70_001)).await.unwrap();
}

async fn of_messages_sent_at_once_one_passes(bench: &mut Bench) {
    let (conversation, [ann, _]) = slow(bench).await;
    let permit = sender(&conversation, ann).await;
    let sends = (0..20).map(|count| {
        let (store, permit) = (conversation.app.store.clone(), permit.clone());
        let id = message_id(conversation.app.number());
        let message = NewMessage { id, ..said(&conversation, ann, "at once", 1_000 + count) };
        tokio::spawn(async move { store.append(&permit, message).await })
    });
    let mut passed = 0;
    for send in sends.collect::<Vec<_>>() {
        match send.await.unwrap() {
            Ok(Appended::New { .. }) => passed += 1,
            Err(StoreError::TooSoon { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((passed, conversation.row().await.head_seq.0), (1, 1));
}

async fn a_permit_from_before_it_was_slow_is_stale(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let conversation = app.conversation("c", &[ann]).await;
    let permit = sender(&conversation, ann).await;
    for text in ["one", "two"] {
        app.store.append(&permit, said(&conversation, ann, text, 1_000)).await.unwrap();
    }
    slow_down(&conversation).await;
    refused!(app.store.append(&permit, said(&conversation, ann, "three", 1_000)), StoreError::Stale);
}
