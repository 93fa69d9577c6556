//! What is found out about roles: who holds a permission, what a change would change, which roles are wider than they need be.

use serde::{Deserialize, Serialize};
use snug_model::role_tools as model;
use utoipa::{IntoParams, ToSchema};

use crate::{
    ids::{ConversationId, KeyId, UserId},
    json::{lists, present},
    paging::Limit,
    permissions::{Permission, Permissions, Scopes, known},
    roles::RoleScope,
    text::{Name, RoleName},
    usage::Day,
};

/// A role, by what it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleId {
    /// Where it holds.
    pub scope: RoleScope,
    /// Its name.
    pub name: RoleName,
}

/// Of which permission, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WhoCanQuery {
    /// The permission.
    pub permission: Permission,
    /// In which conversation. Where it is left out: by app roles, in the app or in every conversation that one is a member of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationId>,
    /// Where to go on, as the page before said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// How many at most.
    #[serde(default)]
    pub limit: Limit,
}

/// Who holds a permission: a person, or a back end that could do what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Holder {
    /// A person.
    User {
        /// Who.
        user: UserId,
        /// The roles by which it does.
        roles: Vec<RoleId>,
    },
    /// A back end, by an API key.
    Key {
        /// The key.
        key: KeyId,
        /// What people call it.
        name: Name,
        /// The scopes by which it could.
        scopes: Scopes,
    },
}

/// A change of a role that is tried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleChange {
    /// Where it holds.
    pub scope: RoleScope,
    /// Its name; one that is not there yet would be made.
    pub name: RoleName,
    /// What it would grant; null is that it would be deleted.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true)]
    pub permissions: Option<Permissions>,
    /// Where to go on among its bearers: `next` of the answer before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

lists! {
    /// Changes of roles, made together.
    RoleChanges(RoleChange) up to SIMULATED_ROLES_MAX;
}

/// Changes of roles that are tried out. Nothing is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Simulation {
    /// The changes.
    pub roles: RoleChanges,
}

/// What changes of roles would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Simulated {
    /// For each change, in their order.
    pub roles: Vec<SimulatedRole>,
}

/// What a change of a role would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SimulatedRole {
    /// The role.
    pub role: RoleId,
    /// What it would grant more.
    #[serde(deserialize_with = "known")]
    pub gained: Permissions,
    /// What it would grant no more.
    #[serde(deserialize_with = "known")]
    pub lost: Permissions,
    /// What keeps it from being deleted, where that is tried out.
    pub in_use_by: Vec<InUseBy>,
    /// How many bear it: users of an app role, members of a conversation role.
    pub bearers: Counted,
    /// Whom it would concern, among the next 50 who bear it.
    pub affected: Vec<Affected>,
    /// Where to go on among those who bear it; null at the end.
    #[schema(required = true)]
    pub next: Option<String>,
}

/// What keeps a role from being deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counted {
    /// How many.
    pub count: i64,
    /// Whether there are more.
    pub capped: bool,
}

/// What a change of roles would change for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Affected {
    /// Who.
    pub user: UserId,
    /// In which conversation, for a role of conversations.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ConversationId, required = false)]
    pub conversation: Option<ConversationId>,
    /// What it could do more.
    #[serde(deserialize_with = "known")]
    pub gained: Permissions,
    /// What it could do no more.
    #[serde(deserialize_with = "known")]
    pub lost: Permissions,
}

/// Which roles are wider than they need be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleLint {
    /// The first day on which was counted what is used, 29 days ago at the earliest.
    pub counted_since: Day,
    /// What was found, by scope and name of the role.
    pub findings: Vec<RoleFinding>,
}

/// A role that is wider than it need be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleFinding {
    /// The role.
    pub role: RoleId,
    /// Why.
    pub reason: FindingReason,
    /// What of it the smaller role leaves out: nobody used that for whom the smaller role is meant.
    #[serde(deserialize_with = "known")]
    pub unused: Permissions,
    /// The smaller role that would do.
    pub smaller: SmallerRole,
    /// Who alone used what the smaller role leaves out, where `reason` is `one_person`: it keeps the role.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = UserId, required = false)]
    pub user: Option<UserId>,
}

/// A role that would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SmallerRole {
    /// What it would grant.
    #[serde(deserialize_with = "known")]
    pub permissions: Permissions,
}

/// Why a role is wider than it need be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingReason {
    /// It was used, and some of what it grants was not.
    Unused,
    /// People get it without anybody's decision, and it lets them moderate.
    DefaultModerates,
    /// Of those who bear it one person alone used some of what it grants.
    OnePerson,
    /// Nobody bears it, and nothing names it.
    NobodyBears,
}

impl From<model::RoleId> for RoleId {
    fn from(role: model::RoleId) -> Self {
        Self { scope: role.scope.into(), name: role.name.into() }
    }
}

impl From<RoleChange> for model::RoleChange {
    fn from(change: RoleChange) -> Self {
        Self {
            role: model::RoleId { scope: change.scope.into(), name: change.name.into() },
            permissions: change.permissions.map(|permissions| permissions.0),
            cursor: change.cursor,
        }
    }
}

impl From<model::Holder> for Holder {
    fn from(holder: model::Holder) -> Self {
        match holder {
            model::Holder::User { user, roles } => {
                Self::User { user: user.into(), roles: roles.into_iter().map(Into::into).collect() }
            }
            model::Holder::Key { key, name, scopes } => {
                Self::Key { key: key.into(), name: name.into(), scopes: scopes.into() }
            }
        }
    }
}

impl From<model::Simulated> for SimulatedRole {
    fn from(role: model::Simulated) -> Self {
        Self {
            role: role.role.into(),
            gained: role.gained.into(),
            lost: role.lost.into(),
            in_use_by: role.in_use_by.into_iter().map(Into::into).collect(),
            bearers: Counted { count: role.bearers.count, capped: role.bearers.capped },
            affected: role.affected.into_iter().map(Into::into).collect(),
            next: role.next,
        }
    }
}

impl From<model::InUseBy> for InUseBy {
    fn from(by: model::InUseBy) -> Self {
        match by {
            model::InUseBy::Settings => Self::Settings,
            model::InUseBy::Keys => Self::Keys,
            model::InUseBy::Users => Self::Users,
            model::InUseBy::Members => Self::Members,
        }
    }
}

impl From<model::Affected> for Affected {
    fn from(affected: model::Affected) -> Self {
        Self {
            user: affected.user.into(),
            conversation: affected.conversation.map(Into::into),
            gained: affected.gained.into(),
            lost: affected.lost.into(),
        }
    }
}

impl From<model::Lint> for RoleLint {
    fn from(lint: model::Lint) -> Self {
        Self {
            counted_since: Day(lint.counted_since),
            findings: lint.findings.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<model::Finding> for RoleFinding {
    fn from(finding: model::Finding) -> Self {
        Self {
            role: finding.role.into(),
            reason: match finding.reason {
                model::Reason::Unused => FindingReason::Unused,
                model::Reason::DefaultModerates => FindingReason::DefaultModerates,
                model::Reason::OnePerson => FindingReason::OnePerson,
                model::Reason::NobodyBears => FindingReason::NobodyBears,
            },
            unused: finding.unused.into(),
            smaller: SmallerRole { permissions: finding.smaller.into() },
            user: finding.user.map(Into::into),
        }
    }
}
