//! Who bears roles, and what of them was used.

use snug_model::{Permission, RoleKey, UserKey, members::Access, permissions::Scope, roles};
use snug_store::{Bearers, JobKind, MemberEdit, Page, RoleUseRow, UserWrite};

use crate::bench::{App, Bench, role_row, seal};

on_both! {
    bearers_are_counted_up_to_as_many_as_were_asked_for
    bearers_of_an_app_role_are_listed_in_order
    bearers_of_a_conversation_role_are_listed_wherever_they_are_members
    what_was_used_is_added_up_by_role_permission_and_day
    one_user_of_a_permission_is_known_and_several_are_not
    what_is_too_old_and_what_roles_are_gone_left_is_forgotten
}

const ALL: Page = Page { after: None, descending: false, limit: 100 };

async fn bear(app: &App, user: UserKey, role: RoleKey) {
    let row = app.user_row(user).await;
    let id = row.id.expect("it is not erased");
    let write = UserWrite {
        key: user,
        id_mac: row.id_mac,
        id,
        profile: seal("profile"),
        profile_version: row.profile_version + 1,
        role,
        at: app.now(),
    };
    app.store.write_user(&app.system().await, write).await.expect("a role can be given");
}

async fn bearers(app: &App, role: RoleKey, most: i64) -> Bearers {
    app.store.bearers(&app.system().await, role, most).await.expect("bearers can be counted")
}

async fn bearers_are_counted_up_to_as_many_as_were_asked_for(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let (ann, bob, cid) = (app.user("ann").await, app.user("bob").await, app.user("cid").await);
    let conversation = app.conversation("c", &[ann, bob, cid]).await;
    let (user, member) = (app.app_role(roles::USER), app.role(roles::MEMBER));
    let none = Bearers::default();
    // The signer of the bench may give the default role.
    assert_eq!(bearers(&app, user, 100).await, Bearers { users: 3, keys: 1, ..none });
    assert_eq!(bearers(&app, user, 2).await, Bearers { users: 2, keys: 1, ..none });
    assert_eq!(bearers(&app, member, 100).await, Bearers { members: 3, ..none });
    conversation.remove(bob).await;
    assert_eq!(bearers(&app, member, 100).await, Bearers { members: 2, removed: 1, ..none });
    let read = MemberEdit { access: Some(Access::Read), ..conversation.member_edit(cid) };
    conversation.edit_member(read).await.unwrap();
    assert_eq!(bearers(&app, member, 100).await, Bearers { members: 2, removed: 1, ..none });
    assert_eq!(bearers(&app, member, 0).await, none);
    app.store.create_token_key(&app.system().await, app.token_key_row("k1")).await.unwrap();
    assert_eq!(bearers(&app, user, 100).await.keys, 2);
    app.store.revoke_key(&app.system().await, &app.signer, app.now()).await.unwrap();
    assert_eq!(bearers(&app, user, 100).await.keys, 1);
    app.store.erase_user(&app.system().await, ann, app.job(JobKind::EraseUser(ann))).await.unwrap();
    assert_eq!(bearers(&app, user, 100).await.users, 2);
    assert_eq!(
        other.store.bearers(&other.system().await, user, 100).await.unwrap(),
        none,
        "another app's role"
    );
}

async fn bearers_of_an_app_role_are_listed_in_order(bench: &mut Bench) {
    let app = bench.app("one").await;
    let mut people = Vec::new();
    for name in ["ann", "bob", "cid", "dan"] {
        people.push(app.user(name).await);
    }
    let moderator = app.app_role(roles::MODERATOR);
    for user in [people[3], people[0], people[2]] {
        bear(&app, user, moderator).await;
    }
    let listed = async |role, page| {
        let rows = app.store.list_role_users(&app.system().await, role, page).await.unwrap();
        rows.into_iter().map(|row| row.key).collect::<Vec<_>>()
    };
    assert_eq!(listed(moderator, ALL).await, [people[0], people[2], people[3]]);
    let first = listed(moderator, Page { limit: 2, ..ALL }).await;
    assert_eq!(first, [people[0], people[2]]);
    let rest = Page { after: Some(first[1].0), limit: 2, ..ALL };
    assert_eq!(listed(moderator, rest).await, [people[3]]);
    assert_eq!(listed(app.app_role(roles::USER), ALL).await, [people[1]]);
}

async fn bearers_of_a_conversation_role_are_listed_wherever_they_are_members(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let (one, two) = (app.conversation("1", &[ann, bob]).await, app.conversation("2", &[bob]).await);
    let gone = app.conversation("3", &[ann]).await;
    let member = app.role(roles::MEMBER);
    let listed = async |app: &App, page| {
        let rows = app.store.list_role_members(&app.system().await, member, page).await.unwrap();
        rows.into_iter().map(|(place, row)| (place, row.conversation, row.user)).collect::<Vec<_>>()
    };
    let who = |rows: &[(i64, snug_model::ConversationKey, UserKey)]| {
        let mut who: Vec<_> = rows.iter().map(|(_, conversation, user)| (*conversation, *user)).collect();
        who.sort_unstable();
        who
    };
    let all = listed(&app, ALL).await;
    assert_eq!(who(&all), [(one.key, ann), (one.key, bob), (two.key, bob), (gone.key, ann)]);
    let mut paged = listed(&app, Page { limit: 3, ..ALL }).await;
    paged.extend(listed(&app, Page { after: Some(paged[2].0), limit: 3, ..ALL }).await);
    assert_eq!(paged, all);
    gone.delete().await;
    one.remove(bob).await;
    assert_eq!(who(&listed(&app, ALL).await), [(one.key, ann), (two.key, bob)]);
    assert!(listed(&other, ALL).await.is_empty(), "another app's role");
}

