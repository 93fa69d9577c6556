//! Statements, the cells of their rows, and what their failures mean.

use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{
    Connection, ErrorCode, Params, Row,
    types::{FromSql, FromSqlError},
};
use snug_model::{MessageId, Timestamp};
use uuid::Uuid;

use super::{basis::Seen, writer::Known};
use crate::{Mac, Page, Sealed, StoreError, StoreResult};

/// A connection within a transaction: an act of the writer, or a read.
pub(super) struct Sql<'c> {
    connection: &'c Connection,
    /// The version of the commit that the act is part of; of a read, that of the last commit that it sees.
    pub(super) version: i64,
    rows: &'c AtomicU64,
    /// Facts that it, or another before it, has seen as they still are.
    pub(super) seen: &'c Seen,
    /// What the writer remembers; a reader remembers nothing.
    pub(super) known: Option<&'c Known>,
}

impl<'c> Sql<'c> {
    /// Reads within one snapshot, of which `seen` holds facts.
    pub(super) fn reading(
        connection: &'c Connection,
        version: i64,
        rows: &'c AtomicU64,
        seen: &'c Seen,
    ) -> Self {
        Self { connection, version, rows, seen, known: None }
    }

    /// An act of the writer.
    pub(super) fn writing(
        connection: &'c Connection,
        version: i64,
        rows: &'c AtomicU64,
        known: &'c Known,
    ) -> Self {
        Self { connection, version, rows, seen: &known.facts, known: Some(known) }
    }

    /// Runs a statement that answers no rows; how many it changed.
    pub(super) fn run(&self, sql: &str, params: impl Params) -> StoreResult<usize> {
        Ok(self.connection.prepare_cached(sql)?.execute(params)?)
    }

    /// The first row, if there is one.
    pub(super) fn maybe<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&mut Cells<'_>) -> StoreResult<T>,
    ) -> StoreResult<Option<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let Some(row) = rows.next()? else { return Ok(None) };
        self.rows.fetch_add(1, Ordering::Relaxed);
        read(&mut Cells::new(row)).map(Some)
    }

    /// The first row of a statement that always answers one.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&mut Cells<'_>) -> StoreResult<T>,
    ) -> StoreResult<T> {
        self.maybe(sql, params, read)?
            .ok_or_else(|| StoreError::Corrupt("a statement answered nothing".to_owned()))
    }

    /// All rows.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&mut Cells<'_>) -> StoreResult<T>,
    ) -> StoreResult<Vec<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(read(&mut Cells::new(row))?);
        }
        self.rows.fetch_add(all.len() as u64, Ordering::Relaxed);
        Ok(all)
    }

    /// Whether there is such a row.
    pub(super) fn exists(&self, sql: &str, params: impl Params) -> StoreResult<bool> {
        Ok(self.maybe(sql, params, |_| Ok(()))?.is_some())
    }
}

/// The cells of a row, read from left to right in the order in which the statement names its columns.
pub(super) struct Cells<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl<'r> Cells<'r> {
    fn new(row: &'r Row<'r>) -> Self {
        Self { row, next: 0 }
    }

    /// Passes over so many columns.
    pub(super) fn skip(&mut self, columns: usize) {
        self.next += columns;
    }

    /// The next cell.
    pub(super) fn take<T: FromSql>(&mut self) -> StoreResult<T> {
        let cell = self.row.get(self.next)?;
        self.next += 1;
        Ok(cell)
    }

    pub(super) fn int(&mut self) -> StoreResult<i64> {
        self.take()
    }

    pub(super) fn flag(&mut self) -> StoreResult<bool> {
        Ok(self.int()? != 0)
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
        self.take::<Vec<u8>>().map(|bytes| Sealed(bytes.into()))
    }

    pub(super) fn sealed_or_none(&mut self) -> StoreResult<Option<Sealed>> {
        Ok(self.take::<Option<Vec<u8>>>()?.map(|bytes| Sealed(bytes.into())))
    }

    pub(super) fn mac(&mut self) -> StoreResult<Mac> {
        self.take().map(Mac)
    }

    pub(super) fn message_id(&mut self) -> StoreResult<MessageId> {
        self.take().map(|bytes| MessageId(Uuid::from_bytes(bytes)))
    }

    pub(super) fn message_id_or_none(&mut self) -> StoreResult<Option<MessageId>> {
        Ok(self.take::<Option<[u8; 16]>>()?.map(|bytes| MessageId(Uuid::from_bytes(bytes))))
    }
}

/// The fault of a cell that holds what it cannot.
pub(super) fn corrupt(what: &str, cell: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("{what}: {cell}"))
}

impl From<rusqlite::Error> for StoreError {
    /// Disk, memory and locks may be better later. Everything else is a fault of ours, or of the file. SQLite's messages
    /// name tables and columns, never what is in them.
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OutOfMemory
                | ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::PermissionDenied
                | ErrorCode::OperationInterrupted,
            ) => Self::Unavailable(error.to_string()),
            _ => Self::Corrupt(error.to_string()),
        }
    }
}

impl From<FromSqlError> for StoreError {
    fn from(error: FromSqlError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// Makes a statement that begins with `select … where` answer a page in order of `column`, which must be a row number.
/// The page's parameters are named `:after` and `:limit`.
pub(super) fn paged(select: &str, column: &str, page: &Page) -> String {
    let (after, order) = if page.descending { ("<", "DESC") } else { (">", "ASC") };
    format!("{select} AND {column} {after} :after ORDER BY {column} {order} LIMIT :limit")
}

/// The row number after which a page begins, for [`paged`].
pub(super) fn after(page: &Page) -> i64 {
    page.after.unwrap_or(if page.descending { i64::MAX } else { i64::MIN })
}
