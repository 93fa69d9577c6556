//! When tokens are made and when they are revoked, as one order.
//!
//! A revocation makes void what was made before it, and nothing that is made after it, however close they come: two may fall
//! into the same millisecond. So each goes beyond the latest of the other kind, by a millisecond at most for each revocation
//! within one; and whoever made or revoked in another process (an operator's command) did so in another millisecond.

use parking_lot::Mutex;
use snug_model::Timestamp;

/// The latest of both, of this process.
#[derive(Default)]
pub(crate) struct TokenTimes(Mutex<Latest>);

#[derive(Default)]
struct Latest {
    issued: Timestamp,
    revoked: Timestamp,
}

impl TokenTimes {
    /// When a token that is made now says that it was made: after whatever was revoked so far, here and by these bounds.
    pub(crate) fn issue(
        &self,
        now: Timestamp,
        not_before: impl IntoIterator<Item = Option<Timestamp>>,
    ) -> Timestamp {
        let mut latest = self.0.lock();
        let bound = not_before.into_iter().flatten().fold(latest.revoked, Timestamp::max);
        let at = now.max(bound.plus_ms(1));
        latest.issued = latest.issued.max(at);
        at
    }

    /// Up to when tokens are void that are revoked now: what was made so far was made by then.
    pub(crate) fn revoke(&self, now: Timestamp) -> Timestamp {
        let mut latest = self.0.lock();
        latest.revoked = now.max(latest.issued).max(latest.revoked);
        latest.revoked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_500);

    #[test]
    fn a_revocation_ends_what_came_before_it_and_nothing_after_it() {
        let times = TokenTimes::default();
        let mut made = Vec::new();
        for _ in 0..3 {
            made.push(times.issue(NOW, []));
            let bound = times.revoke(NOW);
            assert!(made.iter().all(|at| *at <= bound), "{made:?} end at {bound:?}");
            let next = times.issue(NOW, []);
            assert!(next > bound, "{next:?} is not void from the start");
            made.push(next);
        }
        assert!(times.issue(NOW, []).0 - NOW.0 <= 3, "a millisecond for each revocation");
        assert_eq!(times.issue(NOW.plus_s(1), []), NOW.plus_s(1), "and the clock catches up");
    }

    #[test]
    fn what_another_process_revoked_counts() {
        let times = TokenTimes::default();
        let bound = NOW.plus_ms(7);
        assert_eq!(times.issue(NOW, [None, Some(bound), Some(NOW)]), bound.plus_ms(1));
        assert_eq!(times.revoke(NOW), bound.plus_ms(1), "it ends a token that is dated ahead");
    }
}
