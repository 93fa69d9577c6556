//! The key store: wrapped secrets, apart from the data.

use snug_model::{AppKey, ConversationKey, Timestamp, UserKey};
use snug_store::{Class, Destruction, Kept, SecretName, SecretsOf, StoreError, Swap, Under, Wrapped};
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
    the_ledger_has_what_was_destroyed_once_and_in_order
    the_highest_row_is_that_of_any_name
    secrets_are_listed_by_pages
    buckets_before_a_day_are_listed
    a_secret_is_kept_under_what_was_read_alone
    secrets_are_swapped_where_they_are_as_they_were_read
    swaps_are_done_together_or_not_at_all
    who_keeps_and_who_swaps_what_it_is_under_agree
    apps_with_secrets_are_found_one_by_one
    a_key_store_is_ready
}

const APP: AppKey = AppKey(1);
const AT: Timestamp = Timestamp(1_795_000_000_000);

fn wrapped(text: &str) -> Wrapped {
    Wrapped(text.as_bytes().into())
}

fn bucket(app: AppKey, rule: i32, day: i32) -> SecretName {
    SecretName::Bucket { app, class: Class::Messages, rule, day }
}

async fn a_secret_is_kept(bench: &mut Bench) {
    let name = SecretName::User(APP, UserKey(7));
    assert_eq!(bench.keys.secrets(&[name]).await.unwrap(), [Kept::Nothing]);
    assert_eq!(bench.keys.keep_secret(name, wrapped("one"), None).await.unwrap(), wrapped("one"));
    assert_eq!(bench.keys.secrets(&[name]).await.unwrap(), [Kept::Secret(wrapped("one"))]);
    bench.reopen().await;
    assert_eq!(bench.keys.secrets(&[name]).await.unwrap(), [Kept::Secret(wrapped("one"))]);
}

async fn the_first_secret_of_a_name_stays(bench: &mut Bench) {
    let name = SecretName::App(APP);
    bench.keys.keep_secret(name, wrapped("one"), None).await.unwrap();
    assert_eq!(bench.keys.keep_secret(name, wrapped("two"), None).await.unwrap(), wrapped("one"));
    assert_eq!(bench.keys.secrets(&[name]).await.unwrap(), [Kept::Secret(wrapped("one"))]);
}

