//! Values that stand for what a sealer would make: all the store does with them is to keep and to compare.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicI64, Ordering},
};

use snug_model::{MessageId, Timestamp, facts::IdMac};
use snug_store::{ConversationDeletion, JobRow, Mac, Sealed};
use uuid::Uuid;

/// Bytes that say what was sealed.
pub(crate) fn seal(text: impl AsRef<str>) -> Sealed {
    Sealed(format!("sealed {}", text.as_ref()).into_bytes().into())
}

/// The end of a conversation, whatever it is like.
pub(crate) fn deletion(job: JobRow) -> ConversationDeletion {
    ConversationDeletion { gone_id: seal("gone"), job, if_match: None }
}

/// 32 bytes that are the same for the same text.
pub(crate) fn mac(text: impl AsRef<str>) -> Mac {
    let mut bytes = [0; 32];
    for (index, part) in bytes.chunks_exact_mut(8).enumerate() {
        let mut hasher = DefaultHasher::new();
        (index, text.as_ref()).hash(&mut hasher);
        part.copy_from_slice(&hasher.finish().to_be_bytes());
    }
    Mac(bytes)
}

/// The MAC of a customer's id.
pub(crate) fn id_mac(text: impl AsRef<str>) -> IdMac {
    IdMac(mac(text).0)
}

/// A message's id, the same for the same number.
pub(crate) fn message_id(number: i64) -> MessageId {
    MessageId(Uuid::from_u128(number.unsigned_abs().into()))
}

/// A clock that goes on by a millisecond each time somebody looks.
#[derive(Debug)]
pub(super) struct Clock(pub(super) AtomicI64);

impl Clock {
    /// In 2025, as good a time as any.
    const START_MS: i64 = 1_750_000_000_000;

    pub(super) fn now(&self) -> Timestamp {
        Timestamp(Self::START_MS + self.number())
    }

    /// A number that nobody else got.
    pub(super) fn number(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}
