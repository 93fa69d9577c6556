//! What a connection writes beside its session's frames: pongs, answers before `hello`, and its own end.

use std::{
    future::poll_fn,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use snug_core::hub::{Encoded, Session};

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
    /// Whether the reading task waits until the session's queue has room.
    wants_room: AtomicBool,
    /// Set when nobody waits any longer for the client to take what is written.
    given_up: AtomicBool,
}

/// What the reading task is told, each word at most once and in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Word {
    /// Go on.
    Read,
    /// Take nothing more: the server stops.
    Stop,
    /// The session was closed, and its client takes nothing that is written.
    Closing,
    /// Everything was written and the socket shut, or it broke.
    Shut,
}

#[derive(Default)]
struct Queued {
    frames: Vec<Encoded>,
    bytes: usize,
    close: Option<Encoded>,
}

impl Control {
    pub(super) fn new(ring: Arc<Ring>) -> Self {
        Self {
            ring,
            session: OnceLock::new(),
            queued: Mutex::default(),
            word: AtomicU8::new(Word::Read as u8),
            reader: AtomicWaker::new(),
            wants_room: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
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
            word if word == Word::Closing as u8 => Word::Closing,
            _ => Word::Shut,
        }
    }

    /// Waits for this word, or a later one.
    pub(super) async fn hear(&self, word: Word) {
        poll_fn(|cx| if self.told(cx) < word { Poll::Pending } else { Poll::Ready(()) }).await;
    }

    /// Whether the next request is to wait: the answers before it were not taken. The reading task, which asks, is woken when
    /// some are.
    pub(super) fn has_no_room(&self, answers_bytes_max: usize) -> bool {
        let full = || self.session.get().is_some_and(|session| session.outbox().bytes() > answers_bytes_max);
        if !full() {
            return false;
        }
        // Said before it is looked at again, so that what is taken in between wakes.
        self.wants_room.store(true, Ordering::SeqCst);
        full()
    }

    /// Tells the reading task, if it waits for that, that something of the session's queue was taken.
    pub(super) fn made_room(&self) {
        if self.wants_room.load(Ordering::SeqCst) && self.wants_room.swap(false, Ordering::SeqCst) {
            self.reader.wake();
        }
    }

    /// Has the socket dropped, whatever is still to be written.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
        self.ring.ring();
    }

    /// Whether the socket is to be dropped.
    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }

    /// Queues a whole frame.
    pub(super) fn push(&self, frame: Encoded) {
        {
            let mut queued = self.queued.lock();
            if queued.close.is_some() || queued.bytes + frame.bytes.len() > QUEUED_BYTES_MAX {
                return;
            }
            queued.bytes += frame.bytes.len();
            queued.frames.push(frame);
        }
        self.ring.ring();
    }

    /// Ends the connection with a close frame, after what is queued.
    pub(super) fn close(&self, frame: Encoded) {
        self.queued.lock().close.get_or_insert(frame);
        self.ring.ring();
    }

    /// Hands over what is queued, and the close frame if the connection is to end.
    pub(super) fn take(&self, into: &mut impl Extend<Encoded>) -> Option<Encoded> {
        let mut queued = self.queued.lock();
        into.extend(queued.frames.drain(..));
        queued.bytes = 0;
        queued.close.clone()
    }
}
