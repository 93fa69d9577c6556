//! A session's queue of frames: bounded, so that nobody waits for a slow reader.

use std::{collections::VecDeque, fmt, iter, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use snug_model::{
    Timestamp,
    limits::{SESSION_QUEUE_BYTES_MAX, SESSION_QUEUE_FRAMES_MAX},
};

/// What is handed to a socket's writer at once: a little more than one system call takes. The rest stays here, where it can
/// be dropped if the client does not read.
const TAKEN_FRAMES_MAX: usize = 64;
const TAKEN_BYTES_MAX: usize = 64 * 1024;
/// Room for frames that an empty queue keeps.
const KEPT_FRAMES_MAX: usize = 8;
/// What a session that reads has in its queue at most, for a moment: where memory is short, who has more loses it.
const SHED_BYTES_MIN: usize = 16 * 1024;

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

impl State {
    /// Drops what waits for the word that it was dropped.
    fn lag(&mut self, lagged: &Bytes) {
        self.frames = VecDeque::from([lagged.clone()]);
        self.bytes = lagged.len();
        self.lagging = true;
    }
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
                state.lag(&self.lagged);
            }
            !state.held
        };
        if wake {
            self.wake.wake();
        }
    }

    /// Queues the answer to a request. It is dropped only with a whole queue, when pushes overflow it or memory is short: after
    /// `lagged` a client asks again, and what it had sent keeps its id.
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
                state.frames = VecDeque::new();
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

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    /// Drops what waits for who does not read, for `lagged`: memory is short.
    pub(crate) fn shed(&self) {
        let mut state = self.state.lock();
        if state.close.is_none() && state.bytes >= SHED_BYTES_MIN {
            state.lag(&self.lagged);
        }
    }

    /// Hands what is queued to the writer of the socket, in order and as much as it writes at once, and says whether to close
    /// it afterwards.
    pub fn take(&self, into: &mut impl Extend<Bytes>) -> Option<Close> {
        let mut state = self.state.lock();
        if state.held {
            return None;
        }
        let state = &mut *state;
        let (mut frames, mut bytes) = (0, 0);
        into.extend(iter::from_fn(|| {
            let room = frames < TAKEN_FRAMES_MAX && bytes < TAKEN_BYTES_MAX;
            let frame = if room { state.frames.pop_front() } else { None }?;
            frames += 1;
            bytes += frame.len();
            Some(frame)
        }));
        state.bytes -= bytes;
        if !state.frames.is_empty() {
            return None;
        }
        if state.frames.capacity() > KEPT_FRAMES_MAX {
            state.frames = VecDeque::new();
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl Wake for Nobody {
        fn wake(&self) {}
    }

    /// An outbox that was released, with `hello` taken out of it.
    fn outbox() -> Outbox {
        let outbox = Outbox::new(Arc::new(Nobody), Bytes::from_static(b"lagged"));
        outbox.release(Bytes::from_static(b"hello"));
        assert_eq!(taken(&outbox), (vec![Bytes::from_static(b"hello")], None));
        outbox
    }

    fn taken(outbox: &Outbox) -> (Vec<Bytes>, Option<Close>) {
        let mut frames = Vec::new();
        let close = outbox.take(&mut frames);
        (frames, close)
    }

    #[test]
    fn a_writer_takes_no_more_than_it_writes_at_once_and_the_close_comes_last() {
        let outbox = outbox();
        let frames: Vec<Bytes> = (0..TAKEN_FRAMES_MAX as u8 + 1).map(|n| Bytes::from(vec![n])).collect();
        frames.iter().for_each(|frame| outbox.push(frame));
        let long = Bytes::from(vec![0; TAKEN_BYTES_MAX]);
        outbox.answer(long.clone());
        outbox.answer(Bytes::from_static(b"last"));
        outbox.close(Close::Stopping);
        assert_eq!(taken(&outbox), (frames[..TAKEN_FRAMES_MAX].to_vec(), None));
        assert_eq!(outbox.bytes(), 1 + TAKEN_BYTES_MAX + 4);
        assert_eq!(taken(&outbox), (vec![frames[TAKEN_FRAMES_MAX].clone(), long], None));
        assert_eq!(taken(&outbox), (vec![Bytes::from_static(b"last")], Some(Close::Stopping)));
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn shedding_takes_much_for_the_word_that_it_was_taken_and_leaves_little() {
        let outbox = outbox();
        let little = Bytes::from(vec![1; SHED_BYTES_MIN - 1]);
        outbox.push(&little);
        outbox.shed();
        assert_eq!(outbox.bytes(), little.len());
        outbox.push(&little);
        outbox.shed();
        outbox.push(&little);
        assert!(outbox.lagging_since(Timestamp(7)).is_some());
        assert_eq!(taken(&outbox), (vec![Bytes::from_static(b"lagged")], None));
        outbox.push(&little);
        assert_eq!(taken(&outbox), (vec![little], None), "after it was told, it hears again");
    }
}
