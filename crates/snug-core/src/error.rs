//! How a use case fails: one enum without transport, mapped exhaustively at each edge.

use std::sync::Arc;

use snug_model::{Denied, Invalid, Permission, Timestamp, consents::Consent, keys::Scope};
use snug_store::{StoreError, Unique};
use thiserror::Error;

use crate::sealing::{Answer, OpenError, Random, SealingError};

/// Why a request was not done, as its caller may know it. What the log is to know was logged where this was made.
#[derive(Debug, Error)]
pub enum Error {
    /// The input breaks a rule.
    #[error("{0}")]
    Invalid(#[from] Invalid),
    /// No credential, or one that is not good. Which of the two nobody learns.
    #[error("no valid credential")]
    Unauthenticated,
    /// Seen, but not allowed.
    #[error("{0}")]
    Forbidden(Missing),
    /// The actor is alone there with somebody, and one of them has blocked the other.
    #[error("one has blocked the other")]
    Blocked,
    /// The actor has to accept this text first.
    #[error("a text has to be accepted first")]
    ConsentRequired(Arc<Consent>),
    /// The actor is muted.
    #[error("muted")]
    Muted {
        /// The permission that it has but for that.
        permission: Permission,
        /// Until when; none is for good.
        until: Option<Timestamp>,
    },
    /// The actor is banned.
    #[error("banned")]
    Banned {
        /// Until when; none is for good.
        until: Option<Timestamp>,
        /// From the app, and so from everything.
        everywhere: bool,
    },
    /// It does not exist, or may not be seen.
    #[error("there is no such thing, or it may not be seen")]
    NotFound,
    /// Taken, or not as the caller expected.
    #[error("{0}")]
    Conflict(&'static str),
    /// It was there, and is not kept any more.
    #[error("{0}")]
    Gone(&'static str),
    /// The app lives in another region.
    #[error("the app lives in another region")]
    Misdirected {
        /// The address at which that region is served, if it is known here.
        location: Option<Box<str>>,
    },
    /// Too much at once.
    #[error("too many requests; try again later")]
    RateLimited {
        /// When to try again, in milliseconds.
        retry_after_ms: u64,
    },
    /// Try again; nothing was done.
    #[error("not available now; nothing was done, try again")]
    Unavailable,
    /// Our fault.
    #[error("an internal error; the log has it as {0}")]
    Internal(Incident),
    /// Not a failure: the request was done before, and this was its answer.
    #[error("the request was answered before")]
    Answered(Box<Answer>),
    /// A fact changed under the decision; [`crate::authorize`] decides again, and nobody else sees this.
    #[error("a fact has changed")]
    Stale,
}

/// What an actor lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Missing {
    /// A permission.
    #[error("the permission {} is missing", .0.name())]
    Permission(Permission),
    /// A scope.
    #[error("the scope {} is missing", .0.name())]
    Scope(Scope),
    /// To be a back end, or to be a client.
    #[error("this is not for this kind of credential")]
    Actor,
    /// To be a page that may talk to the app.
    #[error("the page's origin is not one of the app's `settings.origins`")]
    Origin,
}

impl Missing {
    /// The name that the answer carries, if it is one of a permission or scope.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Permission(permission) => Some(permission.name()),
            Self::Scope(scope) => Some(scope.name()),
            Self::Actor | Self::Origin => None,
        }
    }
}

/// An internal error's id, which answer and log share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident(pub String);

impl std::fmt::Display for Incident {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a back end is told of what is not deleted because of a hold.
const HELD: &str = "a legal hold is on it, or on something of it";

impl Error {
    /// What is told of a refused deletion: a client does not learn what is held.
    pub(crate) fn of_deletion(self, by_client: bool) -> Self {
        match self {
            Self::Conflict(HELD) if by_client => Self::Conflict("it cannot be deleted now"),
            other => other,
        }
    }

    /// Logs `cause`, which must hold nothing that a person wrote, and gives the caller an id to quote.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        let incident = Random.id_part().unwrap_or_default();
        tracing::error!(%incident, %cause, "internal error");
        Self::Internal(Incident(incident))
    }
}

/// None of a time that never comes.
fn unless_never(until: Timestamp) -> Option<Timestamp> {
    (until != Timestamp::NEVER).then_some(until)
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthenticated => Self::Unauthenticated,
            Denied::NotFound => Self::NotFound,
            Denied::Forbidden(permission) => Self::Forbidden(Missing::Permission(permission)),
            Denied::OutOfScope(scope) => Self::Forbidden(Missing::Scope(scope)),
            Denied::WrongActor => Self::Forbidden(Missing::Actor),
            Denied::ConsentRequired(consent) => Self::ConsentRequired(consent),
            Denied::Muted { permission, until } => Self::Muted { permission, until: unless_never(until) },
            Denied::Banned { until, everywhere } => Self::Banned { until: unless_never(until), everywhere },
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stale => Self::Stale,
            StoreError::Taken(Unique::User) => Self::Conflict("a user of this id exists"),
            StoreError::Taken(Unique::Conversation) => Self::Conflict("a conversation of this id exists"),
            StoreError::Taken(Unique::Alias) => Self::Conflict("the alias is taken"),
            StoreError::Taken(Unique::Message) => Self::Conflict("the id belongs to another message"),
            StoreError::Taken(Unique::Role) => Self::Conflict("the role is in use"),
            StoreError::Taken(Unique::Template) => Self::Conflict("a template of this id exists"),
            StoreError::Changed => Self::Conflict("it has changed since it was read"),
            StoreError::NotFound => Self::NotFound,
            StoreError::Gone => Self::Gone("this message was purged: it has lived as long as it may"),
            StoreError::Held => Self::Conflict(HELD),
            StoreError::Full(what) => Self::Invalid(Invalid::new(what, "is at its limit")),
            StoreError::Blocked => Self::Blocked,
            StoreError::TooSoon { retry_after_ms } => Self::RateLimited { retry_after_ms },
            StoreError::Repeated => {
                Self::Conflict("the first request with this idempotency key is still in progress")
            }
            StoreError::Unavailable(cause) => {
                tracing::warn!(%cause, "the database is not available");
                Self::Unavailable
            }
            // Not `unavailable`, which promises that nothing was done.
            StoreError::Unknown(_) | StoreError::Corrupt(_) | StoreError::Destroyed => Self::internal(error),
        }
    }
}

impl From<SealingError> for Error {
    fn from(error: SealingError) -> Self {
        match error {
            SealingError::KeyStore(error) => error.into(),
            SealingError::Open(error) => error.into(),
            SealingError::MasterKey(cause) => {
                tracing::warn!(%cause, "the master key is not available");
                Self::Unavailable
            }
            SealingError::WrongMasterKey { .. } | SealingError::Crypto => Self::internal(error),
        }
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        match error {
            // Whose secret is destroyed has changed before: who decides again finds it gone.
            OpenError::Destroyed => Self::Stale,
            OpenError::Unreadable | OpenError::Tampered | OpenError::Unknown | OpenError::Unannounced => {
                Self::internal(error)
            }
        }
    }
}

impl From<aws_lc_rs::error::Unspecified> for Error {
    fn from(error: aws_lc_rs::error::Unspecified) -> Self {
        Self::internal(error)
    }
}

/// What a use case answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;
