//! The key store: apart from the data, so that destroying a secret reaches the data's backups.

use async_trait::async_trait;
use snug_model::{AppKey, ConversationKey, Timestamp, UserKey};

#[cfg(doc)]
use super::StoreError;
use super::StoreResult;

/// Which retention a bucket's secret serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Messages, their versions and reactions.
    Messages,
    /// Attachments.
    Attachments,
    /// What is or was to be delivered to webhooks.
    WebhookDeliveries,
    /// Monitoring data.
    Monitoring,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Messages, Self::Attachments, Self::WebhookDeliveries, Self::Monitoring];

    /// The integer that stands for it.
    pub(crate) fn cell(self) -> i64 {
        match self {
            Self::Messages => 1,
            Self::Attachments => 2,
            Self::WebhookDeliveries => 3,
            Self::Monitoring => 4,
        }
    }

    pub(crate) fn from_cell(cell: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.cell() == cell)
    }
}

/// Names a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretName {
    /// What wraps an app's secrets since it was replaced for the first time: until then the app's own does.
    Wrapping(AppKey),
    /// What wrapped them before, while it is being replaced.
    WrappingBefore(AppKey),
    /// An app's own: it seals what is nobody's but the app's.
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

/// A secret as the key store has it: encrypted by what wraps the app's, and that by the master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped(pub Box<[u8]>);

/// What a secret is kept under: the row that wraps it, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Under {
    /// Its name.
    pub name: SecretName,
    /// What it was.
    pub wrapped: Wrapped,
}

/// A change of what there is under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swap {
    /// The name.
    pub name: SecretName,
    /// What must be there: a secret, or none and no destroyed one either.
    pub from: Option<Wrapped>,
    /// What is to be there.
    pub to: Option<Wrapped>,
}

/// What the key store has under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// There never was one, or all that its app had is gone.
    Nothing,
    /// A secret.
    Secret(Wrapped),
    /// It was destroyed, and none is ever kept under this name again.
    Destroyed,
}

/// A secret that was destroyed, as the ledger of the key store has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destruction {
    /// Its place in the ledger. Places grow, and may have gaps.
    pub position: i64,
    /// What was destroyed. Of a deleted app it is the app's own: nothing is noted of what went with it.
    pub name: SecretName,
    /// When; 1970 of what was destroyed before there was a ledger.
    pub at: Timestamp,
}

/// Which of an app's secrets a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretsOf {
    /// All but the app's own, and what wraps it.
    Everything,
    /// Those of a class's buckets, under one rule, of the days before this one.
    Buckets {
        /// The class.
        class: Class,
        /// The retention rule.
        rule: i32,
        /// The day before which they are, counted from 1970-01-01 UTC.
        before: i32,
    },
}

/// Keeps wrapped secrets. A lost key store is lost data.
///
/// A destroyed secret leaves its name behind, so that nobody makes another one in its place, and "destroyed" is told from
/// "lost". What it was is on no stable storage that the key store knows of, its own log included, when the act returns.
///
/// The ledger says what was destroyed, in the commits that did it, and only grows: so a copy of the data from before an erasure
/// is brought to know of it.
#[async_trait]
pub trait KeyStore: Send + Sync + 'static {
    /// What there is under these names, in their order, in one query.
    async fn secrets(&self, names: &[SecretName]) -> StoreResult<Vec<Kept>>;

    /// Keeps a secret, on stable storage when this returns. Where there is one of that name already it stays, and is the
    /// answer: two who make the same secret end with the same one. [`StoreError::Destroyed`] where the name's was destroyed,
    /// [`StoreError::Changed`] where what it is kept under is not as it was read: then it is wrapped by a key that may be gone soon.
    async fn keep_secret(
        &self,
        name: SecretName,
        wrapped: Wrapped,
        under: Option<Under>,
    ) -> StoreResult<Wrapped>;

    /// Does swaps, each where what is there is as it says; with `together` all of them or none. How many were done. What was there before
    /// is on no stable storage any more.
    async fn swap_secrets(&self, swaps: Vec<Swap>, together: bool) -> StoreResult<u64>;

    /// Destroys the secrets of these names, for good; of one that was never made, the name is taken all the same. How many there
    /// were. To do it again does no harm, and is what is to be done where the outcome is unknown. The ledger has each name once, with the
    /// time `at`.
    async fn destroy_secrets(&self, names: &[SecretName], at: Timestamp) -> StoreResult<u64>;

    /// Destroys up to `limit` secrets of an app, and forgets their names; how many it was. Where that is less than it might, nothing is
    /// left but the app's own, and that is destroyed as [`Self::destroy_secrets`] does.
    async fn destroy_app_secrets(&self, app: AppKey, limit: u64, at: Timestamp) -> StoreResult<u64>;

    /// What was destroyed, in the order of the ledger: up to `limit` of what is behind a position.
    async fn ledger(&self, after: i64, limit: u64) -> StoreResult<Vec<Destruction>>;

    /// The last position of the ledger; 0 where nothing was ever destroyed.
    async fn ledger_end(&self) -> StoreResult<i64>;

    /// The highest row number that a name has, of an app, a user or a conversation; 0 where there is none.
    async fn highest_row(&self) -> StoreResult<i64>;

    /// Secrets of an app that are not destroyed, in an order of their own: up to `limit` of those after a name.
    async fn list_secrets(
        &self,
        app: AppKey,
        of: SecretsOf,
        after: Option<SecretName>,
        limit: u64,
    ) -> StoreResult<Vec<(SecretName, Wrapped)>>;

    /// The app after this one that has a secret, or had one before it was deleted, by row number.
    async fn app_after(&self, app: Option<AppKey>) -> StoreResult<Option<AppKey>>;

    /// Whether it can be asked and can keep.
    async fn ready(&self) -> StoreResult<()>;
}
