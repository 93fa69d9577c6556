//! Templates, as rows.

use snug_model::{TemplateKey, Timestamp, Version, facts::IdMac};

use super::Sealed;

/// A template's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateRow {
    /// Its row number.
    pub key: TemplateKey,
    /// Its id, to be found by; unique in the app.
    pub id_mac: IdMac,
    /// Its id, and what it says.
    pub body: Sealed,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last written.
    pub updated_at: Timestamp,
    /// Of `body`: 1, 2, 3 …
    pub version: Version,
}
