//! A session's queue of frames: bounded, so that nobody waits for a slow reader.

use std::{collections::VecDeque, fmt, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use snug_model::{
    Timestamp,
    limits::{SESSION_QUEUE_BYTES_MAX, SESSION_QUEUE_FRAMES_MAX},
};

/// Whoever writes a session's socket, to be told that there is something to write.
pub trait Wake: Send + Sync {
    /// There is something in the outbox.
    fn wake(&self);
}

/// Why the server closes a socket; the contract lists what a client does about each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Close {
    /// The server stops.
    Stopping,
    /// It lagged for too long.
    Lagged,
    /// The token has ended, or was revoked.
    Unauthenticated,
    /// Its user was banned.
    Banned,
}

/// What waits for one session.
pub struct Outbox {
    state: Mutex<State>,
    wake: Arc<dyn Wake>,
    lagged: Bytes,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Bytes>,
    bytes: usize,
    /// The answer to `hello` must come first: until it does, nothing is handed out.
    held: bool,
    /// Since when the session has been told, and has not read, that its queue was dropped.
    lagged_since: Option<Timestamp>,
    /// Set when the queue overflows; the next sweep notes since when.
    lagging: bool,
    close: Option<Close>,
}

impl Outbox {
    /// An outbox that holds back all pushes until [`Outbox::release`]. `lagged` is the frame that says so.
    pub fn new(wake: Arc<dyn Wake>, lagged: Bytes) -> Self {
        Self { state: Mutex::new(State { held: true, ..State::default() }), wake, lagged }
    }

    /// Queues a push. A queue over its bounds is dropped for `lagged`, and further pushes with it until that was read.
    pub fn push(&self, frame: &Bytes) {
        let wake = {
            let mut state = self.state.lock();
            if state.close.is_some() || state.lagging {
                return;
            }
            state.bytes += frame.len();
            state.frames.push_back(frame.clone());
            if state.frames.len() as u64 > SESSION_QUEUE_FRAMES_MAX
                || state.bytes as u64 > SESSION_QUEUE_BYTES_MAX
            {
                state.frames.clear();
                state.frames.push_back(self.lagged.clone());
                state.bytes = self.lagged.len();
                state.lagging = true;
            }
            !state.held
        };
        if wake {
            self.wake.wake();
        }
    }

    /// Queues the answer to a request, which is never dropped: a session waits for one at a time.
    pub fn answer(&self, frame: Bytes) {
        let wake = {
            let mut state = self.state.lock();
            if state.close.is_some() {
                return;
            }
            state.bytes += frame.len();
            state.frames.push_back(frame);
            !state.held
        };
        if wake {
            self.wake.wake();
        }
    }

    /// Puts the answer to `hello` before all that has been queued, and lets everything go.
    pub fn release(&self, hello: Bytes) {
        {
            let mut state = self.state.lock();
            state.bytes += hello.len();
            state.frames.push_front(hello);
            state.held = false;
        }
        self.wake.wake();
    }

    /// Drops what is queued, and has the socket closed. Where the server stops, what is queued leaves first: nobody has lost
    /// the right to it, and answers are among it.
    pub fn close(&self, why: Close) {
        {
            let mut state = self.state.lock();
            if state.close.is_some() {
                return;
            }
            if why != Close::Stopping {
                state.frames.clear();
                state.bytes = 0;
            }
            state.held = false;
            state.close = Some(why);
        }
        self.wake.wake();
    }

    /// Whether the server has closed it.
    pub fn closed(&self) -> Option<Close> {
        self.state.lock().close
    }

    /// Hands what is queued to the writer of the socket, in order, and says whether to close it afterwards.
    pub fn take(&self, into: &mut impl Extend<Bytes>) -> Option<Close> {
        let mut state = self.state.lock();
        if state.held {
            return None;
        }
        into.extend(state.frames.drain(..));
        state.bytes = 0;
        state.lagging = false;
        state.lagged_since = None;
        state.close
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        let state = self.state.lock();
        state.held || (state.frames.is_empty() && state.close.is_none())
    }

    /// Since when the session has not taken the word that its queue was dropped, noted by a sweep at `now`.
    pub(crate) fn lagging_since(&self, now: Timestamp) -> Option<Timestamp> {
        let mut state = self.state.lock();
        if !state.lagging {
            return None;
        }
        Some(*state.lagged_since.get_or_insert(now))
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("Outbox").field("frames", &state.frames.len()).field("close", &state.close).finish()
    }
}
