//! Users: people in an app.

use snug_model::{Timestamp, UserKey, roles};
use snug_store::{JobKind, JobState, Page, SanctionRow, StoreError, Unique, UserRef, UserRow, UserWrite};

use crate::bench::{App, Bench, deletion, id_mac, seal};

on_both! {
    a_user_is_found_as_it_was_made
    a_users_id_is_taken_once
    of_two_writes_that_make_the_same_row_at_once_one_does
    a_write_above_version_1_changes_the_user
    a_write_needs_the_version_that_it_was_made_for
    a_profile_changes_no_version_and_a_role_does
    users_are_listed_by_row_number
    people_are_found_by_row_number_within_the_app
    people_are_found_by_id
    people_are_found_among_those_who_share_a_conversation
    a_ban_ends_tokens_and_lifting_it_does_not_bring_them_back
    a_ban_makes_permits_stale
    undated_proofs_are_allowed_from_a_time_on
    a_visitor_returns_by_each_number_once
    an_erased_user_is_blank_and_keeps_its_id_taken_from_clients
    an_erased_id_is_a_new_person_to_a_back_end
    a_user_who_is_not_there_is_not_found
}

const ALL: Page = Page { after: None, descending: false, limit: 100 };

async fn write(app: &App, write: UserWrite) -> Result<UserRow, StoreError> {
    app.store.write_user(&app.system().await, write).await
}

/// What a user is to become: as it is, but for the profile.
async fn change(app: &App, user: UserKey, profile: &str) -> UserWrite {
    let row = app.user_row(user).await;
    UserWrite {
        key: user,
        id_mac: row.id_mac,
        id: row.id.expect("the user is not erased"),
        profile: seal(profile),
        profile_version: row.profile_version + 1,
        role: row.role,
        at: app.now(),
    }
}

async fn by_id(app: &App, id: &str) -> Option<UserRow> {
    app.store.user(app.key, UserRef::Id(id_mac(id))).await.expect("users can be read")
}

async fn erase(app: &App, user: UserKey) -> snug_model::JobId {
    let job = app.job(JobKind::EraseUser(user));
    app.store.erase_user(&app.system().await, user, job.clone()).await.expect("the user can be erased");
    job.id
}

fn sorted(rows: Vec<UserRow>) -> Vec<UserKey> {
    let mut keys: Vec<_> = rows.into_iter().map(|row| row.key).collect();
    keys.sort_unstable();
    keys
}

async fn a_user_is_found_as_it_was_made(bench: &mut Bench) {
    let app = bench.app("one").await;
    let made = app.user_write("ann").await;
    let row = write(&app, made.clone()).await.unwrap();
    let expected = UserRow {
        key: made.key,
        id_mac: made.id_mac,
        id: Some(made.id),
        profile: Some(made.profile),
        profile_version: 1,
        role: made.role,
        ban: None,
        mute: None,
        shadow_ban: None,
        blocks: 0,
        consented: None,
        tokens_not_before: None,
        proofs_allowed_at: None,
        resumed: 0,
        erased_at: None,
        created_at: made.at,
        updated_at: made.at,
        version: row.version,
    };
    assert_eq!(row, expected);
    assert!(row.version.0 > 0, "version 0 stands for a row that is not there");
    assert_eq!(app.user_row(made.key).await, row);
    assert_eq!(by_id(&app, "ann").await, Some(row));
    assert_eq!(by_id(&app, "bob").await, None);
    let other = bench.app("two").await;
    assert_eq!(other.store.user(other.key, UserRef::Key(made.key)).await.unwrap(), None);
    assert_eq!(by_id(&other, "ann").await, None);
}

async fn a_users_id_is_taken_once(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let ann = app.user("ann").await;
    let again = app.user_write("ann").await;
    refused!(write(&app, again), StoreError::Taken(Unique::User));
    assert_eq!(by_id(&app, "ann").await.map(|row| row.key), Some(ann));
    other.user("ann").await;
}

