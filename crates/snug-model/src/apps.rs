//! Apps: silos whose data touches no other app's.

use crate::{
    consents::{Consent, ConsentPatch},
    erasures::ErasedMessages,
    identity::{Identity, IdentityPatch},
    ids::{AppId, Region},
    origins::PageOrigin,
    rates::{Rates, RatesPatch},
    retention::{Retention, RetentionPatch},
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
    /// How often what may happen.
    pub rates: Rates,
    /// Whose pages may talk to the app; empty is those alone that the server itself delivers.
    pub origins: Vec<PageOrigin>,
    /// Who may come in, and how.
    pub identity: Identity,
    /// The text that people have to accept; none is demanded where there is none.
    pub consent: Option<Consent>,
    /// How long its data lives.
    pub retention: Retention,
    /// Whether nothing of it may be sent to, or asked for at, an address that is not declared to be in its region.
    pub keep_in_region: bool,
    /// What becomes of the messages of who is erased.
    pub erased_messages: ErasedMessages,
}

/// An app that is to be made.
#[derive(Debug, Clone)]
pub struct AppDraft {
    /// What people call it.
    pub name: Name,
    /// Where its data lives; the region of the node that makes it where nothing is said.
    pub region: Option<Region>,
}

/// What is to change of an app; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct AppPatch {
    /// What people call it.
    pub name: Option<Name>,
    /// How it behaves.
    pub settings: SettingsPatch,
}

/// What is to change of an app's settings; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct SettingsPatch {
    /// Whether a token whose user is unknown makes the user.
    pub auto_create_users: Option<bool>,
    /// The app role of new users.
    pub default_role: Option<RoleName>,
    /// The conversation role of new members.
    pub member_role: Option<RoleName>,
    /// The conversation role of who creates a conversation.
    pub creator_role: Option<RoleName>,
    /// What may be reacted with beside emoji, whole.
    pub reactions: Option<Vec<Emoji>>,
    /// How often what may happen.
    pub rates: RatesPatch,
    /// Whose pages may talk to the app, whole.
    pub origins: Option<Vec<PageOrigin>>,
    /// Who may come in, and how.
    pub identity: IdentityPatch,
    /// The text that people have to accept; `Some(None)` demands none any more.
    pub consent: Option<Option<ConsentPatch>>,
    /// How long its data lives.
    pub retention: RetentionPatch,
    /// Whether it is to keep in its region.
    pub keep_in_region: Option<bool>,
    /// What becomes of the messages of who is erased.
    pub erased_messages: Option<ErasedMessages>,
}
