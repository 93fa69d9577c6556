//! What the key store is asked, and what comes of it.

use snug_core::sealing::{MasterKeyError, OpenError, SealingError};
use snug_store::{Class, SecretName, StoreError, Wrapped};
use tokio::{
    sync::{Barrier, Semaphore},
    task::JoinSet,
};

use super::*;

#[tokio::test]
async fn a_page_of_fifty_authors_is_one_query() {
    let installation = Installation::new().await;
    let sealer = installation.server().await;
    let mut page = Vec::new();
    for n in 0..50 {
        let author = UserKey(100 + i64::from(n));
        make_user(&sealer, APP, author).await;
        let place = message(n, author, NOON.plus_ms(DAY_MS * i64::from(n % 7)));
        let sealed = sealer.seal(&place, &says(&format!("message {n}"))).await.unwrap();
        page.push((place, sealed));
    }

    let server = installation.server().await;
    let before = installation.keys.queries();
    let opener = server.opener(APP, page.iter().map(|(_, sealed)| sealed)).await.unwrap();
    assert_eq!(installation.keys.queries(), before + 1, "the app's own secret comes in the same query");
    for (n, (place, sealed)) in page.iter().enumerate() {
        assert!(opener.open(place, sealed).unwrap() == says(&format!("message {n}")));
    }
    server.opener(APP, page.iter().map(|(_, sealed)| sealed)).await.unwrap();
    assert_eq!(installation.keys.queries(), before + 1, "they are remembered");
}

#[tokio::test]
async fn sealing_for_many_is_one_query_and_a_send_is_none() {
    let installation = Installation::new().await;
    let sealer = installation.server().await;
    for n in 0..100 {
        make_user(&sealer, APP, UserKey(n)).await;
    }
    sealer.seal(&message(1, ANN, NOON), &says("first")).await.unwrap();
    let server = installation.server().await;
    let before = installation.keys.queries();
    let profiles: Vec<_> = (0..100)
        .map(|n| (Place::member_profile(APP, CONVERSATION, UserKey(n), 1), Default::default()))
        .collect();
    assert_eq!(server.seal_all(&profiles).await.unwrap().len(), 100);
    assert_eq!(installation.keys.queries(), before + 1);
    server.seal(&message(2, ANN, NOON), &says("second")).await.unwrap();
    assert_eq!(installation.keys.queries(), before + 2);
    server.seal(&message(3, ANN, NOON), &says("third")).await.unwrap();
    assert_eq!(installation.keys.queries(), before + 2);
}

/// An installation whose key store is made by `change`, with everything of an earlier one in it.
async fn changed(change: impl FnOnce(&mut MemoryKeys)) -> Installation {
    let earlier = Installation::new().await;
    let mut keys = MemoryKeys::default();
    change(&mut keys);
    for (name, wrapped) in earlier.keys.all() {
        keys.put(name, wrapped);
    }
    Installation { folder: earlier.folder, keys: Arc::new(keys) }
}

#[tokio::test]
async fn two_servers_that_make_the_same_secret_end_with_the_same_one() {
    let installation = changed(|keys| keys.meeting = Some(Barrier::new(2))).await;
    let (one, other) = (installation.server().await, installation.server().await);
    let (ours, theirs) = (message(1, ANN, NOON), message(2, ANN, NOON));
    let (body, other_body) = (says("one"), says("other"));
    let (sealed, other_sealed) = tokio::join!(async { one.seal(&ours, &body).await }, async {
        other.seal(&theirs, &other_body).await
    });
    assert_eq!(installation.keys.made(), 2, "both found none and made one");
    assert!(one.open_one(&theirs, &other_sealed.unwrap()).await.unwrap() == says("other"));
    assert!(other.open_one(&ours, &sealed.unwrap()).await.unwrap() == says("one"));
}

/// A server whose key store answers only when let.
async fn held_up() -> (Installation, Arc<Sealer>) {
    let installation = changed(|keys| keys.gate = Some(Semaphore::new(0))).await;
    let gate = installation.keys.gate.as_ref().unwrap();
    gate.add_permits(1);
    let sealer = Arc::new(installation.server().await);
    assert_eq!(gate.available_permits(), 0);
    (installation, sealer)
}

/// Runs everything that can run without the key store's answer.
async fn settle() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_first_messages_of_a_day_ask_once_and_make_one_secret() {
    let (installation, sealer) = held_up().await;
    // One that failed before is over: nobody waits for it.
    installation.keys.gate.as_ref().unwrap().add_permits(1);
    installation.keys.set_broken(true);
    sealer.seal(&message(0, ANN, NOON), &says("hi")).await.unwrap_err();
    installation.keys.set_broken(false);

    let before = installation.keys.queries();
    let mut sends = JoinSet::new();
    for n in 0..100 {
        let sealer = sealer.clone();
        sends.spawn(async move { sealer.seal(&message(n, ANN, NOON), &says("hi")).await.map(drop) });
    }
    settle().await;
    assert_eq!(installation.keys.queries(), before + 1, "one asks, and the others wait for it");
    installation.keys.gate.as_ref().unwrap().add_permits(1);
    while let Some(sent) = sends.join_next().await {
        sent.unwrap().unwrap();
    }
    assert_eq!((installation.keys.queries(), installation.keys.made()), (before + 1, 1));
}

