//! Jobs: work that was committed together with the change that causes it, and is done after it, at least once.

use snug_model::{AppKey, ConversationKey, JobId, Timestamp, UserKey};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Remove all rows of a deleted app.
    DeleteApp,
    /// Remove the messages and blank the rest of a deleted conversation.
    PurgeConversation(ConversationKey),
    /// Count what there is of an erased user, and take it out of its conversations.
    EraseUser(UserKey),
    /// The same, once its messages were deleted.
    EraseUserWithMessages(UserKey),
    /// Remove what has lived as long as it may; or only say what that is.
    Purge {
        /// Whether only to say it.
        dry_run: bool,
    },
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// It waits for its turn, or for another try.
    Waiting,
    /// Somebody does it.
    Running,
    /// It is done.
    Done,
    /// It was given up.
    Stopped,
}

/// A job's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// The app.
    pub app: AppKey,
    /// Its id.
    pub id: JobId,
    /// What is to be done.
    pub kind: JobKind,
    /// How far it is.
    pub state: JobState,
    /// Rows that it has dealt with.
    pub progress: i64,
    /// How often it was tried.
    pub attempts: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is to be tried (again), or when the lease of who does it ends.
    pub run_at: Timestamp,
    /// When it was done, or given up.
    pub done_at: Option<Timestamp>,
}
