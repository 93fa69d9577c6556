//! What a decision in a client's favour leaned on of its permissions, so that it can be said which ones nobody uses.

use super::{Action, client};
use crate::{
    actor::Actor,
    facts::Facts,
    permissions::{Permission, PermissionSet},
};

/// The permissions of the actor's roles that an act leans on which was decided in its favour: with roles that grant these alone the
/// decision would be the same. Nothing for who is no client.
///
/// It is more than the permission that the act names: who acts on others needs what they have, who gives a role what that
/// grants, and what somebody reads may show what only a permission shows.
pub fn uses(actor: &Actor, action: &Action, facts: &Facts) -> PermissionSet {
    match (actor, &facts.conversation) {
        (Actor::User(user), Some(_)) if super::back_end::of_conversation(action) => {
            in_conversation(action, facts, client::effective_in_conversation(user, facts))
        }
        (Actor::User(_), _) => in_app(action, facts),
        (Actor::Key(_) | Actor::System(_), _) => PermissionSet::EMPTY,
    }
}

fn only(permission: Permission) -> PermissionSet {
    [permission].into_iter().collect()
}

/// What those have on whom one acts: nobody acts on somebody who has a permission that one lacks.
fn of_targets(facts: &Facts) -> PermissionSet {
    facts.targets.iter().fold(PermissionSet::EMPTY, |all, target| all.union(target.permissions))
}

fn in_app(action: &Action, facts: &Facts) -> PermissionSet {
    use crate::sanctions::InApp::{Ban, Mute, ShadowBan};
    match action {
        Action::EditUser { own: true } => only(Permission::UserEditOwn),
        Action::EditUser { own: false } => only(Permission::UserEditAny).union(of_targets(facts)),
        Action::EraseUser { own: true } => only(Permission::UserEraseOwn),
        Action::ListUsers => only(Permission::UserList),
        Action::BanUser | Action::ShadowBanUser => only(Permission::UserBan).union(of_targets(facts)),
        Action::MuteUser => only(Permission::UserMute).union(of_targets(facts)),
        Action::ListUserSanctions(Ban | ShadowBan) => only(Permission::UserBan),
        Action::ListUserSanctions(Mute) => only(Permission::UserMute),
        Action::CreateConversation { with_others: false, .. } => only(Permission::ConversationCreate),
        Action::CreateConversation { with_others: true, .. } => {
            only(Permission::ConversationCreate).union(only(Permission::MemberAdd))
        }
        _ => PermissionSet::EMPTY,
    }
}

/// Of what the client may do in the conversation.
fn in_conversation(action: &Action, facts: &Facts, have: PermissionSet) -> PermissionSet {
    let either = |one, other| only(if have.has(one) { one } else { other });
    let asked = only(client::asked(action));
    let leaned_on = match action {
        Action::ReadConversation
        | Action::ReadInboxItem
        | Action::ReadMessages
        | Action::ListMembers
        | Action::EditOwnMember
        | Action::CarryMessage => PermissionSet::EMPTY,
        Action::EditMessage { own: true } => either(Permission::MessageEditOwn, Permission::MessageEditAny),
        Action::DeleteMessage { own: true } => {
            either(Permission::MessageDeleteOwn, Permission::MessageDeleteAny)
        }
        Action::AddMembers { grants } | Action::EditMember { grants } => {
            asked.union(*grants).union(of_targets(facts))
        }
        Action::RemoveMember | Action::BanMember | Action::MuteMember => asked.union(of_targets(facts)),
        _ => asked,
    };
    leaned_on.union(of_state(action, facts, have)).union(of_view(action, have))
}

/// What lets one write where others may not, or as soon as they may not.
fn of_state(action: &Action, facts: &Facts, have: PermissionSet) -> PermissionSet {
    let Some(conversation) = &facts.conversation else { return PermissionSet::EMPTY };
    let frozen = conversation.frozen && client::is_own_words(action);
    let slow = conversation.slow_mode_s > 0 && matches!(action, Action::SendMessage { .. });
    let keeps_order = [Permission::MessageDeleteAny, Permission::ConversationFreeze];
    match (frozen, slow) {
        (true, _) => only(Permission::ConversationFreeze),
        // Who has neither waits.
        (false, true) => {
            keeps_order.into_iter().find(|one| have.has(*one)).map_or(PermissionSet::EMPTY, only)
        }
        (false, false) => PermissionSet::EMPTY,
    }
}

/// What shows more of the conversation, for acts whose answer may show it. Sending, and what is done as often, shows nothing of that.
fn of_view(action: &Action, have: PermissionSet) -> PermissionSet {
    let shows_nothing = matches!(
        action,
        Action::SendMessage { .. } | Action::CarryMessage | Action::Type | Action::MarkRead | Action::Join
    );
    if shows_nothing {
        return PermissionSet::EMPTY;
    }
    have.intersection(only(Permission::ReadSee).union(only(Permission::MessageReadVersions)))
}
