//! Apps and their roles.

use snug_model::{AppId, AppKey, PermissionSet, RoleKey, permissions::Scope, roles};
use snug_store::{
    AppEdit, AppRef, AppRow, JobKind, JobState, Page, RoleRow, SettingsRow, StoreError, Unique,
};

use crate::bench::{App, Bench, mac, role_row, seal};

on_both! {
    an_app_is_found_as_it_was_made
    apps_are_listed_by_row_number
    an_edit_of_an_app_replaces_its_profile_and_settings
    an_edit_of_an_app_needs_the_version_that_it_was_made_for
    a_deleted_app_is_found_and_not_listed
    a_deletion_voids_every_permit_of_the_app
    a_role_is_made_and_then_changed
    a_role_of_the_same_name_may_be_of_the_other_scope
    a_role_in_use_is_not_deleted
    a_role_that_is_not_there_is_not_found
}

const ALL: Page = Page { after: None, descending: false, limit: 100 };

async fn listed(bench: &Bench, page: Page) -> Vec<AppRow> {
    bench.store.list_apps(&bench.installation(), page).await.expect("apps can be listed")
}

fn keys(apps: &[AppRow]) -> Vec<AppKey> {
    apps.iter().map(|app| app.key).collect()
}

async fn edit(app: &App, change: impl FnOnce(&mut AppEdit)) -> Result<AppRow, StoreError> {
    let row = app.record().await.app;
    let mut edit =
        AppEdit { profile: row.profile, profile_version: row.profile_version + 1, settings: row.settings };
    change(&mut edit);
    app.store.edit_app(&app.system().await, edit).await
}

async fn an_app_is_found_as_it_was_made(bench: &mut Bench) {
    let app = bench.app("one").await;
    let record = app.record().await;
    assert_eq!((record.app.key, &record.app.id), (app.key, &app.id));
    assert_eq!((record.app.region.as_str(), record.app.deleted_at), ("eu", None));
    assert_eq!((record.app.profile, record.app.profile_version), (seal("one"), 1));
    let expected = SettingsRow {
        auto_create_users: true,
        default_role: app.app_role(roles::USER),
        member_role: app.role(roles::MEMBER),
        creator_role: app.role(roles::OWNER),
    };
    assert_eq!(record.app.settings, expected);
    assert!(record.app.version.0 > 0, "version 0 stands for a row that is not there");
    assert!(record.revoked_tokens.is_empty());
    assert_eq!(record.roles.len(), roles::defaults().len());
    for (scope, name, permissions) in roles::defaults() {
        let key = if scope == Scope::App { app.app_role(name) } else { app.role(name) };
        assert!(record.roles.contains(&role_row(key, scope, name, permissions)), "{name}");
    }

    let by_id = bench.store.app(AppRef::Id(app.id.clone()), bench.now()).await.unwrap();
    assert_eq!(by_id.map(|found| found.app.key), Some(app.key));
    let nobody = AppId::parse("app_eu_nobody").unwrap();
    assert!(bench.store.app(AppRef::Id(nobody), bench.now()).await.unwrap().is_none());
    assert!(bench.store.app(AppRef::Key(AppKey(app.key.0 + 1_000)), bench.now()).await.unwrap().is_none());
}

async fn apps_are_listed_by_row_number(bench: &mut Bench) {
    let (one, two, three) = (bench.app("one").await, bench.app("two").await, bench.app("three").await);
    assert_eq!(keys(&listed(bench, ALL).await), [one.key, two.key, three.key]);
    let first = Page { limit: 2, ..ALL };
    assert_eq!(keys(&listed(bench, first).await), [one.key, two.key]);
    let second = Page { after: Some(two.key.0), ..first };
    assert_eq!(keys(&listed(bench, second).await), [three.key]);
    let newest = Page { descending: true, ..first };
    assert_eq!(keys(&listed(bench, newest).await), [three.key, two.key]);
    let older = Page { after: Some(two.key.0), ..newest };
    assert_eq!(keys(&listed(bench, older).await), [one.key]);
}

async fn an_edit_of_an_app_replaces_its_profile_and_settings(bench: &mut Bench) {
    let app = bench.app("one").await;
    let before = app.record().await.app;
    let settings = SettingsRow {
        auto_create_users: false,
        default_role: app.app_role(roles::MODERATOR),
        member_role: app.role(roles::OBSERVER),
        creator_role: app.role(roles::MODERATOR),
    };
    let edited = edit(&app, |edit| {
        edit.profile = seal("uno");
        edit.settings = settings.clone();
    })
    .await
    .unwrap();
    assert_eq!((&edited.profile, edited.profile_version), (&seal("uno"), 2));
    assert_eq!(edited.settings, settings);
    assert!(edited.version > before.version, "a change of settings is a change of what decisions rest on");
    assert_eq!(app.record().await.app, edited);
    assert_eq!((edited.key, &edited.id, edited.created_at), (before.key, &before.id, before.created_at));
}

async fn an_edit_of_an_app_needs_the_version_that_it_was_made_for(bench: &mut Bench) {
    let app = bench.app("one").await;
    let before = app.record().await.app;
    for version in [0, 1, 3] {
        refused!(edit(&app, |edit| edit.profile_version = version), StoreError::Changed);
    }
    assert_eq!(app.record().await.app, before);
}

