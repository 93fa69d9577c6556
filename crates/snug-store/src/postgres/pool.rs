//! Connections, and the two kinds of transaction: acts, and reads.

use std::{
    collections::BTreeSet,
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, PoolError, RecyclingMethod, Runtime,
    Timeouts,
};
use futures_util::FutureExt;
use snug_model::AppKey;
use tokio_postgres::{
    Error, NoTls,
    error::{DbError, Severity},
};

use super::{
    Options,
    schema::{Address, check_server},
    sql::{Sql, params},
};
use crate::{StoreError, StoreResult};

/// Does an act in a transaction of `$pool` behind `$lock`, and answers once it is on stable storage. Where another
/// transaction was in its way, it is done anew, once; and where it turns out to need the lock alone, once more with that: so
/// `$act` moves nothing.
macro_rules! act {
    ($pool:expr, $lock:expr, |$sql:ident| $act:expr) => {{
        let pool: &$crate::postgres::pool::Pool = $pool;
        let connection = pool.connection().await?;
        let mut lock: $crate::postgres::pool::Lock = $lock;
        let mut may_try_again = true;
        let result = loop {
            let transaction = $crate::postgres::pool::Transaction::on(&connection);
            let $sql = &pool.on(&connection, lock);
            let result = async {
                $sql.run_plain(&pool.begin(lock)).await?;
                $act.await
            }
            .await;
            match result {
                Ok(answer) => break transaction.commit().await.map(|()| answer),
                Err(_) if $sql.was_lock_too_weak() => lock = lock.alone(),
                Err(_) if $sql.was_in_the_way() && may_try_again => may_try_again = false,
                Err(error) => break Err(error),
            }
        };
        $crate::postgres::pool::give_back(connection, &result);
        result
    }};
}

/// Reads within one snapshot of `$pool`, which is taken on the way on which the first questions go.
macro_rules! read {
    ($pool:expr, |$sql:ident| $read:expr) => {{
        let pool: &$crate::postgres::pool::Pool = $pool;
        let connection = pool.connection().await?;
        let result = {
            let _transaction = $crate::postgres::pool::Transaction::on(&connection);
            let $sql = &pool.on(&connection, $crate::postgres::pool::Lock::None);
            let (begun, found) =
                tokio::join!(biased; $sql.run_plain($crate::postgres::pool::SNAPSHOT), $read);
            begun.and(found)
        };
        $crate::postgres::pool::give_back(connection, &result);
        result
    }};
}

pub(super) use {act, read};

/// The statement that begins to read one snapshot.
pub(super) const SNAPSHOT: &str = "START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// The statement that begins an act.
const BEGIN: &str = "START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE";

/// How long an act waits for a connection, or for one to be made.
const CONNECTION_LIMIT: Duration = Duration::from_secs(10);

/// A pool of connections to one database.
pub(super) struct Pool {
    pool: deadpool_postgres::Pool,
    rows: AtomicU64,
    /// Whether acts take the lock of their app: not only where a test wants to see what it is for.
    locks: bool,
    /// Whether the server must keep what it acknowledged.
    strict: bool,
}

/// How an act holds the lock of an app. Between the comparison of a permit and the commit of what it allows nothing may
/// narrow what it rests on: so who narrows something holds the lock alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    /// The act serves no app.
    None,
    /// The act rests on permissions. Whether it also narrows one may show only in its middle: see [`Sql::narrow`].
    Shared(AppKey),
    /// The act narrows one.
    Alone(AppKey),
}

impl Lock {
    /// The same lock, not shared with anybody.
    pub(super) fn alone(self) -> Self {
        match self {
            Self::Shared(app) => Self::Alone(app),
            Self::None | Self::Alone(_) => self,
        }
    }
}

