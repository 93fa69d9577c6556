//! Files, connections and migrations.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

use refinery::{Runner, error::Kind};
use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::Options;
use crate::{StoreError, StoreResult};

mod data {
    refinery::embed_migrations!("migrations/sqlite");
}

mod keys {
    refinery::embed_migrations!("migrations/keys_sqlite");
}

/// Statements that a connection keeps prepared: more than there are.
const STATEMENTS_KEPT: usize = 512;

/// Opens the data for writing, and brings its schema up to date.
pub(super) fn data(path: &Path, options: &Options) -> StoreResult<Connection> {
    let connection = writer(path)?;
    // FULL: a commit is synced before it is answered.
    connection.pragma_update(None, "synchronous", options.synchronous())?;
    // 64 MiB, and pages of the file mapped beyond that.
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.pragma_update(None, "mmap_size", 256 << 20)?;
    let connection = migrated(connection, data::migrations::runner())?;
    // What a killed server left in the log goes into the file, where pages are found at once. Who is in the way is not waited for.
    connection.pragma_query(None, "wal_checkpoint", |_| Ok(()))?;
    Ok(connection)
}

/// Opens the key store for writing, and brings its schema up to date.
pub(super) fn keys(path: &Path) -> StoreResult<Connection> {
    let connection = writer(path)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What is destroyed is overwritten.
    connection.pragma_update(None, "secure_delete", "ON")?;
    let connection = migrated(connection, keys::migrations::runner())?;
    // What was destroyed right before a server was killed is not in the log any more either. Who is in the way is not waited
    // for: what destroyed it is done again.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    // The log is emptied in a moment in which nobody reads, and on a busy machine with several processes that takes a while to come.
    connection.busy_timeout(Duration::from_secs(30))?;
    Ok(connection)
}

/// Copies all of the log into the file, and cuts it to nothing. `Unavailable` where somebody reads an older snapshot for too long.
pub(super) fn empty_log(connection: &Connection) -> StoreResult<()> {
    let mut statement = connection.prepare_cached("PRAGMA wal_checkpoint(TRUNCATE)")?;
    let busy: bool = statement.query_row([], |row| row.get(0))?;
    if busy {
        return Err(StoreError::Unavailable(
            "somebody reads for too long, so that the log cannot be emptied".to_owned(),
        ));
    }
    Ok(())
}

/// Opens a database that is there already, to copy its log.
pub(super) fn checkpointer(path: &Path) -> StoreResult<Connection> {
    let connection = connect(path)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// Opens a database that is there already, for reading.
pub(super) fn reader(path: &Path) -> StoreResult<Connection> {
    // Not read-only: who opens a log that was not closed well must repair it first. Nothing is written all the same.
    let connection = connect(path)?;
    connection.pragma_update(None, "query_only", "ON")?;
    connection.pragma_update(None, "cache_size", -8_192)?;
    connection.pragma_update(None, "mmap_size", 256 << 20)?;
    Ok(connection)
}

/// Makes the file, for its owner alone, where there is none. SQLite gives the files beside it the same mode.
fn writer(path: &Path) -> StoreResult<Connection> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| StoreError::Unavailable(format!("the file cannot be opened: {error}")))?;
    let connection = connect(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    Ok(connection)
}

fn connect(path: &Path) -> StoreResult<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // Without this guarantee the planner looks at what is bound, and so plans most statements anew each time they are run,
    // which took more than the rest of a read.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // A command of the operator's may write beside the server.
    connection.busy_timeout(Duration::from_secs(5))?;
    // What sorting and savepoints need stays in memory: no file that nobody knows of.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

/// Brings the schema up to date, all migrations in one transaction, and refuses one that this program does not know.
fn migrated(mut connection: Connection, runner: Runner) -> StoreResult<Connection> {
    let known = runner.get_migrations().iter().map(refinery::Migration::version).max();
    // Grouped: by itself refinery notes a migration in another transaction than the one that does it.
    match runner.set_grouped(true).run(&mut connection) {
        Ok(_) => Ok(connection),
        Err(error) => Err(match error.kind() {
            Kind::MissingVersion(found) => StoreError::Unavailable(format!(
                "its schema has version {}, and this program knows versions up to {}: use a newer program",
                found.version(),
                known.unwrap_or_default()
            )),
            _ => StoreError::Unavailable(format!("its schema cannot be brought up to date: {error}")),
        }),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_planned_once() {
        let folder = tempfile::tempdir().unwrap();
        let connection = data(&folder.path().join("snug.db"), &Options::default()).unwrap();
        let sql = "SELECT 1 FROM members WHERE app = ?1 AND user = ?2 AND large = ?3";
        let mut statement = connection.prepare(sql).unwrap();
        for bound in 0..3 {
            assert!(!statement.exists([bound, bound, bound]).unwrap());
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