async fn of_two_writes_that_make_the_same_row_at_once_one_does(bench: &mut Bench) {
    let app = bench.app("one").await;
    let newcomer = app.user_write("ann").await;
    let permit = app.admission(newcomer.key).await;
    let both = (0..8).map(|_| app.store.write_user(&permit, newcomer.clone()));
    let (made, refused): (Vec<_>, Vec<_>) =
        futures_util::future::join_all(both).await.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    assert!(refused.iter().all(|it| matches!(it, Err(StoreError::Taken(Unique::User)))), "{refused:?}");
}

async fn a_write_above_version_1_changes_the_user(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let before = app.user_row(ann).await;
    let mut edit = change(&app, ann, "new").await;
    edit.role = app.app_role(roles::MODERATOR);
    let row = write(&app, edit.clone()).await.unwrap();
    let expected = UserRow {
        profile: Some(seal("new")),
        profile_version: 2,
        role: edit.role,
        updated_at: edit.at,
        version: row.version,
        ..before
    };
    assert_eq!(row, expected);
    assert_eq!(app.user_row(ann).await, row);
}

async fn a_write_needs_the_version_that_it_was_made_for(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    write(&app, change(&app, ann, "new").await).await.unwrap();
    let before = app.user_row(ann).await;
    for version in [2, 4] {
        let stale = UserWrite { profile_version: version, ..change(&app, ann, "newer").await };
        refused!(write(&app, stale), StoreError::Changed);
    }
    assert_eq!(app.user_row(ann).await, before);
}

async fn a_profile_changes_no_version_and_a_role_does(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let before = app.user_row(ann).await.version;
    let permit = app.client(ann).await;
    write(&app, change(&app, ann, "new").await).await.unwrap();
    assert_eq!(app.user_row(ann).await.version, before);
    app.store.people(&permit, &[ann]).await.expect("no decision rests on a profile");

    let role = app.app_role(roles::MODERATOR);
    write(&app, UserWrite { role, ..change(&app, ann, "newer").await }).await.unwrap();
    assert!(app.user_row(ann).await.version > before);
    refused!(app.store.people(&permit, &[ann]), StoreError::Stale);
}

async fn users_are_listed_by_row_number(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let mut made = Vec::new();
    for name in ["ann", "bob", "cid", "dan"] {
        made.push(app.user(name).await);
        other.user(name).await;
    }
    erase(&app, made.remove(2)).await;
    let list = async |page| {
        let rows = app.store.list_users(&app.system().await, page).await.expect("users can be listed");
        rows.into_iter().map(|row| row.key).collect::<Vec<_>>()
    };
    assert_eq!(list(ALL).await, made);
    assert_eq!(list(Page { limit: 2, ..ALL }).await, made[..2]);
    assert_eq!(list(Page { after: Some(made[0].0), ..ALL }).await, made[1..]);
    let newest = Page { descending: true, limit: 2, ..ALL };
    assert_eq!(list(newest).await, [made[2], made[1]]);
    assert_eq!(list(Page { after: Some(made[1].0), ..newest }).await, [made[0]]);
}

async fn people_are_found_by_row_number_within_the_app(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let (ann, bob, cid) = (app.user("ann").await, app.user("bob").await, other.user("cid").await);
    erase(&app, bob).await;
    let nobody = UserKey(app.reserve().await);
    let found = app.store.people(&app.system().await, &[cid, bob, nobody, ann, ann]).await.unwrap();
    assert_eq!(sorted(found), [ann, bob], "erased ones too, each once, and nobody of another app");
    assert!(app.store.people(&app.system().await, &[]).await.unwrap().is_empty());
}

async fn people_are_found_by_id(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let cid = app.user("cid").await;
    other.user("dan").await;
    erase(&app, cid).await;
    let ids = ["cid", "bob", "dan", "eve", "ann"].map(id_mac);
    let found = app.store.people_by_id(&app.system().await, &ids, None).await.unwrap();
    assert_eq!(sorted(found), [ann, bob]);
}

