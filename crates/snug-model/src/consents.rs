//! Consents: the text that an app demands to be accepted, and who has accepted which.

use std::fmt;

use crate::{
    ids::{KeyId, UserId},
    invalid::Invalid,
    limits,
    text::Text,
    time::Timestamp,
};

/// Where the setting of this file stands, for the field that a refusal names.
const FIELD: &str = "settings.consent";

/// Names that travel as they are.
macro_rules! names {
    ($($(#[doc = $doc:literal])+ $name:ident up to $max:ident: $fits:expr, $rule:literal;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Reads one.
            ///
            /// # Errors
            /// `Invalid` for every other text.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                let fits: fn(char) -> bool = $fits;
                if text.is_empty() || text.len() as u64 > limits::$max || !text.chars().all(fits) {
                    return Err(Invalid::new("", format!("must have 1 to {} {}", limits::$max, $rule)));
                }
                Ok(Self(text.into()))
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    )+};
}

names! {
    /// What an app calls a text, `terms` say, or a version of one, `2026-11` say.
    ConsentName up to CONSENT_NAME_BYTES_MAX: |c| !c.is_control(), "bytes without control characters";
    /// The language of a text, as BCP 47 writes it: `de`, `pt-BR`. What is no language of anybody's is taken too.
    Locale up to LOCALE_BYTES_MAX: |c| c.is_ascii_alphanumeric() || c == '-', "letters, digits and hyphens";
    /// Where a text can be read that is too long to be shown by Snug: an `https` address.
    TextUrl up to URL_BYTES_MAX: |c| c.is_ascii_graphic(), "ASCII characters without spaces";
}

/// The SHA-256 of a text, as it is shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextDigest(pub [u8; 32]);

impl TextDigest {
    /// Reads 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// `Invalid` for every other text.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("", "must have 64 lower-case hexadecimal digits");
        let digit = |b: u8| match b {
            b'0'..=b'9' => Ok(b - b'0'),
            b'a'..=b'f' => Ok(b - b'a' + 10),
            _ => Err(wrong()),
        };
        let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| wrong())?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for TextDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TextDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextDigest({self})")
    }
}

/// Before what an app demands consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Before {
    /// Before a person leaves anything: it may read.
    Send,
    /// Before it reads, too.
    Read,
}

/// What is shown of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// The text itself.
    Text(Text),
    /// Where it can be read.
    Url(TextUrl),
}

/// A text in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentText {
    /// The language.
    pub locale: Locale,
    /// The digest of what a person reads.
    pub digest: TextDigest,
    /// The text, or where it is.
    pub shown: Shown,
}

/// A text to which an app demands consent, in each of its languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// What the app calls it.
    pub id: ConsentName,
    /// Its version.
    pub version: ConsentName,
    /// Before what it is demanded.
    pub before: Before,
    /// The text in each language; never none, and no language twice.
    pub texts: Vec<ConsentText>,
}

/// What is to change of the consent that an app demands; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct ConsentPatch {
    /// What the app calls it.
    pub id: Option<ConsentName>,
    /// Its version.
    pub version: Option<ConsentName>,
    /// Before what it is demanded.
    pub before: Option<Before>,
    /// The texts, whole.
    pub texts: Option<Vec<ConsentTextDraft>>,
}

/// A text as an app gives it: itself, or an address with the digest of what stands there.
#[derive(Debug, Clone)]
pub struct ConsentTextDraft {
    /// The language.
    pub locale: Locale,
    /// The digest of what a person reads.
    pub digest: Option<TextDigest>,
    /// The text.
    pub text: Option<Text>,
    /// Where it can be read.
    pub url: Option<TextUrl>,
}

impl ConsentPatch {
    /// What `consent` becomes by it; `digest` is SHA-256.
    ///
    /// # Errors
    /// `Invalid`, naming the field, where something is missing, a digest is not that of its text, or there are too many texts, or
    /// too long ones.
    pub fn applied_to(
        &self,
        consent: Option<&Consent>,
        digest: impl Fn(&Text) -> TextDigest,
    ) -> Result<Consent, Invalid> {
        let missing = |field: &str| Invalid::new(format!("{FIELD}.{field}"), "is required");
        let texts = match (&self.texts, consent) {
            (Some(texts), _) => texts
                .iter()
                .enumerate()
                .map(|(at, text)| text.shown(&format!("{FIELD}.texts[{at}]"), &digest))
                .collect::<Result<_, _>>()?,
            (None, Some(consent)) => consent.texts.clone(),
            (None, None) => return Err(missing("texts")),
        };
        let id = self.id.as_ref().or(consent.map(|it| &it.id));
        let version = self.version.as_ref().or(consent.map(|it| &it.version));
        let consent = Consent {
            id: id.ok_or_else(|| missing("id"))?.clone(),
            version: version.ok_or_else(|| missing("version"))?.clone(),
            before: self.before.or(consent.map(|it| it.before)).ok_or_else(|| missing("before"))?,
            texts,
        };
        consent.check_texts()?;
        Ok(consent)
    }
}

