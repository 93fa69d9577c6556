//! What was used of apps.

use snug_model::{AppKey, usage::Used};

/// What was used of an app on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageRow {
    /// The app.
    pub app: AppKey,
    /// Days since 1970, UTC.
    pub day: i64,
    /// How much.
    pub used: Used,
}
