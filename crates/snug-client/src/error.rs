//! What can go wrong between a program and a server.

use snug_wire::Code;
use snug_wire::problem::{Problem, SocketProblem};
use snug_wire::socket::{CloseCode, Reconnect};

/// Why a request has no answer of the kind that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is none that this client connects to.
    #[error("not an address to connect to: {0}")]
    Address(String),
    /// The server was not reached, or the connection broke. Whether the request was done is not known.
    #[error("the connection failed: {0}")]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The socket was closed before the answer came. Whether the request was done is not known.
    #[error("the socket was closed ({0})")]
    Closed(Closed),
    /// The server refused the request.
    #[error("{}: {}", .0.code.name(), .0.message)]
    Refused(Box<SocketProblem>),
    /// What came is not what the contract says.
    #[error("the answer cannot be understood: {0}")]
    Answer(String),
}

impl Error {
    pub(crate) fn transport(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Transport(error.into())
    }

    /// The server's code, where it refused.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Refused(problem) => Some(problem.code),
            Self::Address(_) | Self::Transport(_) | Self::Closed(_) | Self::Answer(_) => None,
        }
    }

    /// Whether it is unknown if the request was done. What is named by an id, such as a message, can be asked for again.
    pub fn is_unanswered(&self) -> bool {
        matches!(self, Self::Transport(_) | Self::Closed(_))
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Refused(Box::new(problem.into()))
    }
}

/// How a socket ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closed {
    /// The number that the server gave; none where the connection broke or this side left.
    pub code: Option<u16>,
    /// What the server said with it.
    pub reason: String,
}

impl Closed {
    /// What to do about it. A connection that broke, or ended by a code of somebody else's, may well come back.
    pub fn reconnect(&self) -> Reconnect {
        self.code.and_then(CloseCode::from_number).map_or(Reconnect::WithBackoff, CloseCode::reconnect)
    }
}

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code {
            Some(code) => write!(f, "{code} {}", self.reason),
            None => f.write_str("without a code"),
        }
    }
}
