//! Statements, the cells of their rows, and what their failures mean.

use std::{
    pin::pin,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use bytes::BytesMut;
use deadpool_postgres::StatementCache;
use futures_util::TryStreamExt;
use snug_model::{MessageId, Timestamp};
use tokio_postgres::{
    Client, Error, Row,
    error::SqlState,
    types::{FromSql, IsNull, ToSql, Type},
};
use uuid::Uuid;

use super::pool::{Lock, unknown};
use crate::{Mac, Page, Sealed, StoreError, StoreResult, Unique};

/// The number of the transaction that an act is done in: the version at which what it changes changed.
macro_rules! version {
    () => {
        "pg_current_xact_id()::text::bigint"
    };
}

/// The parameters of a statement, in the order of their numbers.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::postgres::sql::Param::value(&$value)),*]
    };
}

pub(super) use {params, version};

/// A connection, most often within a transaction.
pub(super) struct Sql<'c> {
    client: &'c Client,
    statements: &'c StatementCache,
    rows: &'c AtomicU64,
    /// Whether a statement failed because another transaction was in its way, so that it may succeed if done anew.
    in_the_way: AtomicBool,
    lock: Lock,
    /// Whether the act needs the lock alone, and did not hold it so.
    too_weak: AtomicBool,
}

impl<'c> Sql<'c> {
    pub(super) fn new(
        client: &'c Client,
        statements: &'c StatementCache,
        rows: &'c AtomicU64,
        lock: Lock,
    ) -> Self {
        let (in_the_way, too_weak) = Default::default();
        Self { client, statements, rows, in_the_way, lock, too_weak }
    }

    /// Says that the act is about to narrow a permission. One that shares the lock of its app ends with this, and is done
    /// anew with the lock for itself.
    pub(super) fn narrow(&self) -> StoreResult<()> {
        if let Lock::Shared(_) = self.lock {
            self.too_weak.store(true, Ordering::Relaxed);
            return Err(StoreError::Unavailable("the lock of the app is shared".to_owned()));
        }
        Ok(())
    }

    /// Whether the act ended because it does not hold the lock of its app alone.
    pub(super) fn was_lock_too_weak(&self) -> bool {
        self.too_weak.load(Ordering::Relaxed)
    }

    /// Whether another transaction was in the way of a statement that failed.
    pub(super) fn was_in_the_way(&self) -> bool {
        self.in_the_way.load(Ordering::Relaxed)
    }

    fn failure(&self, error: Error) -> StoreError {
        let code = error.code();
        if code == Some(&SqlState::T_R_SERIALIZATION_FAILURE)
            || code == Some(&SqlState::T_R_DEADLOCK_DETECTED)
        {
            self.in_the_way.store(true, Ordering::Relaxed);
        }
        error.into()
    }

    /// Has the server know statements that are then sent at once, in their order: one that it did not know would be sent later
    /// than those it knows.
    pub(super) async fn prepare(&self, statements: &[&str]) -> StoreResult<()> {
        for statement in statements {
            self.statements.prepare(self.client, statement).await.map_err(|error| self.failure(error))?;
        }
        Ok(())
    }

    /// Runs statements without parameters, which answer nothing, on one way to the server and back.
    pub(super) async fn run_plain(&self, statements: &str) -> StoreResult<()> {
        self.client.batch_execute(statements).await.map_err(|error| self.failure(error))
    }

