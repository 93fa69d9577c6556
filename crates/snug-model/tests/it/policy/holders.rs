//! Who holds a permission, and by which scope a key could do what it is for: asked for people and keys that do nothing just now.

use snug_model::{
    Facts, KeyId, Permission, PermissionSet, Timestamp,
    keys::{Scope, ScopeSet},
    members::Access,
    permissions, policy,
};

use super::scene::{APP, NOW, Scene, app_facts, key_facts, set, target};

/// A person whose app role grants this, in no conversation.
fn person(granted: PermissionSet) -> Scene {
    let mut scene = Scene::new(granted, PermissionSet::EMPTY);
    (scene.facts.conversation, scene.facts.member) = (None, None);
    scene
}

fn held(scene: &Scene) -> PermissionSet {
    let holds = |permission: &Permission| policy::holds(*permission, &scene.facts, NOW);
    Permission::ALL.iter().copied().filter(holds).collect()
}

/// What a role grants is held, and nothing else: each permission by itself.
#[test]
fn each_permission_is_held_by_who_is_granted_it_and_by_nobody_else() {
    assert_eq!(held(&person(PermissionSet::EMPTY)), PermissionSet::EMPTY);
    for permission in Permission::ALL.iter().copied() {
        // What is attached goes with a message.
        let one = match permission {
            Permission::MessageSendAttachment => set(&[permission, Permission::MessageSend]),
            _ => set(&[permission]),
        };
        assert_eq!(held(&person(one)), one, "by the app role, in any conversation or in the app");
        if permission.scope() == permissions::Scope::Conversation {
            let member = Scene::new(PermissionSet::EMPTY, one);
            assert_eq!(held(&member), one, "by the role in this conversation");
        }
    }
}

/// Whatever credential somebody has just now, and on whomever it acts, does not matter.
#[test]
fn holding_depends_on_no_token_and_on_nobody_else() {
    let all = PermissionSet::all();
    let changes: [fn(&mut Scene); 5] = [
        |s| s.facts.token_revoked = true,
        |s| s.facts.voucher = None,
        |s| s.key().may_mint = PermissionSet::EMPTY,
        |s| s.facts.targets.clear(),
        |s| s.facts.targets = vec![target(PermissionSet::all()), target(PermissionSet::all())],
    ];
    for change in changes {
        let mut scene = person(set(&[Permission::UserBan, Permission::MessageSend]));
        change(&mut scene);
        assert_eq!(held(&scene), set(&[Permission::UserBan, Permission::MessageSend]));
    }
    let mut banned = person(all);
    banned.user().banned_until = Some(Timestamp::NEVER);
    assert!(held(&banned).is_empty());
    let mut nobody = person(all);
    nobody.facts.user = None;
    assert!(held(&nobody).is_empty());
}

#[test]
fn who_was_removed_holds_nothing_there() {
    let mut scene = Scene::new(PermissionSet::EMPTY, PermissionSet::all_of_conversation());
    assert_eq!(held(&scene), PermissionSet::all_of_conversation());
    scene.member().access = Access::None;
    assert!(held(&scene).is_empty());
    scene.facts.member = None;
    assert!(held(&scene).is_empty());
}

/// The scope by which a key with all of them could do what a permission is for, in a conversation that is not named.
#[test]
fn a_key_needs_a_scope_for_what_a_permission_is_for() {
    let facts = Facts { app: app_facts(), ..Facts::default() };
    let by = |scopes, permission| {
        let key = key_facts(KeyId::from_random("backend"), scopes);
        assert_eq!(key.app, APP);
        policy::scope_of(permission, &key, &facts, NOW)
    };
    for (permission, scope) in [
        (Permission::MessageSend, ScopeSet::EMPTY.with(Scope::Messages)),
        (Permission::MessageReact, ScopeSet::EMPTY.with(Scope::MessagesAsUser)),
        (Permission::MemberAdd, ScopeSet::EMPTY.with(Scope::Conversations)),
        (Permission::MessageReadVersions, ScopeSet::EMPTY.with_read(Scope::Messages)),
        (Permission::UserBan, ScopeSet::EMPTY.with(Scope::Users)),
        (Permission::UserList, ScopeSet::EMPTY.with_read(Scope::Users)),
    ] {
        assert_eq!(by(ScopeSet::all_of_app(), permission), Some(scope), "{permission}");
        assert_eq!(by(scope, permission), Some(scope), "{permission}, by that alone");
        assert_eq!(by(ScopeSet::EMPTY.with(Scope::Events), permission), None, "{permission}");
    }
    assert_eq!(by(ScopeSet::all_of_app(), Permission::ConversationLeave), None, "no key leaves");
    let mut revoked = key_facts(KeyId::from_random("backend"), ScopeSet::all_of_app());
    revoked.revoked = true;
    assert_eq!(policy::scope_of(Permission::UserBan, &revoked, &facts, NOW), None);
}
