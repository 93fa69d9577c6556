//! Time as the model sees it: handed in, never asked for.

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Later than every other time: what ends never, ends then.
    pub const NEVER: Self = Self(i64::MAX);

    /// The time `ms` milliseconds later.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// The time `s` seconds later.
    #[must_use]
    pub fn plus_s(self, s: i64) -> Self {
        self.plus_ms(s.saturating_mul(1_000))
    }

    /// Whole seconds since 1970, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Whether it falls on a second, which a time that knows no fractions always does.
    pub fn is_whole_second(self) -> bool {
        self.0.rem_euclid(1_000) == 0
    }

    /// Whole days since 1970, UTC, rounded down: names the bucket that seals what was written then.
    pub fn day(self) -> i32 {
        i32::try_from(self.0.div_euclid(86_400_000)).unwrap_or(i32::MAX)
    }
}
