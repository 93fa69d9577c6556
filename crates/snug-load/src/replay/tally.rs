//! What a replay counts while it runs.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use snug_client::Closed;

use crate::findings::Findings;
use crate::log::Kind;
use crate::report::{Counts, Latency, Report};

/// Answers that take longer than ten minutes count as ten minutes.
const LONGEST_MICROS: u64 = 600_000_000;

/// A number that many tasks count up.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, many: u64) {
        self.0.fetch_add(many, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The number until now; it begins at 0 again.
    pub(super) fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// How many of something there are, and how many there were at most.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    now: AtomicU64,
    most: AtomicU64,
}

impl Gauge {
    /// One more, until what this answers is dropped.
    pub(super) fn enter(&self) -> Entered<'_> {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        Entered(self)
    }

    pub(super) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    pub(super) fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }
}

/// One that is counted in a [`Gauge`].
#[derive(Debug)]
pub(super) struct Entered<'a>(&'a Gauge);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Everything that a replay counts; the fields are those of the [`Report`].
#[derive(Debug)]
pub(super) struct Tally {
    sent: Mutex<Counts>,
    pub(super) acknowledged: Counter,
    pub(super) readers: Counter,
    pub(super) writers: Counter,
    pub(super) sockets: Gauge,
    /// Sends that wait for their answer.
    pub(super) unanswered: Gauge,
    /// Sends that were under way when the last kill began, and whose answer did not come.
    pub(super) broken: Counter,
    pub(super) drops: Counter,
    pub(super) pushed: Counter,
    pub(super) missed: Counter,
    pub(super) recovered: Counter,
    pub(super) caught_up: Counter,
    pub(super) repeated: Counter,
    pub(super) kills: Counter,
    pub(super) kills_with_unanswered: Counter,
    breaks: Mutex<BTreeMap<String, u64>>,
    latency: Mutex<Histogram<u64>>,
    findings: Mutex<Findings>,
}

impl Tally {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            latency: Mutex::new(Histogram::new_with_max(LONGEST_MICROS, 3)?),
            sent: Mutex::default(),
            acknowledged: Counter::default(),
            readers: Counter::default(),
            writers: Counter::default(),
            sockets: Gauge::default(),
            unanswered: Gauge::default(),
            broken: Counter::default(),
            drops: Counter::default(),
            breaks: Mutex::default(),
            pushed: Counter::default(),
            missed: Counter::default(),
            recovered: Counter::default(),
            caught_up: Counter::default(),
            repeated: Counter::default(),
            kills: Counter::default(),
            kills_with_unanswered: Counter::default(),
            findings: Mutex::default(),
        })
    }

    /// Counts a line whose every act was acknowledged.
    pub(super) fn sent(&self, kind: Kind) {
        *lock(&self.sent).get_mut(kind) += 1;
    }

    /// How many lines were sent until now.
    pub(super) fn sent_so_far(&self) -> u64 {
        lock(&self.sent).total()
    }

    /// Counts a connection that ended without being told to.
    pub(super) fn broke(&self, closed: &Closed) {
        *lock(&self.breaks).entry(closed.to_string()).or_default() += 1;
    }

    /// Notes how long a send waited for its answer.
    pub(super) fn answered_after(&self, waited: Duration) {
        let micros = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        lock(&self.latency).saturating_record(micros);
    }

    /// Adds what a reader found.
    pub(super) fn found(&self, findings: Findings) {
        lock(&self.findings).merge(findings);
    }

    /// The numbers so far, beside what only the caller knows.
    pub(super) fn report(&self) -> Report {
        let latency = lock(&self.latency);
        let ms = |micros: u64| micros as f64 / 1_000.0;
        Report {
            sent: *lock(&self.sent),
            acknowledged: self.acknowledged.get(),
            readers: self.readers.get(),
            writers: self.writers.get(),
            sockets: self.sockets.most(),
            drops: self.drops.get(),
            breaks: lock(&self.breaks).clone(),
            pushed: self.pushed.get(),
            missed: self.missed.get(),
            recovered: self.recovered.get(),
            caught_up: self.caught_up.get(),
            repeated: self.repeated.get(),
            kills: self.kills.get(),
            kills_with_unanswered: self.kills_with_unanswered.get(),
            latency: Latency {
                p50_ms: ms(latency.value_at_quantile(0.5)),
                p99_ms: ms(latency.value_at_quantile(0.99)),
                max_ms: ms(latency.max()),
            },
            findings: lock(&self.findings).clone(),
            ..Report::default()
        }
    }
}

/// A counter that a panicking task left behind is still a counter.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_in_milliseconds() {
        let tally = Tally::new().unwrap();
        for ms in [2, 2, 2, 40] {
            tally.answered_after(Duration::from_millis(ms));
        }
        let Latency { p50_ms, p99_ms, max_ms } = tally.report().latency;
        assert_eq!([p50_ms, p99_ms, max_ms].map(f64::round), [2.0, 40.0, 40.0]);
    }
}
