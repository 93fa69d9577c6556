//! Apps and their settings.

use serde::{Deserialize, Serialize};
use snug_model::apps as model;
use utoipa::ToSchema;

use crate::{
    consents::{Consent, ConsentPatch},
    erasures::ErasedMessages,
    identity::{Identity, IdentityPatch},
    ids::{AppId, Region},
    json::{lists, present},
    origins::{Origins, PageOrigin},
    rates::{Rates, RatesPatch},
    retention::{Retention, RetentionPatch},
    text::{Emoji, Name, RoleName},
    time::Time,
};

lists! {
    /// What may be reacted with beside emoji.
    OwnReactions(Emoji) up to APP_REACTIONS_MAX;
}

/// An app: a silo whose data touches no other app's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    pub created_at: Time,
}

/// How an app behaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Settings {
    /// Whether an access token whose user is unknown makes the user.
    pub auto_create_users: bool,
    /// The app role of new users.
    pub default_role: RoleName,
    /// The conversation role of new members.
    pub member_role: RoleName,
    /// The conversation role of who creates a conversation.
    pub creator_role: RoleName,
    /// What may be reacted with beside emoji.
    pub reactions: OwnReactions,
    /// How often what may happen.
    pub rates: Rates,
    /// Whose pages may talk to the app; empty is those alone that the server itself delivers.
    pub origins: Origins,
    /// Who may come in, and how.
    pub identity: Identity,
    /// The text that people have to accept; null where none is demanded.
    #[serde(default)]
    #[schema(required = true)]
    pub consent: Option<Consent>,
    /// How long its data lives.
    pub retention: Retention,
    /// Whether the server asks no address for the app that is not declared to be in the app's region.
    #[serde(default)]
    #[schema(required = true)]
    pub keep_in_region: bool,
    /// What becomes of the messages of who is erased.
    pub erased_messages: ErasedMessages,
}

/// Makes an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppDraft {
    /// What people call it.
    pub name: Name,
    /// Where its data lives, for good; the region of the server that is asked, where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
}

/// Changes an app; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppPatch {
    /// What people call it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Name, required = false)]
    pub name: Option<Name>,
    /// How it behaves.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = SettingsPatch, required = false)]
    pub settings: Option<SettingsPatch>,
}

/// Changes an app's settings; what is left out stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsPatch {
    /// Whether an access token whose user is unknown makes the user.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    pub auto_create_users: Option<bool>,
    /// The app role of new users.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = RoleName, required = false)]
    pub default_role: Option<RoleName>,
    /// The conversation role of new members.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = RoleName, required = false)]
    pub member_role: Option<RoleName>,
    /// The conversation role of who creates a conversation.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = RoleName, required = false)]
    pub creator_role: Option<RoleName>,
    /// What may be reacted with beside emoji, whole.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = OwnReactions, required = false)]
    pub reactions: Option<OwnReactions>,
    /// How often what may happen.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = RatesPatch, required = false)]
    pub rates: Option<RatesPatch>,
    /// Whose pages may talk to the app, whole.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Origins, required = false)]
    pub origins: Option<Origins>,
    /// Who may come in, and how.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = IdentityPatch, required = false)]
    pub identity: Option<IdentityPatch>,
    /// The text that people have to accept; null demands none any more.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ConsentPatch>, required = false)]
    pub consent: Option<Option<ConsentPatch>>,
    /// How long its data lives.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = RetentionPatch, required = false)]
    pub retention: Option<RetentionPatch>,
    /// Whether the server is to ask no address for the app that is not declared to be in the app's region. It cannot be turned on while
    /// an issuer is declared to be elsewhere, or nowhere.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    pub keep_in_region: Option<bool>,
    /// What becomes of the messages of who is erased.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ErasedMessages, required = false)]
    pub erased_messages: Option<ErasedMessages>,
}

impl AppPatch {
    /// Changes nothing but the rates.
    pub fn of_rates(rates: RatesPatch) -> Self {
        let settings = SettingsPatch { rates: Some(rates), ..SettingsPatch::default() };
        Self { settings: Some(settings), ..Self::default() }
    }
}

impl From<model::App> for App {
    fn from(app: model::App) -> Self {
        Self {
            id: app.id.into(),
            name: app.name.into(),
            region: app.region.into(),
            settings: app.settings.into(),
            created_at: app.created_at.into(),
        }
    }
}

impl From<model::Settings> for Settings {
    fn from(settings: model::Settings) -> Self {
        Self {
            auto_create_users: settings.auto_create_users,
            default_role: settings.default_role.into(),
            member_role: settings.member_role.into(),
            creator_role: settings.creator_role.into(),
            reactions: OwnReactions(settings.reactions.into_iter().map(Emoji).collect()),
            rates: settings.rates.into(),
            origins: Origins(settings.origins.into_iter().map(PageOrigin).collect()),
            identity: settings.identity.into(),
            consent: settings.consent.as_ref().map(Into::into),
            retention: settings.retention.into(),
            keep_in_region: settings.keep_in_region,
            erased_messages: settings.erased_messages.into(),
        }
    }
}

impl From<AppDraft> for model::AppDraft {
    fn from(draft: AppDraft) -> Self {
        Self { name: draft.name.0, region: draft.region.map(Into::into) }
    }
}

impl From<AppPatch> for model::AppPatch {
    fn from(patch: AppPatch) -> Self {
        Self { name: patch.name.map(Into::into), settings: patch.settings.unwrap_or_default().into() }
    }
}

impl From<SettingsPatch> for model::SettingsPatch {
    fn from(patch: SettingsPatch) -> Self {
        let own = |reactions: OwnReactions| reactions.0.into_iter().map(Into::into).collect();
        Self {
            auto_create_users: patch.auto_create_users,
            default_role: patch.default_role.map(Into::into),
            member_role: patch.member_role.map(Into::into),
            creator_role: patch.creator_role.map(Into::into),
            reactions: patch.reactions.map(own),
            rates: patch.rates.unwrap_or_default().into(),
            origins: patch.origins.map(|origins| origins.0.into_iter().map(Into::into).collect()),
            identity: patch.identity.unwrap_or_default().into(),
            consent: patch.consent.map(|consent| consent.map(Into::into)),
            retention: patch.retention.unwrap_or_default().into(),
            keep_in_region: patch.keep_in_region,
            erased_messages: patch.erased_messages.map(Into::into),
        }
    }
}
