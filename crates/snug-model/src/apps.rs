//! Apps: silos whose data touches no other app's.

use crate::{
    ids::{AppId, Region},
    text::{Emoji, Name, RoleName},
    time::Timestamp,
};

/// An app as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its id, which names its region.
    pub id: AppId,
    /// What people call it.
    pub name: Name,
    /// Where its data lives, for good.
    pub region: Region,
    /// How it behaves.
    pub settings: Settings,
    /// When it was made.
    pub created_at: Timestamp,
}

/// How an app behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Whether a token whose user is unknown makes the user.
    pub auto_create_users: bool,
    /// The app role of new users.
    pub default_role: RoleName,
    /// The conversation role of new members.
    pub member_role: RoleName,
    /// The conversation role of who creates a conversation.
    pub creator_role: RoleName,
    /// What may be reacted with beside emoji.
    pub reactions: Vec<Emoji>,
}
