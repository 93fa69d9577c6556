//! What this program is.

use snug_model::Timestamp;

/// Its version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// When it was built.
pub(crate) fn built_at() -> Timestamp {
    // Written by the build script; were it no number, no test would pass.
    Timestamp(env!("BUILT_AT_S").parse::<i64>().map_or(0, |seconds| seconds.saturating_mul(1_000)))
}

/// A time as people write it: RFC 3339, UTC, to the second.
pub(crate) fn written(time: Timestamp) -> String {
    jiff::Timestamp::from_second(time.seconds()).map_or_else(|_| "never".to_owned(), |time| time.to_string())
}
