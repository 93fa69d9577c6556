//! What `Idempotency-Key`s were used for: remembered in the commit of the act.

use snug_model::{AppKey, Timestamp, UserKey};
use snug_store::{Mac, Once, Remembered, SanctionRow, StoreError, StoreResult};

use crate::bench::{App, Bench, Conversation, id_mac, mac, seal};

on_both! {
    an_act_is_remembered_with_its_commit
    a_second_act_of_the_same_key_is_not_done
    an_act_that_failed_is_not_remembered
    the_same_key_in_another_app_is_another
    an_answer_is_kept
    old_requests_are_forgotten
    every_act_that_takes_a_key_remembers_it
}

fn once(app: &App, scope: &str) -> Once {
    Once { scope: mac(scope), body: mac(format!("body of {scope}")), at: app.now() }
}

async fn remembered(app: &App, scope: &str) -> Option<Remembered> {
    app.store.remembered(app.key, mac(scope)).await.expect("requests can be read")
}

async fn create(app: &App, name: &str, once: Once) -> StoreResult<snug_store::Found> {
    let new = app.new_conversation(name, &[]).await;
    app.store.create_conversation(&app.system().await, new, Some(once)).await
}

async fn an_act_is_remembered_with_its_commit(bench: &mut Bench) {
    let app = bench.app("one").await;
    assert_eq!(remembered(&app, "k").await, None);
    let once = once(&app, "k");
    create(&app, "c", once).await.unwrap();
    let expected = Remembered { body: mac("body of k"), answer: None, at: once.at };
    assert_eq!(remembered(&app, "k").await, Some(expected.clone()));
    bench.reopen().await;
    assert_eq!(remembered(&app.on(bench), "k").await, Some(expected));
}

async fn a_second_act_of_the_same_key_is_not_done(bench: &mut Bench) {
    let app = bench.app("one").await;
    create(&app, "c", once(&app, "k")).await.unwrap();
    refused!(create(&app, "d", once(&app, "k")), StoreError::Repeated);
    let found = app.store.conversation(
        app.key,
        snug_store::ConversationRef::Id(id_mac("d")),
        snug_store::Viewer::Anyone,
    );
    assert!(found.await.unwrap().is_none());
    // Of those that come at the same time, one is done.
    let names = ["e", "f", "g", "h"];
    let mut tasks = tokio::task::JoinSet::new();
    for name in names {
        let app = app.clone();
        tasks.spawn(async move { create(&app, name, once(&app, "at once")).await });
    }
    let (done, refused): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!(done.len(), 1);
    assert!(refused.iter().all(|result| matches!(result, Err(StoreError::Repeated))), "{refused:?}");
}

async fn an_act_that_failed_is_not_remembered(bench: &mut Bench) {
    let app = bench.app("one").await;
    app.conversation("c", &[]).await;
    refused!(create(&app, "c", once(&app, "k")), StoreError::Taken(_));
    let permit = app.system().await;
    let revocation = snug_store::RevocationRow::App(app.now());
    app.store.revoke_tokens(&permit, revocation.clone(), None).await.unwrap();
    refused!(app.store.revoke_tokens(&permit, revocation, Some(once(&app, "k"))), StoreError::Stale);
    assert_eq!(remembered(&app, "k").await, None);
    create(&app, "d", once(&app, "k")).await.expect("the key was not used");
}

async fn the_same_key_in_another_app_is_another(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    create(&app, "c", once(&app, "k")).await.unwrap();
    assert_eq!(remembered(&other, "k").await, None);
    create(&other, "c", once(&other, "k")).await.unwrap();
    app.store.keep_answer(app.key, mac("k"), seal("answer")).await.unwrap();
    assert_eq!(remembered(&other, "k").await.unwrap().answer, None);
}

async fn an_answer_is_kept(bench: &mut Bench) {
    let app = bench.app("one").await;
    create(&app, "c", once(&app, "k")).await.unwrap();
    app.store.keep_answer(app.key, mac("k"), seal("answer")).await.unwrap();
    assert_eq!(remembered(&app, "k").await.unwrap().answer, Some(seal("answer")));
}

