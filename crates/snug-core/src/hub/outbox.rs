//! A session's queue of frames: bounded, so that nobody waits for a slow reader.

use std::{collections::VecDeque, fmt, iter, sync::Arc};

use parking_lot::Mutex;
use snug_model::{
    Timestamp,
    limits::{SESSION_QUEUE_BYTES_MAX, SESSION_QUEUE_FRAMES_MAX},
};

use super::Encoded;

/// What is handed to a socket's writer at once: a little more than one system call takes. The rest stays here, where it can
/// be dropped if the client does not read.
const TAKEN_BUFFERS_MAX: usize = 64;
const TAKEN_BYTES_MAX: usize = 64 * 1024;
/// Room for buffers that an empty queue keeps.
const KEPT_BUFFERS_MAX: usize = 8;
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
    lagged: Encoded,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Encoded>,
    frames: u64,
    bytes: usize,
    /// The answer to `hello` must come first: until it does, nothing is handed out.
    held: bool,
    /// Since when the session has been told, and has not read, that its queue was dropped.
    lagged_since: Option<Timestamp>,
    /// Set when the queue overflows; the next sweep notes since when.
    lagging: bool,
    /// Set while pushes are not for it.
    withheld: bool,
    close: Option<Close>,
}

impl State {
    fn add(&mut self, encoded: Encoded) {
        self.count(&encoded);
        self.queue.push_back(encoded);
    }

    fn count(&mut self, encoded: &Encoded) {
        self.frames += u64::from(encoded.frames);
        self.bytes += encoded.bytes.len();
    }

    fn drop_queue(&mut self) {
        self.queue = VecDeque::new();
        (self.frames, self.bytes) = (0, 0);
    }

    /// Drops what waits for the word that it was dropped.
    fn lag(&mut self, lagged: &Encoded) {
        self.drop_queue();
        self.add(lagged.clone());
        self.lagging = true;
    }
}

impl Outbox {
    /// An outbox that holds back all pushes until [`Outbox::release`]. `lagged` is the frame that says so.
    pub fn new(wake: Arc<dyn Wake>, lagged: Encoded) -> Self {
        Self { state: Mutex::new(State { held: true, ..State::default() }), wake, lagged }
    }

