//! Keys are replaced while everybody goes on.

use std::fs;

use snug_core::sealing::{KeySource, MasterKeyError, OpenError, SealingError};
use snug_model::{secret::SecretText, users::Profile};
use snug_store::{Kept, KeyStore, SecretName};
use tokio::sync::Semaphore;

use super::*;

/// As many people as two commits of a replacement.
const PEOPLE: i64 = 620;

/// An installation with many people, each with a message; the messages, sealed.
async fn crowded() -> (Installation, Vec<(UserKey, snug_store::Sealed)>) {
    let installation = Installation::new().await;
    let server = installation.server().await;
    let mut messages = Vec::new();
    for n in 0..PEOPLE {
        let user = UserKey(1_000 + n);
        make_user(&server, APP, user).await;
        messages.push((user, server.seal(&message(1, user, NOON), &says("words")).await.unwrap()));
    }
    (installation, messages)
}

async fn all_open(server: &Sealer, messages: &[(UserKey, snug_store::Sealed)]) {
    let opener = server.opener(APP, messages.iter().map(|(_, sealed)| sealed)).await.unwrap();
    for (user, sealed) in messages {
        assert!(opener.open(&message(1, *user, NOON), sealed).unwrap() == says("words"), "{user}");
    }
}

async fn kept(installation: &Installation, name: SecretName) -> Kept {
    installation.keys.secrets(&[name]).await.unwrap().pop().unwrap()
}

#[tokio::test]
async fn an_apps_secrets_are_wrapped_anew_and_everything_opens() {
    let (installation, messages) = crowded().await;
    let (running, mut before) = (installation.server().await, installation.keys.all());
    for round in 1..=3 {
        let mut told = Vec::new();
        let rotated = running.rotate_app(APP, |secrets| told.push(secrets)).await.unwrap();
        // People, the conversation, the first person, the day.
        assert_eq!((rotated.secrets, rotated.unreadable), (PEOPLE as u64 + 3, 0), "round {round}");
        assert_eq!(told, [500, PEOPLE as u64 + 3]);
        assert_eq!(kept(&installation, SecretName::WrappingBefore(APP)).await, Kept::Nothing);
        all_open(&running, &messages).await;
        all_open(&installation.server().await, &messages).await;
        let after = installation.keys.all();
        let same = after.iter().filter(|(name, wrapped)| before.get(name) == Some(*wrapped));
        let same: Vec<_> = same.map(|(name, _)| *name).collect();
        assert_eq!(same, [SecretName::App(AppKey::INSTALLATION)], "all others are wrapped anew");
        before = after;
    }
    assert!(installation.server().await.keyed(APP).await.is_ok());
}

#[tokio::test]
async fn an_old_copy_of_the_key_store_opens_nothing_beside_what_wraps_now() {
    let (installation, messages) = crowded().await;
    let server = installation.server().await;
    server.rotate_app(APP, |_| ()).await.unwrap();
    let old = installation.keys.all();
    server.rotate_app(APP, |_| ()).await.unwrap();
    // Whoever puts what was wrapped before in its place again, has nothing that unwraps it.
    for (user, _) in &messages {
        let name = SecretName::User(APP, *user);
        installation.keys.put(name, old[&name].clone());
    }
    let server = installation.server().await;
    let opener = server.opener(APP, messages.iter().map(|(_, sealed)| sealed)).await.unwrap();
    for (user, sealed) in &messages {
        let opened = opener.open(&message(1, *user, NOON), sealed);
        assert_eq!(opened.err(), Some(OpenError::Tampered));
    }
}

#[tokio::test]
async fn the_master_key_is_replaced_beside_a_running_server() {
    let (installation, messages) = crowded().await;
    let path = installation.folder.path().join("master.key");
    let running = installation.server().await;
    let command = installation.server().await;
    command.rotate_app(APP, |_| ()).await.unwrap();
    command.new_app(AppKey(2)).await.unwrap();
    let old = fs::read_to_string(&path).unwrap();
    let rotated = command.rotate_master(|_| ()).await.unwrap();
    assert_eq!((rotated.secrets, rotated.unreadable, rotated.old_is_left), (3, 0, false));
    let new = fs::read_to_string(&path).unwrap();
    assert_eq!((new.lines().count(), old.lines().count()), (2, 2), "each has one key");
    assert_ne!(new, old);

    // The running server has nothing in memory but the old key; it finds the new one where it is.
    all_open(&running, &messages).await;
    running.new_app(AppKey(3)).await.unwrap();
    let cold = installation.server().await;
    all_open(&cold, &messages).await;
    assert!(cold.keyed(AppKey(2)).await.is_ok() && cold.keyed(AppKey(3)).await.is_ok());
    fs::write(&path, old).unwrap();
    let master = MasterKey::at_start(&path, &*installation.keys, Random).await.unwrap();
    let refused = Sealer::open(master, installation.keys.clone(), CACHE_BYTES, Random).await;
    assert!(matches!(refused, Err(SealingError::WrongMasterKey { .. })), "the old key opens nothing");
}

#[tokio::test]
async fn what_was_interrupted_goes_on() {
    let (installation, messages) = crowded().await;
    for acts in 0..7 {
        let server = installation.server().await;
        installation.keys.break_after(acts);
        let app = server.rotate_app(APP, |_| ()).await;
        let master = server.rotate_master(|_| ()).await;
        installation.keys.set_broken(false);
        // The app: it is begun, two pages, and ended; the master key: the installation and the app.
        assert_eq!(acts < 6, app.is_err() || master.is_err(), "after {acts} acts");
        all_open(&installation.server().await, &messages).await;
        assert_eq!(server.rotate_app(APP, |_| ()).await.unwrap().unreadable, 0);
        let rotated = server.rotate_master(|_| ()).await.unwrap();
        assert!(!rotated.old_is_left);
        assert_eq!(kept(&installation, SecretName::WrappingBefore(APP)).await, Kept::Nothing);
        all_open(&installation.server().await, &messages).await;
    }
}