async fn old_requests_are_forgotten(bench: &mut Bench) {
    let app = bench.app("one").await;
    let start = app.now();
    for number in 0..5 {
        let once = Once { at: start.plus_ms(number * 10), ..once(&app, &format!("k{number}")) };
        create(&app, &format!("c{number}"), once).await.unwrap();
    }
    let forget = async |before: Timestamp, limit| app.store.forget_answers(before, limit).await.unwrap();
    assert_eq!(forget(start, 10).await, 0);
    assert_eq!(forget(start.plus_ms(30), 2).await, 2);
    assert_eq!(forget(start.plus_ms(30), 2).await, 1);
    assert_eq!(forget(start.plus_ms(30), 2).await, 0);
    for number in 0..5 {
        assert_eq!(remembered(&app, &format!("k{number}")).await.is_some(), number >= 3, "k{number}");
    }
    create(&app, "again", once(&app, "k0")).await.expect("what was forgotten may be used again");
}

/// Every act that takes a key, once by a new one and once by the same.
async fn every_act_that_takes_a_key_remembers_it(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann]).await;
    let acts = ["ban a user", "allow proofs", "ban a member", "add members", "revoke tokens"];
    for name in acts {
        act(&app, &conversation, (ann, bob), name, once(&app, name)).await.unwrap();
        assert_eq!(
            remembered(&app, name).await.map(|found| found.body),
            Some(mac(format!("body of {name}")))
        );
        refused!(act(&app, &conversation, (ann, bob), name, once(&app, name)), StoreError::Repeated);
    }
    let once = once(&app, "create an app");
    let other = bench.app("two").await;
    let (mut row, roles) = (other.record().await.app, other.record().await.roles);
    let permit = bench.installation();
    row.key = AppKey(app.reserve().await);
    row.id = snug_model::AppId::parse("app_eu_three").unwrap();
    let mut fresh = Vec::new();
    for mut role in roles {
        let key = snug_model::RoleKey(app.reserve().await);
        for used in
            [&mut row.settings.default_role, &mut row.settings.member_role, &mut row.settings.creator_role]
        {
            if *used == role.key {
                *used = key;
            }
        }
        role.key = key;
        fresh.push(role);
    }
    bench.store.create_app(&permit, row.clone(), fresh.clone(), Some(once)).await.unwrap();
    let of_installation = bench.store.remembered(AppKey::INSTALLATION, once.scope).await.unwrap();
    assert_eq!(of_installation.map(|found| found.body), Some(once.body));
    row.key = AppKey(app.reserve().await);
    row.id = snug_model::AppId::parse("app_eu_four").unwrap();
    refused!(bench.store.create_app(&permit, row, vec![], Some(once)), StoreError::Repeated);
}

async fn act(
    app: &App,
    conversation: &Conversation,
    (ann, bob): (UserKey, UserKey),
    name: &str,
    once: Once,
) -> StoreResult<()> {
    let (permit, inside, at, store) =
        (app.system().await, conversation.system().await, app.now(), &app.store);
    let ban = Some(SanctionRow { until: at, note: None, since: at });
    match name {
        "ban a user" => store.set_user_ban(&permit, ann, ban, at, Some(once)).await,
        "allow proofs" => store.allow_proofs(&permit, ann, at, Some(once)).await,
        "ban a member" => {
            let role = app.role(snug_model::roles::MEMBER);
            store.set_member_ban(&inside, bob, role, ban, at, Some(once)).await.map(drop)
        }
        "add members" => {
            store.add_members(&inside, vec![app.member_add(bob)], at, Some(once)).await.map(drop)
        }
        _ => {
            let jti = snug_store::RevocationRow::Jti { jti: Mac([7; 32]), until: at };
            store.revoke_tokens(&permit, jti, Some(once)).await
        }
    }
}
