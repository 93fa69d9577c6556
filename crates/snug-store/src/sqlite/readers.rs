//! The readers: a few threads, each with a connection that sees what is committed.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, atomic::AtomicU64},
    thread::{self, JoinHandle},
};

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use super::{basis::Seen, schema, sql::Sql};
use crate::{StoreError, StoreResult};

/// Reads that may wait for the readers; who comes then waits to be let in.
const QUEUE_READS_MAX: usize = 4096;

/// Reads that may share a snapshot, so that none waits for many others.
const BATCH_READS_MAX: usize = 16;

/// Hands reads to threads that may block, and stops them when dropped, after what was asked.
///
/// A thread that finds more than its share of reads waiting takes several of them, and does them in one snapshot: all that was
/// committed before any of them was asked is in it. So the busier the readers are, the less each read costs.
pub(super) struct Readers {
    queue: Arc<Queue>,
    /// As many permits as there is room in the queue.
    room: Arc<Semaphore>,
    threads: Vec<JoinHandle<()>>,
}

/// A read, from the question to the answer; or why there is no snapshot to read from.
type Read = Box<dyn FnOnce(Result<&Sql<'_>, &StoreError>) + Send>;

/// What waits to be read.
struct Queue {
    reads: Mutex<Reads>,
    changed: Condvar,
    /// How many threads share it.
    threads: usize,
}

#[derive(Default)]
struct Reads {
    waiting: VecDeque<Read>,
    stopped: bool,
}

impl Readers {
    /// Opens `count` connections, and starts their threads.
    pub(super) fn open(path: &Path, count: usize, rows: Arc<AtomicU64>) -> StoreResult<Self> {
        let queue = Arc::new(Queue { reads: Mutex::default(), changed: Condvar::new(), threads: count });
        let room = Arc::new(Semaphore::new(QUEUE_READS_MAX));
        let mut readers = Self { queue, room, threads: Vec::with_capacity(count) };
        for _ in 0..count {
            let reader = Reader {
                connection: schema::reader(path)?,
                queue: Arc::clone(&readers.queue),
                rows: Arc::clone(&rows),
            };
            let thread = thread::Builder::new()
                .name("store-reader".to_owned())
                .spawn(move || reader.work())
                .map_err(|error| StoreError::Unavailable(format!("a reader cannot start: {error}")))?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Reads within one snapshot.
    pub(super) async fn read<T, F>(&self, read: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Sql<'_>) -> StoreResult<T> + Send + 'static,
    {
        let place = Arc::clone(&self.room).acquire_owned().await;
        let place = place.map_err(|_| StoreError::Unavailable("the readers have stopped".to_owned()))?;
        let (reply, answer) = oneshot::channel();
        self.queue.put(Box::new(move |sql| {
            drop(place);
            // Who asked may have gone.
            if !reply.is_closed() {
                let _ = reply.send(sql.map_err(StoreError::clone).and_then(read));
            }
        }));
        answer.await.map_err(|_| StoreError::Unavailable("a read failed".to_owned()))?
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue.reads.lock().stopped = true;
        self.queue.changed.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader of the store ended in a panic");
            }
        }
    }
}

impl Queue {
    fn put(&self, read: Read) {
        self.reads.lock().waiting.push_back(read);
        self.changed.notify_one();
    }

    /// A thread's share of what waits; none once the readers are stopped and nothing does.
    fn take(&self) -> Option<Vec<Read>> {
        let mut reads = self.reads.lock();
        while reads.waiting.is_empty() {
            if reads.stopped {
                return None;
            }
            self.changed.wait(&mut reads);
        }
        let share = reads.waiting.len().div_ceil(self.threads).min(BATCH_READS_MAX);
        Some(reads.waiting.drain(..share).collect())
    }
}

/// A thread's own side.
struct Reader {
    connection: Connection,
    queue: Arc<Queue>,
    rows: Arc<AtomicU64>,
}

impl Reader {
    fn work(self) {
        while let Some(reads) = self.queue.take() {
            match self.begin() {
                Ok(version) => {
                    let seen = Seen::default();
                    let sql = Sql::reading(&self.connection, version, &self.rows, &seen);
                    for read in reads {
                        // Its answer is dropped, so that who asked hears of it.
                        if catch_unwind(AssertUnwindSafe(|| read(Ok(&sql)))).is_err() {
                            tracing::error!("a read ended in a panic");
                        }
                    }
                }
                Err(error) => reads.into_iter().for_each(|read| read(Err(&error))),
            }
            if !self.connection.is_autocommit()
                && let Err(error) = self.execute("ROLLBACK")
            {
                tracing::error!(%error, "a snapshot could not be ended");
            }
        }
    }

    /// Begins a snapshot; the version of the last commit that it sees.
    fn begin(&self) -> StoreResult<i64> {
        self.execute("BEGIN")?;
        let mut version = self.connection.prepare_cached("SELECT version FROM commits")?;
        Ok(version.query_row([], |row| row.get(0))?)
    }

    fn execute(&self, sql: &str) -> StoreResult<()> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}
