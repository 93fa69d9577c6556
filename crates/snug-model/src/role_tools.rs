//! What is found out about roles: who holds a permission, what a change would change, which roles are wider than they need be.

use crate::{
    ids::{ConversationId, KeyId, UserId},
    keys::ScopeSet,
    permissions::{Permission, PermissionSet, Scope},
    text::{Name, RoleName},
};

/// A role, by what it is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleId {
    /// Of the app, or of conversations.
    pub scope: Scope,
    /// Its name, unique in its scope.
    pub name: RoleName,
}

/// Who holds a permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A person, by these roles.
    User {
        /// Who.
        user: UserId,
        /// The roles of its that grant it.
        roles: Vec<RoleId>,
    },
    /// A back end, by an API key that could do what the permission is for.
    Key {
        /// The key.
        key: KeyId,
        /// What people call it.
        name: Name,
        /// The scope by which it could.
        scopes: ScopeSet,
    },
}

/// A change of a role that is tried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleChange {
    /// The role; one that is not there yet would be made.
    pub role: RoleId,
    /// What it would grant; none is that it would be deleted.
    pub permissions: Option<PermissionSet>,
    /// Behind whom to go on among its bearers, as the answer before said.
    pub cursor: Option<String>,
}

/// What a change of a role would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
    /// The role.
    pub role: RoleId,
    /// What it would grant more.
    pub gained: PermissionSet,
    /// What it would grant no more.
    pub lost: PermissionSet,
    /// What keeps it from being deleted, where that is tried out.
    pub in_use_by: Vec<InUseBy>,
    /// How many bear it.
    pub bearers: Counted,
    /// Those of the bearers who would gain or lose something; of so many at a time.
    pub affected: Vec<Affected>,
    /// Where to go on among the bearers; none at the end.
    pub next: Option<String>,
}

/// What keeps a role from being deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InUseBy {
    /// The app's settings name it.
    Settings,
    /// Keys may give it to tokens.
    Keys,
    /// Users bear it.
    Users,
    /// Members bear it, removed ones too.
    Members,
}

/// A number, as far as was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// How many.
    pub count: i64,
    /// Whether there are more.
    pub capped: bool,
}

/// What a change of roles would change for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected {
    /// Who.
    pub user: UserId,
    /// In which conversation, for a role of conversations.
    pub conversation: Option<ConversationId>,
    /// What it could do more.
    pub gained: PermissionSet,
    /// What it could do no more.
    pub lost: PermissionSet,
}

/// Which roles are wider than they need be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// The first day that was looked at, counted from 1970, UTC.
    pub counted_since: i64,
    /// What was found, by scope and name of the role.
    pub findings: Vec<Finding>,
}

/// A role that is wider than it need be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The role.
    pub role: RoleId,
    /// Why.
    pub reason: Reason,
    /// What of it nobody used who would be left with the smaller role.
    pub unused: PermissionSet,
    /// What the smaller role would grant that would do.
    pub smaller: PermissionSet,
    /// Who needs the wider role, where that is one person alone.
    pub user: Option<UserId>,
}

/// Why a role is wider than it need be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It was used, and some of what it grants was not.
    Unused,
    /// People get it without anybody's decision, and it lets them moderate.
    DefaultModerates,
    /// Of those who bear it one person alone used some of what it grants.
    OnePerson,
    /// Nobody bears it, and nothing names it.
    NobodyBears,
}

/// The permissions by which one acts on other people, on what they said, and on the conversation as a whole.
pub fn moderating() -> PermissionSet {
    use Permission as P;
    [
        P::ConversationFreeze,
        P::ConversationArchive,
        P::ConversationDelete,
        P::MemberEdit,
        P::MemberRemove,
        P::MemberBan,
        P::MemberMute,
        P::MessageEditAny,
        P::MessageDeleteAny,
        P::MessageReadVersions,
        P::UserEditAny,
        P::UserBan,
        P::UserMute,
    ]
    .into_iter()
    .collect()
}
