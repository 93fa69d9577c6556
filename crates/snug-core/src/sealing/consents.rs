//! How consents are laid out in a sealed value: what an app demands, and what somebody has accepted.

use minicbor::{CborLen, Decode, Encode};
use snug_model::{
    KeyId, UserKey,
    consents::{Acceptance, Before, Consent, ConsentName, ConsentText, Locale, Shown, TextDigest, TextUrl},
    policy::By,
    text::Text,
};

use super::plain::Plain;

/// What somebody has accepted, and by whom that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentNote {
    /// What.
    pub accepted: Acceptance,
    /// By whom.
    pub by: By,
}

/// Of the text that an app demands to be accepted.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
pub(super) struct ConsentLayout<'a> {
    #[b(0)]
    id: &'a str,
    #[b(1)]
    version: &'a str,
    /// Whether it is demanded before a person reads.
    #[n(2)]
    before_read: bool,
    #[b(3)]
    texts: Vec<ConsentTextLayout<'a>>,
}

/// Of a text in one language: itself, or its address.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
struct ConsentTextLayout<'a> {
    #[b(0)]
    locale: &'a str,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    digest: [u8; 32],
    #[b(2)]
    text: Option<&'a str>,
    #[b(3)]
    url: Option<&'a str>,
}

impl<'a> ConsentLayout<'a> {
    pub(super) fn of(consent: &'a Consent) -> Self {
        Self {
            id: consent.id.as_str(),
            version: consent.version.as_str(),
            before_read: consent.before == Before::Read,
            texts: consent.texts.iter().map(ConsentTextLayout::of).collect(),
        }
    }

    pub(super) fn consent(self) -> Option<Consent> {
        Some(Consent {
            id: ConsentName::parse(self.id).ok()?,
            version: ConsentName::parse(self.version).ok()?,
            before: if self.before_read { Before::Read } else { Before::Send },
            texts: self.texts.into_iter().map(ConsentTextLayout::text).collect::<Option<_>>()?,
        })
    }
}

impl<'a> ConsentTextLayout<'a> {
    fn of(text: &'a ConsentText) -> Self {
        let (shown, url) = match &text.shown {
            Shown::Text(text) => (Some(text.as_str()), None),
            Shown::Url(url) => (None, Some(url.as_str())),
        };
        Self { locale: text.locale.as_str(), digest: text.digest.0, text: shown, url }
    }

    fn text(self) -> Option<ConsentText> {
        let shown = match (self.text, self.url) {
            (Some(text), None) => Shown::Text(Text::parse(text).ok()?),
            (None, Some(url)) => Shown::Url(TextUrl::parse(url).ok()?),
            (Some(_), Some(_)) | (None, None) => return None,
        };
        Some(ConsentText { locale: Locale::parse(self.locale).ok()?, digest: TextDigest(self.digest), shown })
    }
}

/// Of what somebody has accepted: by a user, a key, or neither, which is the server.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
pub struct ConsentNoteLayout<'a> {
    #[b(0)]
    id: &'a str,
    #[b(1)]
    version: &'a str,
    #[b(2)]
    locale: &'a str,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    digest: [u8; 32],
    #[n(4)]
    user: Option<i64>,
    #[b(5)]
    key: Option<&'a str>,
}

impl Plain for ConsentNote {
    type Layout<'a> = ConsentNoteLayout<'a>;

    fn layout(&self) -> ConsentNoteLayout<'_> {
        let (user, key) = match &self.by {
            By::User(user) => (Some(user.0), None),
            By::Key(key) => (None, Some(key.as_str())),
            By::System => (None, None),
        };
        let Acceptance { id, version, locale, digest } = &self.accepted;
        ConsentNoteLayout {
            id: id.as_str(),
            version: version.as_str(),
            locale: locale.as_str(),
            digest: digest.0,
            user,
            key,
        }
    }

    fn from_layout(layout: ConsentNoteLayout<'_>) -> Option<Self> {
        let by = match (layout.user, layout.key) {
            (Some(user), None) => By::User(UserKey(user)),
            (None, Some(key)) => By::Key(KeyId::parse(key).ok()?),
            (None, None) => By::System,
            (Some(_), Some(_)) => return None,
        };
        let accepted = Acceptance {
            id: ConsentName::parse(layout.id).ok()?,
            version: ConsentName::parse(layout.version).ok()?,
            locale: Locale::parse(layout.locale).ok()?,
            digest: TextDigest(layout.digest),
        };
        Some(Self { accepted, by })
    }
}
