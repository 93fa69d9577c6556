//! The socket: upgrade, read, answer; and the shards that write.
//!
//! Reading stays with a well-tested library, one task a connection. Writing does not: nine tenths of what a delivery
//! costs is the system call, so a shard owns the write halves of its sockets and puts all that is queued for one into one
//! call. See [`shard`].

mod connection;
mod control;
pub(crate) mod frames;
mod requests;
mod shard;
mod upgrade;

pub(crate) use shard::Shards;
pub(crate) use upgrade::upgrade;

use bytes::{BufMut, BytesMut};
use snug_core::hub::{Close, Encoded};
use snug_wire::socket::CloseCode;

/// The longest reason that a close frame can carry (RFC 6455, section 5.5).
const REASON_BYTES_MAX: usize = 123;

/// A close frame, unmasked.
fn close_frame(code: u16, reason: &str) -> Encoded {
    let reason = &reason.as_bytes()[..reason.len().min(REASON_BYTES_MAX)];
    let mut frame = BytesMut::with_capacity(4 + reason.len());
    frame.put_u8(0x88);
    frame.put_u8(2 + reason.len() as u8);
    frame.put_u16(code);
    frame.put_slice(reason);
    Encoded::whole(frame.freeze())
}

/// The close frame of a code of ours.
fn closing(code: CloseCode) -> Encoded {
    close_frame(code.number(), code.reason())
}

/// The code with which the core's reasons close a socket.
fn code_of(close: Close) -> CloseCode {
    match close {
        Close::Stopping => CloseCode::Stopping,
        Close::Lagged => CloseCode::Lagged,
        Close::Unauthenticated => CloseCode::Unauthenticated,
        Close::Banned => CloseCode::Banned,
    }
}