#[tokio::test]
async fn nothing_is_kept_under_a_key_that_was_replaced_meanwhile() {
    for master in [false, true] {
        let earlier = Installation::new().await;
        let mut keys = MemoryKeys::default();
        keys.held = Some(Semaphore::new(1_000));
        earlier.keys.all().into_iter().for_each(|(name, wrapped)| keys.put(name, wrapped));
        let installation = Installation { folder: earlier.folder, keys: Arc::new(keys) };
        let (running, command) = (Arc::new(installation.server().await), installation.server().await);
        let held = installation.keys.held.as_ref().unwrap();
        held.forget_permits(1_000);
        let asks = installation.keys.queries();
        let making = {
            let running = Arc::clone(&running);
            tokio::spawn(async move {
                match master {
                    true => running.new_app(AppKey(9)).await.map(drop),
                    false => {
                        let id = UserId::parse("new").unwrap();
                        running.seal(&Place::user_id(APP, UserKey(99)), &id).await.map(drop)
                    }
                }
            })
        };
        while installation.keys.queries() == asks {
            tokio::task::yield_now().await;
        }
        // It has read what wraps now, and not yet made the new secret.
        installation.keys.let_pass.store(true, std::sync::atomic::Ordering::SeqCst);
        match master {
            true => command.rotate_master(|_| ()).await.map(drop).unwrap(),
            false => command.rotate_app(APP, |_| ()).await.map(drop).unwrap(),
        }
        held.add_permits(1);
        making.await.unwrap().unwrap();
        let cold = installation.server().await;
        match master {
            true => drop(cold.keyed(AppKey(9)).await.unwrap()),
            false => {
                drop(cold.seal(&Place::user_profile(APP, UserKey(99), 1), &Profile::default()).await.unwrap())
            }
        }
    }
}

#[tokio::test]
async fn a_new_secret_is_taken_though_it_is_wrapped_anew_at_once() {
    let earlier = Installation::new().await;
    let mut keys = MemoryKeys::default();
    keys.kept_then = Some(Semaphore::new(1_000));
    earlier.keys.all().into_iter().for_each(|(name, wrapped)| keys.put(name, wrapped));
    let installation = Installation { folder: earlier.folder, keys: Arc::new(keys) };
    let (running, command) = (Arc::new(installation.server().await), installation.server().await);
    let kept_then = installation.keys.kept_then.as_ref().unwrap();
    kept_then.forget_permits(1_000);
    let name = SecretName::User(APP, UserKey(99));
    let place = Place::user_id(APP, UserKey(99));
    let sealing = {
        let running = Arc::clone(&running);
        tokio::spawn(async move { running.seal(&place, &UserId::parse("new").unwrap()).await })
    };
    while kept(&installation, name).await == Kept::Nothing {
        tokio::task::yield_now().await;
    }
    // It is kept, and who made it has not heard so.
    command.rotate_app(APP, |_| ()).await.unwrap();
    kept_then.add_permits(1);
    let sealed = sealing.await.unwrap().unwrap();
    let cold = installation.server().await;
    let opener = cold.opener(APP, [&sealed]).await.unwrap();
    assert_eq!(opener.open(&Place::user_id(APP, UserKey(99)), &sealed).unwrap().as_str(), "new");
}

#[tokio::test]
async fn a_source_that_is_no_file_gives_both_keys_before_it_is_replaced() {
    let installation = Installation::new().await;
    let path = installation.folder.path().join("master.key");
    let old = fs::read_to_string(&path).unwrap().lines().nth(1).unwrap().to_owned();
    let new = "8d3f0c1b2a495867768594a3b2c1d0eff0e1d2c3b4a5968778695a4b3c2d1e0f";
    let value = |text: String| KeySource::Value(SecretText::new(text));
    let open = async |source: KeySource| {
        let master = MasterKey::at_start(source, &*installation.keys, Random).await.unwrap();
        Sealer::open(master, installation.keys.clone(), CACHE_BYTES, Random).await
    };
    let one = open(value(old.clone())).await.unwrap().rotate_master(|_| ()).await;
    assert!(matches!(one, Err(SealingError::MasterKey(MasterKeyError::One { .. }))));
    let rotated = open(value(format!("{new}\n{old}\n"))).await.unwrap().rotate_master(|_| ()).await.unwrap();
    assert_eq!((rotated.secrets, rotated.old_is_left), (2, true));
    assert!(open(value(new.to_owned())).await.unwrap().keyed(APP).await.is_ok());
    assert!(matches!(open(value(old)).await, Err(SealingError::WrongMasterKey { .. })));
}

#[tokio::test]
async fn what_opens_under_no_key_is_left_and_counted() {
    let (installation, _) = crowded().await;
    let name = SecretName::User(APP, UserKey(1_001));
    let mut changed = installation.keys.all()[&name].clone();
    changed.0[80] ^= 1;
    installation.keys.put(name, changed.clone());
    let rotated = installation.server().await.rotate_app(APP, |_| ()).await.unwrap();
    assert_eq!((rotated.secrets, rotated.unreadable), (PEOPLE as u64 + 2, 1));
    assert_eq!(kept(&installation, name).await, Kept::Secret(changed));
}
