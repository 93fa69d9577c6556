//! Users: people in an app.

use crate::{
    ids::UserId,
    sanctions::Sanctions,
    text::{Attributes, AttributesPatch, ImageUrl, Name, RoleName},
    time::Timestamp,
};

/// What a user is called and looks like, and what the customer keeps about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// What people call it.
    pub name: Option<Name>,
    /// The address of its picture.
    pub avatar_url: Option<ImageUrl>,
    /// What the customer keeps.
    pub attributes: Attributes,
}

/// A user as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The customer's id.
    pub id: UserId,
    /// Name, picture, attributes.
    pub profile: Profile,
    /// Its app role.
    pub role: RoleName,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its profile or role last changed.
    pub updated_at: Timestamp,
    /// What it may not do at the moment; for back ends alone.
    pub sanctions: Sanctions,
}

/// A user as it is to become. What is left out takes the default of a new one.
#[derive(Debug, Clone, Default)]
pub struct UserDraft {
    /// Name, picture, attributes.
    pub profile: Profile,
    /// Its app role; the app's `default_role` for a new user where nothing is said, and otherwise as it was.
    pub role: Option<RoleName>,
}

/// What is to change of a user; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct UserPatch {
    /// What people call it; `Some(None)` takes it away.
    pub name: Option<Option<Name>>,
    /// The address of its picture; `Some(None)` takes it away.
    pub avatar_url: Option<Option<ImageUrl>>,
    /// What to merge into what the customer keeps.
    pub attributes: Option<AttributesPatch>,
    /// Its app role; back ends only.
    pub role: Option<RoleName>,
}

/// What others see of a person who is mentioned in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// What people call it.
    pub name: Option<Name>,
    /// The address of its picture.
    pub avatar_url: Option<ImageUrl>,
}
