//! Several values as one string of bytes, so that two different lists of values never give the same string.

use smallvec::SmallVec;

/// Values one after another: integers of fixed width, and strings behind their length. What is authenticated or compared
/// goes through here, for otherwise `("ab", "c")` and `("a", "bc")` would be the same.
#[derive(Clone)]
pub(super) struct Fields(SmallVec<[u8; 160]>);

impl Fields {
    /// Begins with the purpose, so that what was made for one purpose is worth nothing for another.
    pub(super) fn new(purpose: &str) -> Self {
        Self(SmallVec::new()).text(purpose)
    }

    pub(super) fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    pub(super) fn int(mut self, int: i64) -> Self {
        self.0.extend_from_slice(&int.to_be_bytes());
        self
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// A string that may be absent, which is not the same as empty.
    pub(super) fn optional(self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => self.byte(1).bytes(bytes),
            None => self.byte(0),
        }
    }
}

impl AsRef<[u8]> for Fields {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
