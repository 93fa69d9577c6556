//! A shard owns the write halves of its sockets. Whoever queues something for one rings; a pass of the shard takes what is
//! queued for each socket that rang, and writes it with one system call. Per delivery there is no task, no channel and no
//! allocation.

use std::{
    collections::{HashMap, VecDeque},
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use ::metrics::counter;
use bytes::Buf;
use parking_lot::Mutex;
use snug_core::hub::{Encoded, Wake};
use tokio::{io::AsyncWrite, sync::Notify};

use super::{
    closing, code_of,
    control::{Control, Word},
};
use crate::{
    metrics::{FRAMES_WRITTEN, SOCKET_WRITES},
    serve::Writer,
};

/// Buffers in one system call: what Linux takes at most is 1,024.
const BUFFERS_PER_WRITE: usize = 64;

/// The shards of this node, one a core.
pub(crate) struct Shards {
    shards: Vec<Arc<Shard>>,
    next: AtomicUsize,
    connections: AtomicU64,
}

/// One shard's list of what is to be done.
#[derive(Default)]
struct Shard {
    todo: Mutex<Todo>,
    rung: Notify,
}

#[derive(Default)]
struct Todo {
    opened: Vec<Connection>,
    rang: Vec<u64>,
    /// Set when the server stops: every reading task is to know.
    stopping: bool,
}

/// Tells a shard that a connection has something to write, or can be written to again.
pub(super) struct Ring {
    shard: Arc<Shard>,
    connection: u64,
    /// Set while it is on the list, so that it is there once.
    listed: AtomicBool,
}

impl Ring {
    pub(super) fn ring(&self) {
        if !self.listed.swap(true, Ordering::AcqRel) {
            let first = {
                let mut todo = self.shard.todo.lock();
                todo.rang.push(self.connection);
                todo.rang.len() == 1
            };
            // Whoever found an empty list has rung for all that come until it is taken.
            if first {
                self.shard.rung.notify_one();
            }
        }
    }
}

impl Wake for Ring {
    fn wake(&self) {
        self.ring();
    }
}

impl std::task::Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.ring();
    }
}

impl Shards {
    /// Starts this many shards on the current runtime.
    pub(crate) fn start(count: usize) -> Self {
        let shards: Vec<_> = (0..count.max(1)).map(|_| Arc::new(Shard::default())).collect();
        for shard in &shards {
            // A pass gives way to others by itself. With the runtime's budget for a task, writes after the first 128 of a pass
            // would be put off, each to be looked at again in every pass until its turn comes.
            tokio::spawn(tokio::task::unconstrained(Arc::clone(shard).run()));
        }
        Self { shards, next: AtomicUsize::new(0), connections: AtomicU64::new(0) }
    }

    /// Takes over the write half of a socket.
    pub(super) fn open(&self, writer: Writer) -> Arc<Control> {
        let place = self.next.fetch_add(1, Ordering::Relaxed) % self.shards.len();
        let connection = self.connections.fetch_add(1, Ordering::Relaxed);
        let shard = Arc::clone(&self.shards[place]);
        let ring = Arc::new(Ring { shard: Arc::clone(&shard), connection, listed: AtomicBool::new(false) });
        let control = Arc::new(Control::new(ring));
        let mut todo = shard.todo.lock();
        todo.opened.push(Connection::new(writer, Arc::clone(&control), connection));
        if todo.stopping {
            control.tell(Word::Stop);
        }
        drop(todo);
        shard.rung.notify_one();
        control
    }

    /// Has every socket, and those that are yet to be opened, take nothing more.
    pub(crate) fn stop_reading(&self) {
        for shard in &self.shards {
            shard.todo.lock().stopping = true;
            shard.rung.notify_one();
        }
    }
}

impl Shard {
    async fn run(self: Arc<Self>) {
        let mut connections: HashMap<u64, Connection> = HashMap::new();
        let mut rang = Vec::new();
        let (frames_written, socket_writes) = (counter!(FRAMES_WRITTEN), counter!(SOCKET_WRITES));
        let mut stopping = false;
        loop {
            self.rung.notified().await;
            // What else is ready to run comes first: the other acts of a commit, say. Whatever that queues for a socket leaves
            // in the same write. Where nothing is ready, nothing waits.
            tokio::task::yield_now().await;
            {
                let mut todo = self.todo.lock();
                for connection in todo.opened.drain(..) {
                    connections.insert(connection.number, connection);
                }
                std::mem::swap(&mut rang, &mut todo.rang);
                if todo.stopping && !std::mem::replace(&mut stopping, true) {
                    connections.values().for_each(|connection| connection.control.tell(Word::Stop));
                }
            }
            let mut written = Written::default();
            for number in rang.drain(..) {
                let ended =
                    connections.get_mut(&number).is_some_and(|connection| connection.pass(&mut written));
                if ended {
                    connections.remove(&number);
                }
            }
            frames_written.increment(written.frames);
            socket_writes.increment(written.calls);
        }
    }
}

