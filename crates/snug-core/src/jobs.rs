//! Jobs: what was committed together with its cause, and is done after it, at least once.

use snug_model::{
    Action, Actor, AppKey, ConversationId, JobId, Timestamp, UserKey, erasures::Receipt, limits,
};
use snug_store::{InboxQuery, JobKind, JobRow, JobState, PurgeRow, SecretName};

use crate::{
    Core, Error, Result,
    authorize::{Ask, Decision, decided},
};

/// How long whoever takes a job has it for itself, in milliseconds; each step renews that.
pub(crate) const LEASE_MS: i64 = 60_000;
/// Rows that one step of a job deals with, so that requests come between two.
const STEP_ROWS: i64 = 1_000;

/// A job as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// How far it is.
    pub state: JobState,
    /// Rows that it has dealt with.
    pub progress: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was done, or given up.
    pub done_at: Option<Timestamp>,
    /// What a purge did, once it is done or was given up.
    pub purge: Option<PurgeRow>,
    /// What an erasure did, once it is done.
    pub erasure: Option<Receipt>,
}

impl From<JobRow> for Job {
    fn from(row: JobRow) -> Self {
        Self {
            id: row.id,
            state: row.state,
            progress: row.progress,
            created_at: row.created_at,
            done_at: row.done_at,
            purge: None,
            erasure: None,
        }
    }
}

impl Core {
    /// A job that is to be committed with its cause.
    pub(crate) fn new_job(&self, app: AppKey, kind: JobKind) -> Result<JobRow> {
        let now = self.clock.now();
        Ok(JobRow {
            app,
            id: JobId::from_random(&self.random.id_part()?),
            kind,
            state: JobState::Waiting,
            progress: 0,
            attempts: 0,
            created_at: now,
            run_at: now,
            done_at: None,
        })
    }

    /// One job of the actor's app.
    pub async fn job(&self, actor: &Actor, id: &JobId) -> Result<Job> {
        let ask = Ask::in_app(actor, Action::ReadJob);
        decided!(self, ask.clone(), |allowed| async {
            let row = self.store.job(&allowed.permit, id).await?.ok_or(Error::NotFound)?;
            let purge = match row.kind {
                JobKind::Purge { .. } if row.done_at.is_some() => {
                    self.store.purge(&allowed.permit, id).await?
                }
                _ => None,
            };
            let erasure = match row.kind {
                JobKind::EraseUser(_) | JobKind::EraseUserWithMessages(_) if row.state == JobState::Done => {
                    self.receipt(&allowed, id).await?
                }
                _ => None,
            };
            Ok::<_, Error>(Job { purge, erasure, ..row.into() })
        })
    }

    /// Has the jobs looked at now rather than at the next tick.
    pub(crate) fn wake_jobs(&self) {
        self.jobs.notify_one();
    }

    /// Does the jobs that are due; how many it was.
    pub(crate) async fn do_jobs(&self) -> Result<usize> {
        let mut done = 0;
        loop {
            let now = self.clock.now();
            let Some(job) = self.store.claim_job(now, now.plus_ms(LEASE_MS)).await? else { return Ok(done) };
            self.destroy_secrets_of(&job).await?;
            self.note_ledger().await?;
            match job.kind {
                JobKind::EraseUser(user) => self.leave_everything(job.app, user).await?,
                JobKind::EraseUserWithMessages(user) => {
                    self.delete_messages_of(job.app, user).await?;
                    self.leave_everything(job.app, user).await?;
                }
                JobKind::DeleteApp | JobKind::PurgeConversation(_) | JobKind::Purge { .. } => {}
            }
            let mut state = job.state;
            while state != JobState::Done {
                let now = self.clock.now();
                state = self.store.work_job(&job.id, STEP_ROWS, now, now.plus_ms(LEASE_MS)).await?.state;
            }
            done += 1;
        }
    }

    /// Destroys the secrets of what a job removes, before its rows: so that no job is done while one of them is there, however
    /// often it was begun. The row that a secret belongs to has a new version since the job's cause was committed, so that nothing
    /// is stored any more that was sealed under it.
    async fn destroy_secrets_of(&self, job: &JobRow) -> Result<()> {
        let now = self.clock.now();
        match job.kind {
            JobKind::DeleteApp => self.sealer.destroy_app(job.app, now).await?,
            JobKind::EraseUser(user) | JobKind::EraseUserWithMessages(user) => {
                self.sealer.destroy(&[SecretName::User(job.app, user)], now).await?
            }
            JobKind::PurgeConversation(conversation) => {
                self.sealer.destroy(&[SecretName::Conversation(job.app, conversation)], now).await?
            }
            // Destroys what it purges itself, once no row is left of it.
            JobKind::Purge { .. } => 0,
        };
        Ok(())
    }

    /// Takes an erased user out of its conversations one by one, so that those who stay are told.
    async fn leave_everything(&self, app: AppKey, user: UserKey) -> Result<()> {
        let system = Actor::System(app);
        loop {
            let ask = Ask::in_app(&system, Action::ReadInbox { own: false });
            let allowed = self.authorize(&mut Decision::new(ask)).await?;
            let query = InboxQuery::Page { below: None, unread: false, limit: limits::PAGE_ITEMS_MAX as i64 };
            let rows = self.store.inbox(&allowed.permit, user, query).await?;
            if rows.items.is_empty() {
                return Ok(());
            }
            for row in &rows.items {
                let id = self.conversation_id(&allowed.permit, &row.conversation).await?;
                self.leave(&system, &id, user).await?;
            }
        }
    }

    async fn leave(&self, system: &Actor, conversation: &ConversationId, user: UserKey) -> Result<()> {
        let ask = Ask::in_conversation(system, Action::RemoveMember, conversation);
        let left = decided!(self, ask.clone(), |allowed| self.remove_allowed(&allowed, user, true));
        match left {
            Err(Error::NotFound) => Ok(()),
            other => other,
        }
    }
}
