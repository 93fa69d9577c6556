//! PostgreSQL: a pool of connections, and a few committers, each of which appends the messages of its conversations by set.

mod append;
mod apps;
mod audit;
mod basis;
mod blocks;
mod check;
mod committer;
mod consents;
mod conversations;
mod dump;
mod erasures;
mod events;
mod holds;
mod idempotency;
mod inbox;
mod jobs;
mod keys;
mod member_rows;
mod members;
mod messages;
mod of_user;
mod pages;
mod pool;
mod retention;
mod roles;
mod rows;
mod sanctions;
mod schema;
mod secrets;
mod sql;
mod statistics;
mod store;
mod sync;
mod templates;
mod token_keys;
mod usage;
mod users;
mod walk;
mod write;

use parking_lot::Mutex;
use snug_model::Permit;

use self::{
    basis::Outdated, committer::Committers, pool::Pool, schema::Address, sql::Sql, statistics::Statistics,
};
pub use self::{
    dump::{dump, examine, is_empty, restore},
    secrets::PostgresKeys,
};
use crate::StoreResult;

/// How a database is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Connections for reads and acts at the same time.
    pub connections: usize,
    /// Committers: batches of appended messages that are committed at the same time. Each has a connection of its own beside
    /// the others, so that no number of acts keeps messages waiting.
    pub committers: usize,
    /// What is to be wrong.
    #[cfg(feature = "controls")]
    pub control: Option<Control>,
}

/// A fault on purpose, so that a test can show that it would notice.
#[cfg(feature = "controls")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// The server may run with `fsync=off`, `full_page_writes=off` or `synchronous_commit=off`.
    AllowFsyncOff,
    /// An append is answered before its commit.
    AnswerBeforeCommit,
    /// The facts that a permit rests on are not compared.
    SkipComparison,
    /// Acts do not take the lock of their app.
    SkipLock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections: 16,
            committers: 4,
            #[cfg(feature = "controls")]
            control: None,
        }
    }
}

#[cfg(feature = "controls")]
impl Options {
    fn is_strict(&self) -> bool {
        self.control != Some(Control::AllowFsyncOff)
    }

    fn answers_early(&self) -> bool {
        self.control == Some(Control::AnswerBeforeCommit)
    }

    fn compares(&self) -> bool {
        self.control != Some(Control::SkipComparison)
    }

    fn locks(&self) -> bool {
        self.control != Some(Control::SkipLock)
    }
}

#[cfg(not(feature = "controls"))]
impl Options {
    fn is_strict(&self) -> bool {
        true
    }

    fn answers_early(&self) -> bool {
        false
    }

    fn compares(&self) -> bool {
        true
    }

    fn locks(&self) -> bool {
        true
    }
}

/// The data in a PostgreSQL database.
pub struct Postgres {
    pool: Pool,
    committers: Committers,
    compares: bool,
    _statistics: Statistics,
    /// Whose turn was the last to be placed in inboxes.
    placed: Mutex<inbox::Turn>,
}

impl Postgres {
    /// Connects to the database at `url`, and brings its schema up to date. With `sslmode=require` the connections are
    /// encrypted, and the server's certificate and name are verified; with `disable`, or none, nothing is encrypted.
    ///
    /// # Errors
    /// `Unavailable` where the address cannot be used, or the server cannot be reached, is older than 15, is a standby, runs
    /// with `fsync=off`, `full_page_writes=off` or `synchronous_commit=off`, or the database has a schema that this program
    /// does not know.
    pub async fn open(url: &str, options: &Options) -> StoreResult<Self> {
        let address = Address::parse(url)?;
        address.migrate_data(options).await?;
        let pool = Pool::new(&address, options.connections.max(1), options)?;
        let committers = Committers::start(&address, options)?;
        Ok(Self {
            pool,
            committers,
            compares: options.compares(),
            _statistics: Statistics::start(address),
            placed: Mutex::default(),
        })
    }

    /// Lets an act with a permit that still holds go on, which has the permit's conversation for itself until its commit.
    async fn admit(&self, sql: &Sql<'_>, permit: &Permit) -> StoreResult<()> {
        if let Some(conversation) = permit.conversation() {
            conversations::hold(sql, permit.app(), conversation).await?;
        }
        self.compare(sql, permit).await
    }

    /// What is read, if the permit still holds. In one snapshot it is the same which is looked at first, so both are asked
    /// at once.
    async fn held<T>(
        &self,
        sql: &Sql<'_>,
        permit: &Permit,
        read: impl Future<Output = StoreResult<T>>,
    ) -> StoreResult<T> {
        let (held, found) = tokio::join!(self.compare(sql, permit), read);
        held.and(found)
    }

    /// What no longer holds of what these permits rest on.
    async fn outdated<'p, T>(&self, sql: &Sql<'_>, asks: &'p [(Permit, T)]) -> StoreResult<Outdated<'p>> {
        let permits = asks.iter().map(|(permit, _)| permit);
        if self.compares { basis::outdated(sql, permits).await } else { Ok(Outdated::default()) }
    }

    async fn compare(&self, sql: &Sql<'_>, permit: &Permit) -> StoreResult<()> {
        if self.compares { basis::compare(sql, permit).await } else { Ok(()) }
    }
}