/// What a pass has written.
#[derive(Default)]
struct Written {
    frames: u64,
    /// System calls, as far as the kernel is asked directly: TLS may take several for one.
    calls: u64,
}

/// The write half of one socket.
struct Connection {
    number: u64,
    writer: Writer,
    control: Arc<Control>,
    waker: Waker,
    pending: VecDeque<Encoded>,
    closing: bool,
}

impl Connection {
    fn new(writer: Writer, control: Arc<Control>, number: u64) -> Self {
        let waker = Waker::from(Arc::clone(control.ring()));
        Self { number, writer, control, waker, pending: VecDeque::new(), closing: false }
    }

    /// Writes what is queued as far as the socket takes it; whether the connection is over.
    fn pass(&mut self, written: &mut Written) -> bool {
        // From here on a ring puts it on the list again: what is queued after the look below is not missed.
        self.control.ring().listed.store(false, Ordering::Release);
        match self.write(written) {
            Poll::Pending => self.is_given_up(),
            Poll::Ready(Ok(())) if !self.closing => false,
            Poll::Ready(_) => {
                self.control.tell(Word::Shut);
                true
            }
        }
    }

    /// Whether the socket, which takes nothing now, is to be dropped. Its reading task decides that, some time after its
    /// session was closed.
    fn is_given_up(&self) -> bool {
        if self.control.session.get().is_some_and(|session| session.outbox().closed().is_some()) {
            self.control.tell(Word::Closing);
        }
        self.control.is_given_up()
    }

    fn write(&mut self, total: &mut Written) -> Poll<io::Result<()>> {
        let waker = self.waker.clone();
        let mut cx = Context::from_waker(&waker);
        loop {
            // What was taken is written before more is taken, so that the session's own bounds hold.
            if self.pending.is_empty() && !self.closing {
                self.take();
            }
            if self.pending.is_empty() {
                break;
            }
            total.calls += 1;
            match self.write_pending(&mut cx)? {
                Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(written) => total.frames += self.written(written),
                Poll::Pending => return Poll::Pending,
            }
        }
        match Pin::new(&mut self.writer).poll_flush(&mut cx)? {
            Poll::Ready(()) if self.closing => Pin::new(&mut self.writer).poll_shutdown(&mut cx),
            flushed => flushed.map(Ok),
        }
    }

    /// Takes what is queued; a close ends the queue.
    fn take(&mut self) {
        if let Some(close) = self.control.take(&mut self.pending) {
            self.pending.push_back(close);
            self.closing = true;
            return;
        }
        if let Some(session) = self.control.session.get() {
            let close = session.outbox().take(&mut self.pending);
            self.control.made_room();
            if let Some(why) = close {
                self.pending.push_back(closing(code_of(why)));
                self.closing = true;
            }
        }
    }

    /// Writes as many pending buffers as one system call takes; how many bytes that were.
    fn write_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let writer = Pin::new(&mut self.writer);
        if let [encoded] = self.pending.as_slices().0
            && self.pending.len() == 1
        {
            // `send` costs less than `writev` of one.
            return writer.poll_write(cx, &encoded.bytes);
        }
        let mut slices = [IoSlice::new(&[]); BUFFERS_PER_WRITE];
        let count = self.pending.len().min(BUFFERS_PER_WRITE);
        for (slice, encoded) in slices.iter_mut().zip(&self.pending) {
            *slice = IoSlice::new(&encoded.bytes);
        }
        writer.poll_write_vectored(cx, &slices[..count])
    }

    /// Drops what of the pending frames was written; how many those were, counted once all of their buffer is.
    fn written(&mut self, mut bytes: usize) -> u64 {
        let mut whole = 0;
        while let Some(encoded) = self.pending.front_mut() {
            if bytes < encoded.bytes.len() {
                encoded.bytes.advance(bytes);
                break;
            }
            bytes -= encoded.bytes.len();
            whole += u64::from(encoded.frames);
            self.pending.pop_front();
        }
        whole
    }
}
