//! Exports: a line of JSON for each thing (NDJSON), and a last one by which a reader knows that it has them all.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::consents::TextDigest;

/// The media type of an export.
pub const MEDIA_TYPE: &str = "application/x-ndjson";

/// As what a conversation's messages are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TranscriptFormat {
    /// A line of JSON for each message, and a last one by which a program knows that it has them all.
    #[default]
    Ndjson,
    /// A table, for a spreadsheet.
    Csv,
    /// A page, to be read.
    Html,
}

/// The last line of an export. Without it the export was cut, and is not whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExportEnd {
    /// How many lines came before this one.
    pub count: u64,
    /// The SHA-256 of all of them, with their newlines.
    pub sha256: TextDigest,
    /// Of a conversation's transcript: what `POST …/end` takes, as long as nothing has changed in the conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub receipt: Option<String>,
}

/// A line of an export of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ExportLine<T> {
    /// One of them.
    Item(T),
    /// The last line.
    End(ExportEnd),
}
