//! What a connection writes beside its session's frames: pongs, answers before `hello`, and its own end.

use std::{
    future::poll_fn,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use snug_core::hub::Session;

use super::shard::Ring;

/// Pongs that a client may be owed; who asks for more without reading is no longer answered.
const QUEUED_BYTES_MAX: usize = 64 * 1024;

/// What the reading task and the shard share of one connection.
pub(super) struct Control {
    ring: Arc<Ring>,
    /// The session, once there is one.
    pub(super) session: OnceLock<Arc<Session>>,
    queued: Mutex<Queued>,
    /// The last [`Word`] to the reading task, and what wakes that.
    word: AtomicU8,
    reader: AtomicWaker,
}

/// What the reading task is told, each word at most once and in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Word {
    /// Go on.
    Read,
    /// Take nothing more: the server stops.
    Stop,
    /// Everything was written and the socket shut, or it broke.
    Shut,
}

#[derive(Default)]
struct Queued {
    frames: Vec<Bytes>,
    bytes: usize,
    close: Option<Bytes>,
}

impl Control {
    pub(super) fn new(ring: Arc<Ring>) -> Self {
        Self {
            ring,
            session: OnceLock::new(),
            queued: Mutex::default(),
            word: AtomicU8::new(Word::Read as u8),
            reader: AtomicWaker::new(),
        }
    }

    /// What wakes the shard for this connection.
    pub(super) fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// Tells the reading task.
    pub(super) fn tell(&self, word: Word) {
        self.word.fetch_max(word as u8, Ordering::AcqRel);
        self.reader.wake();
    }

    /// What the reading task, which asks, was told last. Its task is woken at the next word.
    pub(super) fn told(&self, cx: &Context<'_>) -> Word {
        self.reader.register(cx.waker());
        match self.word.load(Ordering::Acquire) {
            word if word == Word::Read as u8 => Word::Read,
            word if word == Word::Stop as u8 => Word::Stop,
            _ => Word::Shut,
        }
    }

    /// Waits until everything was written and the socket shut.
    pub(super) async fn shut(&self) {
        poll_fn(|cx| match self.told(cx) {
            Word::Shut => Poll::Ready(()),
            Word::Read | Word::Stop => Poll::Pending,
        })
        .await;
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
