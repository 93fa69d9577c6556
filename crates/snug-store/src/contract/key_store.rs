//! The key store: apart from the data, so that destroying a secret reaches the data's backups.

use async_trait::async_trait;
use snug_model::{AppKey, ConversationKey, UserKey};

use super::StoreResult;

/// Which retention a bucket's secret serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Messages, their versions and reactions.
    Messages,
}

/// Names a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretName {
    /// An app's: it wraps the app's other secrets, and seals what is nobody's but the app's.
    App(AppKey),
    /// A person's: one of the two locks of what it wrote, the only one of what it is.
    User(AppKey, UserKey),
    /// A conversation's: the lock of its name, and one of the two of what bots, the system and back ends write in it.
    Conversation(AppKey, ConversationKey),
    /// A bucket's: the other lock of what was written on one day under one retention rule.
    Bucket {
        /// The app.
        app: AppKey,
        /// The class of data.
        class: Class,
        /// The retention rule: 0 is the app's own.
        rule: i32,
        /// The day, counted from 1970-01-01 UTC.
        day: i32,
    },
}

/// A secret as the key store has it: encrypted by the app's secret, and that by the master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped(pub Box<[u8]>);

/// Keeps wrapped secrets. A lost key store is lost data.
#[async_trait]
pub trait KeyStore: Send + Sync + 'static {
    /// The wrapped secrets of these names, in their order, in one query; none where there is none.
    async fn secrets(&self, names: &[SecretName]) -> StoreResult<Vec<Option<Wrapped>>>;

    /// Keeps a secret, on stable storage when this returns. Where there is one of that name already it stays, and is the
    /// answer: two who make the same secret end with the same one.
    async fn keep_secret(&self, name: SecretName, wrapped: Wrapped) -> StoreResult<Wrapped>;

    /// Whether it can be asked and can keep.
    async fn ready(&self) -> StoreResult<()>;
}
