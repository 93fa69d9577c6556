//! How entries of the audit are laid out in sealed values.

use minicbor::{CborLen, Decode, Encode};

use super::plain::Plain;

/// From where somebody did what is entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditOrigin {
    /// The address.
    pub address: String,
}

/// What is noted in an entry: what its target was called, and what else is to be known.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct AuditNote {
    /// The user's id.
    pub user: Option<String>,
    /// The conversation's id.
    pub conversation: Option<String>,
    /// What else the target is called.
    pub name: Option<String>,
    /// What else is to be known, by name.
    pub details: Vec<(String, String)>,
}

/// Of an origin.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
pub struct OriginLayout<'a> {
    #[b(0)]
    address: &'a str,
}

impl Plain for AuditOrigin {
    type Layout<'a> = OriginLayout<'a>;

    fn layout(&self) -> OriginLayout<'_> {
        OriginLayout { address: &self.address }
    }

    fn from_layout(layout: OriginLayout<'_>) -> Option<Self> {
        Some(Self { address: layout.address.to_owned() })
    }
}

/// Of a note.
#[derive(Encode, Decode, CborLen)]
#[cbor(map)]
pub struct AuditNoteLayout<'a> {
    #[b(0)]
    user: Option<&'a str>,
    #[b(1)]
    conversation: Option<&'a str>,
    #[b(2)]
    name: Option<&'a str>,
    #[b(3)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    details: Vec<(&'a str, &'a str)>,
}

impl Plain for AuditNote {
    type Layout<'a> = AuditNoteLayout<'a>;

    fn layout(&self) -> AuditNoteLayout<'_> {
        AuditNoteLayout {
            user: self.user.as_deref(),
            conversation: self.conversation.as_deref(),
            name: self.name.as_deref(),
            details: self.details.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        }
    }

    fn from_layout(layout: AuditNoteLayout<'_>) -> Option<Self> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let details = layout.details.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Some(Self {
            user: owned(layout.user),
            conversation: owned(layout.conversation),
            name: owned(layout.name),
            details: details.collect(),
        })
    }
}
