//! Who may come in through the door, and what vouches for them there.

use std::fmt;

use crate::{invalid::Invalid, secret::SecretText, time::Timestamp};

/// Names a secret that an app keeps for a scheme: chosen by who adds it; for Twilio it is the API key's own id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretId(Box<str>);

impl SecretId {
    /// Reads a name: 1 to 64 letters, digits, hyphens and underscores.
    ///
    /// # Errors
    /// `Invalid` for every other text.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if text.is_empty() || text.len() > 64 || !text.bytes().all(fits) {
            return Err(Invalid::new("secret", "must have 1 to 64 letters, digits, hyphens and underscores"));
        }
        Ok(Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A secret that an app shares with another system, or with its own back end.
#[derive(Debug, Clone)]
pub struct SchemeSecret {
    /// What it is called.
    pub id: SecretId,
    /// The secret, as the other system writes it; its ASCII is what signs.
    pub secret: SecretText,
    /// When it was added. Nothing that came by an earlier secret of this name comes by this one.
    pub created_at: Timestamp,
}
