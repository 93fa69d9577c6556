//! Roles: named sets of permissions, of an app or of conversations.

use crate::{
    permissions::{Permission, PermissionSet, Scope},
    text::RoleName,
};

/// A role as it is shown and set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Of the app, or of conversations.
    pub scope: Scope,
    /// Its name, unique in its scope.
    pub name: RoleName,
    /// What it grants.
    pub permissions: PermissionSet,
}

/// The roles of a new app: scope, name, permissions. They grant the least with which one can chat.
pub fn defaults() -> [(Scope, &'static str, PermissionSet); 6] {
    use Permission as P;
    let set = |permissions: &[P]| permissions.iter().copied().collect::<PermissionSet>();
    let observer = set(&[P::ReadMark, P::ConversationLeave]);
    let member = observer.union(set(&[
        P::MessageSend,
        P::MessageReact,
        P::MessageEditOwn,
        P::MessageDeleteOwn,
        P::ReadSee,
        P::TypingSend,
    ]));
    let moderation =
        set(&[P::MessageDeleteAny, P::MessageReadVersions, P::MemberRemove, P::MemberBan, P::MemberMute]);
    [
        (Scope::App, USER, PermissionSet::EMPTY),
        (Scope::App, MODERATOR, moderation.union(set(&[P::UserBan, P::UserMute, P::UserList]))),
        (Scope::Conversation, OBSERVER, observer),
        (Scope::Conversation, MEMBER, member),
        (Scope::Conversation, MODERATOR, member.union(moderation)),
        (Scope::Conversation, OWNER, PermissionSet::all_of_conversation()),
    ]
}

/// The app role that new users get.
pub const USER: &str = "user";
/// The role that moderates, of the app and of conversations.
pub const MODERATOR: &str = "moderator";
/// The conversation role that reads.
pub const OBSERVER: &str = "observer";
/// The conversation role that new members get.
pub const MEMBER: &str = "member";
/// The conversation role that the creator gets.
pub const OWNER: &str = "owner";
