//! What people write, checked once and trusted afterwards. None of it prints.

use std::fmt;

use crate::{invalid::Invalid, limits};

/// Texts with a limit in bytes.
macro_rules! texts {
    ($($(#[doc = $doc:literal])+ $name:ident in $field:literal up to $max:ident, empty $empty:literal;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Takes a text of at most the limit's bytes.
            ///
            /// # Errors
            /// `Invalid` naming the limit.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                if text.len() as u64 > limits::$max {
                    return Err(Invalid::new($field, format!("must have at most {} bytes", limits::$max)));
                }
                if !$empty && text.is_empty() {
                    return Err(Invalid::new($field, "must not be empty"));
                }
                Ok(Self(text.into()))
            }

            /// The text.
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

texts! {
    /// The text of a message.
    Text in "text" up to TEXT_BYTES_MAX, empty true;
    /// The name of something, for people to read.
    Name in "name" up to NAME_BYTES_MAX, empty true;
    /// The name of a role: what members and users refer to it by.
    RoleName in "role" up to NAME_BYTES_MAX, empty false;
    /// The address of an image.
    ImageUrl in "url" up to URL_BYTES_MAX, empty false;
    /// A member's label: what the customer's own program calls it.
    Label in "label" up to NAME_BYTES_MAX, empty true;
    /// Why somebody was banned.
    Reason in "reason" up to REASON_BYTES_MAX, empty true;
    /// A bot's name.
    BotName in "bot" up to NAME_BYTES_MAX, empty false;
    /// One emoji, of which the edge has made sure that it is one.
    Emoji in "emoji" up to NAME_BYTES_MAX, empty false;
}

/// A JSON object in compact form, at most 4 KiB and 8 levels deep. Only the edge, which can read JSON, makes one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Attributes(Box<str>);

impl Attributes {
    /// Takes compact JSON that the caller has checked to be an object within the limits.
    pub fn from_checked_json(json: String) -> Self {
        Self(json.into())
    }

    /// The compact JSON.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl Default for Attributes {
    fn default() -> Self {
        Self("{}".into())
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attributes(…)")
    }
}

/// What is to change of attributes, by RFC 7396: a JSON object to merge into them, or `null`, which empties them.
///
/// The result depends on what they are by then, so whoever holds that merges. Only the edge, which can read JSON, makes
/// one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AttributesPatch(Box<str>);

impl AttributesPatch {
    /// Takes compact JSON that the caller has checked to be an object or `null`.
    pub fn from_checked_json(json: String) -> Self {
        Self(json.into())
    }

    /// The compact JSON.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AttributesPatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttributesPatch(…)")
    }
}
