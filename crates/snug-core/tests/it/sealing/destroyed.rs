//! What is destroyed: gone at once, also for who held it a moment ago, and never made again.

use snug_core::sealing::{OpenError, SealingError};
use snug_model::users::Profile;
use snug_store::{Class, SecretName};
use tokio::sync::Semaphore;

use super::*;

const BEN: UserKey = UserKey(21);

fn bucket(at: Timestamp) -> SecretName {
    SecretName::Bucket { app: APP, class: Class::Messages, rule: 0, day: at.day() }
}

fn is_destroyed<T>(result: Result<T, SealingError>) -> bool {
    matches!(result, Err(SealingError::Open(OpenError::Destroyed)))
}

#[tokio::test]
async fn a_destroyed_secret_leaves_the_memory_of_a_running_server_at_once() {
    let destroyed = [SecretName::User(APP, ANN), bucket(NOON)];
    for name in destroyed {
        let installation = Installation::new().await;
        let server = installation.server().await;
        make_user(&server, APP, BEN).await;
        let (place, spared) = (message(1, ANN, NOON), message(2, BEN, NOON.plus_ms(DAY_MS)));
        let sealed = server.seal(&place, &says("hers")).await.unwrap();
        let other = server.seal(&spared, &says("his")).await.unwrap();
        assert!(server.open_one(&place, &sealed).await.is_ok(), "both are remembered");

        assert_eq!(server.destroy(&[name], NOON).await.unwrap(), 1);
        assert!(is_destroyed(server.open_one(&place, &sealed).await), "{name:?}: it opened");
        assert!(is_destroyed(server.seal(&place, &says("more")).await), "{name:?}: it was sealed");
        assert!(server.open_one(&spared, &other).await.is_ok(), "{name:?}");

        let restarted = installation.server().await;
        assert!(is_destroyed(restarted.open_one(&place, &sealed).await), "{name:?}: after a restart");
        assert!(restarted.open_one(&spared, &other).await.is_ok(), "{name:?}: after a restart");
        assert_eq!(server.destroy(&[name], NOON).await.unwrap(), 0, "again, there is none");
    }
}

#[tokio::test]
async fn a_deleted_app_leaves_nothing_that_opens() {
    let installation = Installation::new().await;
    let server = installation.server().await;
    let other = AppKey(2);
    server.new_app(other).await.unwrap();
    make_user(&server, other, BEN).await;
    let (place, theirs) = (Place::user_profile(APP, ANN, 1), Place::user_profile(other, BEN, 1));
    let sealed = server.seal(&place, &Profile::default()).await.unwrap();
    let spared = server.seal(&theirs, &Profile::default()).await.unwrap();

    assert_eq!(server.destroy_app(APP, NOON).await.unwrap(), 2, "its person's and its conversation's");
    assert!(is_destroyed(server.open_one(&place, &sealed).await));
    assert!(is_destroyed(server.keyed(APP).await));
    assert!(is_destroyed(server.new_app(APP).await.map(drop)), "it is not made again");
    assert!(server.open_one(&theirs, &spared).await.is_ok());
    assert!(!installation.keys.names().iter().any(|name| format!("{name:?}").contains("AppKey(1)")));
}

#[tokio::test]
async fn what_is_destroyed_is_never_made_again() {
    let installation = Installation::new().await;
    let server = installation.server().await;
    let (never_made, cat) = (bucket(NOON.plus_ms(-DAY_MS)), UserKey(22));
    let names = [SecretName::User(APP, cat), SecretName::Conversation(APP, ConversationKey(11)), never_made];
    assert_eq!(server.destroy(&names, NOON).await.unwrap(), 0, "none of them was there");
    let cats = UserId::parse("cat").unwrap();
    assert!(is_destroyed(server.seal(&Place::user_id(APP, cat), &cats).await));
    let id = ConversationId::parse("gone").unwrap();
    assert!(is_destroyed(server.seal(&Place::conversation_id(APP, ConversationKey(11)), &id).await));
    // The first message of a day makes the day's secret, but not of a day that is over for good.
    let late = server.seal(&message(1, ANN, NOON.plus_ms(-DAY_MS)), &says("late")).await;
    assert!(is_destroyed(late));
}

#[tokio::test]
async fn who_asked_a_moment_before_does_not_remember_it() {
    let earlier = Installation::new().await;
    let before = earlier.server().await;
    let sealed = before.seal(&message(1, ANN, NOON), &says("hers")).await.unwrap();
    let mut keys = MemoryKeys::default();
    keys.held = Some(Semaphore::new(100));
    earlier.keys.all().into_iter().for_each(|(name, wrapped)| keys.put(name, wrapped));
    let installation = Installation { folder: earlier.folder, keys: Arc::new(keys) };
    let server = Arc::new(installation.server().await);
    let held = installation.keys.held.as_ref().unwrap();
    held.forget_permits(100);

    let asks = installation.keys.queries();
    let asking = {
        let (server, sealed) = (Arc::clone(&server), sealed.clone());
        tokio::spawn(async move { server.open_one(&message(1, ANN, NOON), &sealed).await })
    };
    while installation.keys.queries() == asks {
        tokio::task::yield_now().await;
    }
    // The key store has read what it will answer; now the secret is destroyed, and then it answers.
    server.destroy(&[SecretName::User(APP, ANN)], NOON).await.unwrap();
    held.add_permits(100);
    assert!(asking.await.unwrap().is_ok(), "who asked before may still see it");
    assert!(is_destroyed(server.open_one(&message(1, ANN, NOON), &sealed).await), "nobody after");
}

#[tokio::test]
async fn where_the_key_store_cannot_destroy_it_says_so() {
    let installation = Installation::new().await;
    let server = installation.server().await;
    let sealed = server.seal(&message(1, ANN, NOON), &says("hers")).await.unwrap();
    installation.keys.set_broken(true);
    assert!(matches!(
        server.destroy(&[SecretName::User(APP, ANN)], NOON).await,
        Err(SealingError::KeyStore(_))
    ));
    assert!(matches!(server.destroy_app(APP, NOON).await, Err(SealingError::KeyStore(_))));
    installation.keys.set_broken(false);
    assert!(server.open_one(&message(1, ANN, NOON), &sealed).await.is_ok(), "nothing was destroyed");
}
