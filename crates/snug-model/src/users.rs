//! Users: people in an app.

use crate::{
    ids::UserId,
    text::{Attributes, ImageUrl, Name, Reason, RoleName},
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
}

/// What others see of a person who is mentioned in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// What people call it.
    pub name: Option<Name>,
    /// The address of its picture.
    pub avatar_url: Option<ImageUrl>,
}

/// A ban that is to be laid on somebody.
#[derive(Debug, Clone)]
pub struct BanDraft {
    /// Why, for those who may see bans.
    pub reason: Option<Reason>,
    /// When it ends; never where nothing is said.
    pub until: Option<Timestamp>,
}