async fn people_are_found_among_those_who_share_a_conversation(bench: &mut Bench) {
    let app = bench.app("one").await;
    let mut people = Vec::new();
    for name in ["me", "friend", "stranger", "removed", "deleted", "left"] {
        people.push(app.user(name).await);
    }
    let [me, friend, stranger, removed, deleted, left] = people[..] else { panic!("six people") };
    app.conversation("ours", &[me, friend]).await;
    app.conversation("ours too", &[me, friend]).await;
    app.conversation("theirs", &[friend, stranger]).await;
    app.conversation("with removed", &[me, removed]).await.remove(removed).await;
    let gone = app.conversation("gone", &[me, deleted]).await;
    let job = app.job(JobKind::PurgeConversation(gone.key));
    app.store.delete_conversation(&gone.system().await, deletion(job)).await.unwrap();
    app.conversation("which I left", &[me, left]).await.remove(me).await;

    let ids = ["me", "friend", "stranger", "removed", "deleted", "left", "nobody"].map(id_mac);
    let found = app.store.people_by_id(&app.client(me).await, &ids, Some(me)).await.unwrap();
    assert!(found.iter().all(|row| [me, friend].contains(&row.key)), "only present members count: {found:?}");
    assert!(found.iter().any(|row| row.key == friend));
    assert!(found.len() <= 2, "each once");
}

fn ban(since: Timestamp) -> SanctionRow {
    SanctionRow { until: Timestamp::NEVER, note: Some(seal("why")), since }
}

async fn a_ban_ends_tokens_and_lifting_it_does_not_bring_them_back(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let before = app.user_row(ann).await;
    let at = app.now();
    app.store.set_user_ban(&app.system().await, ann, Some(ban(at)), at, None).await.unwrap();
    let banned = app.user_row(ann).await;
    assert_eq!((&banned.ban, banned.tokens_not_before), (&Some(ban(at)), Some(at)));
    assert!(banned.version > before.version);

    let shorter = SanctionRow { until: Timestamp(at.0 + 5), note: None, since: at };
    app.store.set_user_ban(&app.system().await, ann, Some(shorter.clone()), app.now(), None).await.unwrap();
    assert_eq!(app.user_row(ann).await.ban, Some(shorter));

    app.store.set_user_ban(&app.system().await, ann, None, app.now(), None).await.unwrap();
    let lifted = app.user_row(ann).await;
    assert_eq!(lifted.ban, None);
    assert!(lifted.tokens_not_before >= Some(at), "what was issued before the ban stays void");
    assert!(lifted.version > banned.version);
    assert_eq!((lifted.profile, lifted.role), (before.profile, before.role));
}

async fn a_ban_makes_permits_stale(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    let (anns, bobs) = (conversation.client(ann).await, conversation.client(bob).await);
    app.store.set_user_ban(&app.system().await, ann, Some(ban(app.now())), app.now(), None).await.unwrap();
    let message = |user| conversation.message(snug_store::SenderRow::User(user), "hi");
    refused!(app.store.append(&anns, message(ann)), StoreError::Stale);
    app.store.append(&bobs, message(bob)).await.expect("another user is not concerned");
}

async fn undated_proofs_are_allowed_from_a_time_on(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let before = app.user_row(ann).await;
    assert_eq!(before.proofs_allowed_at, None);
    let at = app.now();
    app.store.allow_proofs(&app.system().await, ann, at, None).await.unwrap();
    let allowed = app.user_row(ann).await;
    assert_eq!(allowed.proofs_allowed_at, Some(at));
    assert!(allowed.version > before.version);
    app.store.set_user_ban(&app.system().await, ann, Some(ban(app.now())), app.now(), None).await.unwrap();
    assert_eq!(app.user_row(ann).await.proofs_allowed_at, Some(at), "a ban after it is after it");
    erase(&app, ann).await;
    let newcomer = app.user_write("ann").await;
    let made = app.store.write_user(&app.back_end(&app.signer).await, newcomer).await.unwrap();
    assert_eq!(made.proofs_allowed_at, None, "it was said of another person");
}