#[tokio::test]
async fn who_waits_for_one_that_gives_up_goes_on_alone() {
    let (installation, sealer) = held_up().await;
    let gate = installation.keys.gate.as_ref().unwrap();
    let send = |n| {
        let sealer = sealer.clone();
        tokio::spawn(async move { sealer.seal(&message(n, ANN, NOON), &says("hi")).await.map(drop) })
    };
    let (first, second) = (send(1), send(2));
    settle().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    gate.add_permits(1);
    second.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_key_store_that_fails_fails_the_act_and_no_later_one() {
    let installation = Installation::new().await;
    let sealer = installation.server().await;
    installation.keys.set_broken(true);
    let failed = sealer.seal(&message(1, ANN, NOON), &says("hi")).await;
    assert!(matches!(failed, Err(SealingError::KeyStore(StoreError::Unavailable(_)))));
    assert!(sealer.ready().await.is_err());
    installation.keys.set_broken(false);
    sealer.seal(&message(1, ANN, NOON), &says("hi")).await.unwrap();
    sealer.ready().await.unwrap();
}

#[tokio::test]
async fn a_cache_too_small_for_the_page_still_opens_it() {
    let installation = Installation::new().await;
    let sealer = started(installation.folder.path(), &installation.keys, 0).await;
    let mut page = Vec::new();
    for n in 0..200 {
        let author = UserKey(1_000 + i64::from(n));
        make_user(&sealer, APP, author).await;
        let place = message(n, author, NOON);
        let sealed = sealer.seal(&place, &says("hi")).await.unwrap();
        page.push((place, sealed));
    }
    let before = installation.keys.queries();
    let opener = sealer.opener(APP, page.iter().map(|(_, sealed)| sealed)).await.unwrap();
    assert_eq!(installation.keys.queries(), before + 1);
    assert!(page.iter().all(|(place, sealed)| opener.open(place, sealed).is_ok()));
    sealer.opener(APP, page.iter().map(|(_, sealed)| sealed)).await.unwrap();
    assert_eq!(installation.keys.queries(), before + 2, "they were not all remembered");
}

#[tokio::test]
async fn another_master_key_is_refused_at_the_start_and_named() {
    let installation = Installation::new().await;
    let path = installation.folder.path().join("master.key");
    let ours = MasterKey::read(&path).await.unwrap().unwrap().print();
    std::fs::remove_file(&path).unwrap();

    // Without its file the key store is not given a new key, which would open nothing.
    let missing = MasterKey::at_start(&path, &*installation.keys, Random).await;
    assert!(matches!(missing, Err(MasterKeyError::Missing { .. })));
    assert!(!path.exists());

    let elsewhere = tempfile::tempdir().unwrap();
    let unused = MemoryKeys::default();
    let path = elsewhere.path().join("master.key");
    let theirs = MasterKey::at_start(&path, &unused, Random).await.unwrap();
    let print = theirs.print();
    let refused = Sealer::open(theirs, installation.keys.clone(), CACHE_BYTES, Random).await.err().unwrap();
    let said = refused.to_string();
    assert!(
        matches!(refused, SealingError::WrongMasterKey { needed, given } if needed == ours && given == print)
    );
    assert!(said.contains(&ours.to_string()) && said.contains(&print.to_string()), "{said}");
}

#[tokio::test]
async fn a_secret_under_another_name_or_changed_is_tampering_of_its_own_values_only() {
    let installation = Installation::new().await;
    let sealer = installation.server().await;
    let ben = UserKey(21);
    make_user(&sealer, APP, ben).await;
    let (anns, bens) = (message(1, ANN, NOON), message(2, ben, NOON));
    let from_ann = sealer.seal(&anns, &says("ann")).await.unwrap();
    let from_ben = sealer.seal(&bens, &says("ben")).await.unwrap();

    let kept = installation.keys.all();
    let swapped = kept[&SecretName::User(APP, ben)].clone();
    let mut changed = kept[&SecretName::User(APP, ANN)].clone();
    changed.0[40] ^= 1;
    for wrong in [swapped, changed, Wrapped([].into()), kept[&SecretName::App(APP)].clone()] {
        installation.keys.put(SecretName::User(APP, ANN), wrong);
        let server = installation.server().await;
        let opener = server.opener(APP, [&from_ann, &from_ben]).await.unwrap();
        assert_eq!(opener.open(&anns, &from_ann).err(), Some(OpenError::Tampered));
        assert!(opener.open(&bens, &from_ben).unwrap() == says("ben"));
    }
}

#[tokio::test]
async fn without_the_apps_secret_nothing_of_it_opens() {
    let installation = Installation::new().await;
    let sealer = installation.server().await;
    let place = message(1, ANN, NOON);
    let sealed = sealer.seal(&place, &says("hi")).await.unwrap();
    installation.keys.lose(SecretName::App(APP));
    let server = installation.server().await;
    let gone = server.open_one(&place, &sealed).await;
    assert!(matches!(gone, Err(SealingError::Open(OpenError::Unreadable))));
    assert!(matches!(server.keyed(APP).await, Err(SealingError::Open(OpenError::Unreadable))));
}

#[tokio::test]
async fn each_secret_is_made_by_what_brings_it_and_lies_there_wrapped() {
    let installation = Installation::new().await;
    let sealer = installation.server().await;
    sealer.seal(&message(1, ANN, NOON), &says("hi")).await.unwrap();
    let names = [
        SecretName::App(AppKey::INSTALLATION),
        SecretName::App(APP),
        SecretName::User(APP, ANN),
        SecretName::Conversation(APP, CONVERSATION),
        SecretName::Bucket { app: APP, class: Class::Messages, rule: 0, day: NOON.day() },
    ];
    assert_eq!(installation.keys.names(), names);
    assert!(installation.keys.all().values().all(|wrapped| wrapped.0.len() == 81));
}