fn used(app: &App, day: i64, role: RoleKey, permission: Permission, count: i64) -> RoleUseRow {
    RoleUseRow { app: app.key, day, role, permission, count, user: None }
}

async fn read(app: &App, since: i64) -> Vec<RoleUseRow> {
    app.store.role_use(&app.system().await, since).await.expect("what was used can be read")
}

async fn what_was_used_is_added_up_by_role_permission_and_day(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let (member, owner) = (app.role(roles::MEMBER), app.role(roles::OWNER));
    let (send, ban) = (Permission::MessageSend, Permission::MemberBan);
    let rows = vec![
        used(&app, 10, member, send, 2),
        used(&app, 10, owner, ban, 1),
        used(&other, 10, other.role(roles::MEMBER), send, 7),
    ];
    app.store.add_role_use(rows, 0).await.unwrap();
    app.store
        .add_role_use(vec![used(&app, 10, member, send, 3), used(&app, 12, member, send, 4)], 0)
        .await
        .unwrap();
    let mut expected = vec![used(&app, 10, member, send, 9), used(&app, 10, owner, ban, 1)];
    expected.sort_by_key(|row| row.role);
    assert_eq!(read(&app, 0).await, expected);
    assert_eq!(read(&app, 11).await, [used(&app, 12, member, send, 4)]);
    assert!(read(&app, 13).await.is_empty());
    assert_eq!(read(&other, 0).await, [used(&other, 10, other.role(roles::MEMBER), send, 7)]);
    // A role of another app is none of this one.
    app.store.add_role_use(vec![used(&app, 10, other.role(roles::OWNER), ban, 1)], 0).await.unwrap();
    assert_eq!(read(&app, 0).await, expected);
    assert_eq!(read(&other, 0).await.len(), 1);
}

async fn one_user_of_a_permission_is_known_and_several_are_not(bench: &mut Bench) {
    let app = bench.app("one").await;
    let member = app.role(roles::MEMBER);
    let by = |day, user: Option<i64>| RoleUseRow {
        user: user.map(UserKey),
        ..used(&app, day, member, Permission::MessageSend, 1)
    };
    let who = async || read(&app, 0).await[0].user;
    app.store.add_role_use(vec![by(1, Some(7)), by(2, Some(7))], 0).await.unwrap();
    assert_eq!(who().await, Some(UserKey(7)));
    app.store.add_role_use(vec![by(2, Some(7))], 0).await.unwrap();
    assert_eq!(who().await, Some(UserKey(7)));
    app.store.add_role_use(vec![by(3, Some(8))], 0).await.unwrap();
    assert_eq!(who().await, None, "two of them, on two days");
    assert_eq!(read(&app, 3).await[0].user, Some(UserKey(8)));
    app.store.add_role_use(vec![by(3, None)], 0).await.unwrap();
    assert_eq!(read(&app, 3).await[0].user, None, "several on one day");
    app.store.add_role_use(vec![by(3, Some(8))], 0).await.unwrap();
    assert_eq!(read(&app, 3).await[0].user, None, "and they stay several");
}

async fn what_is_too_old_and_what_roles_are_gone_left_is_forgotten(bench: &mut Bench) {
    let (app, other) = (bench.app("one").await, bench.app("two").await);
    let (member, send) = (app.role(roles::MEMBER), Permission::MessageSend);
    let old = vec![used(&app, 1, member, send, 1), used(&app, 2, member, send, 1)];
    app.store.add_role_use(old, 0).await.unwrap();
    let theirs = used(&other, 1, other.role(roles::MEMBER), send, 1);
    app.store.add_role_use(vec![theirs], 0).await.unwrap();
    app.store.add_role_use(vec![used(&app, 31, member, send, 1)], 2).await.unwrap();
    assert_eq!(read(&app, 0).await, [used(&app, 2, member, send, 2)]);
    assert_eq!(read(&other, 0).await, [theirs], "an app that used nothing keeps what it has");
    let spare = role_row(RoleKey(app.reserve().await), Scope::App, "spare", Default::default());
    app.store.put_role(&app.system().await, spare.clone()).await.unwrap();
    app.store.add_role_use(vec![used(&app, 31, spare.key, send, 1)], 0).await.unwrap();
    assert_eq!(read(&app, 3).await.len(), 2);
    app.store.delete_role(&app.system().await, spare.key).await.unwrap();
    app.store.add_role_use(vec![used(&app, 31, spare.key, send, 1)], 0).await.unwrap();
    assert_eq!(read(&app, 3).await.len(), 1);
    app.store.delete_app(&app.system().await, app.job(JobKind::DeleteApp)).await.unwrap();
    app.store.add_role_use(vec![used(&app, 31, member, send, 1)], 0).await.unwrap();
}
