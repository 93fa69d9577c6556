//! Bans from a conversation.

use snug_model::{
    Action, Denied, Permission, PermissionSet, Rev, RoleKey, Timestamp, UserKey, members::Access,
    permissions::Scope, roles,
};
use snug_store::{MemberRow, StoreError, UserWrite};

use crate::bench::{Bench, Conversation, role_row, seal};

on_both! {
    a_ban_removes_and_keeps_out
    a_ban_of_a_stranger_leaves_no_view
    a_ban_is_a_fact_to_who_never_was_a_member
}

async fn row(conversation: &Conversation, user: UserKey) -> MemberRow {
    conversation.member(user).await.expect("the user has a row")
}

async fn a_ban_removes_and_keeps_out(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann, bob]).await;
    let before = row(&conversation, bob).await;
    let banned = conversation.ban(bob, Some(Timestamp::NEVER)).await;
    assert_eq!((banned.rev, banned.member_count), (Some(Rev(1)), 1));
    let after = row(&conversation, bob).await;
    let ban = after.ban.clone().expect("it is banned");
    assert_eq!((ban.until, &ban.note), (Timestamp::NEVER, &Some(seal("why"))));
    assert_eq!((after.access, after.frozen_rev, after.role), (Access::None, Some(Rev(1)), before.role));
    assert!(after.version > before.version);

    let added = conversation.add(&[bob]).await;
    assert_eq!((added.rev, added.members, added.joined), (None, vec![after.clone()], vec![]), "it stays out");

    let lifted = conversation.ban(bob, None).await;
    assert_eq!(lifted.member_count, 1);
    let free = row(&conversation, bob).await;
    assert_eq!((free.ban, free.access), (None, Access::None));
    assert!(free.version > after.version);
    assert_eq!(free.frozen_rev, Some(Rev(1)), "its view stays as it was frozen");
    assert_eq!(conversation.add(&[bob]).await.joined, [bob]);

    // A ban that is over keeps nobody out.
    let over = app.now();
    conversation.ban(bob, Some(over)).await;
    assert_eq!(conversation.add(&[bob]).await.joined, [bob]);
    assert_eq!(row(&conversation, bob).await.access, Access::Full);
}

async fn a_ban_of_a_stranger_leaves_no_view(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann]).await;
    conversation.send(ann, "1").await;
    let banned = conversation.ban(bob, Some(Timestamp::NEVER)).await;
    assert_eq!((banned.rev, banned.member_count), (None, 1));
    let after = row(&conversation, bob).await;
    assert!(after.forgotten && after.ban.is_some() && after.version.0 > 0);
    assert_eq!((after.access, after.role), (Access::None, app.role(roles::MEMBER)));
    let everywhere = Denied::Banned { until: Timestamp::NEVER, everywhere: false };
    assert_eq!(conversation.decide(bob, &Action::ReadMessages).await.err(), Some(everywhere));
    conversation.ban(bob, None).await;
    assert_eq!(conversation.decide(bob, &Action::ReadMessages).await.err(), Some(Denied::NotFound));
    assert_eq!(conversation.app.store.audience(&conversation.system().await).await.unwrap().members.len(), 1);
    conversation.add(&[bob]).await;
    assert!(!row(&conversation, bob).await.forgotten);
}

async fn a_ban_is_a_fact_to_who_never_was_a_member(bench: &mut Bench) {
    let app = bench.app("one").await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let conversation = app.conversation("c", &[ann]).await;
    // Bob may join, and so gets a permit that rests on his not being a member.
    let joiner = PermissionSet::from_iter([Permission::ConversationJoin]);
    let role = RoleKey(app.reserve().await);
    let joiners = role_row(role, Scope::App, "joiner", joiner);
    app.store.put_role(&app.system().await, joiners).await.unwrap();
    let user = app.user_row(bob).await;
    let write = UserWrite {
        key: bob,
        id_mac: user.id_mac,
        id: user.id.unwrap(),
        profile: user.profile.unwrap(),
        profile_version: 2,
        role,
        at: app.now(),
    };
    app.store.write_user(&app.system().await, write).await.unwrap();
    let permit = conversation.decide(bob, &Action::Join).await.expect("he may join");
    conversation.ban(bob, Some(Timestamp::NEVER)).await;
    let joins = vec![app.member_add(bob)];
    refused!(app.store.add_members(&permit, joins.clone(), app.now(), None), StoreError::Stale);
    conversation.ban(bob, None).await;
    let permit = conversation.decide(bob, &Action::Join).await.expect("he may join again");
    let joined = app.store.add_members(&permit, joins, app.now(), None).await.unwrap();
    assert_eq!(joined.joined, [bob]);
}
