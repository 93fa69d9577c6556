//! The socket: one JSON object a frame. What a client sends is a request with a number `n`; what it gets is an answer
//! with that number, or a push.

mod answers;
mod bodies;
mod close;
mod pushes;
mod requests;
mod sent;

pub use answers::{Acknowledged, Answer, Hello, Refreshed, Refusal, ServerFrame, Unread};
pub use bodies::{
    ConversationRequest, DeleteRequest, EditRequest, HelloRequest, HistoryRequest, MembersRequest,
    PingRequest, ReactRequest, ReadMarkRequest, SendRequest, SyncRequest, TokenRequest, TypingRequest,
    WatchRequest, Watched,
};
pub use close::{CloseCode, Reconnect};
pub use pushes::{Change, Changed, Push, ReactionChange};
pub use requests::{ClientFrame, Request, Unreadable};
pub use sent::MessageJson;

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "snug.v1";
