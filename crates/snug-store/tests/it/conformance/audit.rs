//! The audit: an entry is committed with its act or not at all, and no alteration of a chain goes unnamed.

use std::sync::Arc;

use snug_model::{
    Action, AppKey, KeyId, Permit, Timestamp, UserKey,
    audit::{Act, Entries, Entry, Outcome, Target},
    policy::By,
};
use snug_store::{
    AuditEnd, AuditFilter, AuditRow, JobKind, JobState, Page, SealedPlace, StoreError, WalkFrom,
};
use tokio::task::JoinSet;

use crate::bench::{App, Bench, seal};

on_both! {
    an_entry_is_committed_with_its_act
    an_act_that_fails_is_not_entered
    nothing_is_done_that_owes_an_entry_without_it
    entries_are_found_by_what_they_say
    many_at_once_make_one_chain
    each_app_has_a_chain_and_the_installation_too
    an_altered_chain_is_named
    the_chain_of_an_app_goes_with_it
}

pub(super) fn entry(app: &App, act: Act, by: By, target: Target) -> Entry {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&app.now().0.to_be_bytes());
    let note = seal("note").0;
    Entry { id, at: app.now(), by, act, target, outcome: Outcome::Done, count: 1, origin: None, note }
}

pub(super) fn entries(chain: AppKey, list: Vec<Entry>) -> Arc<Entries> {
    Arc::new(Entries { chain, list })
}

/// A permit of the server itself with an entry of this act.
async fn entered(app: &App, act: Act, target: Target) -> Permit {
    app.system().await.with_entries(entries(app.key, vec![entry(app, act, By::System, target)]))
}

async fn all(app: &App) -> Vec<AuditRow> {
    listed(app, AuditFilter::default()).await
}

async fn listed(app: &App, filter: AuditFilter) -> Vec<AuditRow> {
    let page = Page { after: None, descending: false, limit: 1_000 };
    app.store.list_audit(&app.system().await, filter, page).await.expect("the audit can be read")
}

fn acts(rows: &[AuditRow]) -> Vec<(i64, &'static str)> {
    rows.iter().map(|row| (row.n, row.entry.act.name())).collect()
}

async fn an_entry_is_committed_with_its_act(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let end = |app: App| async move { app.store.audit_end(&app.system().await).await.unwrap() };
    assert_eq!(end(app.on(bench)).await, AuditEnd::default());
    let wanted = Entry {
        origin: Some(seal("address").0),
        outcome: Outcome::Refused,
        count: 7,
        ..entry(&app, Act::BanUser, By::Key(KeyId::from_random("a")), Target::User(ann))
    };
    let permit = app.system().await.with_entries(entries(app.key, vec![wanted.clone()]));
    app.store.set_user_ban(&permit, ann, None, app.now(), None).await.unwrap();
    app.store.enter(&entered(&app, Act::ExportAudit, Target::App(None)).await).await.unwrap();
    let two = vec![
        entry(&app, Act::EditApp, By::User(ann), Target::App(None)),
        entry(&app, Act::PutRole, By::System, Target::Role),
    ];
    app.store.enter_refused(entries(app.key, two)).await.unwrap();
    bench.reopen().await;
    let app = app.on(bench);
    let rows = all(&app).await;
    assert_eq!(acts(&rows), [(1, "user.ban"), (2, "audit.export"), (3, "app.edit"), (4, "role.put")]);
    assert_eq!(rows[0].entry, wanted);
    let last = rows[3].hash;
    assert_eq!(end(app).await, AuditEnd { n: 4, hash: last });
}

async fn an_act_that_fails_is_not_entered(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let nobody = UserKey(i64::MAX);
    let permit = entered(&app, Act::BanUser, Target::User(nobody)).await;
    refused!(app.store.set_user_ban(&permit, nobody, None, app.now(), None), StoreError::NotFound);
    let stale = entered(&app, Act::BanUser, Target::User(ann)).await;
    app.store
        .revoke_tokens(&app.system().await, snug_store::RevocationRow::App(app.now()), None)
        .await
        .unwrap();
    refused!(app.store.set_user_ban(&stale, ann, None, app.now(), None), StoreError::Stale);
    refused!(app.store.enter(&stale), StoreError::Stale);
    assert_eq!(all(&app).await, []);
}

