//! The key store: wrapped secrets, apart from the data.

use snug_model::{AppKey, ConversationKey, UserKey};
use snug_store::{Class, Kept, SecretName, SecretsOf, StoreError, Wrapped};
use tokio::task::JoinSet;

use crate::bench::Bench;

on_both! {
    a_secret_is_kept
    the_first_secret_of_a_name_stays
    who_makes_the_same_secret_ends_with_the_same_one
    names_that_differ_in_anything_are_different
    a_destroyed_secret_stays_destroyed
    what_was_never_made_can_be_destroyed
    who_makes_what_is_destroyed_meanwhile_ends_with_nothing
    a_deleted_app_leaves_no_secret
    secrets_are_listed_by_pages
    buckets_before_a_day_are_listed
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
    assert_eq!(bench.keys.secrets(&[name]).await.unwrap(), [Kept::Nothing]);
    assert_eq!(bench.keys.keep_secret(name, wrapped("one")).await.unwrap(), wrapped("one"));
    assert_eq!(bench.keys.secrets(&[name]).await.unwrap(), [Kept::Secret(wrapped("one"))]);
    bench.reopen().await;
    assert_eq!(bench.keys.secrets(&[name]).await.unwrap(), [Kept::Secret(wrapped("one"))]);
}

async fn the_first_secret_of_a_name_stays(bench: &mut Bench) {
    let name = SecretName::App(APP);
    bench.keys.keep_secret(name, wrapped("one")).await.unwrap();
    assert_eq!(bench.keys.keep_secret(name, wrapped("two")).await.unwrap(), wrapped("one"));
    assert_eq!(bench.keys.secrets(&[name]).await.unwrap(), [Kept::Secret(wrapped("one"))]);
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
        assert!(answers.iter().all(|answer| Kept::Secret(answer.clone()) == kept[0]), "{answers:?}");
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
    let kept = |name| if name == absent { Kept::Nothing } else { Kept::Secret(of(&name)) };
    let expected: Vec<_> = asked.iter().copied().map(kept).collect();
    assert_eq!(bench.keys.secrets(&asked).await.unwrap(), expected);
    assert!(bench.keys.secrets(&[]).await.unwrap().is_empty());
}

async fn a_destroyed_secret_stays_destroyed(bench: &mut Bench) {
    let names = [SecretName::User(APP, UserKey(7)), bucket(APP, 0, 3), SecretName::App(APP)];
    let spared = SecretName::User(APP, UserKey(8));
    for name in names.iter().chain([&spared]) {
        bench.keys.keep_secret(*name, wrapped("one")).await.unwrap();
    }
    assert_eq!(bench.keys.destroy_secrets(&names).await.unwrap(), 3);
    for restarted in [false, true] {
        if restarted {
            bench.reopen().await;
        }
        assert_eq!(bench.keys.secrets(&names).await.unwrap(), vec![Kept::Destroyed; 3]);
        for name in names {
            refused!(bench.keys.keep_secret(name, wrapped("two")), StoreError::Destroyed);
        }
        assert_eq!(bench.keys.destroy_secrets(&names).await.unwrap(), 0, "again, there is none");
        assert_eq!(bench.keys.secrets(&[spared]).await.unwrap(), [Kept::Secret(wrapped("one"))]);
    }
    assert_eq!(bench.keys.destroy_secrets(&[]).await.unwrap(), 0);
}

async fn what_was_never_made_can_be_destroyed(bench: &mut Bench) {
    let made = SecretName::Conversation(APP, ConversationKey(1));
    bench.keys.keep_secret(made, wrapped("one")).await.unwrap();
    let names = [bucket(APP, 0, 1), made, bucket(APP, 0, 1), made];
    assert_eq!(bench.keys.destroy_secrets(&names).await.unwrap(), 1, "each counts once");
    assert_eq!(bench.keys.secrets(&names).await.unwrap(), vec![Kept::Destroyed; 4]);
    refused!(bench.keys.keep_secret(names[0], wrapped("one")), StoreError::Destroyed);
}

async fn who_makes_what_is_destroyed_meanwhile_ends_with_nothing(bench: &mut Bench) {
    for round in 0..20 {
        let name = bucket(APP, 0, round);
        let mut tasks = JoinSet::new();
        for number in 0..8 {
            let keys = std::sync::Arc::clone(&bench.keys);
            tasks.spawn(async move {
                match number {
                    3 | 6 => drop(keys.destroy_secrets(&[name]).await.unwrap()),
                    _ => match keys.keep_secret(name, wrapped("one")).await {
                        Ok(kept) => assert_eq!(kept, wrapped("one")),
                        Err(StoreError::Destroyed) => {}
                        Err(other) => panic!("{other}"),
                    },
                }
            });
        }
        tasks.join_all().await;
        assert_eq!(bench.keys.secrets(&[name]).await.unwrap(), [Kept::Destroyed]);
    }
}

