//! Token buckets, one for each of those whose rate is bounded.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::atomic::{AtomicI64, Ordering},
};

use parking_lot::RwLock;
use snug_model::{Timestamp, rates::Rate};

/// Parts with a lock each, so that few wait for one another.
const PARTS: usize = 64;
const NS_PER_MS: i64 = 1_000_000;
const NS_PER_MINUTE: i64 = 60_000 * NS_PER_MS;

/// A bucket for each key, bounded in number.
///
/// A bucket is one number: the time at which it is full again, in nanoseconds since 1970 (the generic cell rate algorithm,
/// ITU-T I.371). Taking moves that time on by what one token takes to come back, and is refused where it would be more than a
/// burst ahead. So what is taken is exact however many take at once; no timer fills anything; and a bucket that is full
/// again is as good as none, so that dropping it changes nothing.
pub(super) struct Keyed<K> {
    /// Taking needs a part only for reading: it is written where a bucket comes or goes.
    parts: Box<[RwLock<HashMap<K, AtomicI64>>]>,
    hasher: RandomState,
    /// Buckets of one part.
    room: usize,
}

/// A bucket is empty, and has a token again in so many milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Empty {
    pub(super) retry_after_ms: u64,
}

/// What one token takes to come back, and what a burst does.
#[derive(Clone, Copy)]
struct Pace {
    token_ns: i64,
    burst_ns: i64,
}

impl Pace {
    fn of(rate: Rate) -> Self {
        let token_ns = NS_PER_MINUTE / i64::from(rate.per_minute());
        Self { token_ns, burst_ns: token_ns * i64::from(rate.burst()) }
    }

    /// When the bucket is full again, seen from now. Further ahead than a burst it can be where the rate was another or the
    /// clock went back; then it is empty, and no more.
    fn full_at(self, full_at: i64, now: i64) -> i64 {
        full_at.clamp(now, now + self.burst_ns)
    }

    /// When it is full again once a token is taken.
    fn taken(self, full_at: i64, now: i64) -> Result<i64, Empty> {
        let next = self.full_at(full_at, now) + self.token_ns;
        let wait_ns = next - (now + self.burst_ns);
        if wait_ns <= 0 {
            return Ok(next);
        }
        Err(Empty { retry_after_ms: wait_ns.unsigned_abs().div_ceil(NS_PER_MS.unsigned_abs()) })
    }
}

impl<K: Eq + Hash + Clone> Keyed<K> {
    /// Keeps at most `buckets_max` buckets, and never fewer than 64.
    pub(super) fn new(buckets_max: usize) -> Self {
        Self {
            parts: (0..PARTS).map(|_| RwLock::default()).collect(),
            hasher: RandomState::new(),
            room: (buckets_max / PARTS).max(1),
        }
    }

    /// Takes a token.
    pub(super) fn take(&self, key: &K, rate: Rate, now: Timestamp) -> Result<(), Empty> {
        let (pace, now) = (Pace::of(rate), ns(now));
        self.with(key, now, |bucket| {
            let mut refused = None;
            let taken = bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
                pace.taken(full_at, now).map_err(|empty| refused = Some(empty)).ok()
            });
            match (taken, refused) {
                (Err(_), Some(empty)) => Err(empty),
                _ => Ok(()),
            }
        })
    }

    /// Takes a token if there is one, and does without where there is none.
    pub(super) fn take_what_is_there(&self, key: &K, rate: Rate, now: Timestamp) {
        let _ = self.take(key, rate, now);
    }

    /// Gives a token back that was taken and not used.
    pub(super) fn give_back(&self, key: &K, rate: Rate, now: Timestamp) {
        // A bucket that is not there is full.
        if let Some(bucket) = self.part(key).read().get(key) {
            let (pace, now) = (Pace::of(rate), ns(now));
            let given = |full_at| Some(pace.full_at(full_at, now) - pace.token_ns);
            let _ = bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, given);
        }
    }

    /// Whether there is a token, which is left there.
    pub(super) fn look(&self, key: &K, rate: Rate, now: Timestamp) -> Result<(), Empty> {
        let (pace, now) = (Pace::of(rate), ns(now));
        match self.part(key).read().get(key) {
            Some(bucket) => pace.taken(bucket.load(Ordering::Relaxed), now).map(drop),
            None => Ok(()),
        }
    }

    /// Drops the buckets that are full again, and gives their memory back.
    pub(super) fn sweep(&self, now: Timestamp) {
        for part in &self.parts {
            let mut part = part.write();
            part.retain(|_, full_at| *full_at.get_mut() > ns(now));
            part.shrink_to_fit();
        }
    }

    fn with<T>(&self, key: &K, now: i64, act: impl FnOnce(&AtomicI64) -> T) -> T {
        if let Some(bucket) = self.part(key).read().get(key) {
            return act(bucket);
        }
        let mut part = self.part(key).write();
        if part.len() >= self.room && !part.contains_key(key) {
            make_room(&mut part, now);
        }
        act(part.entry(key.clone()).or_insert(AtomicI64::new(now)))
    }

    fn part(&self, key: &K) -> &RwLock<HashMap<K, AtomicI64>> {
        // The upper half of the hash: the maps inside use the lower.
        &self.parts[(self.hasher.hash_one(key) >> 32) as usize % PARTS]
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.read().len()).sum()
    }
}

