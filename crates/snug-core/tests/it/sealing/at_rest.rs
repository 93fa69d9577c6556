//! Over the embedded key store: what one server made, another one finds, in the file and after it.

use snug_core::sealing::{OpenError, SealingError};
use snug_store::{KeyStore, sqlite::SqliteKeys};
use tokio::sync::Semaphore;

use super::*;

/// A server over the key store in `folder`, opened anew as by a process of its own.
async fn server(folder: &Path) -> Sealer {
    let keys = Arc::new(SqliteKeys::open(&folder.join("keys.db")).unwrap());
    let master = MasterKey::at_start(&folder.join("master.key"), &*keys, Random).await.unwrap();
    Sealer::open(master, keys, CACHE_BYTES, Random).await.unwrap()
}

#[tokio::test]
async fn a_restarted_server_opens_what_the_one_before_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let place = message(1, ANN, NOON);
    let (sealed, mac) = {
        let server = server(folder.path()).await;
        server.new_app(APP).await.unwrap();
        make_user(&server, APP, ANN).await;
        let mac = server.keyed(APP).await.unwrap().macs.jti("1");
        (server.seal(&place, &says("hi")).await.unwrap(), mac)
    };
    let restarted = server(folder.path()).await;
    assert!(restarted.open_one(&place, &sealed).await.unwrap() == says("hi"));
    assert_eq!(restarted.keyed(APP).await.unwrap().macs.jti("1"), mac);
}

#[tokio::test]
async fn two_processes_that_begin_at_once_agree() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = tokio::join!(server(folder.path()), server(folder.path()));
    let (ours, theirs) = tokio::join!(one.new_app(APP), other.new_app(APP));
    let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
    assert_eq!(ours.macs.jti("1"), theirs.macs.jti("1"));
    tokio::join!(make_user(&one, APP, ANN), make_user(&other, APP, ANN));
    for n in 0..20 {
        // The first message of a day, on both at the same time.
        let at = NOON.plus_ms(DAY_MS * i64::from(n));
        let (place, body) = (message(n, ANN, at), says("hi"));
        let (sealed, again) = tokio::join!(one.seal(&place, &body), other.seal(&place, &body));
        assert!(other.open_one(&place, &sealed.unwrap()).await.unwrap() == body, "day {n}");
        assert!(one.open_one(&place, &again.unwrap()).await.unwrap() == body, "day {n}");
    }
}

#[tokio::test]
async fn who_begins_while_another_does_takes_its_master_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let mut late = MemoryKeys::default();
    late.gate = Some(Semaphore::new(0));
    let late = Arc::new(late);
    let starting = {
        let (path, late) = (path.clone(), Arc::clone(&late));
        tokio::spawn(async move { MasterKey::at_start(&path, &*late, Random).await.map(|key| key.print()) })
    };
    while late.queries() == 0 {
        tokio::task::yield_now().await;
    }
    // It has seen that there is no file, and not yet what is in the key store.
    let first = Arc::new(MemoryKeys::default());
    let master = MasterKey::at_start(&path, &*first, Random).await.unwrap();
    let print = master.print();
    Sealer::open(master, first.clone(), CACHE_BYTES, Random).await.unwrap();
    first.all().into_iter().for_each(|(name, wrapped)| late.put(name, wrapped));
    late.gate.as_ref().unwrap().add_permits(1);
    assert_eq!(starting.await.unwrap().unwrap(), print);
}

#[tokio::test]
async fn a_key_store_of_another_installation_is_refused() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    server(ours.path()).await;
    server(theirs.path()).await;
    let keys = Arc::new(SqliteKeys::open(&theirs.path().join("keys.db")).unwrap());
    let master = MasterKey::read(&ours.path().join("master.key")).await.unwrap().unwrap();
    let refused = Sealer::open(master, keys.clone(), CACHE_BYTES, Random).await;
    assert!(matches!(refused, Err(SealingError::WrongMasterKey { .. })));
    keys.ready().await.unwrap();
}

#[tokio::test]
async fn an_app_that_was_never_made_has_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path()).await;
    assert!(matches!(server.keyed(APP).await, Err(SealingError::Open(OpenError::Unreadable))));
}