async fn a_deleted_app_leaves_no_secret(bench: &mut Bench) {
    let other = AppKey(2);
    for app in [APP, other] {
        bench.keys.keep_secret(SecretName::App(app), wrapped("app")).await.unwrap();
        for n in 0..10 {
            bench.keys.keep_secret(SecretName::User(app, UserKey(n)), wrapped("one")).await.unwrap();
        }
    }
    bench.keys.destroy_secrets(&[bucket(APP, 0, 1)]).await.unwrap();
    let mut dealt = Vec::new();
    while dealt.last() != Some(&3) {
        let app = bench.keys.secrets(&[SecretName::App(APP)]).await.unwrap();
        assert_eq!(app, [Kept::Secret(wrapped("app"))], "the app's own goes last");
        dealt.push(bench.keys.destroy_app_secrets(APP, 4).await.unwrap());
    }
    assert_eq!(dealt, [4, 4, 3]);
    let names = [SecretName::App(APP), SecretName::User(APP, UserKey(3)), bucket(APP, 0, 1)];
    let left = [Kept::Destroyed, Kept::Nothing, Kept::Nothing];
    assert_eq!(bench.keys.secrets(&names).await.unwrap(), left);
    assert_eq!(bench.keys.destroy_app_secrets(APP, 4).await.unwrap(), 0, "again, there is none");
    let theirs = bench.keys.list_secrets(other, SecretsOf::Everything, None, 100).await.unwrap();
    assert_eq!(theirs.len(), 10);
}

async fn secrets_are_listed_by_pages(bench: &mut Bench) {
    let of = |name: &SecretName| wrapped(&format!("{name:?}"));
    let mut names = vec![bucket(APP, -1, 5), bucket(APP, 0, -3), bucket(APP, 0, 2), bucket(APP, 7, 1)];
    for n in [1, 2, 3] {
        names.extend([SecretName::User(APP, UserKey(n)), SecretName::Conversation(APP, ConversationKey(n))]);
    }
    let gone = SecretName::User(APP, UserKey(9));
    for name in names.iter().chain(&[SecretName::App(APP), SecretName::User(AppKey(2), UserKey(1)), gone]) {
        bench.keys.keep_secret(*name, of(name)).await.unwrap();
    }
    bench.keys.destroy_secrets(&[gone]).await.unwrap();
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = bench.keys.list_secrets(APP, SecretsOf::Everything, after, 3).await.unwrap();
        after = page.last().map(|(name, _)| *name);
        listed.extend(page);
        if after.is_none() {
            break;
        }
    }
    names.sort_unstable();
    let expected: Vec<_> = names.iter().map(|name| (*name, of(name))).collect();
    listed.sort_unstable_by_key(|(name, _)| *name);
    assert_eq!(listed, expected);
}

async fn buckets_before_a_day_are_listed(bench: &mut Bench) {
    for (rule, day) in [(0, -2), (0, 1), (0, 2), (0, 3), (1, 1)] {
        bench.keys.keep_secret(bucket(APP, rule, day), wrapped("one")).await.unwrap();
    }
    bench.keys.keep_secret(bucket(AppKey(2), 0, 1), wrapped("one")).await.unwrap();
    bench.keys.destroy_secrets(&[bucket(APP, 0, 2)]).await.unwrap();
    let before = async |before, after, limit| {
        let of = SecretsOf::Buckets { class: Class::Messages, rule: 0, before };
        let listed = bench.keys.list_secrets(APP, of, after, limit).await.unwrap();
        listed.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(before(4, None, 9).await, [-2, 1, 3].map(|day| bucket(APP, 0, day)));
    assert_eq!(before(3, None, 9).await, [-2, 1].map(|day| bucket(APP, 0, day)));
    assert_eq!(before(4, None, 1).await, [bucket(APP, 0, -2)]);
    assert_eq!(before(4, Some(bucket(APP, 0, -2)), 9).await, [1, 3].map(|day| bucket(APP, 0, day)));
    assert!(before(i32::MIN, None, 9).await.is_empty());
}

async fn a_key_store_is_ready(bench: &mut Bench) {
    bench.keys.ready().await.unwrap();
}