async fn a_deleted_app_is_found_and_not_listed(bench: &mut Bench) {
    let (one, two) = (bench.app("one").await, bench.app("two").await);
    let job = one.job(JobKind::DeleteApp);
    one.store.delete_app(&one.system().await, job.clone()).await.unwrap();
    assert!(one.record().await.app.deleted_at.is_some());
    assert_eq!(keys(&listed(bench, ALL).await), [two.key]);
    let found = one.store.job(&one.system().await, &job.id).await.unwrap().expect("the job is there");
    assert_eq!((found.kind, found.state), (JobKind::DeleteApp, JobState::Waiting));
}

async fn a_deletion_voids_every_permit_of_the_app(bench: &mut Bench) {
    let app = bench.app("one").await;
    let ann = app.user("ann").await;
    let conversation = app.conversation("c", &[ann]).await;
    let permits = [
        app.system().await,
        app.back_end(&app.signer).await,
        app.client(ann).await,
        conversation.system().await,
        conversation.client(ann).await,
    ];
    app.store.delete_app(&app.system().await, app.job(JobKind::DeleteApp)).await.unwrap();
    for permit in permits {
        refused!(app.store.people(&permit, &[ann]), StoreError::Stale);
    }
}

async fn put(app: &App, scope: Scope, name: &str, permissions: PermissionSet) -> bool {
    let row = role_row(RoleKey(app.reserve().await), scope, name, permissions);
    app.store.put_role(&app.system().await, row).await.expect("a role can be put")
}

fn find<'a>(rows: &'a [RoleRow], scope: Scope, name: &str) -> Option<&'a RoleRow> {
    rows.iter().find(|role| role.scope == scope && role.name_mac == mac(name))
}

async fn a_role_is_made_and_then_changed(bench: &mut Bench) {
    let app = bench.app("one").await;
    let roles = app.record().await.roles.len();
    let before = app.record().await.app.version;
    assert!(put(&app, Scope::Conversation, "guest", PermissionSet::EMPTY).await, "it is new");
    let made = app.record().await;
    assert!(made.app.version > before, "a new role counts as a change of the app");
    assert_eq!(made.roles.len(), roles + 1);
    let guest = find(&made.roles, Scope::Conversation, "guest").expect("the role is there").clone();
    assert!(guest.permissions.is_empty());

    let more = PermissionSet::all_of_conversation();
    assert!(!put(&app, Scope::Conversation, "guest", more).await, "it is not new");
    let changed = app.record().await;
    assert!(changed.app.version > made.app.version, "what a role grants is what decisions rest on");
    assert_eq!(changed.roles.len(), roles + 1);
    let now = find(&changed.roles, Scope::Conversation, "guest");
    assert_eq!(now, Some(&RoleRow { permissions: more, ..guest }), "it keeps its row number");
}

async fn a_role_of_the_same_name_may_be_of_the_other_scope(bench: &mut Bench) {
    let app = bench.app("one").await;
    assert!(put(&app, Scope::App, "guest", PermissionSet::EMPTY).await);
    assert!(put(&app, Scope::Conversation, "guest", PermissionSet::all_of_conversation()).await);
    let rows = app.record().await.roles;
    assert!(find(&rows, Scope::App, "guest").unwrap().permissions.is_empty());
    assert!(!find(&rows, Scope::Conversation, "guest").unwrap().permissions.is_empty());
}

async fn a_role_in_use_is_not_deleted(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    let delete = async |role| app.store.delete_role(&app.system().await, role).await;

    // Settings have the first three, the key the first one; nobody has a default role beside these.
    for role in [app.app_role(roles::USER), app.role(roles::MEMBER), app.role(roles::OWNER)] {
        refused!(delete(role), StoreError::Taken(Unique::Role));
    }
    let mut edit = conversation.member_edit(bob);
    edit.role = Some(app.role(roles::OBSERVER));
    conversation.edit_member(edit).await.unwrap();
    refused!(delete(app.role(roles::OBSERVER)), StoreError::Taken(Unique::Role));
    conversation.remove(bob).await;
    refused!(delete(app.role(roles::OBSERVER)), StoreError::Taken(Unique::Role));

    let mut write = app.user_write("cid").await;
    write.role = app.app_role(roles::MODERATOR);
    app.store.write_user(&app.system().await, write).await.unwrap();
    refused!(delete(app.app_role(roles::MODERATOR)), StoreError::Taken(Unique::Role));

    let mut key = app.key_row(&snug_model::KeyId::from_random("wide"), Default::default());
    let minted = RoleKey(app.reserve().await);
    let row = role_row(minted, Scope::App, "minted", PermissionSet::EMPTY);
    app.store.put_role(&app.system().await, row).await.unwrap();
    key.may_mint = Some(minted);
    app.store.create_key(&app.system().await, key).await.unwrap();
    refused!(delete(minted), StoreError::Taken(Unique::Role));

    let before = app.record().await;
    delete(app.role(roles::MODERATOR)).await.unwrap();
    let after = app.record().await;
    assert_eq!(after.roles.len(), before.roles.len() - 1);
    assert!(find(&after.roles, Scope::Conversation, roles::MODERATOR).is_none());
    assert!(after.app.version > before.app.version);
}

async fn a_role_that_is_not_there_is_not_found(bench: &mut Bench) {
    let (one, two) = (bench.app("one").await, bench.app("two").await);
    let nobody = RoleKey(one.reserve().await);
    let permit = one.system().await;
    refused!(one.store.delete_role(&permit, nobody), StoreError::NotFound);
    refused!(one.store.delete_role(&permit, two.role(roles::OBSERVER)), StoreError::NotFound);
    assert_eq!(two.record().await.roles.len(), roles::defaults().len());
}
