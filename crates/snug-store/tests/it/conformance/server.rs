//! What serves the server itself.

use std::collections::BTreeSet;

use snug_model::{Seq, Timestamp, ids::Region};
use snug_store::StoreError;
use tokio::task::JoinSet;

use crate::bench::Bench;

on_both! {
    a_reserved_number_is_nobody_elses
    a_store_is_ready
    rows_are_counted_as_they_are_read
    what_was_answered_is_there_after_a_restart
    a_permit_of_one_app_is_of_no_use_in_another
    data_belongs_to_one_region_for_good
}

async fn a_reserved_number_is_nobody_elses(bench: &mut Bench) {
    let mut tasks = JoinSet::new();
    for count in 1..=20 {
        let store = std::sync::Arc::clone(&bench.store);
        tasks.spawn(async move {
            let range = store.reserve(count).await.expect("numbers can be reserved");
            assert_eq!(range.end - range.start, i64::from(count));
            range
        });
    }
    let numbers: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert!(numbers.iter().all(|number| *number > 0), "0 stands for nothing");
    let distinct: BTreeSet<_> = numbers.iter().copied().collect();
    assert_eq!(distinct.len(), numbers.len());
    bench.reopen().await;
    let after = bench.store.reserve(1).await.unwrap().start;
    assert!(!distinct.contains(&after), "a restart gives no number twice");
}

async fn a_store_is_ready(bench: &mut Bench) {
    bench.store.ready().await.unwrap();
    bench.reopen().await;
    bench.store.ready().await.unwrap();
}

async fn rows_are_counted_as_they_are_read(bench: &mut Bench) {
    let app = bench.app("one").await;
    let mut users = Vec::new();
    for number in 0..50 {
        users.push(app.user(&format!("{number}")).await);
    }
    let permit = app.system().await;
    let (few, found) = bench.rows_read(app.store.people(&permit, &users[..10])).await;
    assert_eq!(found.unwrap().len(), 10);
    let (many, found) = bench.rows_read(app.store.people(&permit, &users)).await;
    assert_eq!(found.unwrap().len(), 50);
    assert!(few >= 10 && many == few + 40, "{few} and {many}");
}

async fn what_was_answered_is_there_after_a_restart(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    let sent = conversation.send(ann, "hi").await;
    conversation.edit(sent.id, 2, "hi all").await.unwrap();
    conversation.react(bob, sent.id, "a", true).await.unwrap();
    conversation.mark(bob, Seq(1), false).await.unwrap();
    conversation.ban(bob, Some(Timestamp::NEVER)).await;
    let before = (app.record().await, app.user_row(ann).await, conversation.row().await);
    let members = (conversation.member(ann).await, conversation.member(bob).await);
    let message = conversation.message_row(sent.id).await;
    let permit = conversation.client(ann).await;
    bench.reopen().await;
    let (app, conversation) = (app.on(bench), conversation.on(bench));
    assert_eq!((app.record().await, app.user_row(ann).await, conversation.row().await), before);
    assert_eq!((conversation.member(ann).await, conversation.member(bob).await), members);
    assert_eq!(conversation.message_row(sent.id).await, message);
    app.store.message(&permit, sent.id).await.expect("a permit outlives a restart as long as its facts do");
}

async fn data_belongs_to_one_region_for_good(bench: &mut Bench) {
    let [eu, us] = ["eu", "us"].map(|name| Region::parse(name).unwrap());
    assert_eq!(bench.store.claim_region(&eu).await.unwrap(), eu);
    assert_eq!(bench.store.claim_region(&us).await.unwrap(), eu);
    bench.reopen().await;
    assert_eq!(bench.store.claim_region(&us).await.unwrap(), eu);
}

/// Row numbers are unique in the installation, and versions may be equal: only the app keeps two apps apart.
async fn a_permit_of_one_app_is_of_no_use_in_another(bench: &mut Bench) {
    let (one, two) = (bench.app("one").await, bench.app("two").await);
    let (ann, bob) = (one.user("ann").await, two.user("bob").await);
    let theirs = two.conversation("c", &[bob]).await;
    let sent = theirs.send(bob, "hi").await;
    // A permit of the first app that names the second one's conversation, its version included.
    let mut facts = theirs.facts(bob).await;
    facts.app = one.conversation("c", &[ann]).await.facts(ann).await.app;
    let actor = snug_model::Actor::System(one.key);
    let forged =
        snug_model::policy::decide(&actor, &snug_model::Action::ReadMessages, &facts, one.now()).unwrap();
    refused!(one.store.message(&forged, sent.id), StoreError::Stale);
    refused!(one.store.delete_message(&forged, sent.id, one.now()), StoreError::Stale);
    refused!(one.store.inbox_item(&forged, bob), StoreError::Stale);
    let message = theirs.message(snug_store::SenderRow::System, "forged");
    refused!(one.store.append(&forged, message), StoreError::Stale);
    assert_eq!(theirs.row().await.head_seq, Seq(1));
}