async fn who_makes_the_same_secret_ends_with_the_same_one(bench: &mut Bench) {
    for round in 0..10 {
        let name = bucket(APP, 0, round);
        let mut tasks = JoinSet::new();
        for number in 0..16 {
            let keys = std::sync::Arc::clone(&bench.keys);
            tasks.spawn(
                async move { keys.keep_secret(name, wrapped(&format!("{number}")), None).await.unwrap() },
            );
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
        assert_eq!(bench.keys.keep_secret(*name, of(name), None).await.unwrap(), of(name));
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
        bench.keys.keep_secret(*name, wrapped("one"), None).await.unwrap();
    }
    assert_eq!(bench.keys.destroy_secrets(&names, AT).await.unwrap(), 3);
    for restarted in [false, true] {
        if restarted {
            bench.reopen().await;
        }
        assert_eq!(bench.keys.secrets(&names).await.unwrap(), vec![Kept::Destroyed; 3]);
        for name in names {
            refused!(bench.keys.keep_secret(name, wrapped("two"), None), StoreError::Destroyed);
        }
        assert_eq!(bench.keys.destroy_secrets(&names, AT).await.unwrap(), 0, "again, there is none");
        assert_eq!(bench.keys.secrets(&[spared]).await.unwrap(), [Kept::Secret(wrapped("one"))]);
    }
    assert_eq!(bench.keys.destroy_secrets(&[], AT).await.unwrap(), 0);
}

async fn what_was_never_made_can_be_destroyed(bench: &mut Bench) {
    let made = SecretName::Conversation(APP, ConversationKey(1));
    bench.keys.keep_secret(made, wrapped("one"), None).await.unwrap();
    let names = [bucket(APP, 0, 1), made, bucket(APP, 0, 1), made];
    assert_eq!(bench.keys.destroy_secrets(&names, AT).await.unwrap(), 1, "each counts once");
    assert_eq!(bench.keys.secrets(&names).await.unwrap(), vec![Kept::Destroyed; 4]);
    refused!(bench.keys.keep_secret(names[0], wrapped("one"), None), StoreError::Destroyed);
}

async fn who_makes_what_is_destroyed_meanwhile_ends_with_nothing(bench: &mut Bench) {
    for round in 0..20 {
        let name = bucket(APP, 0, round);
        let mut tasks = JoinSet::new();
        for number in 0..8 {
            let keys = std::sync::Arc::clone(&bench.keys);
            tasks.spawn(async move {
                match number {
                    3 | 6 => drop(keys.destroy_secrets(&[name], AT).await.unwrap()),
                    _ => match keys.keep_secret(name, wrapped("one"), None).await {
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
        bench.keys.keep_secret(SecretName::App(app), wrapped("app"), None).await.unwrap();
        for n in 0..10 {
            bench.keys.keep_secret(SecretName::User(app, UserKey(n)), wrapped("one"), None).await.unwrap();
        }
    }
    bench.keys.destroy_secrets(&[bucket(APP, 0, 1)], AT).await.unwrap();
    let mut dealt = Vec::new();
    while dealt.last() != Some(&3) {
        let app = bench.keys.secrets(&[SecretName::App(APP)]).await.unwrap();
        assert_eq!(app, [Kept::Secret(wrapped("app"))], "the app's own goes last");
        dealt.push(bench.keys.destroy_app_secrets(APP, 4, AT).await.unwrap());
    }
    assert_eq!(dealt, [4, 4, 3]);
    let names = [SecretName::App(APP), SecretName::User(APP, UserKey(3)), bucket(APP, 0, 1)];
    let left = [Kept::Destroyed, Kept::Nothing, Kept::Nothing];
    assert_eq!(bench.keys.secrets(&names).await.unwrap(), left);
    assert_eq!(bench.keys.destroy_app_secrets(APP, 4, AT).await.unwrap(), 0, "again, there is none");
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
        bench.keys.keep_secret(*name, of(name), None).await.unwrap();
    }
    bench.keys.destroy_secrets(&[gone], AT).await.unwrap();
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
        bench.keys.keep_secret(bucket(APP, rule, day), wrapped("one"), None).await.unwrap();
    }
    bench.keys.keep_secret(bucket(AppKey(2), 0, 1), wrapped("one"), None).await.unwrap();
    bench.keys.destroy_secrets(&[bucket(APP, 0, 2)], AT).await.unwrap();
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

fn swap(name: SecretName, from: Option<&str>, to: Option<&str>) -> Swap {
    Swap { name, from: from.map(wrapped), to: to.map(wrapped) }
}

async fn a_secret_is_kept_under_what_was_read_alone(bench: &mut Bench) {
    let (top, name) = (SecretName::App(APP), SecretName::User(APP, UserKey(1)));
    let under = |text: &str| Some(Under { name: top, wrapped: wrapped(text) });
    refused!(bench.keys.keep_secret(name, wrapped("u"), under("one")), StoreError::Changed);
    bench.keys.keep_secret(top, wrapped("one"), None).await.unwrap();
    refused!(bench.keys.keep_secret(name, wrapped("u"), under("two")), StoreError::Changed);
    assert_eq!(bench.keys.secrets(&[name]).await.unwrap(), [Kept::Nothing]);
    assert_eq!(bench.keys.keep_secret(name, wrapped("u"), under("one")).await.unwrap(), wrapped("u"));
    // What is there already is the answer, whatever it was kept under.
    assert_eq!(bench.keys.keep_secret(name, wrapped("v"), under("two")).await.unwrap(), wrapped("u"));
    bench.keys.destroy_secrets(&[top], AT).await.unwrap();
    let other = SecretName::User(APP, UserKey(2));
    refused!(bench.keys.keep_secret(other, wrapped("u"), under("one")), StoreError::Changed);
}

async fn secrets_are_swapped_where_they_are_as_they_were_read(bench: &mut Bench) {
    let name = |n| SecretName::User(APP, UserKey(n));
    for n in 1..=4 {
        bench.keys.keep_secret(name(n), wrapped("one"), None).await.unwrap();
    }
    bench.keys.destroy_secrets(&[name(4)], AT).await.unwrap();
    let swaps = vec![
        swap(name(1), Some("one"), Some("two")),
        swap(name(2), Some("other"), Some("two")),
        swap(name(3), Some("one"), None),
        swap(name(4), Some("one"), Some("two")),
        swap(name(4), None, Some("two")),
        swap(name(5), None, Some("new")),
        swap(name(6), Some("one"), Some("two")),
    ];
    assert_eq!(bench.keys.swap_secrets(swaps, false).await.unwrap(), 3);
    let names = [1, 2, 3, 4, 5, 6].map(name);
    let two = |text| Kept::Secret(wrapped(text));
    let expected = [two("two"), two("one"), Kept::Nothing, Kept::Destroyed, two("new"), Kept::Nothing];
    bench.reopen().await;
    assert_eq!(bench.keys.secrets(&names).await.unwrap(), expected);
    assert_eq!(bench.keys.swap_secrets(vec![], true).await.unwrap(), 0);
}

async fn swaps_are_done_together_or_not_at_all(bench: &mut Bench) {
    let (top, own) = (SecretName::Wrapping(APP), SecretName::App(APP));
    bench.keys.keep_secret(own, wrapped("one"), None).await.unwrap();
    let both = |from| vec![swap(top, None, Some("top")), swap(own, Some(from), Some("two"))];
    assert_eq!(bench.keys.swap_secrets(both("other"), true).await.unwrap(), 0);
    assert_eq!(bench.keys.secrets(&[top, own]).await.unwrap(), [Kept::Nothing, Kept::Secret(wrapped("one"))]);
    assert_eq!(bench.keys.swap_secrets(both("one"), true).await.unwrap(), 2);
    let after = [Kept::Secret(wrapped("top")), Kept::Secret(wrapped("two"))];
    assert_eq!(bench.keys.secrets(&[top, own]).await.unwrap(), after);
    assert_eq!(bench.keys.swap_secrets(both("two"), true).await.unwrap(), 0, "the first is there already");
    // What wraps others is in no list of an app's secrets.
    assert!(bench.keys.list_secrets(APP, SecretsOf::Everything, None, 9).await.unwrap().is_empty());
    assert_eq!(bench.keys.destroy_app_secrets(APP, 9, AT).await.unwrap(), 1);
    assert_eq!(bench.keys.secrets(&[top, own]).await.unwrap(), [Kept::Nothing, Kept::Destroyed]);
}

async fn who_keeps_and_who_swaps_what_it_is_under_agree(bench: &mut Bench) {
    let top = SecretName::App(APP);
    bench.keys.keep_secret(top, wrapped("0"), None).await.unwrap();
    for round in 0..20_i64 {
        let (from, to) = (format!("{round}"), format!("{}", round + 1));
        let name = move |n: i64| SecretName::User(APP, UserKey(round * 10 + n));
        let mut tasks = JoinSet::new();
        for n in 0..6 {
            let (keys, from) = (std::sync::Arc::clone(&bench.keys), from.clone());
            tasks.spawn(async move {
                let under = Under { name: top, wrapped: wrapped(&from) };
                match keys.keep_secret(name(n), wrapped(&from), Some(under)).await {
                    Ok(_) | Err(StoreError::Changed) => {}
                    Err(other) => panic!("{other}"),
                }
            });
        }
        let swapped = bench.keys.swap_secrets(vec![swap(top, Some(&from), Some(&to))], true).await.unwrap();
        assert_eq!(swapped, 1);
        // Whatever was kept under the old one is there by now: nothing of that comes later.
        let names: Vec<_> = (0..6).map(name).collect();
        let then = bench.keys.secrets(&names).await.unwrap();
        tasks.join_all().await;
        assert_eq!(bench.keys.secrets(&names).await.unwrap(), then, "round {round}");
    }
}

async fn apps_with_secrets_are_found_one_by_one(bench: &mut Bench) {
    let apps = [AppKey::INSTALLATION, AppKey(3), AppKey(9)];
    for app in apps {
        for name in [SecretName::App(app), SecretName::User(app, UserKey(1))] {
            bench.keys.keep_secret(name, wrapped("one"), None).await.unwrap();
        }
    }
    bench.keys.destroy_secrets(&[SecretName::App(AppKey(9))], AT).await.unwrap();
    let (mut found, mut after) = (Vec::new(), None);
    while let Some(app) = bench.keys.app_after(after).await.unwrap() {
        found.push(app);
        after = Some(app);
    }
    found.sort_unstable();
    let mut expected = apps.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

async fn a_key_store_is_ready(bench: &mut Bench) {
    bench.keys.ready().await.unwrap();
}

async fn the_ledger_has_what_was_destroyed_once_and_in_order(bench: &mut Bench) {
    assert_eq!(bench.keys.ledger_end().await.unwrap(), 0);
    let (ann, made) = (SecretName::User(APP, UserKey(7)), SecretName::Conversation(APP, ConversationKey(8)));
    for name in [ann, made, SecretName::User(APP, UserKey(9)), SecretName::App(APP)] {
        bench.keys.keep_secret(name, wrapped("one"), None).await.unwrap();
    }
    bench.keys.destroy_secrets(&[ann], AT).await.unwrap();
    // What is destroyed already, and what never was there.
    let never = bucket(APP, 3, -2);
    bench.keys.destroy_secrets(&[ann, never], Timestamp(AT.0 + 1)).await.unwrap();
    bench.keys.destroy_secrets(&[made], Timestamp(AT.0 + 2)).await.unwrap();
    bench.keys.destroy_app_secrets(APP, 100, Timestamp(AT.0 + 3)).await.unwrap();
    bench.keys.destroy_app_secrets(APP, 100, Timestamp(AT.0 + 4)).await.unwrap();
    bench.reopen().await;
    let ledger = bench.keys.ledger(0, 100).await.unwrap();
    let entries: Vec<_> = ledger.iter().map(|entry| (entry.name, entry.at.0 - AT.0)).collect();
    assert_eq!(entries, [(ann, 0), (never, 1), (made, 2), (SecretName::App(APP), 3)]);
    assert!(ledger.windows(2).all(|pair| pair[0].position < pair[1].position), "{ledger:?}");
    assert_eq!(bench.keys.ledger_end().await.unwrap(), ledger[3].position);
    let behind = bench.keys.ledger(ledger[1].position, 1).await.unwrap();
    assert_eq!(behind, [Destruction { position: ledger[2].position, name: made, at: Timestamp(AT.0 + 2) }]);
    assert!(bench.keys.ledger(ledger[3].position, 9).await.unwrap().is_empty());
}

async fn the_highest_row_is_that_of_any_name(bench: &mut Bench) {
    assert_eq!(bench.keys.highest_row().await.unwrap(), 0);
    let other = AppKey(20);
    for name in [SecretName::App(other), SecretName::User(APP, UserKey(7)), bucket(APP, 0, 99)] {
        bench.keys.keep_secret(name, wrapped("one"), None).await.unwrap();
    }
    assert_eq!(bench.keys.highest_row().await.unwrap(), 20, "neither a day nor a class is one");
    let gone = SecretName::Conversation(other, ConversationKey(31));
    bench.keys.keep_secret(gone, wrapped("one"), None).await.unwrap();
    bench.keys.destroy_secrets(&[gone], AT).await.unwrap();
    bench.keys.destroy_app_secrets(other, 100, AT).await.unwrap();
    assert_eq!(bench.keys.highest_row().await.unwrap(), 31, "what is forgotten stands in the ledger");
}
