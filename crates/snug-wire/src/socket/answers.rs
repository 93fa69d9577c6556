//! What the server answers, and how a client tells answers from pushes.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Push;
use crate::{
    consents::Consent,
    conversations::Inbox,
    ids::SessionId,
    json,
    people::People,
    permissions::{Permissions, known},
    problem::{Problem, SocketProblem},
    sanctions::Muted,
    time::Time,
    users::User,
};

/// A request that was done: its number, and what its twin on REST would answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Answer<T> {
    /// The number of the request.
    pub n: u64,
    /// The answer.
    pub ok: T,
}

impl<T: Serialize> Answer<T> {
    /// Writes the frame.
    ///
    /// # Errors
    /// As [`json::print`].
    pub fn frame(n: u64, ok: T) -> Result<Vec<u8>, serde_json::Error> {
        json::print(&Self { n, ok })
    }
}

/// A request that was refused; the socket stays open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    /// The number of the request.
    pub n: u64,
    /// Why.
    pub error: SocketProblem,
}

impl Refusal {
    /// Writes the frame.
    ///
    /// # Errors
    /// As [`json::print`].
    pub fn frame(n: u64, problem: Problem) -> Result<Vec<u8>, serde_json::Error> {
        json::print(&Self { n, error: problem.into() })
    }
}

/// The answer to what has nothing to tell: `typing`, `watch`, `ping`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Acknowledged {}

/// The answer to `token`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refreshed {
    /// When the fresh token ends, and the socket with it.
    pub expires_at: Time,
}

/// The answer to `hello`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hello {
    /// The id of this connection.
    pub session: SessionId,
    /// Oneself.
    pub user: User,
    /// When the token ends, and the socket with it.
    pub expires_at: Time,
    /// What one may do in the app.
    #[serde(deserialize_with = "known")]
    pub permissions: Permissions,
    /// There while one is muted in the whole app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Muted, required = false)]
    pub muted: Option<Muted>,
    /// There while one has to accept a text: before one leaves anything, or before one reads, as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Consent, required = false)]
    pub consent: Option<Consent>,
    /// How many conversations hold something unread. Like what follows it is left out while a consent is missing without which
    /// one does not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Unread, required = false)]
    pub unread: Option<Unread>,
    /// The newest 30 conversations, or what changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Inbox, required = false)]
    pub inbox: Option<Inbox>,
    /// Name and picture of the people in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = People, required = false)]
    pub users: Option<People>,
}

/// How many of the newest 100 conversations hold something unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unread {
    /// How many.
    pub conversations: i64,
    /// Whether there are more conversations than were looked at.
    pub capped: bool,
}

/// A frame of the server, as a client reads it.
#[derive(Debug)]
pub enum ServerFrame {
    /// A request was done.
    Answer {
        /// The number of the request.
        n: u64,
        /// The answer, to be read as the type that belongs to the request.
        ok: Box<RawValue>,
    },
    /// A request was refused.
    Refusal(Refusal),
    /// Something happened.
    Push(Box<Push>),
}

impl ServerFrame {
    /// Reads a frame of the server.
    ///
    /// # Errors
    /// Where it is neither an answer nor a push that this program knows.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Head {
            n: Option<u64>,
            ok: Option<Box<RawValue>>,
            error: Option<SocketProblem>,
        }

        match serde_json::from_slice(bytes)? {
            Head { n: Some(n), ok: Some(ok), error: None } => Ok(Self::Answer { n, ok }),
            Head { n: Some(n), ok: None, error: Some(error) } => Ok(Self::Refusal(Refusal { n, error })),
            _ => serde_json::from_slice(bytes).map(|push| Self::Push(Box::new(push))),
        }
    }
}