    /// Queues a push. A queue over its bounds is dropped for `lagged`, and further pushes with it until that was read.
    pub fn push(&self, frame: &Encoded) {
        let wake = {
            let mut state = self.state.lock();
            if state.close.is_some() || state.lagging || state.withheld {
                return;
            }
            state.add(frame.clone());
            if state.frames > SESSION_QUEUE_FRAMES_MAX || state.bytes as u64 > SESSION_QUEUE_BYTES_MAX {
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
    pub fn answer(&self, frame: Encoded) {
        let wake = {
            let mut state = self.state.lock();
            if state.close.is_some() {
                return;
            }
            state.add(frame);
            !state.held
        };
        if wake {
            self.wake.wake();
        }
    }

    /// Queues a word about the connection itself, which holds also while pushes are withheld.
    pub(crate) fn warn(&self, frame: &Encoded) {
        self.answer(frame.clone());
    }

    /// Withholds pushes from now on, and drops what is queued, for `word` if there is one. Answers go on.
    pub(crate) fn withhold(&self, word: Option<&Encoded>) {
        let wake = {
            let mut state = self.state.lock();
            if state.close.is_some() {
                return;
            }
            state.withheld = true;
            state.drop_queue();
            state.lagging = false;
            if let Some(word) = word {
                state.add(word.clone());
            }
            !state.held
        };
        if wake {
            self.wake.wake();
        }
    }

    /// Withholds pushes no more; says, if that is to be `told`, that there were some.
    pub(crate) fn let_go(&self, told: bool) {
        let wake = {
            let mut state = self.state.lock();
            state.withheld = false;
            if told && state.close.is_none() {
                state.add(self.lagged.clone());
            }
            told && !state.held
        };
        if wake {
            self.wake.wake();
        }
    }

    /// Puts the answer to `hello` before all that has been queued, and lets everything go.
    pub fn release(&self, hello: Encoded) {
        {
            let mut state = self.state.lock();
            state.count(&hello);
            state.queue.push_front(hello);
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
                state.drop_queue();
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
    pub fn take(&self, into: &mut impl Extend<Encoded>) -> Option<Close> {
        let mut state = self.state.lock();
        if state.held {
            return None;
        }
        let state = &mut *state;
        let (mut buffers, mut bytes) = (0, 0);
        into.extend(iter::from_fn(|| {
            let room = buffers < TAKEN_BUFFERS_MAX && bytes < TAKEN_BYTES_MAX;
            let encoded = if room { state.queue.pop_front() } else { None }?;
            buffers += 1;
            bytes += encoded.bytes.len();
            state.frames -= u64::from(encoded.frames);
            Some(encoded)
        }));
        state.bytes -= bytes;
        if !state.queue.is_empty() {
            return None;
        }
        if state.queue.capacity() > KEPT_BUFFERS_MAX {
            state.queue = VecDeque::new();
        }
        state.lagging = false;
        state.lagged_since = None;
        state.close
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        let state = self.state.lock();
        state.held || (state.queue.is_empty() && state.close.is_none())
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
        f.debug_struct("Outbox").field("frames", &state.frames).field("close", &state.close).finish()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    struct Nobody;

    impl Wake for Nobody {
        fn wake(&self) {}
    }

    fn whole(frame: impl Into<Bytes>) -> Encoded {
        Encoded::whole(frame.into())
    }

    /// An outbox that was released, with `hello` taken out of it.
    fn outbox() -> Outbox {
        let outbox = Outbox::new(Arc::new(Nobody), whole("lagged"));
        outbox.release(whole("hello"));
        assert_eq!(taken(&outbox), (vec![whole("hello")], None));
        outbox
    }

    fn taken(outbox: &Outbox) -> (Vec<Encoded>, Option<Close>) {
        let mut frames = Vec::new();
        let close = outbox.take(&mut frames);
        (frames, close)
    }

    #[test]
    fn a_writer_takes_no_more_than_it_writes_at_once_and_the_close_comes_last() {
        let outbox = outbox();
        let frames: Vec<Encoded> = (0..TAKEN_BUFFERS_MAX as u8 + 1).map(|n| whole(vec![n])).collect();
        frames.iter().for_each(|frame| outbox.push(frame));
        let long = whole(vec![0; TAKEN_BYTES_MAX]);
        outbox.answer(long.clone());
        outbox.answer(whole("last"));
        outbox.close(Close::Stopping);
        assert_eq!(taken(&outbox), (frames[..TAKEN_BUFFERS_MAX].to_vec(), None));
        assert_eq!(outbox.bytes(), 1 + TAKEN_BYTES_MAX + 4);
        assert_eq!(taken(&outbox), (vec![frames[TAKEN_BUFFERS_MAX].clone(), long], None));
        assert_eq!(taken(&outbox), (vec![whole("last")], Some(Close::Stopping)));
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn shedding_takes_much_for_the_word_that_it_was_taken_and_leaves_little() {
        let outbox = outbox();
        let little = whole(vec![1; SHED_BYTES_MIN - 1]);
        outbox.push(&little);
        outbox.shed();
        assert_eq!(outbox.bytes(), little.bytes.len());
        outbox.push(&little);
        outbox.shed();
        outbox.push(&little);
        assert!(outbox.lagging_since(Timestamp(7)).is_some());
        assert_eq!(taken(&outbox), (vec![whole("lagged")], None));
        outbox.push(&little);
        assert_eq!(taken(&outbox), (vec![little], None), "after it was told, it hears again");
    }

    #[test]
    fn a_queue_is_bounded_in_frames_however_many_share_a_buffer() {
        let outbox = outbox();
        let all = Encoded { frames: SESSION_QUEUE_FRAMES_MAX as u32, ..whole("x") };
        outbox.push(&all);
        assert_eq!(taken(&outbox), (vec![all.clone()], None));
        outbox.push(&all);
        outbox.push(&whole("one more"));
        assert_eq!(taken(&outbox), (vec![whole("lagged")], None));
        outbox.push(&all);
        assert_eq!(taken(&outbox), (vec![all], None), "what was dropped counts no more");
    }
}
