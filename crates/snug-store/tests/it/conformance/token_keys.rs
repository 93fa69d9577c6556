//! Registered public keys.

use snug_model::{KeyId, Timestamp, permissions::PermissionSet};
use snug_store::{Page, RevocationRow, StoreError, TokenKeyRow, Unique};

use crate::bench::{App, Bench, role_row};

on_both! {
    a_token_key_is_found_as_it_was_made
    token_keys_are_listed_in_the_order_in_which_they_were_made
    a_deleted_token_key_is_gone_and_its_permits_are_stale
    deleting_anothers_token_key_or_nobodys_changes_nothing
    the_bound_of_a_token_key_never_goes_back_and_makes_permits_stale
    a_role_that_a_token_key_can_give_stays
}

const ALL: Page = Page { after: None, descending: false, limit: 100 };

async fn create(app: &App, name: &str) -> TokenKeyRow {
    let row = app.token_key_row(name);
    app.store.create_token_key(&app.system().await, row.clone()).await.expect("a key can be registered");
    row
}

async fn found(app: &App, id: &KeyId) -> Option<TokenKeyRow> {
    app.store.token_key(id).await.expect("keys can be read")
}

async fn listed(app: &App, page: Page) -> Vec<(i64, String)> {
    let rows = app.store.list_token_keys(&app.system().await, page).await.expect("keys can be listed");
    rows.into_iter().map(|(number, row)| (number, row.id.random().to_owned())).collect()
}

fn names(listed: &[(i64, String)]) -> Vec<&str> {
    listed.iter().map(|(_, name)| name.as_str()).collect()
}

async fn a_token_key_is_found_as_it_was_made(bench: &mut Bench) {
    let app = bench.app("one").await;
    let row = create(&app, "k1").await;
    assert!(row.version.0 > 0, "version 0 stands for a row that is not there");
    assert_eq!(found(&app, &row.id).await, Some(row));
    assert_eq!(found(&app, &KeyId::from_random("nobody")).await, None);
    assert_eq!(found(&app, &app.signer).await, None, "an API key is another kind");
}

async fn token_keys_are_listed_in_the_order_in_which_they_were_made(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    for name in ["k1", "k2", "k3"] {
        create(&app, name).await;
        create(&other, &format!("other{name}")).await;
    }
    let all = listed(&app, ALL).await;
    assert_eq!(names(&all), ["k1", "k2", "k3"]);
    let newest = Page { descending: true, limit: 2, ..ALL };
    let first = listed(&app, newest).await;
    assert_eq!(names(&first), ["k3", "k2"]);
    assert_eq!(names(&listed(&app, Page { after: Some(first[1].0), ..newest }).await), ["k1"]);
}

async fn a_deleted_token_key_is_gone_and_its_permits_are_stale(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let (one, two) = (create(&app, "k1").await, create(&app, "k2").await);
    let (permit, other) = (app.client_by(&one.id, ann).await, app.client_by(&two.id, ann).await);
    app.store.people(&permit, &[ann]).await.expect("the facts are fresh");
    app.store.delete_token_key(&app.system().await, &one.id).await.unwrap();
    refused!(app.store.people(&permit, &[ann]), StoreError::Stale);
    app.store.people(&other, &[ann]).await.expect("another key is not concerned");
    assert_eq!(found(&app, &one.id).await, None);
    assert_eq!(names(&listed(&app, ALL).await), ["k2"]);
}

async fn deleting_anothers_token_key_or_nobodys_changes_nothing(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let theirs = create(&other, "k1").await;
    app.store.delete_token_key(&app.system().await, &theirs.id).await.unwrap();
    app.store.delete_token_key(&app.system().await, &KeyId::from_random("nobody")).await.unwrap();
    assert_eq!(found(&other, &theirs.id).await, Some(theirs));
}

async fn the_bound_of_a_token_key_never_goes_back_and_makes_permits_stale(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let ann = app.user("ann").await;
    let key = create(&app, "k1").await;
    let permit = app.client_by(&key.id, ann).await;
    let late = app.now();
    for at in [late, Timestamp(late.0 - 1_000)] {
        let revocation = RevocationRow::TokenKey(key.id.clone(), at);
        app.store.revoke_tokens(&app.system().await, revocation, None).await.unwrap();
        assert_eq!(found(&app, &key.id).await.expect("it is there").tokens_not_before, Some(late));
    }
    refused!(app.store.people(&permit, &[ann]), StoreError::Stale);
    let theirs = RevocationRow::TokenKey(key.id.clone(), app.now());
    refused!(other.store.revoke_tokens(&other.system().await, theirs, None), StoreError::NotFound);
}

async fn a_role_that_a_token_key_can_give_stays(bench: &mut Bench) {
    let app = bench.app("one").await;
    let role = role_row(
        snug_model::RoleKey(app.reserve().await),
        snug_model::permissions::Scope::App,
        "third",
        PermissionSet::EMPTY,
    );
    app.store.put_role(&app.system().await, role.clone()).await.unwrap();
    let key = TokenKeyRow { may_mint: role.key, ..app.token_key_row("k1") };
    app.store.create_token_key(&app.system().await, key.clone()).await.unwrap();
    refused!(app.store.delete_role(&app.system().await, role.key), StoreError::Taken(Unique::Role));
    app.store.delete_token_key(&app.system().await, &key.id).await.unwrap();
    app.store.delete_role(&app.system().await, role.key).await.expect("nothing has it any more");
}
