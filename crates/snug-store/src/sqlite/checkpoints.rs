//! Checkpoints: what was committed goes from the log into the file. A thread of its own does nearly all of that, for while the
//! writer did it, everybody waited.

use std::{
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
};

use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, hooks::Wal, wal::CheckpointMode};

use super::schema;
use crate::{StoreError, StoreResult};

/// Pages of the log, 64 MB, from which on they go into the file: fewer checkpoints cost less, and a restart stays quick.
const LOG_PAGES: i32 = 16_000;

/// The thread, which ends when this is dropped.
pub(super) struct Checkpoints {
    turn: Arc<Turn>,
    thread: Option<JoinHandle<()>>,
}

/// Whose turn it is.
#[derive(Default)]
struct Turn {
    stage: Mutex<Stage>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    /// The log grows.
    #[default]
    Growing,
    /// The thread copies what is in it, while it grows on.
    Copying,
    /// Of what is in it, the file lacks what came meanwhile.
    Copied,
    Stopped,
}

impl Checkpoints {
    /// Starts the thread, for the log that `writer` writes.
    pub(super) fn start(path: &Path, writer: &mut Connection) -> StoreResult<Self> {
        let turn = Arc::new(Turn::default());
        let (connection, own) = (schema::checkpointer(path)?, Arc::clone(&turn));
        let thread = thread::Builder::new()
            .name("store-log".to_owned())
            .spawn(move || own.work(&connection))
            .map_err(|error| StoreError::Unavailable(format!("checkpoints cannot start: {error}")))?;
        let grown = Arc::clone(&turn);
        writer.wal_hook(Some(move |log: &mut Wal, pages| {
            grown.committed(log, pages);
            Ok(())
        }))?;
        Ok(Self { turn, thread: Some(thread) })
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.turn.take(Stage::Stopped);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that does checkpoints ended in a panic");
        }
    }
}

impl Turn {
    fn take(&self, stage: Stage) {
        *self.stage.lock() = stage;
        self.changed.notify_all();
    }

    /// The writer has committed, and there are so many pages in the log.
    fn committed(&self, log: &mut Wal, pages: i32) {
        let stage = *self.stage.lock();
        match stage {
            Stage::Growing if pages >= LOG_PAGES => self.take(Stage::Copying),
            Stage::Growing | Stage::Copying | Stage::Stopped => {}
            // Nothing had come meanwhile, so that this commit has begun the log anew.
            Stage::Copied if pages < LOG_PAGES => self.take(Stage::Growing),
            Stage::Copied => {
                // Only the writer can do the rest, since nothing comes meanwhile: then all is in the file, and the next commit
                // begins the log anew.
                warn_of(log.checkpoint());
                self.take(Stage::Growing);
            }
        }
    }

    /// The thread's work.
    fn work(&self, connection: &Connection) {
        loop {
            let mut stage = self.stage.lock();
            self.changed.wait_while(&mut stage, |stage| matches!(stage, Stage::Growing | Stage::Copied));
            if *stage == Stage::Stopped {
                return;
            }
            drop(stage);
            warn_of(connection.wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE));
            let mut stage = self.stage.lock();
            if *stage == Stage::Copying {
                *stage = Stage::Copied;
            }
        }
    }
}

/// A checkpoint that failed is done again when the log has grown by another commit.
fn warn_of<T>(done: rusqlite::Result<T>) {
    if let Err(error) = done {
        tracing::warn!(%error, "a checkpoint failed; it will be tried again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::Options;

    #[test]
    fn a_log_that_grew_long_is_copied_and_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.db");
        let mut writer = schema::data(&path, &Options::default()).unwrap();
        writer.execute_batch("CREATE TABLE bytes (bytes BLOB)").unwrap();
        let checkpoints = Checkpoints::start(&path, &mut writer).unwrap();
        let commit = |pages: i32| {
            writer.execute("INSERT INTO bytes VALUES (zeroblob(?1 * 4096))", [pages]).unwrap();
            let of_log = |row: &rusqlite::Row<'_>| row.get::<_, i32>(1);
            writer.query_row("PRAGMA wal_checkpoint(NOOP)", [], of_log).unwrap()
        };
        let stage = || *checkpoints.turn.stage.lock();
        let copied = || {
            while stage() == Stage::Copying {
                thread::yield_now();
            }
            assert_eq!(stage(), Stage::Copied);
        };

        assert!(commit(1) < LOG_PAGES);
        assert_eq!(stage(), Stage::Growing);
        assert!(commit(LOG_PAGES) > LOG_PAGES);
        copied();
        assert!(std::fs::metadata(&path).unwrap().len() > LOG_PAGES as u64 * 4096);
        assert!(commit(1) < 16, "the log begins anew");
        assert_eq!(stage(), Stage::Growing);

        // What came while it was copied is the writer's to copy.
        let reader = schema::reader(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM bytes").unwrap();
        assert!(commit(LOG_PAGES) > LOG_PAGES);
        copied();
        reader.execute_batch("COMMIT").unwrap();
        assert!(commit(1) > LOG_PAGES);
        assert_eq!(stage(), Stage::Growing);
        assert!(commit(1) < 16, "the log begins anew");
    }
}
