//! Jobs: work that goes on after the answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::ids::JobId;

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
    #[schema(required = true, value_type = Option<Object>)]
    pub receipt: Option<Value>,
}
