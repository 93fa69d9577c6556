//! Consents: accepted once, listed, forgotten with who is erased.

use snug_model::{UserKey, facts::ConsentMark};
use snug_store::{
    ConsentRow, ConsentWrite, JobKind, Once, Page, StoreError, Unique, UserRef, UserRow, UserWrite,
};

use crate::bench::{App, Bench, id_mac, mac, seal};

on_both! {
    a_consent_is_kept_once_and_permits_go_stale
    a_consent_makes_the_row_of_a_newcomer_or_nothing
    of_many_at_once_one_is_kept
    consents_are_listed_and_go_with_who_is_erased
}

const FIRST: Page = Page { after: None, descending: false, limit: 10 };

async fn accept(app: &App, write: ConsentWrite) -> Result<ConsentRow, StoreError> {
    app.store.accept_consent(&app.system().await, write, None).await
}

async fn list(app: &App, user: Option<UserKey>) -> Vec<ConsentRow> {
    app.store.list_consents(&app.system().await, user, FIRST).await.unwrap()
}

async fn a_consent_is_kept_once_and_permits_go_stale(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let permit = app.client(ann).await;
    let first = app.consent(ann, "terms 1");
    let kept = accept(&app, first.clone()).await.unwrap();
    assert_eq!((kept.user, kept.mark, &kept.record, kept.at), (ann, first.mark, &first.record, first.at));
    assert_eq!(app.user_row(ann).await.consented, Some(first.mark));
    refused!(app.store.people(&permit, &[ann]), StoreError::Stale);

    // Again it answers what was kept, and nothing goes stale.
    let (permit, before) = (app.client(ann).await, app.user_row(ann).await);
    let again = ConsentWrite { record: seal("another record"), at: app.now(), ..first.clone() };
    assert_eq!(accept(&app, again).await.unwrap(), kept);
    assert_eq!(app.user_row(ann).await, before);
    app.store.people(&permit, &[ann]).await.unwrap();

    // Another text, and then the first one again.
    let second = accept(&app, app.consent(ann, "terms 2")).await.unwrap();
    refused!(app.store.people(&permit, &[ann]), StoreError::Stale);
    assert_eq!(app.user_row(ann).await.consented, Some(second.mark));
    assert_eq!(accept(&app, first).await.unwrap(), kept);
    assert_eq!(app.user_row(ann).await.consented, Some(kept.mark));
    assert_eq!(list(&app, Some(ann)).await, [kept, second]);

    let once = Once { scope: mac("scope"), body: mac("body"), at: app.now() };
    let third = || app.consent(ann, "terms 3");
    app.store.accept_consent(&app.system().await, third(), Some(once)).await.unwrap();
    refused!(app.store.accept_consent(&app.system().await, third(), Some(once)), StoreError::Repeated);
}

/// Somebody of this id, who consents before it has a row.
async fn newcomer(app: &App, id: &str) -> ConsentWrite {
    let key = UserKey(app.reserve().await);
    let row = UserWrite {
        key,
        id_mac: id_mac(id),
        id: seal(id),
        profile: seal("nothing"),
        profile_version: 1,
        role: app.app_role(snug_model::roles::USER),
        at: app.now(),
    };
    ConsentWrite { newcomer: Some(row), ..app.consent(key, "terms") }
}

async fn by_id(app: &App, id: &str) -> Option<UserRow> {
    app.store.user(app.key, UserRef::Id(id_mac(id))).await.unwrap()
}

async fn a_consent_makes_the_row_of_a_newcomer_or_nothing(bench: &mut Bench) {
    let app = bench.app("one").await;
    app.user("bob").await;
    let ann = newcomer(&app, "ann").await;
    let permit = app.admission(ann.user).await;
    app.store.accept_consent(&permit, ann.clone(), None).await.unwrap();
    let row = by_id(&app, "ann").await.unwrap();
    assert_eq!((row.key, row.consented, row.id), (ann.user, Some(ann.mark), Some(seal("ann"))));
    refused!(app.store.accept_consent(&permit, ann, None), StoreError::Taken(Unique::User));

    // The id is somebody else's: neither a row nor a consent.
    let bob = newcomer(&app, "bob").await;
    let permit = app.admission(bob.user).await;
    refused!(app.store.accept_consent(&permit, bob.clone(), None), StoreError::Taken(Unique::User));
    assert_eq!((list(&app, Some(bob.user)).await.len(), list(&app, None).await.len()), (0, 1));

    // Who has no row, and gets none, consents to nothing.
    let nobody = ConsentWrite { newcomer: None, ..newcomer(&app, "cid").await };
    refused!(accept(&app, nobody), StoreError::NotFound);
    assert_eq!((by_id(&app, "cid").await, list(&app, None).await.len()), (None, 1));
}

async fn of_many_at_once_one_is_kept(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let permit = app.system().await;
    let writes = (0..8).map(|number| {
        let write = ConsentWrite { record: seal(format!("{number}")), ..app.consent(ann, "terms") };
        app.store.accept_consent(&permit, write, None)
    });
    let kept: Vec<_> = futures_util::future::join_all(writes).await.into_iter().map(Result::unwrap).collect();
    assert!(kept.iter().all(|row| *row == kept[0]), "{kept:?}");
    assert_eq!(list(&app, Some(ann)).await, kept[..1]);
}

async fn consents_are_listed_and_go_with_who_is_erased(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut kept = Vec::new();
    for (user, text) in [(ann, "terms 1"), (bob, "terms 1"), (ann, "terms 2")] {
        kept.push(accept(&app, app.consent(user, text)).await.unwrap());
    }
    assert_eq!(list(&app, None).await, kept);
    let page = Page { after: Some(kept[0].key), limit: 1, ..FIRST };
    let rest = app.store.list_consents(&app.system().await, None, page).await.unwrap();
    assert_eq!(rest, kept[1..2]);
    let newest = Page { descending: true, limit: 1, ..FIRST };
    let newest = app.store.list_consents(&app.system().await, Some(ann), newest).await.unwrap();
    assert_eq!(newest, kept[2..]);
    // Another app's nobody sees, nor adds to.
    assert_eq!((list(&other, None).await, list(&other, Some(ann)).await), (Vec::new(), Vec::new()));
    refused!(accept(&other, app.consent(ann, "terms 1")), StoreError::NotFound);

    app.store.erase_user(&app.system().await, ann, app.job(JobKind::EraseUser(ann))).await.unwrap();
    assert_eq!(list(&app, None).await, kept[1..2]);
    assert_eq!(app.user_row(ann).await.consented, None);
    refused!(accept(&app, app.consent(ann, "terms 1")), StoreError::NotFound);
}

impl App {
    /// That a user accepts a text, which is told by its name.
    pub(crate) fn consent(&self, user: UserKey, text: &str) -> ConsentWrite {
        ConsentWrite {
            user,
            newcomer: None,
            mark: ConsentMark(mac(text).0),
            record: seal(format!("{text} by {user}")),
            at: self.now(),
        }
    }
}