impl ConsentTextDraft {
    fn shown(&self, field: &str, digest: impl Fn(&Text) -> TextDigest) -> Result<ConsentText, Invalid> {
        let locale = self.locale.clone();
        let refused = |name: &str, reason| Err(Invalid::new(format!("{field}.{name}"), reason));
        match (&self.text, &self.url, self.digest) {
            (Some(text), None, given) => {
                let digest = digest(text);
                match given {
                    Some(given) if given != digest => refused("digest", "is not the SHA-256 of the text"),
                    _ => Ok(ConsentText { locale, digest, shown: Shown::Text(text.clone()) }),
                }
            }
            (None, Some(url), Some(_)) if !url.as_str().starts_with("https://") => {
                refused("url", "must begin with `https://`")
            }
            (None, Some(url), Some(digest)) => {
                Ok(ConsentText { locale, digest, shown: Shown::Url(url.clone()) })
            }
            (None, Some(_), None) => refused("digest", "is required with `url`"),
            (Some(_), Some(_), _) | (None, None, _) => {
                refused("text", "or `url` is required, and one of the two")
            }
        }
    }
}

impl Consent {
    /// Whether this is what was accepted: this version of this text, as it is shown in that language.
    pub fn is_accepted_by(&self, accepted: &Acceptance) -> bool {
        self.id == accepted.id
            && self.version == accepted.version
            && self.texts.iter().any(|text| text.locale == accepted.locale && text.digest == accepted.digest)
    }

    fn check_texts(&self) -> Result<(), Invalid> {
        let refused =
            |place: String, reason: String| Err(Invalid::new(format!("{FIELD}.texts{place}"), reason));
        let (count, max) = (self.texts.len() as u64, limits::CONSENT_TEXTS_MAX);
        if count == 0 || count > max {
            return refused(String::new(), format!("must be 1 to {max} texts"));
        }
        for (at, text) in self.texts.iter().enumerate() {
            if self.texts[..at].iter().any(|other| other.locale == text.locale) {
                return refused(format!("[{at}].locale"), "is another text's too".to_owned());
            }
        }
        let bytes = |text: &ConsentText| match &text.shown {
            Shown::Text(text) => text.as_str().len() as u64,
            Shown::Url(url) => url.as_str().len() as u64,
        };
        let max = limits::CONSENT_BYTES_MAX;
        if self.texts.iter().map(bytes).sum::<u64>() > max {
            return refused(
                String::new(),
                format!("must have at most {max} bytes together: give longer ones by `url`"),
            );
        }
        Ok(())
    }
}

/// What somebody says to have read and to accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// What the app calls the text.
    pub id: ConsentName,
    /// Its version.
    pub version: ConsentName,
    /// The language in which it was read.
    pub locale: Locale,
    /// The digest of what was read.
    pub digest: TextDigest,
}

/// Who accepted a text for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcceptedBy {
    /// The person itself.
    User(UserId),
    /// A back end, by its key.
    Key(KeyId),
    /// The server's own commands.
    System,
}

