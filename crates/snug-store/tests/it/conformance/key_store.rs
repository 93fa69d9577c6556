//! The key store: wrapped secrets, apart from the data.

use snug_model::{AppKey, ConversationKey, UserKey};
use snug_store::{Class, SecretName, Wrapped};
use tokio::task::JoinSet;

use crate::bench::Bench;

on_both! {
    a_secret_is_kept
    the_first_secret_of_a_name_stays
    who_makes_the_same_secret_ends_with_the_same_one
    names_that_differ_in_anything_are_different
    a_key_store_is_ready
}

const APP: AppKey = AppKey(1);

fn wrapped(text: &str) -> Wrapped {
    Wrapped(text.as_bytes().into())
}

fn bucket(app: AppKey, rule: i32, day: i32) -> SecretName {
    SecretName::Bucket { app, class: Class::Messages, rule, day }
}

async fn a_secret_is_kept(bench: &mut Bench) {
    let name = SecretName::User(APP, UserKey(7));
    assert_eq!(bench.keys.secrets(&[name]).await.unwrap(), [None]);
    assert_eq!(bench.keys.keep_secret(name, wrapped("one")).await.unwrap(), wrapped("one"));
    assert_eq!(bench.keys.secrets(&[name]).await.unwrap(), [Some(wrapped("one"))]);
    bench.reopen().await;
    assert_eq!(bench.keys.secrets(&[name]).await.unwrap(), [Some(wrapped("one"))]);
}

async fn the_first_secret_of_a_name_stays(bench: &mut Bench) {
    let name = SecretName::App(APP);
    bench.keys.keep_secret(name, wrapped("one")).await.unwrap();
    assert_eq!(bench.keys.keep_secret(name, wrapped("two")).await.unwrap(), wrapped("one"));
    assert_eq!(bench.keys.secrets(&[name]).await.unwrap(), [Some(wrapped("one"))]);
}

async fn who_makes_the_same_secret_ends_with_the_same_one(bench: &mut Bench) {
    for round in 0..10 {
        let name = bucket(APP, 0, round);
        let mut tasks = JoinSet::new();
        for number in 0..16 {
            let keys = std::sync::Arc::clone(&bench.keys);
            tasks.spawn(async move { keys.keep_secret(name, wrapped(&format!("{number}"))).await.unwrap() });
        }
        let answers = tasks.join_all().await;
        let kept = bench.keys.secrets(&[name]).await.unwrap();
        assert!(answers.iter().all(|answer| Some(answer) == kept[0].as_ref()), "{answers:?}");
    }
}

async fn names_that_differ_in_anything_are_different(bench: &mut Bench) {
    let other = AppKey(2);
    let names = [
        SecretName::App(APP),
        SecretName::App(other),
        SecretName::User(APP, UserKey(1)),
        SecretName::User(APP, UserKey(2)),
        SecretName::User(other, UserKey(1)),
        SecretName::Conversation(APP, ConversationKey(1)),
        SecretName::Conversation(APP, ConversationKey(2)),
        SecretName::Conversation(other, ConversationKey(1)),
        bucket(APP, 0, 1),
        bucket(APP, 0, 2),
        bucket(APP, 1, 1),
        bucket(other, 0, 1),
        bucket(APP, 0, -1),
        SecretName::App(AppKey::INSTALLATION),
    ];
    let of = |name: &SecretName| wrapped(&format!("{name:?}"));
    for name in &names {
        assert_eq!(bench.keys.keep_secret(*name, of(name)).await.unwrap(), of(name));
    }
    // In their order, what is missing or asked for twice too.
    let absent = SecretName::User(APP, UserKey(99));
    let asked: Vec<_> = names.iter().rev().copied().chain([absent, names[3], absent]).collect();
    let expected: Vec<_> = asked.iter().map(|name| (*name != absent).then(|| of(name))).collect();
    assert_eq!(bench.keys.secrets(&asked).await.unwrap(), expected);
    assert!(bench.keys.secrets(&[]).await.unwrap().is_empty());
}

async fn a_key_store_is_ready(bench: &mut Bench) {
    bench.keys.ready().await.unwrap();
}
