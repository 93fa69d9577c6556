//! Roles: named sets of permissions.

use serde::{Deserialize, Serialize};
use snug_model::{Invalid, permissions, roles as model, text};
use utoipa::ToSchema;

use crate::{
    permissions::{Permissions, known},
    text::RoleName,
};

/// Where a role holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoleScope {
    /// In the app, and in every conversation that one is a member of.
    App,
    /// In one conversation.
    Conversation,
}

/// A role: what its bearers may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Role {
    /// Where it holds.
    pub scope: RoleScope,
    /// Its name, unique in its scope.
    pub name: RoleName,
    /// What it grants.
    #[serde(deserialize_with = "known")]
    pub permissions: Permissions,
}

/// Makes or replaces a role, whose scope and name are in the path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleDraft {
    /// What it grants.
    pub permissions: Permissions,
}

impl RoleDraft {
    /// The role of that scope and name.
    ///
    /// # Errors
    /// `Invalid` where it grants what only app roles can.
    pub fn into_role(self, scope: RoleScope, name: text::RoleName) -> Result<model::Role, Invalid> {
        let permissions = self.permissions.0;
        let beyond = permissions.iter().find(|permission| {
            scope == RoleScope::Conversation && permission.scope() == permissions::Scope::App
        });
        match beyond {
            Some(permission) => Err(Invalid::new(
                "permissions",
                format!("must not have `{permission}`, which only app roles grant"),
            )),
            None => Ok(model::Role { scope: scope.into(), name, permissions }),
        }
    }
}

impl From<permissions::Scope> for RoleScope {
    fn from(scope: permissions::Scope) -> Self {
        match scope {
            permissions::Scope::App => Self::App,
            permissions::Scope::Conversation => Self::Conversation,
        }
    }
}

impl From<RoleScope> for permissions::Scope {
    fn from(scope: RoleScope) -> Self {
        match scope {
            RoleScope::App => Self::App,
            RoleScope::Conversation => Self::Conversation,
        }
    }
}

impl From<model::Role> for Role {
    fn from(role: model::Role) -> Self {
        Self { scope: role.scope.into(), name: role.name.into(), permissions: role.permissions.into() }
    }
}
