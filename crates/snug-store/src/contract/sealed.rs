//! Bytes that the store keeps and cannot read.

use std::fmt;

/// A sealed value: it names the keys that it needs, and opens only in the place that it was sealed for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sealed(pub Box<[u8]>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// A keyed MAC of something that must be compared and not read: a draft, an emoji, a name, a set of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 32]);