impl Pool {
    /// A pool of up to `size` connections; none is made yet.
    pub(super) fn new(address: &Address, size: usize, options: &Options) -> StoreResult<Self> {
        let config = address.config().clone();
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match address.tls()? {
            Some(tls) => Manager::from_config(config, tls, recycling),
            None => Manager::from_config(config, NoTls, recycling),
        };
        let limit = Some(CONNECTION_LIMIT);
        let strict = options.is_strict();
        // Each connection may lead to another server than the last, or find it with other settings.
        let check = Hook::async_fn(move |client: &mut ClientWrapper, _| {
            Box::pin(async move {
                check_server(client, strict).await.map_err(|error| match error {
                    StoreError::Unavailable(why) => HookError::message(why),
                    error => HookError::message(error.to_string()),
                })
            })
        });
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(size)
            .timeouts(Timeouts { wait: limit, create: limit, recycle: limit })
            .runtime(Runtime::Tokio1)
            .post_create(check)
            .build()
            .map_err(|error| StoreError::Unavailable(format!("the connections cannot be pooled: {error}")))?;
        Ok(Self { pool, rows: AtomicU64::new(0), locks: options.locks(), strict })
    }

    /// Rows that statements have handed over so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// A connection, for as long as it is kept.
    pub(super) async fn connection(&self) -> StoreResult<Object> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::PostCreateHook(HookError::Message(why)) => StoreError::Unavailable(why.into_owned()),
            error => StoreError::Unavailable(format!("no connection: {error}")),
        })
    }

    /// Statements that are a transaction each.
    pub(super) fn alone<'c>(&'c self, connection: &'c Object) -> Sql<'c> {
        self.on(connection, Lock::None)
    }

    /// The statements of a connection, of which a transaction holds the lock.
    pub(super) fn on<'c>(&'c self, connection: &'c Object, lock: Lock) -> Sql<'c> {
        Sql::new(connection, &connection.statement_cache, &self.rows, lock)
    }

    /// Whether the database can be asked and can commit: notes something in its log that nobody reads. Its settings are
    /// looked at again, for some of them can be changed while it runs.
    pub(super) async fn ready(&self) -> StoreResult<()> {
        check_server(&*self.connection().await?, self.strict).await?;
        let note = "SELECT pg_logical_emit_message(true, 'snug', '')";
        act!(self, Lock::None, |sql| sql.run(note, params![]))?;
        Ok(())
    }

    /// The statements that begin an act and take its lock. That is a statement of its own: what follows sees what was committed by
    /// whoever held the lock before.
    pub(super) fn begin(&self, lock: Lock) -> String {
        match lock {
            Lock::Alone(app) if self.locks => format!("{BEGIN}; SELECT pg_advisory_xact_lock({app})"),
            Lock::Shared(app) => self.begin_shared(&BTreeSet::from([app])),
            Lock::None | Lock::Alone(_) => BEGIN.to_owned(),
        }
    }

    /// The statements that begin an act of several apps, and take their locks, which are shared, in the order of their numbers.
    pub(super) fn begin_shared(&self, apps: &BTreeSet<AppKey>) -> String {
        let mut begin = BEGIN.to_owned();
        for app in apps.iter().filter(|_| self.locks) {
            let _ = write!(begin, "; SELECT pg_advisory_xact_lock_shared({app})");
        }
        begin
    }
}

/// A transaction on a connection, from before its beginning is sent. Dropped before its commit, whyever, it is rolled back, before
/// the connection does anything else.
pub(super) struct Transaction<'c> {
    connection: &'c Object,
    ended: bool,
}

impl<'c> Transaction<'c> {
    pub(super) fn on(connection: &'c Object) -> Self {
        Self { connection, ended: false }
    }

    /// Ends it with all that it did, on stable storage.
    pub(super) async fn commit(mut self) -> StoreResult<()> {
        self.ended = true;
        self.connection.batch_execute("COMMIT").await.map_err(unknown)
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // It is sent now, and its answer awaited by nobody.
            let _ = self.connection.batch_execute("ROLLBACK").now_or_never();
        }
    }
}

/// Gives a connection back, unless it may be broken: the end of a session is told before it comes about.
pub(super) fn give_back<T>(connection: Object, result: &StoreResult<T>) {
    if let Err(StoreError::Unavailable(_) | StoreError::Unknown(_)) = result {
        drop(Object::take(connection));
    }
}

/// The failure of a commit. What the server refused was not done; but a server that ends the session, or a connection that
/// breaks, may have committed before.
pub(super) fn unknown(error: Error) -> StoreError {
    match error.as_db_error().and_then(DbError::parsed_severity) {
        Some(Severity::Error) => error.into(),
        _ => StoreError::Unknown(error.to_string()),
    }
}
