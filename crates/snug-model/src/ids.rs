//! One id type per noun. Ids of Snug have a prefix; a customer's id is another type; rows have integers of their own.

use std::fmt;

use uuid::Uuid;

use crate::{invalid::Invalid, limits};

/// Row numbers and counters: integers that never leave the process but for `Seq` and `Rev`.
macro_rules! integer {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

integer! {
    /// The row number of an app: the first column of every key. 0 stands for the installation itself.
    AppKey;
    /// The row number of a user, unique in the installation.
    UserKey;
    /// The row number of a conversation, unique in the installation.
    ConversationKey;
    /// The row number of a role, unique in the installation.
    RoleKey;
    /// The row number of a template, unique in the installation.
    TemplateKey;
    /// The place of a message in its conversation: 1, 2, 3 … without gaps.
    Seq;
    /// The count of visible changes of a conversation, without gaps within an epoch. 0 is the state at creation.
    Rev;
    /// Which state of a fact a decision rests on. 0 stands for a row that is not there.
    Version;
}

impl AppKey {
    /// The installation: apps themselves and the keys that make them belong to it.
    pub const INSTALLATION: Self = Self(0);
}

impl Seq {
    /// The seq that follows.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Rev {
    /// The rev that follows.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Refuses what is not made of `bytes_max` or fewer lower-case letters, digits and the characters in `also`.
fn token(field: &str, text: &str, bytes_max: usize, also: &str) -> Result<(), Invalid> {
    let fits = |c: char| c.is_ascii_alphanumeric() || also.contains(c);
    if text.is_empty() || text.len() > bytes_max || !text.chars().all(fits) {
        return Err(Invalid::new(field, "must be an id of Snug"));
    }
    Ok(())
}

/// Ids that Snug makes: a prefix and random characters.
macro_rules! prefixed {
    ($($(#[doc = $doc:literal])+ $name:ident = $prefix:literal;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// What every such id begins with.
            pub const PREFIX: &str = $prefix;

            /// Makes the id of its random part, which must be ASCII letters and digits.
            pub fn from_random(random: &str) -> Self {
                Self(format!(concat!($prefix, "{}"), random).into())
            }

            /// Reads an id with its prefix.
            ///
            /// # Errors
            /// `Invalid` where the prefix or a character is wrong.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                let field = stringify!($name);
                let random = text.strip_prefix($prefix).ok_or_else(|| Invalid::new(field, "must be an id of Snug"))?;
                token(field, random, 64, "")?;
                Ok(Self(text.into()))
            }

            /// The id with its prefix.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The id without its prefix.
            pub fn random(&self) -> &str {
                &self.0[$prefix.len()..]
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

prefixed! {
    /// An API key's id, `key_…`. The key itself travels as `sk_<random>_<secret>`.
    KeyId = "key_";
    /// A live connection's id, `ses_…`.
    SessionId = "ses_";
    /// A job's id, `job_…`.
    JobId = "job_";
}

/// An app's id: `app_<region>_<random>`. The region is part of it, so that a node can refuse another region's app
/// without looking it up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppId(Box<str>);

impl AppId {
    /// Makes the id of an app in `region` of its random part.
    pub fn from_random(region: &Region, random: &str) -> Self {
        Self(format!("app_{}_{random}", region.as_str()).into())
    }

    /// Reads an app's id.
    ///
    /// # Errors
    /// `Invalid` where it does not have the form `app_<region>_<random>`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let bad = || Invalid::new("app", "must be an app's id");
        let (region, random) =
            text.strip_prefix("app_").and_then(|rest| rest.split_once('_')).ok_or_else(bad)?;
        Region::parse(region)?;
        token("app", random, 64, "")?;
        Ok(Self(text.into()))
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The region that the id names.
    pub fn region(&self) -> &str {
        self.0["app_".len()..].split('_').next().unwrap_or_default()
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where an app's data lives: 1 to 32 lower-case letters, digits and hyphens, `eu-1` say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Region(Box<str>);

impl Region {
    /// Reads a region's name.
    ///
    /// # Errors
    /// `Invalid` where it is empty, longer than 32 bytes or has another character.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > 32 || !text.chars().all(fits) {
            return Err(Invalid::new("region", "must be 1 to 32 lower-case letters, digits and hyphens"));
        }
        Ok(Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the contract asks of every id that a customer chooses.
fn customer_id(field: &str, text: &str) -> Result<Box<str>, Invalid> {
    let reason = if text.is_empty() || text.len() as u64 > limits::CUSTOMER_ID_BYTES_MAX {
        "must have 1 to 256 bytes"
    } else if text.chars().any(char::is_control) {
        "must have no control characters"
    } else if matches!(text, "." | ".." | "auto") {
        "must not be `.`, `..` or `auto`"
    } else {
        return Ok(text.into());
    };
    Err(Invalid::new(field, reason))
}

/// Ids that customers choose. They may be email addresses, so they print as dots.
macro_rules! customers {
    ($($(#[doc = $doc:literal])+ $name:ident in $field:literal;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Reads an id: 1 to 256 bytes of UTF-8 without control characters, not `.`, `..` or `auto`.
            ///
            /// # Errors
            /// `Invalid` naming the rule that it breaks.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                customer_id($field, text).map(Self)
            }

            /// The id as the customer wrote it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )+};
}

customers! {
    /// A user's id, chosen by the customer.
    UserId in "user";
    /// A conversation's id, chosen by the customer or made by Snug.
    ConversationId in "conversation";
    /// A template's id, chosen by the customer.
    TemplateId in "template";
}

impl UserId {
    /// What the ids of Snug's own visitors begin with; nothing but the door for visitors may make one.
    pub const VISITOR_PREFIX: &str = "vis_";

    /// Whether the id is one of Snug's own visitors'.
    pub fn is_visitor(&self) -> bool {
        self.0.starts_with(Self::VISITOR_PREFIX)
    }
}

/// A message's id: a UUID that its sender chooses, unique in its conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub Uuid);

impl MessageId {
    /// Reads a UUID in its hyphenated form, upper or lower case.
    ///
    /// # Errors
    /// `Invalid` for every other text.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let hyphenated = text.len() == 36;
        Uuid::try_parse(text)
            .ok()
            .filter(|_| hyphenated)
            .map(Self)
            .ok_or_else(|| Invalid::new("id", "must be a UUID"))
    }

    /// The sixteen bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Within which a rev means something: new when a conversation is created, or restored from a backup. Opaque.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

impl Epoch {
    /// Reads the form that [`fmt::Display`] writes: 16 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits =
            text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        u64::from_str_radix(text, 16).ok().filter(|_| digits).map(Self)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