async fn nothing_is_done_that_owes_an_entry_without_it(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let owes = app.system_does(&Action::EraseUser { own: false }).await;
    assert_eq!(owes.owes(), Some(Act::EraseUser));
    let erase = app.store.erase_user(&owes, ann, app.job(JobKind::EraseUser(ann)));
    refused!(erase, StoreError::Corrupt(_));
    assert!(app.user_row(ann).await.erased_at.is_none());
}

async fn entries_are_found_by_what_they_say(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let key = KeyId::from_random("a");
    let here = app.conversation("c", &[ann]).await.key;
    let by_key = || By::Key(key.clone());
    let list = vec![
        entry(&app, Act::BanUser, by_key(), Target::User(ann)),
        entry(&app, Act::BanMember, By::User(bob), Target::Member(here, ann)),
        entry(&app, Act::DeleteConversation, by_key(), Target::Conversation(here)),
        entry(&app, Act::BanUser, By::System, Target::User(bob)),
    ];
    let times: Vec<Timestamp> = list.iter().map(|entry| entry.at).collect();
    app.store.enter_refused(entries(app.key, list)).await.unwrap();
    let none = AuditFilter::default;
    for (filter, expected) in [
        (none(), &[1, 2, 3, 4][..]),
        (AuditFilter { act: Some(Act::BanUser), ..none() }, &[1, 4]),
        (AuditFilter { by_key: Some(key.clone()), ..none() }, &[1, 3]),
        (AuditFilter { by_user: Some(bob), ..none() }, &[2]),
        (AuditFilter { user: Some(ann), ..none() }, &[1, 2]),
        (AuditFilter { conversation: Some(here), ..none() }, &[2, 3]),
        (AuditFilter { since: Some(times[2]), ..none() }, &[3, 4]),
        (AuditFilter { until: Some(times[2]), ..none() }, &[1, 2]),
        (AuditFilter { user: Some(ann), by_user: Some(bob), ..none() }, &[2]),
        (AuditFilter { user: Some(bob), by_user: Some(bob), ..none() }, &[]),
    ] {
        let found: Vec<i64> = listed(&app, filter.clone()).await.iter().map(|row| row.n).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    let permit = app.system().await;
    let page = Page { after: Some(4), descending: true, limit: 2 };
    let found = app.store.list_audit(&permit, none(), page).await.unwrap();
    assert_eq!(found.iter().map(|row| row.n).collect::<Vec<_>>(), [3, 2]);
}

async fn many_at_once_make_one_chain(bench: &mut Bench) {
    let app = bench.app("one").await;
    let mut tasks = JoinSet::new();
    for _ in 0..40 {
        let user = app.user(&format!("{}", app.now().0)).await;
        let (store, at) = (Arc::clone(&app.store), app.now());
        let permit = entered(&app, Act::MuteUser, Target::User(user)).await;
        tasks.spawn(async move { store.set_user_mute(&permit, user, None, at, None).await });
    }
    assert!(tasks.join_all().await.iter().all(Result::is_ok));
    // That they make a chain is said by the check at the end.
    assert!(all(&app).await.iter().map(|row| row.n).eq(1..=40));
}

async fn each_app_has_a_chain_and_the_installation_too(bench: &mut Bench) {
    let (one, two) = (bench.app("one").await, bench.app("two").await);
    for app in [&one, &two, &one] {
        app.store.enter(&entered(app, Act::EditApp, Target::App(None)).await).await.unwrap();
    }
    let job = one.job(JobKind::DeleteApp);
    let target = Target::App(Some(one.record().await.app.id));
    let deleted = vec![entry(&one, Act::DeleteApp, By::System, target)];
    let permit = one.system().await.with_entries(entries(AppKey::INSTALLATION, deleted));
    assert_eq!(acts(&all(&two).await), [(1, "app.edit")]);
    assert_eq!(acts(&all(&one).await), [(1, "app.edit"), (2, "app.edit")]);
    one.store.delete_app(&permit, job).await.unwrap();
    let page = Page { after: None, descending: false, limit: 10 };
    let of_all = bench.store.list_audit(&bench.installation(), AuditFilter::default(), page).await.unwrap();
    assert_eq!(acts(&of_all), [(1, "app.delete")]);
}

async fn an_altered_chain_is_named(bench: &mut Bench) {
    let app = bench.app("one").await;
    for _ in 0..6 {
        app.store.enter(&entered(&app, Act::EditApp, Target::App(None)).await).await.unwrap();
    }
    // A copy, of an app that is not there: it is as sound.
    let columns = "n, id, at, actor, actor_key, actor_user, act, target, target_id, conversation, \"user\", outcome, \
                   count, origin, note, hash";
    let copied =
        |to: &str| format!("INSERT INTO audit (app, {columns}) SELECT {to}, {columns} FROM audit ORDER BY n");
    bench.execute(&copied("app + 1000000")).await;
    bench
        .execute("INSERT INTO audit_ends (app, n, hash) SELECT app + 1000000, n, hash FROM audit_ends")
        .await;
    let forged = format!(
        "INSERT INTO audit (app, {columns}) SELECT app, {} FROM audit WHERE n = 3 AND app < 1000000",
        columns.replacen('n', "7", 1)
    );
    let named = |what: &str| format!("the audit of app {}: {what}", app.key);
    let changed = "was changed, or another one was put in its place";
    for (alteration, found) in [
        ("UPDATE audit SET act = 'key.create' WHERE n = 3", format!("entry 3 {changed}")),
        ("UPDATE audit SET at = at + 1 WHERE n = 1", format!("entry 1 {changed}")),
        ("UPDATE audit SET note = id WHERE n = 6", format!("entry 6 {changed}")),
        ("UPDATE audit SET act = 'what is none' WHERE n = 4", format!("entry 4 {changed}")),
        ("UPDATE audit SET actor = 'user', actor_user = 7 WHERE n = 2", format!("entry 2 {changed}")),
        ("DELETE FROM audit WHERE n IN (2, 3)", "removed: entries 2 to 3".to_owned()),
        ("DELETE FROM audit WHERE n = 6", "removed: entry 6".to_owned()),
        (&forged, format!("entry 7 {changed}|entry 7 was inserted: it does not belong where it lies")),
    ] {
        let here = if alteration == forged { "" } else { " AND app < 1000000" };
        bench.execute(&format!("{alteration}{here}")).await;
        let findings = bench.store.check().await.unwrap();
        let said: Vec<_> = findings.iter().map(|it| format!("{}: {}", it.place, it.what)).collect();
        let expected: Vec<_> = found.split('|').map(named).collect();
        assert_eq!(said, expected, "{alteration}");
        bench.execute("DELETE FROM audit WHERE app < 1000000").await;
        bench.execute(&copied("app - 1000000")).await;
    }
    for table in ["audit", "audit_ends"] {
        bench.execute(&format!("DELETE FROM {table} WHERE app >= 1000000")).await;
    }
}

async fn the_chain_of_an_app_goes_with_it(bench: &mut Bench) {
    let app = bench.app("one").await;
    for _ in 0..3 {
        app.store.enter(&entered(&app, Act::EditApp, Target::App(None)).await).await.unwrap();
    }
    let job = app.job(JobKind::DeleteApp);
    app.store.delete_app(&app.system().await, job.clone()).await.unwrap();
    let late = || entries(app.key, vec![entry(&app, Act::EditApp, By::System, Target::App(None))]);
    app.store.enter_refused(late()).await.unwrap();
    let mut state = JobState::Running;
    while state != JobState::Done {
        state = app.store.work_job(&job.id, 1, app.now(), app.now()).await.unwrap().state;
        assert_eq!(app.store.check().await.unwrap(), [], "what is left of it is no altered chain");
    }
    app.store.enter_refused(late()).await.unwrap();
    let mut from = Some(WalkFrom::default());
    while let Some(place) = from {
        let page = app.store.walk(place, 100).await.unwrap();
        assert!(!page.values.iter().any(|at| matches!(at.place, SealedPlace::AuditNote { .. })));
        from = page.next;
    }
}