/// That a person has accepted a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRecord {
    /// Who.
    pub user: UserId,
    /// What.
    pub accepted: Acceptance,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: AcceptedBy,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(locale: &str, bytes: u64) -> ConsentTextDraft {
        let text = Some(Text::parse(&"a".repeat(bytes as usize)).unwrap());
        ConsentTextDraft { locale: Locale::parse(locale).unwrap(), digest: None, text, url: None }
    }

    fn patch(texts: Vec<ConsentTextDraft>) -> ConsentPatch {
        let name = |text| Some(ConsentName::parse(text).unwrap());
        ConsentPatch { id: name("terms"), version: name("1"), before: Some(Before::Send), texts: Some(texts) }
    }

    /// As good as SHA-256, to see which text a digest is of.
    fn digest(text: &Text) -> TextDigest {
        TextDigest([text.as_str().len() as u8; 32])
    }

    fn refused(patch: &ConsentPatch, consent: Option<&Consent>) -> String {
        patch.applied_to(consent, digest).unwrap_err().field.to_string()
    }

    #[test]
    fn a_digest_is_64_lower_case_digits() {
        let text = "00ff".repeat(16);
        assert_eq!(TextDigest::parse(&text).unwrap().to_string(), text);
        for wrong in ["", "00FF", &"0".repeat(63), &"0".repeat(65), &"0G".repeat(32), &"FF".repeat(32)] {
            assert!(TextDigest::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_patch_needs_all_that_there_is_not_yet() {
        let whole = patch(vec![text("en", 10)]);
        let consent = whole.applied_to(None, digest).unwrap();
        for (field, without) in [
            ("settings.consent.id", ConsentPatch { id: None, ..whole.clone() }),
            ("settings.consent.version", ConsentPatch { version: None, ..whole.clone() }),
            ("settings.consent.before", ConsentPatch { before: None, ..whole.clone() }),
            ("settings.consent.texts", ConsentPatch { texts: None, ..whole }),
        ] {
            assert_eq!(refused(&without, None), field);
            assert_eq!(without.applied_to(Some(&consent), digest).unwrap(), consent);
        }
    }

    #[test]
    fn a_text_is_there_or_at_an_address_and_its_digest_is_its_own() {
        let [text_field, url, of] =
            ["text", "url", "digest"].map(|name| format!("settings.consent.texts[0].{name}"));
        let here = text("en", 5);
        let address = |text: &str| Some(TextUrl::parse(text).unwrap());
        let there = ConsentTextDraft {
            text: None,
            url: address("https://example.com/terms"),
            digest: Some(TextDigest([9; 32])),
            ..here.clone()
        };
        for good in [
            here.clone(),
            ConsentTextDraft { digest: Some(TextDigest([5; 32])), ..here.clone() },
            there.clone(),
        ] {
            assert!(patch(vec![good]).applied_to(None, digest).is_ok());
        }
        for (field, wrong) in [
            (&of, ConsentTextDraft { digest: Some(TextDigest([6; 32])), ..here.clone() }),
            (&of, ConsentTextDraft { digest: None, ..there.clone() }),
            (&url, ConsentTextDraft { url: address("http://example.com/terms"), ..there.clone() }),
            (&text_field, ConsentTextDraft { text: here.text.clone(), ..there.clone() }),
            (&text_field, ConsentTextDraft { url: None, ..there }),
        ] {
            assert_eq!(refused(&patch(vec![wrong]), None), *field);
        }
    }

    #[test]
    fn texts_are_few_short_and_each_of_a_language_of_its_own() {
        let texts = "settings.consent.texts";
        assert_eq!(refused(&patch(Vec::new()), None), texts);
        let twice = vec![text("en", 1), text("de", 1), text("en", 1)];
        assert_eq!(refused(&patch(twice), None), "settings.consent.texts[2].locale");
        let many = |count: u64| (0..count).map(|n| text(&format!("l{n}"), 1)).collect::<Vec<_>>();
        assert!(patch(many(limits::CONSENT_TEXTS_MAX)).applied_to(None, digest).is_ok());
        assert_eq!(refused(&patch(many(limits::CONSENT_TEXTS_MAX + 1)), None), texts);
        let half = limits::CONSENT_BYTES_MAX / 2;
        let long = vec![text("en", half), text("de", half)];
        assert!(patch(long.clone()).applied_to(None, digest).is_ok());
        assert_eq!(refused(&patch([long, vec![text("fr", 1)]].concat()), None), texts);
    }

    #[test]
    fn what_is_accepted_is_this_version_as_it_is_shown() {
        let consent = patch(vec![text("en", 1)]).applied_to(None, digest).unwrap();
        let accepted = Acceptance {
            id: consent.id.clone(),
            version: consent.version.clone(),
            locale: consent.texts[0].locale.clone(),
            digest: consent.texts[0].digest,
        };
        assert!(consent.is_accepted_by(&accepted));
        let other = || ConsentName::parse("other").unwrap();
        for outdated in [
            Acceptance { id: other(), ..accepted.clone() },
            Acceptance { version: other(), ..accepted.clone() },
            Acceptance { locale: Locale::parse("de").unwrap(), ..accepted.clone() },
            Acceptance { digest: TextDigest([8; 32]), ..accepted },
        ] {
            assert!(!consent.is_accepted_by(&outdated));
        }
    }
}
