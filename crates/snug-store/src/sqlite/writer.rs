//! The one writer: acts that arrive while a commit is being synced to disk share the next one.

use std::{
    sync::{Arc, atomic::AtomicU64},
    thread::{self, JoinHandle},
};

use rusqlite::{Connection, ffi};
use tokio::sync::{mpsc, oneshot};

use super::{Options, sql::Sql};
use crate::{StoreError, StoreResult};

/// Acts that may wait for the writer; who comes then waits to be let in.
const QUEUE_ACTS_MAX: usize = 4096;

/// Acts of one commit, so that the first of them does not wait for ever.
const BATCH_ACTS_MAX: usize = 512;

/// Hands acts to the thread that writes, and stops it when dropped, after what it has taken.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Queued>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(
        connection: Connection,
        rows: Arc<AtomicU64>,
        options: &Options,
    ) -> StoreResult<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE_ACTS_MAX);
        let group = Group { connection, rows, early: options.answers_early() };
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || group.work(waiting))
            .map_err(|error| StoreError::Unavailable(format!("the writer cannot start: {error}")))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Does an act in a savepoint of its own, and answers once the commit that it is part of is on stable storage.
    pub(super) async fn act<T, F>(&self, act: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Sql<'_>) -> StoreResult<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send(Box::new(Waiting::Asked { act, reply })).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer ended in a panic");
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the writer has stopped".to_owned())
}

/// An act in the queue, whatever it answers.
trait Queued: Send {
    /// Does it, and keeps its answer; whether it succeeded.
    fn run(&mut self, sql: &Sql<'_>) -> bool;
    /// Sends its answer, or, where the commit failed, that failure.
    fn answer(&mut self, committed: Result<(), &Failure>);
}

/// An act, from the question to the answer.
enum Waiting<T, F> {
    Asked { act: F, reply: oneshot::Sender<StoreResult<T>> },
    Done { result: StoreResult<T>, reply: oneshot::Sender<StoreResult<T>> },
    Answered,
}

impl<T, F> Queued for Waiting<T, F>
where
    T: Send,
    F: FnOnce(&Sql<'_>) -> StoreResult<T> + Send,
{
    fn run(&mut self, sql: &Sql<'_>) -> bool {
        let Self::Asked { act, reply } = std::mem::replace(self, Self::Answered) else { return true };
        let result = act(sql);
        let succeeded = result.is_ok();
        *self = Self::Done { result, reply };
        succeeded
    }

    fn answer(&mut self, committed: Result<(), &Failure>) {
        let (result, reply) = match std::mem::replace(self, Self::Answered) {
            Self::Done { result, reply } => (committed.map_err(Failure::error).and(result), reply),
            Self::Asked { reply, .. } => (Err(committed.err().map_or_else(stopped, Failure::error)), reply),
            Self::Answered => return,
        };
        // Who asked may have gone; the act is done all the same.
        let _ = reply.send(result);
    }
}

/// Why a whole batch failed.
struct Failure {
    why: String,
    /// Whether it may be on disk all the same: where the commit was written, and the failure was in syncing it.
    unknown: bool,
}

impl Failure {
    fn error(&self) -> StoreError {
        if self.unknown {
            StoreError::Unknown(self.why.clone())
        } else {
            StoreError::Unavailable(self.why.clone())
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let unknown = error.sqlite_extended_error_code() == Some(ffi::SQLITE_IOERR_FSYNC);
        Self { why: error.to_string(), unknown }
    }
}

/// The thread's own side.
struct Group {
    connection: Connection,
    rows: Arc<AtomicU64>,
    /// Answers before the commit: a fault on purpose, which only a test can ask for.
    early: bool,
}

impl Group {
    fn work(self, mut waiting: mpsc::Receiver<Box<dyn Queued>>) {
        let mut batch = Vec::with_capacity(BATCH_ACTS_MAX);
        while waiting.blocking_recv_many(&mut batch, BATCH_ACTS_MAX) > 0 {
            let committed = self.commit(&mut batch);
            if let Err(failure) = &committed {
                tracing::error!(error = failure.why, acts = batch.len(), "a commit failed");
                self.abandon();
            }
            for act in &mut batch {
                act.answer(committed.as_ref().map(|_| ()));
            }
            batch.clear();
        }
    }

    /// Does the acts of a batch in one transaction, a savepoint each, and commits it.
    fn commit(&self, batch: &mut [Box<dyn Queued>]) -> Result<(), Failure> {
        self.execute("BEGIN IMMEDIATE")?;
        let version = self
            .connection
            .prepare_cached("UPDATE commits SET version = version + 1 RETURNING version")?
            .query_row([], |row| row.get(0))?;
        let sql = Sql::new(&self.connection, version, &self.rows);
        for act in batch.iter_mut() {
            self.execute("SAVEPOINT act")?;
            let succeeded = act.run(&sql);
            // Some failures, such as a full disk, end the whole transaction: then there is no savepoint to go back to, and
            // nothing of the batch was done.
            if !succeeded {
                self.execute("ROLLBACK TO act")?;
            }
            self.execute("RELEASE act")?;
            if self.early {
                act.answer(Ok(()));
            }
        }
        self.execute("COMMIT")
    }

    fn execute(&self, sql: &str) -> Result<(), Failure> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    /// Ends a transaction that could not be committed.
    fn abandon(&self) {
        if !self.connection.is_autocommit()
            && let Err(failure) = self.execute("ROLLBACK")
        {
            tracing::error!(error = failure.why, "a transaction could not be rolled back");
        }
    }
}
