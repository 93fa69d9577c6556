//! Erasures: what they count; and how the data follows the key store's ledger.

use snug_model::{AppKey, ConversationKey, JobId, Timestamp, UserKey};
use snug_store::{
    Anew, AppRef, Class, ConversationRef, ErasureCounts, InboxQuery, JobKind, JobState, SecretName, UserRef,
    Viewer,
};

use crate::bench::{App, Bench, id_mac};

on_both! {
    an_erasure_counts_what_there_was
    the_data_follows_the_ledger_and_never_goes_back
    what_was_destroyed_is_erased_and_deleted_again
    restored_data_goes_on_with_other_epochs_and_numbers
}

/// Works on a job, so many rows a step, until it is done; how many steps that took.
async fn work(app: &App, id: &JobId, rows: i64) -> usize {
    for steps in 1.. {
        if app.store.work_job(id, rows, app.now(), app.now()).await.unwrap().state == JobState::Done {
            return steps;
        }
    }
    unreachable!()
}

async fn an_erasure_counts_what_there_was(bench: &mut Bench) {
    for rows in [1, 3, 1_000] {
        let app = bench.app(&format!("a{rows}")).await;
        let (ann, bob) = (app.user("ann").await, app.user("bob").await);
        let (first, second) =
            (app.conversation("c1", &[ann, bob]).await, app.conversation("c2", &[ann]).await);
        app.conversation("c3", &[bob]).await;
        let hers = first.send(ann, "one").await;
        let his = first.send(bob, "two").await;
        for _ in 0..5 {
            second.send(ann, "more").await;
        }
        first.edit(hers.id, 2, "edited").await.unwrap();
        first.react(ann, his.id, "👍", true).await.unwrap();
        first.react(bob, hers.id, "👍", true).await.unwrap();
        let job = app.job(JobKind::EraseUser(ann));
        let system = app.system().await;
        app.store.erase_user(&system, ann, job.clone()).await.unwrap();
        let before = app.store.erasure(&system, &job.id).await.unwrap().unwrap();
        assert_eq!((before.counts.memberships, before.counts.messages), (2, 0));
        work(&app, &job.id, rows).await;
        let done = app.store.erasure(&system, &job.id).await.unwrap().unwrap();
        let counts = ErasureCounts {
            memberships: 2,
            messages: 6,
            versions: 1,
            reactions: 1,
            ..ErasureCounts::default()
        };
        assert_eq!((done.counts, done.job.state), (counts, JobState::Done), "{rows} rows a step");
        let other = bench.app(&format!("b{rows}")).await;
        assert_eq!(other.store.erasure(&other.system().await, &job.id).await.unwrap(), None);
        let purge = app.job(JobKind::Purge { dry_run: true });
        app.store.begin_purge(&system, purge.clone(), true).await.unwrap();
        assert_eq!(app.store.erasure(&system, &purge.id).await.unwrap(), None);
    }
}

async fn the_data_follows_the_ledger_and_never_goes_back(bench: &mut Bench) {
    assert_eq!(bench.store.followed().await.unwrap().position, 0);
    for (noted, expected) in [(7, 7), (3, 7), (9, 9)] {
        bench.store.note_followed(noted).await.unwrap();
        assert_eq!(bench.store.followed().await.unwrap().position, expected);
    }
    bench.reopen().await;
    let followed = bench.store.followed().await.unwrap();
    assert_eq!((followed.position, followed.restored_at), (9, Timestamp(0)));
}

