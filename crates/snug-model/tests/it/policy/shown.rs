//! What is shown of a decision: to clients what they may do, and to the store what the server itself does.

use snug_model::{
    Action, Actor, Permission, PermissionSet, Timestamp, consents::Before, facts::ConsentMark, policy,
    policy::By, policy::View, roles,
};

use super::{
    scene::{APP, CONVERSATION, NOW, Scene, app_role, conversation_role, demand, set},
    situations::{of_app, of_conversation},
};

/// A moderator of the app who is a member.
fn scene() -> Scene {
    Scene::new(app_role(roles::MODERATOR), conversation_role(roles::MEMBER))
}

/// When a mute ends that is not over.
const LATER: Timestamp = Timestamp(NOW.0 + 1);

#[test]
fn the_servers_own_acts_rest_on_app_and_conversation() {
    let facts = scene().facts;
    let actor = Actor::System(APP);
    let permit = policy::decide(&actor, &Action::ListMembers, &facts, NOW).expect("the server may");
    assert_eq!((permit.by(), permit.user(), permit.app()), (&By::System, None, APP));
    assert_eq!((permit.conversation(), permit.view()), (Some(CONVERSATION), View::EVERYTHING));
    assert_eq!(permit.basis().len(), 2);
    // What is committed is told, whatever has changed since.
    let told = policy::decide(&actor, &Action::Publish, &facts, NOW).expect("the server tells");
    assert_eq!((told.conversation(), told.view()), (Some(CONVERSATION), View::EVERYTHING));
    assert!(told.basis().is_empty());
}

#[test]
fn a_client_is_shown_what_it_may_do_here_and_in_the_app() {
    let scene = scene();
    let actor = Actor::User(scene.client.clone());
    let here = policy::permissions_in_conversation(&actor, &scene.facts, NOW);
    let both = conversation_role(roles::MEMBER).union(app_role(roles::MODERATOR));
    assert_eq!(here, both.intersection(PermissionSet::all_of_conversation()));
    let everywhere = set(&[Permission::UserBan, Permission::UserMute, Permission::UserList]);
    assert_eq!(policy::permissions_in_app(&actor, &scene.facts), everywhere);
    // Nobody else is shown anything.
    let server = Actor::System(APP);
    assert_eq!(policy::permissions_in_conversation(&server, &scene.facts, NOW), PermissionSet::EMPTY);
    assert_eq!(policy::permissions_in_app(&server, &scene.facts), PermissionSet::EMPTY);
}

#[test]
fn a_members_permissions_are_those_of_its_roles_without_what_a_token_narrows() {
    let mut scene = scene();
    scene.client.token.can = Some(PermissionSet::EMPTY);
    let both = conversation_role(roles::MEMBER).union(app_role(roles::MODERATOR));
    let expected = both.intersection(PermissionSet::all_of_conversation());
    let of_member = |scene: &Scene| {
        let member = scene.facts.member.as_ref().expect("the scene has a member");
        policy::permissions_of_member(member, scene.facts.user.as_ref(), NOW)
    };
    assert_eq!(of_member(&scene), expected);
    let member = scene.facts.member.clone().expect("the scene has a member");
    assert_eq!(policy::permissions_of_member(&member, None, NOW), conversation_role(roles::MEMBER));
    scene.member().muted_until = Some(LATER);
    assert!(!of_member(&scene).has(Permission::MessageSend) && of_member(&scene).has(Permission::ReadSee));
}

#[test]
fn who_is_muted_is_muted_until_the_later_of_both_mutes_ends() {
    let mut scene = scene();
    let until =
        |scene: &Scene, now| policy::muted_until(scene.facts.member.as_ref(), scene.facts.user.as_ref(), now);
    assert_eq!(until(&scene, NOW), None);
    scene.member().muted_until = Some(LATER);
    assert_eq!((until(&scene, NOW), until(&scene, LATER)), (Some(LATER), None));
    scene.user().muted_until = Some(Timestamp::NEVER);
    assert_eq!((until(&scene, NOW), until(&scene, LATER)), (Some(Timestamp::NEVER), Some(Timestamp::NEVER)));
    scene.member().muted_until = Some(NOW);
    scene.user().muted_until = Some(NOW);
    assert_eq!(until(&scene, NOW), None);
}

#[test]
fn the_text_that_is_demanded_is_shown_until_it_is_accepted() {
    let mut scene = scene();
    let missing =
        |scene: &Scene| policy::missing_consent(&scene.facts).map(|text| text.id.as_str().to_owned());
    assert_eq!(missing(&scene), None, "nothing is demanded");
    let demand = demand(Before::Send);
    scene.facts.app.consent = Some(demand.clone());
    assert_eq!(missing(&scene).as_deref(), Some("terms"));
    scene.user().consented = Some(ConsentMark([8; 32]));
    assert_eq!(missing(&scene).as_deref(), Some("terms"), "another text was accepted");
    scene.user().consented = Some(demand.mark);
    assert_eq!(missing(&scene), None);
}

/// Whoever only looks around leaves no row: a visitor is somebody from the first thing on that others could see of it.
#[test]
fn a_visitor_is_stored_once_others_could_see_something_of_it() {
    let acts = of_app().into_iter().chain(of_conversation());
    let leaving: Vec<_> = acts.filter(|(_, act)| act.leaves_something()).map(|(name, _)| name).collect();
    assert_eq!(
        leaving,
        [
            "CreateConversation, alone",
            "CreateConversation, with members",
            "CreateConversation, with an owner",
            "CreateConversation, with an id",
            "OpenSupport",
            "Join",
            "SendMessage",
            "SendMessage, in another's name",
        ]
    );
}

/// Who keeps order writes where others wait or may not; a role that is cut down to what was used must keep that.
#[test]
fn writing_where_others_wait_uses_what_lets_one() {
    let used = |granted: &[Permission], change: fn(&mut Scene)| {
        let mut scene = Scene::new(PermissionSet::EMPTY, set(granted));
        change(&mut scene);
        let action = Action::SendMessage { as_user: false };
        assert!(scene.decide(&action).is_ok(), "{granted:?}");
        policy::uses(&Actor::User(scene.client.clone()), &action, &scene.facts).intersection(set(granted))
    };
    let (send, delete, freeze) =
        (Permission::MessageSend, Permission::MessageDeleteAny, Permission::ConversationFreeze);
    let slow: fn(&mut Scene) = |scene| scene.conversation().slow_mode_s = 10;
    let frozen: fn(&mut Scene) = |scene| scene.conversation().frozen = true;
    assert_eq!(used(&[send, delete, freeze], |_| ()), set(&[send]));
    assert_eq!(used(&[send, delete, freeze], slow), set(&[send, delete]));
    assert_eq!(used(&[send, delete], slow), set(&[send, delete]));
    assert_eq!(used(&[send, freeze], slow), set(&[send, freeze]));
    assert_eq!(used(&[send], slow), set(&[send]), "it waits like all others");
    let narrowed = |scene: &mut Scene| {
        scene.conversation().slow_mode_s = 10;
        scene.client.token.can = Some(set(&[Permission::MessageSend]));
    };
    assert_eq!(
        used(&[send, delete, freeze], narrowed),
        set(&[send]),
        "so does who may, by a token that may not"
    );
    assert_eq!(used(&[send, delete, freeze], frozen), set(&[send, freeze]));
}