async fn a_visitor_returns_by_each_number_once(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let before = app.user_row(ann).await;
    assert_eq!(before.resumed, 0);
    let permit = app.client(ann).await;
    for (from, to, expected) in [(1, 2, false), (0, 1, true), (0, 1, false), (1, 4, true), (1, 2, false)] {
        let resumed = app.store.resume_visitor(&permit, ann, from, to).await.unwrap();
        assert_eq!(resumed, expected, "from {from} to {to}");
    }
    let after = app.user_row(ann).await;
    assert_eq!((after.resumed, after.version), (4, before.version));
    let at_once = (0..8).map(|_| app.store.resume_visitor(&permit, ann, 4, 5));
    let winners =
        futures_util::future::join_all(at_once).await.into_iter().filter(|won| *won.as_ref().unwrap());
    assert_eq!(winners.count(), 1);
    erase(&app, ann).await;
    let system = app.system().await;
    assert!(!app.store.resume_visitor(&system, ann, 5, 6).await.unwrap());
}

async fn an_erased_user_is_blank_and_keeps_its_id_taken_from_clients(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    app.store.set_user_ban(&app.system().await, ann, Some(ban(app.now())), app.now(), None).await.unwrap();
    app.store.set_user_ban(&app.system().await, ann, None, app.now(), None).await.unwrap();
    let before = app.user_row(ann).await;
    let (clients, newcomer) = (app.client(ann).await, app.user_write("ann").await);
    let admission = app.admission(newcomer.key).await;
    let job = erase(&app, ann).await;
    let erased = app.user_row(ann).await;
    assert_eq!((&erased.id, &erased.profile, erased.id_mac), (&None, &None, before.id_mac));
    assert!(erased.erased_at.is_some() && erased.ban.is_none());
    assert!(erased.tokens_not_before > before.tokens_not_before, "its tokens have ended");
    assert!(erased.version > before.version);
    assert_eq!(by_id(&app, "ann").await, Some(erased));
    refused!(app.store.people(&clients, &[ann]), StoreError::Stale);
    refused!(app.store.write_user(&admission, newcomer), StoreError::Taken(Unique::User));
    let found = app.store.job(&app.system().await, &job).await.unwrap().expect("the job is there");
    assert_eq!((found.kind, found.state), (JobKind::EraseUser(ann), JobState::Waiting));
}

async fn an_erased_id_is_a_new_person_to_a_back_end(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    erase(&app, ann).await;
    let newcomer = app.user_write("ann").await;
    let made = app.store.write_user(&app.back_end(&app.signer).await, newcomer.clone()).await.unwrap();
    assert_ne!(made.key, ann);
    assert_eq!(by_id(&app, "ann").await, Some(made.clone()));
    assert!(app.user_row(ann).await.erased_at.is_some());
    erase(&app, made.key).await;
    assert_eq!(by_id(&app, "ann").await.map(|row| row.key), Some(made.key), "the last one who had it");
}

async fn a_user_who_is_not_there_is_not_found(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let (stranger, nobody) = (other.user("bob").await, UserKey(app.reserve().await));
    let permit = app.system().await;
    for user in [stranger, nobody] {
        let edit = UserWrite { key: user, profile_version: 2, ..app.user_write("bob").await };
        refused!(app.store.write_user(&permit, edit), StoreError::NotFound);
        let job = app.job(JobKind::EraseUser(user));
        refused!(app.store.erase_user(&permit, user, job), StoreError::NotFound);
        let at = app.now();
        refused!(app.store.set_user_ban(&permit, user, Some(ban(at)), at, None), StoreError::NotFound);
        refused!(app.store.allow_proofs(&permit, user, at, None), StoreError::NotFound);
        assert!(!app.store.resume_visitor(&permit, user, 0, 1).await.unwrap());
    }
    let row = other.user_row(stranger).await;
    assert!(row.erased_at.is_none() && row.ban.is_none());
}
