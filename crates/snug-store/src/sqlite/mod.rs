//! The embedded database: a file, one writer, a few readers.

mod apps;
mod audit;
mod basis;
mod blocks;
mod check;
mod checkpoints;
mod consents;
mod conversations;
mod copy;
mod erasures;
mod events;
mod heads;
mod holds;
mod idempotency;
mod inbox;
mod jobs;
mod keys;
mod members;
mod messages;
mod of_user;
mod readers;
mod retention;
mod roles;
mod rows;
mod sanctions;
mod schema;
mod secrets;
mod sql;
mod store;
mod sync;
mod templates;
mod token_keys;
mod usage;
mod users;
mod walk;
mod writer;

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicU64},
};

use parking_lot::Mutex;
use snug_model::Permit;

use self::{checkpoints::Checkpoints, readers::Readers, sql::Sql, writer::Writer};
pub use self::{
    copy::{copy, examine},
    secrets::SqliteKeys,
};
use crate::StoreResult;

/// How a database is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Connections that read at the same time.
    pub readers: usize,
    /// What is to be wrong.
    #[cfg(feature = "controls")]
    pub control: Option<Control>,
}

/// A fault on purpose, so that a test can show that it would notice.
#[cfg(feature = "controls")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// A commit is not synced before it is answered.
    SynchronousNormal,
    /// An act is answered before its commit.
    AnswerBeforeCommit,
    /// The facts that a permit rests on are not compared.
    SkipComparison,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: 4,
            #[cfg(feature = "controls")]
            control: None,
        }
    }
}

#[cfg(feature = "controls")]
impl Options {
    fn synchronous(&self) -> &'static str {
        if self.control == Some(Control::SynchronousNormal) { "NORMAL" } else { "FULL" }
    }

    fn answers_early(&self) -> bool {
        self.control == Some(Control::AnswerBeforeCommit)
    }

    fn compares(&self) -> bool {
        self.control != Some(Control::SkipComparison)
    }
}

#[cfg(not(feature = "controls"))]
impl Options {
    fn synchronous(&self) -> &'static str {
        "FULL"
    }

    fn answers_early(&self) -> bool {
        false
    }

    fn compares(&self) -> bool {
        true
    }
}

/// The data in a SQLite file.
pub struct Sqlite {
    writer: Writer,
    readers: Readers,
    _checkpoints: Checkpoints,
    rows: Arc<AtomicU64>,
    compares: bool,
    /// Whose turn was the last to be placed in inboxes.
    placed: Mutex<inbox::Turn>,
}

impl Sqlite {
    /// Opens the file at `path`, or makes it with mode 0600, and brings its schema up to date.
    ///
    /// # Errors
    /// `Unavailable` where the file cannot be opened, or has a schema that this program does not know.
    pub fn open(path: &Path, options: &Options) -> StoreResult<Self> {
        let rows = Arc::new(AtomicU64::new(0));
        let mut connection = schema::data(path, options)?;
        let checkpoints = Checkpoints::start(path, &mut connection)?;
        let writer = Writer::start(connection, Arc::clone(&rows), options)?;
        let readers = Readers::open(path, options.readers.max(1), Arc::clone(&rows))?;
        Ok(Self {
            writer,
            readers,
            _checkpoints: checkpoints,
            rows,
            compares: options.compares(),
            placed: Mutex::default(),
        })
    }

    /// Does an act with a permit that still holds, and enters it in the audit if it is to be.
    async fn act<T, F>(&self, permit: &Permit, act: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Sql<'_>, &Permit) -> StoreResult<T> + Send + 'static,
    {
        let entered = move |sql: &Sql<'_>, permit: &Permit| {
            let answer = act(sql, permit)?;
            audit::enter(sql, permit)?;
            Ok(answer)
        };
        self.writer.act(self.with(permit, entered)).await
    }

    /// Appends with a permit that still holds.
    async fn append<T, F>(&self, permit: &Permit, append: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Sql<'_>, &Permit) -> StoreResult<T> + Send + 'static,
    {
        self.writer.append(self.with(permit, append)).await
    }

    /// Does an act with a permit that still holds, one that refuses before it writes and changes no fact.
    async fn light<T, F>(&self, permit: &Permit, act: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Sql<'_>, &Permit) -> StoreResult<T> + Send + 'static,
    {
        self.writer.light(self.with(permit, act)).await
    }

    /// Reads with a permit that still holds.
    async fn read<T, F>(&self, permit: &Permit, read: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Sql<'_>, &Permit) -> StoreResult<T> + Send + 'static,
    {
        self.readers.read(self.with(permit, read)).await
    }

    /// What is to be done with a permit, after a look whether it still holds.
    fn with<T, F>(
        &self,
        permit: &Permit,
        act: F,
    ) -> impl FnOnce(&Sql<'_>) -> StoreResult<T> + Send + 'static + use<T, F>
    where
        F: FnOnce(&Sql<'_>, &Permit) -> StoreResult<T> + Send + 'static,
    {
        let (permit, compares) = (permit.clone(), self.compares);
        move |sql| {
            if compares {
                basis::compare(sql, &permit)?;
            }
            act(sql, &permit)
        }
    }
}