/// Drops the buckets that are full again; where none is, the one that will be first: of all it forgets the least.
fn make_room<K: Eq + Hash + Clone>(part: &mut HashMap<K, AtomicI64>, now: i64) {
    let before = part.len();
    part.retain(|_, full_at| *full_at.get_mut() > now);
    if part.len() < before {
        return;
    }
    let first = part.iter().min_by_key(|(_, full_at)| full_at.load(Ordering::Relaxed));
    if let Some(key) = first.map(|(key, _)| key.clone()) {
        part.remove(&key);
    }
}

fn ns(at: Timestamp) -> i64 {
    at.0.saturating_mul(NS_PER_MS)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Barrier, atomic::AtomicU64},
        thread,
    };

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn rate(burst: u64, per_minute: u64) -> Rate {
        Rate::new("", burst, per_minute).unwrap()
    }

    fn later(ms: i64) -> Timestamp {
        Timestamp(NOW.0 + ms)
    }

    /// How many of `n` tokens are given.
    fn taken(buckets: &Keyed<u32>, rate: Rate, now: Timestamp, n: u32) -> u32 {
        (0..n).filter(|_| buckets.take(&1, rate, now).is_ok()).count() as u32
    }

    #[test]
    fn a_burst_passes_and_then_what_comes_back() {
        let (buckets, rate) = (Keyed::new(640), rate(5, 60));
        assert_eq!(taken(&buckets, rate, NOW, 9), 5);
        assert_eq!(buckets.take(&1, rate, NOW), Err(Empty { retry_after_ms: 1_000 }));
        assert_eq!(buckets.look(&1, rate, later(999)), Err(Empty { retry_after_ms: 1 }));
        assert_eq!(taken(&buckets, rate, later(999), 9), 0);
        assert_eq!(taken(&buckets, rate, later(1_000), 9), 1, "one comes back a second");
        assert_eq!(taken(&buckets, rate, later(3_500), 9), 2);
        assert_eq!(taken(&buckets, rate, later(3_600_000), 9), 5, "no more than a burst");
        assert_eq!(buckets.take(&2, rate, NOW), Ok(()), "another has its own");
    }

    #[test]
    fn however_many_take_at_once_exactly_a_burst_passes() {
        const THREADS: u64 = 8;
        for burst in [1, 100, 1_000] {
            let (buckets, rate, passed) = (Keyed::new(640), rate(burst, 1), AtomicU64::new(0));
            let start = Barrier::new(THREADS as usize);
            thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        start.wait();
                        for _ in 0..burst {
                            if buckets.take(&1, rate, NOW).is_ok() {
                                passed.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    });
                }
            });
            assert_eq!(passed.into_inner(), burst);
        }
    }

    #[test]
    fn what_is_given_back_is_there_again_and_never_more_than_a_burst() {
        let (buckets, rate) = (Keyed::new(640), rate(3, 1));
        assert_eq!(taken(&buckets, rate, NOW, 9), 3);
        buckets.give_back(&1, rate, NOW);
        assert_eq!(taken(&buckets, rate, NOW, 9), 1);
        (0..9).for_each(|_| buckets.give_back(&1, rate, NOW));
        assert_eq!(taken(&buckets, rate, NOW, 9), 3);
    }

    #[test]
    fn doing_without_leaves_no_debt() {
        let (buckets, rate) = (Keyed::new(640), rate(2, 60));
        (0..100).for_each(|_| buckets.take_what_is_there(&1, rate, NOW));
        assert_eq!(taken(&buckets, rate, NOW, 1), 0);
        assert_eq!(taken(&buckets, rate, later(1_000), 9), 1);
    }

    #[test]
    fn a_clock_that_goes_back_and_a_smaller_burst_leave_it_empty_and_no_worse() {
        let buckets = Keyed::new(640);
        assert_eq!(taken(&buckets, rate(100, 60), NOW, 100), 100);
        assert_eq!(buckets.take(&1, rate(2, 60), NOW), Err(Empty { retry_after_ms: 1_000 }));
        let earlier = later(-86_400_000);
        assert_eq!(buckets.take(&1, rate(2, 60), earlier), Err(Empty { retry_after_ms: 1_000 }));
    }

    #[test]
    fn however_many_come_the_number_of_buckets_is_bounded_and_who_took_most_is_not_forgotten() {
        let (buckets, rate) = (Keyed::new(6_400), rate(1_000, 1));
        assert_eq!(taken(&buckets, rate, NOW, 2_000), 1_000);
        for key in 2..200_000 {
            buckets.take(&key, rate, NOW).unwrap();
            assert!(buckets.len() <= 6_400);
        }
        assert_eq!(taken(&buckets, rate, NOW, 9), 0, "a flood of others does not fill it");
        buckets.sweep(later(60_000));
        assert_eq!(buckets.len(), 1, "the others are full again");
    }
}
