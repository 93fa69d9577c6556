//! What a connection writes beside its session's frames: pongs, answers before `hello`, and its own end.

use std::{
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use bytes::Bytes;
use parking_lot::Mutex;
use snug_core::hub::Session;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

use super::shard::Ring;

/// Pongs that a client may be owed; who asks for more without reading is no longer answered.
const QUEUED_BYTES_MAX: usize = 64 * 1024;

/// What the reading task and the shard share of one connection.
pub(super) struct Control {
    ring: Arc<Ring>,
    /// The session, once there is one.
    pub(super) session: OnceLock<Arc<Session>>,
    queued: Mutex<Queued>,
    /// Cancelled when everything was written and the socket shut.
    pub(super) shut: CancellationToken,
}

#[derive(Default)]
struct Queued {
    frames: Vec<Bytes>,
    bytes: usize,
    close: Option<Bytes>,
}

impl Control {
    pub(super) fn new(ring: Arc<Ring>) -> Self {
        Self { ring, session: OnceLock::new(), queued: Mutex::default(), shut: CancellationToken::new() }
    }

    /// What wakes the shard for this connection.
    pub(super) fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// Queues a whole frame.
    pub(super) fn push(&self, frame: Bytes) {
        {
            let mut queued = self.queued.lock();
            if queued.close.is_some() || queued.bytes + frame.len() > QUEUED_BYTES_MAX {
                return;
            }
            queued.bytes += frame.len();
            queued.frames.push(frame);
        }
        self.ring.ring();
    }

    /// Ends the connection with a close frame, after what is queued.
    pub(super) fn close(&self, frame: Bytes) {
        self.queued.lock().close.get_or_insert(frame);
        self.ring.ring();
    }

    /// Hands over what is queued, and the close frame if the connection is to end.
    pub(super) fn take(&self, into: &mut impl Extend<Bytes>) -> Option<Bytes> {
        let mut queued = self.queued.lock();
        into.extend(queued.frames.drain(..));
        queued.bytes = 0;
        queued.close.clone()
    }
}

/// The stream that the WebSocket library sees: it reads the socket, and what it writes (pongs) is queued in order with all
/// other frames.
pub(super) struct ReadSide<R> {
    pub(super) read: R,
    pub(super) control: Arc<Control>,
}

impl<R: AsyncRead + Unpin> AsyncRead for ReadSide<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.read).poll_read(cx, buf)
    }
}

impl<R: Unpin> AsyncWrite for ReadSide<R> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, frame: &[u8]) -> Poll<io::Result<usize>> {
        self.control.push(Bytes::copy_from_slice(frame));
        Poll::Ready(Ok(frame.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
