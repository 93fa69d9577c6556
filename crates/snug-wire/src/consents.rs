//! Consents: the text that an app demands to be accepted, and who has accepted which.

use serde::{Deserialize, Serialize, Serializer};
use snug_model::{
    consents as model,
    limits::{CONSENT_NAME_BYTES_MAX, LOCALE_BYTES_MAX, URL_BYTES_MAX},
};
use utoipa::ToSchema;

use crate::{
    ids::{KeyId, UserId},
    json::{lists, present},
    strings::strings,
    text::Text,
    time::Time,
};

strings! {
    /// What an app calls a text, or a version of one: 1 to 64 bytes of UTF-8 without control characters.
    ConsentName(model::ConsentName) { Some(1), Some(CONSENT_NAME_BYTES_MAX as usize), None, "terms" };
    /// The language of a text, as BCP 47 writes it: 1 to 35 letters, digits and hyphens.
    Locale(model::Locale) { Some(1), Some(LOCALE_BYTES_MAX as usize), Some("^[A-Za-z0-9-]+$"), "en" };
    /// Where a text can be read: `https`, 1 to 2,048 ASCII characters.
    TextUrl(model::TextUrl) { Some(1), Some(URL_BYTES_MAX as usize), Some("^[!-~]+$"), "https://example.com/terms" };
    /// The SHA-256 of a text, in lower-case hexadecimal.
    TextDigest(model::TextDigest) { Some(64), Some(64), Some("^[0-9a-f]{64}$"),
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" };
}

macro_rules! serialize_as_str {
    ($($name:ident)+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0.as_str())
            }
        }
    )+};
}

serialize_as_str! { ConsentName Locale TextUrl }

impl Serialize for TextDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Before what an app demands consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Before {
    /// Before a person leaves anything: it may read.
    Send,
    /// Before it reads, too.
    Read,
}

/// A text that is to be accepted, in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsentText {
    /// The language.
    pub locale: Locale,
    /// The SHA-256 of what a person reads.
    pub digest: TextDigest,
    /// The text, if it is here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Text, required = false)]
    pub text: Option<Text>,
    /// Where the text can be read, if it is elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TextUrl, required = false)]
    pub url: Option<TextUrl>,
}

/// A text that is to be accepted, in each of its languages: one of them is enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Consent {
    /// What the app calls it.
    pub id: ConsentName,
    /// Its version: a new one asks everybody again.
    pub version: ConsentName,
    /// Before what it is demanded.
    pub before: Before,
    /// The text in each language.
    pub texts: Vec<ConsentText>,
}

/// A text that is to be accepted, as an app gives it: with `text` or `url`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentTextDraft {
    /// The language.
    pub locale: Locale,
    /// The SHA-256 of what a person reads. With `text` it may be left out, and otherwise has to be right.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TextDigest, required = false)]
    pub digest: Option<TextDigest>,
    /// The text.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Text, required = false)]
    pub text: Option<Text>,
    /// Where the text can be read.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TextUrl, required = false)]
    pub url: Option<TextUrl>,
}

lists! {
    /// A text in its languages, whole.
    ConsentTexts(ConsentTextDraft) up to CONSENT_TEXTS_MAX;
}

/// Changes the consent that an app demands; what is left out stays. Where none was demanded, all of it is required.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentPatch {
    /// What the app calls the text.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ConsentName, required = false)]
    pub id: Option<ConsentName>,
    /// Its version.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ConsentName, required = false)]
    pub version: Option<ConsentName>,
    /// Before what it is demanded.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Before, required = false)]
    pub before: Option<Before>,
    /// The text in its languages, whole.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ConsentTexts, required = false)]
    pub texts: Option<ConsentTexts>,
}

/// Accepts the text that the app demands, as it was read. On the socket: `consent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// What the app calls the text.
    pub id: ConsentName,
    /// Its version.
    pub version: ConsentName,
    /// The language in which it was read.
    pub locale: Locale,
    /// The SHA-256 of what was read.
    pub digest: TextDigest,
}

/// That a person has accepted a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsentRecord {
    /// Who.
    pub user: UserId,
    /// What the app calls the text.
    pub id: ConsentName,
    /// Its version.
    pub version: ConsentName,
    /// The language in which it was read.
    pub locale: Locale,
    /// The SHA-256 of what was read.
    pub digest: TextDigest,
    /// When it was accepted.
    pub accepted_at: Time,
    /// By whom: the person itself, or a back end for it.
    pub by: AcceptedBy,
}

/// Who accepted a text for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum AcceptedBy {
    /// The person itself.
    User {
        /// Its id.
        user: UserId,
    },
    /// A back end.
    Key {
        /// The id of its key.
        key: KeyId,
    },
    /// The server's own commands.
    System {
        /// Always `true`.
        system: bool,
    },
}

impl From<&model::Consent> for Consent {
    fn from(consent: &model::Consent) -> Self {
        Self {
            id: consent.id.clone().into(),
            version: consent.version.clone().into(),
            before: match consent.before {
                model::Before::Send => Before::Send,
                model::Before::Read => Before::Read,
            },
            texts: consent.texts.iter().map(Into::into).collect(),
        }
    }
}

impl From<&model::ConsentText> for ConsentText {
    fn from(text: &model::ConsentText) -> Self {
        let (shown, url) = match &text.shown {
            model::Shown::Text(text) => (Some(text.clone().into()), None),
            model::Shown::Url(url) => (None, Some(url.clone().into())),
        };
        Self { locale: text.locale.clone().into(), digest: text.digest.into(), text: shown, url }
    }
}

impl From<ConsentPatch> for model::ConsentPatch {
    fn from(patch: ConsentPatch) -> Self {
        Self {
            id: patch.id.map(Into::into),
            version: patch.version.map(Into::into),
            before: patch.before.map(|before| match before {
                Before::Send => model::Before::Send,
                Before::Read => model::Before::Read,
            }),
            texts: patch.texts.map(|texts| texts.0.into_iter().map(Into::into).collect()),
        }
    }
}

impl From<ConsentTextDraft> for model::ConsentTextDraft {
    fn from(text: ConsentTextDraft) -> Self {
        Self {
            locale: text.locale.into(),
            digest: text.digest.map(Into::into),
            text: text.text.map(Into::into),
            url: text.url.map(Into::into),
        }
    }
}

impl From<Acceptance> for model::Acceptance {
    fn from(accepted: Acceptance) -> Self {
        Self {
            id: accepted.id.into(),
            version: accepted.version.into(),
            locale: accepted.locale.into(),
            digest: accepted.digest.into(),
        }
    }
}

impl From<model::ConsentRecord> for ConsentRecord {
    fn from(record: model::ConsentRecord) -> Self {
        Self {
            user: record.user.into(),
            id: record.accepted.id.into(),
            version: record.accepted.version.into(),
            locale: record.accepted.locale.into(),
            digest: record.accepted.digest.into(),
            accepted_at: record.at.into(),
            by: match record.by {
                model::AcceptedBy::User(user) => AcceptedBy::User { user: user.into() },
                model::AcceptedBy::Key(key) => AcceptedBy::Key { key: key.into() },
                model::AcceptedBy::System => AcceptedBy::System { system: true },
            },
        }
    }
}
