//! Who bears roles, and what of them was used.

use snug_model::{AppKey, Permission, RoleKey, UserKey};

/// How many bear a role: each up to as many as were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bearers {
    /// Users, of an app role; erased ones are not counted.
    pub users: i64,
    /// Members with access `full` or `read`, of a conversation role.
    pub members: i64,
    /// Removed members, who keep the role that they had.
    pub removed: i64,
    /// Keys that may give it to tokens, API keys that were not revoked and registered ones.
    pub keys: i64,
}

/// How often a permission was used under a role on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleUseRow {
    /// The app.
    pub app: AppKey,
    /// Days since 1970, UTC.
    pub day: i64,
    /// The role.
    pub role: RoleKey,
    /// The permission.
    pub permission: Permission,
    /// How often.
    pub count: i64,
    /// Who used it, where it was one person alone.
    pub user: Option<UserKey>,
}
