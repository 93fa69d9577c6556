//! Apps and their roles, as rows.

use snug_model::{
    AppId, AppKey, PermissionSet, RoleKey, Timestamp, Version, ids::Region, permissions::Scope,
};

use super::{Mac, Sealed};

/// How an app is looked up.
#[derive(Debug, Clone)]
pub enum AppRef {
    /// By its row number.
    Key(AppKey),
    /// By its id.
    Id(AppId),
}

/// An app's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRow {
    /// Its row number.
    pub key: AppKey,
    /// Its id.
    pub id: AppId,
    /// Where its data lives.
    pub region: Region,
    /// Name, and what may be reacted with.
    pub profile: Sealed,
    /// Of `profile`: 1, 2, 3 …
    pub profile_version: i64,
    /// How it behaves.
    pub settings: SettingsRow,
    /// Grows with every change of settings, roles, and revocations of tokens.
    pub version: Version,
    /// Tokens of this time and before are void.
    pub tokens_not_before: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its deletion began.
    pub deleted_at: Option<Timestamp>,
}

/// How an app behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsRow {
    /// Whether a token whose user is unknown makes the user.
    pub auto_create_users: bool,
    /// The app role of new users.
    pub default_role: RoleKey,
    /// The conversation role of new members.
    pub member_role: RoleKey,
    /// The conversation role of who creates a conversation.
    pub creator_role: RoleKey,
}

/// A role's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRow {
    /// Its row number.
    pub key: RoleKey,
    /// Of the app, or of conversations.
    pub scope: Scope,
    /// Its name, to be found by; unique in app and scope.
    pub name_mac: Mac,
    /// Its name.
    pub name: Sealed,
    /// What it grants.
    pub permissions: PermissionSet,
}

/// An app with what decisions need of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRecord {
    /// The app.
    pub app: AppRow,
    /// All its roles.
    pub roles: Vec<RoleRow>,
    /// The MACs of the ids of tokens that were revoked alone and have not ended by themselves.
    pub revoked_tokens: Vec<Mac>,
}

/// What an app is to become.
#[derive(Debug, Clone)]
pub struct AppEdit {
    /// Name, and what may be reacted with.
    pub profile: Sealed,
    /// The version that `profile` was sealed for: one more than the row has, else [`super::StoreError::Changed`].
    pub profile_version: i64,
    /// How it behaves.
    pub settings: SettingsRow,
}

/// Which tokens end.
#[derive(Debug, Clone)]
pub enum RevocationRow {
    /// One token, by the MAC of its id, remembered until `until`.
    Jti {
        /// The MAC of its id.
        jti: Mac,
        /// When it has ended by itself at the latest.
        until: Timestamp,
    },
    /// All that a key of the app signed at this time and before.
    Key(snug_model::KeyId, Timestamp),
    /// All that a registered public key of the app vouches for at this time and before.
    TokenKey(snug_model::KeyId, Timestamp),
    /// All of the app at this time and before.
    App(Timestamp),
    /// All of a user at this time and before.
    User(snug_model::UserKey, Timestamp),
}
