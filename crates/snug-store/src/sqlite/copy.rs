//! Copies of the data's file, while others write.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path};

use rusqlite::{Connection, OpenFlags, params};

use crate::{BackupCounts, StoreError, StoreResult};

/// Copies the data in the file at `path` into a new file of mode 0600, as it is at one moment. Nothing of what was deleted is in it. Who
/// writes meanwhile does not wait.
///
/// # Errors
/// `Unavailable` where one of the files cannot be opened, or there is one at `to`.
pub fn copy(path: &Path, to: &Path) -> StoreResult<()> {
    let cannot = |error| StoreError::Unavailable(format!("{} cannot be made: {error}", to.display()));
    // SQLite takes an empty file, and leaves its mode.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(cannot)?;
    let to = to.to_str().ok_or_else(|| StoreError::Unavailable("the path is no text".to_owned()))?;
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    // No file that nobody knows of.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.execute("VACUUM INTO ?1", params![to])?;
    Ok(())
}

/// Reads all of a copy: whether its pages are whole, and how much is in it.
///
/// # Errors
/// `Corrupt` where something is wrong with it.
pub fn examine(path: &Path) -> StoreResult<BackupCounts> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    let found: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(StoreError::Corrupt(found));
    }
    let count = |table: &str| {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0))
    };
    Ok(BackupCounts {
        apps: count("apps")?,
        users: count("users")?,
        conversations: count("conversations")?,
        messages: count("messages")?,
    })
}