    /// Runs a statement that answers no rows; how many it changed.
    pub(super) async fn run(&self, sql: &str, params: &[Value<'_>]) -> StoreResult<u64> {
        let statement =
            self.statements.prepare(self.client, sql).await.map_err(|error| self.failure(error))?;
        self.client.execute_raw(&statement, params).await.map_err(|error| self.failure(error))
    }

    /// All rows of the last statement of a transaction, which changes something, and its commit, on one way to the server and
    /// back. What the server refused was not done: it ends such a transaction without a commit.
    pub(super) async fn all_and_commit<T>(
        &self,
        sql: &str,
        params: &[Value<'_>],
        mut read: impl FnMut(&mut Cells<'_>) -> StoreResult<T>,
    ) -> StoreResult<Vec<T>> {
        let statement =
            self.statements.prepare(self.client, sql).await.map_err(|error| self.failure(error))?;
        let run = async { pin!(self.client.query_raw(&statement, params).await?).try_collect().await };
        let (run, committed) = tokio::join!(biased; run, self.client.batch_execute("COMMIT"));
        let rows: Vec<Row> = run.map_err(|error| match error.as_db_error() {
            Some(_) => self.failure(error),
            None => unknown(error),
        })?;
        committed.map_err(unknown)?;
        self.rows.fetch_add(rows.len() as u64, Ordering::Relaxed);
        rows.iter().map(|row| read(&mut Cells::new(row))).collect()
    }

    async fn rows(&self, sql: &str, params: &[Value<'_>]) -> StoreResult<Vec<Row>> {
        let statement =
            self.statements.prepare(self.client, sql).await.map_err(|error| self.failure(error))?;
        let found = self.client.query_raw(&statement, params).await.map_err(|error| self.failure(error))?;
        let rows: Vec<Row> = pin!(found).try_collect().await.map_err(|error| self.failure(error))?;
        self.rows.fetch_add(rows.len() as u64, Ordering::Relaxed);
        Ok(rows)
    }

    /// The row, if there is one.
    pub(super) async fn maybe<T>(
        &self,
        sql: &str,
        params: &[Value<'_>],
        read: impl FnOnce(&mut Cells<'_>) -> StoreResult<T>,
    ) -> StoreResult<Option<T>> {
        let rows = self.rows(sql, params).await?;
        rows.first().map(|row| read(&mut Cells::new(row))).transpose()
    }

    /// The row of a statement that always answers one.
    pub(super) async fn one<T>(
        &self,
        sql: &str,
        params: &[Value<'_>],
        read: impl FnOnce(&mut Cells<'_>) -> StoreResult<T>,
    ) -> StoreResult<T> {
        let found = self.maybe(sql, params, read).await?;
        found.ok_or_else(|| StoreError::Corrupt("a statement answered nothing".to_owned()))
    }

    /// All rows.
    pub(super) async fn all<T>(
        &self,
        sql: &str,
        params: &[Value<'_>],
        mut read: impl FnMut(&mut Cells<'_>) -> StoreResult<T>,
    ) -> StoreResult<Vec<T>> {
        let rows = self.rows(sql, params).await?;
        rows.iter().map(|row| read(&mut Cells::new(row))).collect()
    }

    /// Whether there is such a row.
    pub(super) async fn exists(&self, sql: &str, params: &[Value<'_>]) -> StoreResult<bool> {
        Ok(!self.rows(sql, params).await?.is_empty())
    }
}

/// A parameter of a statement.
#[derive(Debug)]
pub(super) enum Value<'v> {
    Null,
    Int(i64),
    Text(&'v str),
    Bytes(&'v [u8]),
    Uuid(Uuid),
    /// An array, for `unnest`.
    Array(&'v (dyn ToSql + Sync)),
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => value.to_sql_checked(ty, out),
            Self::Text(value) => value.to_sql_checked(ty, out),
            Self::Bytes(value) => value.to_sql_checked(ty, out),
            Self::Uuid(value) => value.to_sql_checked(ty, out),
            Self::Array(value) => value.to_sql_checked(ty, out),
        }
    }

    /// Each value looks at the type itself, in `to_sql`.
    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

/// What can be a parameter.
pub(super) trait Param {
    fn value(&self) -> Value<'_>;
}

impl Param for i64 {
    fn value(&self) -> Value<'_> {
        Value::Int(*self)
    }
}

impl Param for bool {
    fn value(&self) -> Value<'_> {
        Value::Int(i64::from(*self))
    }
}

impl Param for str {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl Param for [u8; 32] {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl Param for Box<[u8]> {
    fn value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl Param for MessageId {
    fn value(&self) -> Value<'_> {
        Value::Uuid(self.0)
    }
}

impl<T: ToSql + Sync> Param for Vec<T> {
    fn value(&self) -> Value<'_> {
        Value::Array(self)
    }
}

impl<T: Param> Param for Option<T> {
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, Param::value)
    }
}

impl<T: Param + ?Sized> Param for &T {
    fn value(&self) -> Value<'_> {
        (*self).value()
    }
}

/// The cells of a row, read from left to right in the order in which the statement names its columns.
pub(super) struct Cells<'r> {
    row: &'r Row,
    next: usize,
}

impl<'r> Cells<'r> {
    fn new(row: &'r Row) -> Self {
        Self { row, next: 0 }
    }

    /// Passes over so many columns.
    pub(super) fn skip(&mut self, columns: usize) {
        self.next += columns;
    }

    /// The next cell.
    pub(super) fn take<T: FromSql<'r>>(&mut self) -> StoreResult<T> {
        let cell = self.row.try_get(self.next)?;
        self.next += 1;
        Ok(cell)
    }

    pub(super) fn int(&mut self) -> StoreResult<i64> {
        self.take()
    }

    /// A flag as it is stored.
    pub(super) fn flag(&mut self) -> StoreResult<bool> {
        Ok(self.int()? != 0)
    }

    /// What a condition answers.
    pub(super) fn truth(&mut self) -> StoreResult<bool> {
        self.take()
    }

    pub(super) fn seconds(&mut self) -> StoreResult<u32> {
        let cell = self.int()?;
        u32::try_from(cell).map_err(|_| corrupt("a number of seconds", cell))
    }

    pub(super) fn time(&mut self) -> StoreResult<Timestamp> {
        self.int().map(Timestamp)
    }

    pub(super) fn time_or_none(&mut self) -> StoreResult<Option<Timestamp>> {
        Ok(self.take::<Option<i64>>()?.map(Timestamp))
    }

    pub(super) fn sealed(&mut self) -> StoreResult<Sealed> {
        self.take::<&[u8]>().map(|bytes| Sealed(bytes.into()))
    }

    pub(super) fn sealed_or_none(&mut self) -> StoreResult<Option<Sealed>> {
        Ok(self.take::<Option<&[u8]>>()?.map(|bytes| Sealed(bytes.into())))
    }

    /// Thirty-two bytes: a MAC, or a digest.
    pub(super) fn bytes(&mut self) -> StoreResult<[u8; 32]> {
        let bytes: &[u8] = self.take()?;
        bytes.try_into().map_err(|_| corrupt("the bytes of a digest", bytes.len()))
    }

    pub(super) fn bytes_or_none(&mut self) -> StoreResult<Option<[u8; 32]>> {
        let bytes: Option<&[u8]> = self.take()?;
        let whole =
            |bytes: &[u8]| bytes.try_into().map_err(|_| corrupt("the bytes of a digest", bytes.len()));
        bytes.map(whole).transpose()
    }

    pub(super) fn mac(&mut self) -> StoreResult<Mac> {
        self.bytes().map(Mac)
    }

    pub(super) fn message_id(&mut self) -> StoreResult<MessageId> {
        self.take().map(MessageId)
    }

    pub(super) fn message_id_or_none(&mut self) -> StoreResult<Option<MessageId>> {
        Ok(self.take::<Option<Uuid>>()?.map(MessageId))
    }
}

/// The fault of a cell that holds what it cannot.
pub(super) fn corrupt(what: &str, cell: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("{what}: {cell}"))
}

impl From<Error> for StoreError {
    /// A lost connection, a server that stops or lacks something, and transactions in each other's way may be better later.
    /// Everything else is a fault of ours. The server's messages name tables and columns; what tells of cells is its detail,
    /// which is left out.
    fn from(error: Error) -> Self {
        let Some(refusal) = error.as_db_error() else {
            return if error.is_closed()
                || std::error::Error::source(&error).is_some_and(|why| why.is::<std::io::Error>())
            {
                Self::Unavailable(error.to_string())
            } else {
                Self::Corrupt(error.to_string())
            };
        };
        if refusal.code() == &SqlState::UNIQUE_VIOLATION
            && let Some(taken) = refusal.constraint().and_then(taken)
        {
            return Self::Taken(taken);
        }
        // How a statement that compares by itself says so: see `basis::none_outdated!`.
        if refusal.code() == &SqlState::DIVISION_BY_ZERO {
            return Self::Stale;
        }
        let code = refusal.code().code();
        let what = format!("{} ({code})", refusal.message());
        // Connection, rollback of a transaction, lack of something, operator, system.
        let class = ["08", "28", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class));
        // A standby, which only reads; who waited too long for another, and who let others wait too long.
        let passing = [
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ];
        if class || passing.contains(refusal.code()) { Self::Unavailable(what) } else { Self::Corrupt(what) }
    }
}

/// What two acts at once gave the same name, by the index that refused the second.
fn taken(index: &str) -> Option<Unique> {
    match index {
        // A visitor's row number is reserved before its row is made: two of its requests may make that at once.
        "users_id" | "users_pkey" => Some(Unique::User),
        "conversations_id" | "conversations_members" => Some(Unique::Conversation),
        "conversations_alias" => Some(Unique::Alias),
        "messages_app_conversation_id_key" => Some(Unique::Message),
        "roles_app_scope_name_mac_key" => Some(Unique::Role),
        "templates_app_id_mac_key" => Some(Unique::Template),
        _ => None,
    }
}

/// Makes a statement that begins with `select … where` answer a page in order of `column`, which must be a row number.
/// The page's parameters are the first two: [`after`], and how many at most.
pub(super) fn paged(select: &str, column: &str, page: &Page) -> String {
    let (after, order) = if page.descending { ("<", "DESC") } else { (">", "ASC") };
    format!("{select} AND {column} {after} $1 ORDER BY {column} {order} LIMIT $2")
}

/// The row number after which a page begins, for [`paged`].
pub(super) fn after(page: &Page) -> i64 {
    page.after.unwrap_or(if page.descending { i64::MAX } else { i64::MIN })
}
