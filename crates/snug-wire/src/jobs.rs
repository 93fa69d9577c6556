//! Jobs: work that goes on after the answer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{erasures::ErasureReceipt, ids::JobId, retention::PurgeReport};

/// The answer to what takes longer than a request may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StartedJob {
    /// The job to ask about.
    pub job: JobId,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It waits for its turn.
    Waiting,
    /// It is being done.
    Running,
    /// It is done.
    Done,
    /// It was given up; the receipt says why.
    Stopped,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// How far it is.
    pub state: JobState,
    /// Rows that it has dealt with so far.
    pub progress: i64,
    /// What it did, by kind; null until it is done or was given up.
    #[schema(required = true)]
    pub receipt: Option<JobReceipt>,
}

/// What a job did, by its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum JobReceipt {
    /// What a purge removed.
    Purge(PurgeReport),
    /// What an erasure did, signed.
    Erasure(ErasureReceipt),
    /// Of any other job.
    Other(RowsDealtWith),
}

/// Of a job how much it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowsDealtWith {
    /// Rows that it has dealt with.
    pub rows: i64,
}
