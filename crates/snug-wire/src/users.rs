//! Users, and whether they are there.

use serde::{Deserialize, Serialize};
use snug_model::users as model;
use utoipa::ToSchema;

use crate::{
    attributes::{Attributes, AttributesPatch},
    ids::UserId,
    json::present,
    sanctions::Sanction,
    text::{ImageUrl, Name, RoleName},
    time::Time,
};

/// A person in an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// The customer's id.
    pub id: UserId,
    /// What people call it.
    #[schema(required = true)]
    pub name: Option<Name>,
    /// The address of its picture.
    #[schema(required = true)]
    pub avatar_url: Option<ImageUrl>,
    /// What the customer keeps.
    pub attributes: Attributes,
    /// Its app role.
    pub role: RoleName,
    /// When it was made.
    pub created_at: Time,
    /// When its profile or role last changed.
    pub updated_at: Time,
    /// There while it is banned from the app; for back ends alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Sanction, required = false)]
    pub ban: Option<Sanction>,
    /// There while it is muted in the app; for back ends alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Sanction, required = false)]
    pub mute: Option<Sanction>,
    /// There while it is shadow-banned; for back ends alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Sanction, required = false)]
    pub shadow_ban: Option<Sanction>,
}

/// Makes or replaces a user. What is left out takes the default of a new one, but for the role, which stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserDraft {
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// The address of its picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<ImageUrl>,
    /// What the customer keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
    /// Its app role; back ends only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleName>,
}

/// Changes a user; what is left out stays, `null` takes away.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserPatch {
    /// What people call it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Name>)]
    pub name: Option<Option<Name>>,
    /// The address of its picture.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ImageUrl>)]
    pub avatar_url: Option<Option<ImageUrl>>,
    /// What to merge into what the customer keeps.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub attributes: Option<AttributesPatch>,
    /// Its app role; back ends only.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = RoleName, required = false)]
    pub role: Option<RoleName>,
}

/// Whether a user is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Presence {
    /// Whether it has a live connection.
    pub online: bool,
    /// When its last connection ended, where that is known.
    #[schema(required = true)]
    pub last_seen_at: Option<Time>,
}

impl From<model::User> for User {
    fn from(user: model::User) -> Self {
        Self {
            id: user.id.into(),
            name: user.profile.name.map(Into::into),
            avatar_url: user.profile.avatar_url.map(Into::into),
            attributes: user.profile.attributes.into(),
            role: user.role.into(),
            created_at: user.created_at.into(),
            updated_at: user.updated_at.into(),
            ban: user.sanctions.ban.map(Into::into),
            mute: user.sanctions.mute.map(Into::into),
            shadow_ban: user.sanctions.shadow_ban.map(Into::into),
        }
    }
}

impl From<UserDraft> for model::UserDraft {
    fn from(draft: UserDraft) -> Self {
        let profile = model::Profile {
            name: draft.name.map(Into::into),
            avatar_url: draft.avatar_url.map(Into::into),
            attributes: draft.attributes.unwrap_or_default().0,
        };
        Self { profile, role: draft.role.map(Into::into) }
    }
}

impl From<UserPatch> for model::UserPatch {
    fn from(patch: UserPatch) -> Self {
        Self {
            name: patch.name.map(|name| name.map(Into::into)),
            avatar_url: patch.avatar_url.map(|url| url.map(Into::into)),
            attributes: patch.attributes.map(|attributes| attributes.0),
            role: patch.role.map(Into::into),
        }
    }
}
