//! The ledger of the key store: what was destroyed, and so erased or deleted. Data that does not know of it, for it was restored from a
//! copy, is brought to know before anybody is served from it.
//!
//! The cause of a destruction is committed in the data before it. So data that goes on knows of all that the ledger has: how far that is,
//! it notes now and then; only a copy from before is behind that.

use std::sync::atomic::Ordering;

use snug_model::AppKey;
use snug_store::{Anew, Destruction, JobKind, SecretName};
use thiserror::Error;

use crate::{Core, Error, Result};

/// Entries of the ledger that are read in one go.
const AT_ONCE: u64 = 1_000;
/// Row numbers that are passed over in one act.
const ROWS_AT_ONCE: u32 = 1_000_000;

/// What was erased and deleted again because the data did not know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Redone {
    /// Users.
    pub users: u64,
    /// Conversations.
    pub conversations: u64,
    /// Apps.
    pub apps: u64,
}

/// Why the data must not be served.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// What was destroyed since is there again.
    #[error(
        "the key store is an older copy: it knows what was destroyed up to place {keys} of its ledger, and the data up to place {data}. \
         An older key store brings back what was erased since: put the current one in its place"
    )]
    Behind {
        /// Where the key store's ledger ends.
        keys: i64,
        /// Up to where the data has followed it.
        data: i64,
    },
    /// The stores failed.
    #[error("the ledger of what was destroyed cannot be followed: {0}")]
    Failed(#[from] Error),
}

impl Core {
    /// Has the data follow the key store's ledger: whoever was erased since the data was copied, is erased again. To be done before
    /// anybody is served. What is left of it are jobs.
    ///
    /// # Errors
    /// See [`LedgerError`]: then nobody may be served.
    pub async fn follow_ledger(&self) -> Result<Redone, LedgerError> {
        let followed = self.store.followed().await.map_err(Error::from)?;
        self.restored_at.store(followed.restored_at.0, Ordering::Relaxed);
        let keys = self.sealer.ledger_end().await.map_err(Error::from)?;
        if keys < followed.position {
            return Err(LedgerError::Behind { keys, data: followed.position });
        }
        let (mut redone, mut after) = (Redone::default(), followed.position);
        if after < keys {
            self.go_beyond_known_rows().await?;
        }
        loop {
            let page = self.sealer.ledger(after, AT_ONCE).await.map_err(Error::from)?;
            let Some(last) = page.last() else { break };
            after = last.position;
            for destruction in &page {
                self.redo(destruction, &mut redone).await?;
            }
            self.store.note_followed(after).await.map_err(Error::from)?;
        }
        self.followed.store(after, Ordering::Relaxed);
        if redone != Redone::default() {
            let Redone { users, conversations, apps } = redone;
            tracing::warn!(
                users,
                conversations,
                apps,
                "erased and deleted again: the data is from before that"
            );
        }
        Ok(redone)
    }

    async fn redo(&self, destruction: &Destruction, redone: &mut Redone) -> Result<()> {
        let (kind, app, count) = match destruction.name {
            SecretName::User(app, user) => (self.erasure(app, user).await, app, &mut redone.users),
            SecretName::Conversation(app, conversation) => {
                (JobKind::PurgeConversation(conversation), app, &mut redone.conversations)
            }
            SecretName::App(app) if app != AppKey::INSTALLATION => {
                (JobKind::DeleteApp, app, &mut redone.apps)
            }
            // What a day's secret locked is read by nobody, and purged when it is due.
            SecretName::App(_)
            | SecretName::Bucket { .. }
            | SecretName::Wrapping(_)
            | SecretName::WrappingBefore(_) => return Ok(()),
        };
        let job = self.new_job(app, kind)?;
        *count += u64::from(self.store.redo(destruction.name, job).await?);
        Ok(())
    }

    /// Has no row number given again that the key store knows: its secret is somebody else's, or was destroyed.
    async fn go_beyond_known_rows(&self) -> Result<()> {
        let highest = self.sealer.highest_row().await?;
        let mut next = self.store.reserve(1).await?.start;
        while next < highest {
            let missing = u32::try_from(highest - next).unwrap_or(u32::MAX).min(ROWS_AT_ONCE);
            next = self.store.reserve(missing).await?.end - 1;
        }
        Ok(())
    }

    /// Notes how far the data has followed the ledger, of which it knows all that is there now.
    pub(crate) async fn note_ledger(&self) -> Result<()> {
        let end = self.sealer.ledger_end().await?;
        if self.followed.fetch_max(end, Ordering::Relaxed) < end {
            self.store.note_followed(end).await?;
        }
        Ok(())
    }

    /// Has data go on that was just restored from a backup: what clients know of it from later is not taken for what is there now.
    ///
    /// # Errors
    /// That a store cannot be asked.
    pub async fn begin_anew(&self) -> Result<()> {
        let epochs = self.random.epoch()?.0 | 1;
        let anew = Anew { at: self.clock.now(), beyond: self.sealer.highest_row().await?, epochs };
        Ok(self.store.begin_anew(anew).await?)
    }
}