async fn what_was_destroyed_is_erased_and_deleted_again(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let (doomed, spared) =
        (app.conversation("c1", &[ann, bob]).await, app.conversation("c2", &[ann, bob]).await);
    let user = |key| SecretName::User(app.key, key);
    let conversation = SecretName::Conversation(app.key, doomed.key);
    let day = SecretName::Bucket { app: app.key, class: Class::Messages, rule: 0, day: 1 };
    let redo = async |name, kind| app.store.redo(name, app.job(kind)).await.unwrap();
    // Of another app, never made, and of no row.
    let elsewhere = SecretName::User(other.key, ann);
    assert!(!redo(elsewhere, JobKind::EraseUser(ann)).await);
    assert!(!redo(user(UserKey(9_999)), JobKind::EraseUser(UserKey(9_999))).await);
    let nowhere = ConversationKey(9_999);
    let gone = SecretName::Conversation(app.key, nowhere);
    assert!(!redo(gone, JobKind::PurgeConversation(nowhere)).await);
    assert!(!redo(SecretName::App(AppKey(9_999)), JobKind::DeleteApp).await);
    assert!(!redo(day, JobKind::DeleteApp).await);
    assert!(app.store.claim_job(app.now(), app.now()).await.unwrap().is_none(), "nothing is to be done");

    for again in [false, true] {
        assert_eq!(redo(user(ann), JobKind::EraseUser(ann)).await, !again);
        assert_eq!(redo(conversation, JobKind::PurgeConversation(doomed.key)).await, !again);
    }
    let row = app.store.user(app.key, UserRef::Key(ann)).await.unwrap().unwrap();
    assert!(row.erased_at.is_some() && row.id.is_none() && row.profile.is_none());
    assert!(app.store.user(app.key, UserRef::Id(id_mac("bob"))).await.unwrap().unwrap().erased_at.is_none());
    let found = async |key| {
        app.store.conversation(app.key, ConversationRef::Key(key), Viewer::Anyone).await.unwrap().is_some()
    };
    assert!(!found(doomed.key).await && found(spared.key).await);
    for _ in 0..2 {
        let later = Timestamp(app.now().0 + 60_000);
        let job = app.store.claim_job(app.now(), later).await.unwrap().expect("its job");
        work(&app, &job.id, 2).await;
    }
    assert!(app.store.claim_job(app.now(), app.now()).await.unwrap().is_none());
    let inbox = InboxQuery::Page { below: None, unread: false, limit: 10 };
    let bobs = app.store.inbox(&app.system().await, bob, inbox).await.unwrap();
    assert_eq!(bobs.items.iter().map(|row| row.conversation.key).collect::<Vec<_>>(), [spared.key]);
    assert!(bench.store.check().await.unwrap().is_empty());

    for again in [false, true] {
        let deleted = app.store.redo(SecretName::App(app.key), app.job(JobKind::DeleteApp)).await.unwrap();
        assert_eq!(deleted, !again);
    }
    let record = app.store.app(AppRef::Key(app.key), app.now()).await.unwrap().unwrap();
    assert!(record.app.deleted_at.is_some());
}

async fn restored_data_goes_on_with_other_epochs_and_numbers(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let mut conversations = Vec::new();
    for name in ["c1", "c2", "c3"] {
        conversations.push(app.conversation(name, &[ann]).await);
    }
    let mut before = Vec::new();
    for conversation in &conversations {
        before.push(conversation.row().await.epoch);
    }
    let beyond = bench.store.reserve(1).await.unwrap().start + 1_000;
    let at = Timestamp(1_795_000_000_000);
    bench.store.begin_anew(Anew { at, beyond, epochs: 0x8123_4567_89ab_cdef }).await.unwrap();
    assert_eq!(bench.store.followed().await.unwrap().restored_at, at);
    let mut after = Vec::new();
    for conversation in &conversations {
        after.push(conversation.row().await.epoch);
    }
    assert!(after.iter().all(|epoch| !before.contains(epoch)), "{before:?} {after:?}");
    assert!(bench.store.reserve(1).await.unwrap().start > beyond);
    // It never gives a number that it has given itself.
    let next = bench.store.reserve(1).await.unwrap().start;
    bench.store.begin_anew(Anew { at, beyond: 0, epochs: 1 }).await.unwrap();
    assert!(bench.store.reserve(1).await.unwrap().start > next);
    conversations[0].send(ann, "it goes on").await;
    assert!(bench.store.check().await.unwrap().is_empty());
}
