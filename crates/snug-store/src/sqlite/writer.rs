//! The one writer: acts that arrive while a commit is being synced to disk share the next one.

use std::{
    cell::Cell,
    sync::{Arc, atomic::AtomicU64},
    thread::{self, JoinHandle},
};

use rusqlite::{Connection, ffi};
use tokio::sync::{mpsc, oneshot};

use super::{Options, basis::Seen, heads::Heads, schema, sql::Sql};
use crate::{StoreError, StoreResult};

/// Acts that may wait for the writer; who comes then waits to be let in.
const QUEUE_ACTS_MAX: usize = 4096;

/// Acts of one commit, so that the first of them does not wait for ever.
const BATCH_ACTS_MAX: usize = 512;

/// Hands acts to the thread that writes, and stops it when dropped, after what it has taken.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Queued>>,
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
        self.queue(Weight::Full, act).await
    }

    /// Does an act that is an append as [`Weight::Append`] says, and answers like [`Self::act`].
    pub(super) async fn append<T, F>(&self, act: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Sql<'_>) -> StoreResult<T> + Send + 'static,
    {
        self.queue(Weight::Append, act).await
    }

    /// Does an act that is light as [`Weight::Light`] says, and answers like [`Self::act`].
    pub(super) async fn light<T, F>(&self, act: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Sql<'_>) -> StoreResult<T> + Send + 'static,
    {
        self.queue(Weight::Light, act).await
    }

    /// Does an act that destroys as [`Weight::Destroying`] says, and answers like [`Self::act`].
    pub(super) async fn destroying<T, F>(&self, act: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Sql<'_>) -> StoreResult<T> + Send + 'static,
    {
        self.queue(Weight::Destroying, act).await
    }

    async fn queue<T, F>(&self, weight: Weight, act: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Sql<'_>) -> StoreResult<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        let queued = Queued { weight, act: Box::new(Waiting::Asked { act, reply }) };
        queue.send(queued).await.map_err(|_| stopped())?;
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

/// What an act needs around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// A light act that leaves it to [`Heads`] to write where its conversation stands, once for all of a commit.
    Append,
    /// It refuses before it writes, so that there is nothing to take back, and it changes no fact that permits rest on. A
    /// savepoint would cost it as much as its own statements: a copy of every page that it touches. Should it fail after it
    /// has written, which takes a broken disk, its whole batch fails.
    Light,
    /// Whatever else.
    Full,
    /// A full act that is not done before the log is empty, for what it destroyed is in there too.
    Destroying,
}

/// What the writer remembers of the rows that it wrote, from act to act and from commit to commit.
#[derive(Default)]
pub(super) struct Known {
    pub(super) facts: Seen,
    pub(super) heads: Heads,
    /// What SQLite answered when last asked whether others wrote.
    others: Cell<i64>,
}

impl Known {
    fn forget(&self) {
        self.facts.forget();
        self.heads.forget();
    }

    /// Forgets everything if `data_version` is another than before: it changes with commits of other connections, and not
    /// with those of one's own (<https://www.sqlite.org/pragma.html#pragma_data_version>).
    fn others_wrote(&self, data_version: i64) {
        if self.others.replace(data_version) != data_version {
            self.forget();
        }
    }
}

/// An act in the queue.
struct Queued {
    weight: Weight,
    act: Box<dyn Act>,
}

/// An act, whatever it answers.
trait Act: Send {
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

impl<T, F> Act for Waiting<T, F>
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

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self { why: error.to_string(), unknown: false }
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
    fn work(self, mut waiting: mpsc::Receiver<Queued>) {
        let known = Known::default();
        let mut batch = Vec::with_capacity(BATCH_ACTS_MAX);
        while waiting.blocking_recv_many(&mut batch, BATCH_ACTS_MAX) > 0 {
            let committed = self.commit(&mut batch, &known);
            if let Err(failure) = &committed {
                tracing::error!(error = failure.why, acts = batch.len(), "a commit failed");
                self.abandon();
                known.forget();
            }
            for queued in &mut batch {
                queued.act.answer(committed.as_ref().map(|_| ()));
            }
            batch.clear();
        }
    }

    /// Does the acts of a batch in one transaction, and commits it.
    fn commit(&self, batch: &mut [Queued], known: &Known) -> Result<(), Failure> {
        self.execute("BEGIN IMMEDIATE")?;
        let one = |sql| self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0));
        // Operators' commands may write beside the server.
        known.others_wrote(one("PRAGMA data_version")?);
        let version = one("UPDATE commits SET version = version + 1 RETURNING version")?;
        let sql = Sql::writing(&self.connection, version, &self.rows, known);
        for queued in batch.iter_mut() {
            if queued.weight != Weight::Append {
                known.heads.write(&sql)?;
            }
            match queued.weight {
                Weight::Append | Weight::Light => self.light(&mut *queued.act, &sql)?,
                Weight::Full | Weight::Destroying => self.full(&mut *queued.act, &sql)?,
            }
            match queued.weight {
                Weight::Append => {}
                Weight::Light => known.heads.forget(),
                Weight::Full | Weight::Destroying => known.forget(),
            }
            if self.early {
                queued.act.answer(Ok(()));
            }
        }
        known.heads.write(&sql)?;
        self.execute("COMMIT")?;
        if batch.iter().any(|queued| queued.weight == Weight::Destroying) {
            self.empty_log()?;
        }
        Ok(())
    }

    /// Copies all of the log into the file, and cuts it to nothing. Who reads an older snapshot is waited for.
    fn empty_log(&self) -> Result<(), Failure> {
        schema::empty_log(&self.connection).map_err(|error| Failure { why: error.to_string(), unknown: true })
    }

    /// Does an act without a savepoint. One that has failed has written nothing, or the whole batch fails; some failures, such
    /// as a full disk, have ended its transaction already.
    fn light(&self, act: &mut dyn Act, sql: &Sql<'_>) -> Result<(), Failure> {
        let before = self.connection.total_changes();
        let whole = || self.connection.total_changes() == before && !self.connection.is_autocommit();
        if act.run(sql) || whole() {
            return Ok(());
        }
        Err(Failure { why: "an act failed after it had written".to_owned(), unknown: false })
    }

    /// Does an act in a savepoint of its own.
    fn full(&self, act: &mut dyn Act, sql: &Sql<'_>) -> Result<(), Failure> {
        self.execute("SAVEPOINT act")?;
        // Some failures, such as a full disk, end the whole transaction: then there is no savepoint to go back to, and
        // nothing of the batch was done.
        if !act.run(sql) {
            self.execute("ROLLBACK TO act")?;
        }
        self.execute("RELEASE act")
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
