//! API keys, and the ends of tokens.

use snug_model::{
    KeyId, Timestamp,
    keys::{Scope, ScopeSet},
};
use snug_store::{KeyRow, Page, RevocationRow, StoreError};

use crate::bench::{App, Bench, mac};

on_both! {
    a_key_is_found_as_it_was_made
    keys_are_listed_in_the_order_in_which_they_were_made
    a_revoked_key_is_found_and_not_listed
    a_revoked_key_makes_its_permits_stale
    revoking_twice_or_nothing_changes_nothing
    the_last_use_of_a_key_changes_no_version
    a_token_is_revoked_until_it_ends_by_itself
    the_bounds_of_tokens_never_go_back
    a_bound_makes_permits_stale
}

const ALL: Page = Page { after: None, descending: false, limit: 100 };

async fn create(app: &App, name: &str) -> KeyRow {
    let row = app.key_row(&KeyId::from_random(name), ScopeSet::EMPTY.with(Scope::Users));
    app.store.create_key(&app.system().await, row.clone()).await.expect("a key can be made");
    row
}

async fn found(app: &App, id: &KeyId) -> KeyRow {
    app.store.key(id).await.expect("keys can be read").expect("the key is there")
}

async fn listed(app: &App, page: Page) -> Vec<(i64, KeyId)> {
    let rows = app.store.list_keys(&app.system().await, page).await.expect("keys can be listed");
    rows.into_iter().map(|(number, row)| (number, row.id)).collect()
}

fn ids(listed: &[(i64, KeyId)]) -> Vec<&str> {
    listed.iter().map(|(_, id)| id.random()).collect()
}

async fn a_key_is_found_as_it_was_made(bench: &mut Bench) {
    let app = bench.app("one").await;
    let mut row = app.key_row(&KeyId::from_random("k1"), ScopeSet::EMPTY.with_read(Scope::Users));
    row.expires_at = Some(Timestamp(row.created_at.0 + 1));
    app.store.create_key(&app.system().await, row.clone()).await.unwrap();
    let plain = KeyRow {
        id: KeyId::from_random("k2"),
        secret: None,
        may_mint: None,
        expires_at: None,
        ..row.clone()
    };
    app.store.create_key(&app.system().await, plain.clone()).await.unwrap();
    for expected in [row, plain] {
        let found = found(&app, &expected.id).await;
        assert!(found.version.0 > 0, "version 0 stands for a row that is not there");
        assert_eq!(found, KeyRow { version: found.version, ..expected });
    }
    assert!(app.store.key(&KeyId::from_random("nobody")).await.unwrap().is_none());
}

async fn keys_are_listed_in_the_order_in_which_they_were_made(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    for name in ["k1", "k2", "k3"] {
        create(&app, name).await;
        create(&other, &format!("other{name}")).await;
    }
    let all = listed(&app, ALL).await;
    assert_eq!(ids(&all), [app.signer.random(), "k1", "k2", "k3"]);
    let newest = Page { descending: true, limit: 2, ..ALL };
    let first = listed(&app, newest).await;
    assert_eq!(ids(&first), ["k3", "k2"]);
    let second = listed(&app, Page { after: Some(first[1].0), ..newest }).await;
    assert_eq!(ids(&second), ["k1", app.signer.random()]);
    let rest = listed(&app, Page { after: Some(all[1].0), ..ALL }).await;
    assert_eq!(ids(&rest), ["k2", "k3"]);
}

async fn a_revoked_key_is_found_and_not_listed(bench: &mut Bench) {
    let app = bench.app("one").await;
    let made = create(&app, "k1").await;
    let at = app.now();
    app.store.revoke_key(&app.system().await, &made.id, at).await.unwrap();
    let revoked = found(&app, &made.id).await;
    assert_eq!(revoked.revoked_at, Some(at));
    assert!(revoked.version > made.version);
    assert_eq!(ids(&listed(&app, ALL).await), [app.signer.random()]);
}

async fn a_revoked_key_makes_its_permits_stale(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (one, two) = (create(&app, "k1").await, create(&app, "k2").await);
    let (permit, other) = (app.back_end(&one.id).await, app.back_end(&two.id).await);
    app.store.list_users(&permit, ALL).await.unwrap();
    app.store.revoke_key(&app.system().await, &one.id, app.now()).await.unwrap();
    refused!(app.store.list_users(&permit, ALL), StoreError::Stale);
    let write = app.user_write("ann").await;
    refused!(app.store.write_user(&permit, write.clone()), StoreError::Stale);
    app.store.write_user(&other, write).await.expect("another key is not concerned");
}

async fn revoking_twice_or_nothing_changes_nothing(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let made = create(&app, "k1").await;
    app.store.revoke_key(&app.system().await, &made.id, app.now()).await.unwrap();
    let revoked = found(&app, &made.id).await;
    app.store.revoke_key(&app.system().await, &made.id, app.now()).await.unwrap();
    assert_eq!(found(&app, &made.id).await, revoked);
    app.store.revoke_key(&app.system().await, &KeyId::from_random("nobody"), app.now()).await.unwrap();
    app.store.revoke_key(&app.system().await, &other.signer, app.now()).await.unwrap();
    assert_eq!(found(&other, &other.signer).await.revoked_at, None, "another app's key is nobody's");
}

async fn the_last_use_of_a_key_changes_no_version(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let before = found(&app, &app.signer).await;
    let permit = app.back_end(&app.signer).await;
    let at = app.now();
    let nobody = KeyId::from_random("nobody");
    let used = vec![(app.signer.clone(), at), (other.signer.clone(), at), (nobody, at)];
    app.store.note_key_use(used).await.unwrap();
    assert_eq!(found(&app, &app.signer).await, KeyRow { last_used_at: Some(at), ..before });
    assert_eq!(found(&other, &other.signer).await.last_used_at, Some(at));
    app.store.list_users(&permit, ALL).await.expect("no decision rests on it");
    app.store.note_key_use(vec![]).await.unwrap();
}

async fn a_token_is_revoked_until_it_ends_by_itself(bench: &mut Bench) {
    let app = bench.app("one").await;
    let before = app.record().await.app.version;
    let until = Timestamp(app.now().0 + 1_000_000);
    let revocation = RevocationRow::Jti { jti: mac("token"), until };
    app.store.revoke_tokens(&app.system().await, revocation.clone(), None).await.unwrap();
    app.store.revoke_tokens(&app.system().await, revocation, None).await.expect("twice is once");
    let revoked_at = async |now| {
        let found = app.store.app(snug_store::AppRef::Key(app.key), now).await.unwrap();
        found.expect("the app is there").revoked_tokens
    };
    assert_eq!(revoked_at(Timestamp(until.0 - 1)).await, [mac("token")]);
    assert!(revoked_at(Timestamp(until.0 + 1)).await.is_empty());
    assert!(app.record().await.app.version > before);
    assert!(bench.app("two").await.record().await.revoked_tokens.is_empty());
}

async fn the_bounds_of_tokens_never_go_back(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let bounds = async || {
        let of_app = app.record().await.app.tokens_not_before;
        [of_app, found(&app, &app.signer).await.tokens_not_before, app.user_row(ann).await.tokens_not_before]
    };
    assert_eq!(bounds().await, [None; 3]);
    let late = app.now();
    for at in [late, Timestamp(late.0 - 1_000)] {
        let all = [
            RevocationRow::App(at),
            RevocationRow::Key(app.signer.clone(), at),
            RevocationRow::User(ann, at),
        ];
        for revocation in all {
            app.store.revoke_tokens(&app.system().await, revocation, None).await.unwrap();
        }
        assert_eq!(bounds().await, [Some(late); 3]);
    }
}

async fn a_bound_makes_permits_stale(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let other_key = create(&app, "k1").await.id;
    let read = async |permit| app.store.people(&permit, &[ann]).await;
    let revoke = async |revocation| {
        app.store.revoke_tokens(&app.system().await, revocation, None).await.expect("tokens can be revoked");
    };

    let (anns, bobs) = (app.client(ann).await, app.client(bob).await);
    revoke(RevocationRow::User(ann, app.now())).await;
    refused!(read(anns), StoreError::Stale);
    read(bobs).await.expect("another user is not concerned");

    let (anns, keys) = (app.client(ann).await, app.back_end(&other_key).await);
    revoke(RevocationRow::Key(app.signer.clone(), app.now())).await;
    refused!(read(anns), StoreError::Stale);
    read(keys).await.expect("another key is not concerned");

    let (anns, keys) = (app.client(ann).await, app.back_end(&other_key).await);
    revoke(RevocationRow::App(app.now())).await;
    refused!(read(anns), StoreError::Stale);
    refused!(read(keys), StoreError::Stale);
}
