//! What was measured: a number for each workload, case, subject, metric and round; and what becomes of them in a table.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Serialize;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metric {
    /// Processor time of what serves, user and system, in microseconds a unit of work.
    CpuUs,
    /// The part of it that is the kernel's.
    SystemUs,
    /// Wall time of a unit of work, in microseconds.
    WallUs,
    /// Time from the intended send to the acknowledgement, in milliseconds: half are faster.
    AckP50Ms,
    /// 99 of 100 are.
    AckP99Ms,
    /// 999 of 1,000 are.
    AckP999Ms,
    /// Time from the intended send to the delivery, in milliseconds.
    DeliveryP50Ms,
    /// 99 of 100 are faster.
    DeliveryP99Ms,
    /// 999 of 1,000 are.
    DeliveryP999Ms,
    /// Time from a request to its answer, in milliseconds: half are faster.
    AnswerP50Ms,
    /// 99 of 100 are.
    AnswerP99Ms,
    /// 999 of 1,000 are.
    AnswerP999Ms,
    /// How late the load itself was: 99 of 100 acts left sooner after the time they were meant for, in milliseconds.
    LateP99Ms,
    /// Kilobytes written to the disk, a unit.
    WrittenKb,
    /// Flushes of the disk, a unit.
    Syncs,
    /// Frames in one system call that writes to a socket.
    FramesPerWrite,
    /// Growth of the proportional set size, in kilobytes a unit.
    MemoryKb,
    /// Rows that the database handed over, a unit.
    Rows,
    /// Bytes of an answer.
    AnswerBytes,
    /// Messages that were stored when it was measured.
    Stored,
    /// Processor time that the start of the server took, in milliseconds.
    StartMs,
    /// Seconds until all was as it should be.
    Seconds,
    /// What was lost, doubled or reordered.
    Faults,
}

impl Metric {
    /// Its heading in the table.
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::CpuUs => "CPU us",
            Self::SystemUs => "kernel us",
            Self::WallUs => "wall us",
            Self::AckP50Ms => "ack p50 ms",
            Self::AckP99Ms => "ack p99 ms",
            Self::AckP999Ms => "ack p99.9 ms",
            Self::DeliveryP50Ms => "delivery p50 ms",
            Self::DeliveryP99Ms => "delivery p99 ms",
            Self::DeliveryP999Ms => "delivery p99.9 ms",
            Self::AnswerP50Ms => "answer p50 ms",
            Self::AnswerP99Ms => "answer p99 ms",
            Self::AnswerP999Ms => "answer p99.9 ms",
            Self::LateP99Ms => "left late p99 ms",
            Self::WrittenKb => "written KB",
            Self::Syncs => "syncs",
            Self::FramesPerWrite => "frames a write",
            Self::MemoryKb => "memory KB",
            Self::Rows => "rows",
            Self::AnswerBytes => "answer B",
            Self::Stored => "stored",
            Self::StartMs => "start CPU ms",
            Self::Seconds => "seconds",
            Self::Faults => "faults",
        }
    }
}

/// Which number: of which workload, in which case, of whom, and what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Key {
    pub(crate) workload: &'static str,
    pub(crate) case: String,
    pub(crate) subject: &'static str,
    pub(crate) metric: Metric,
}

/// All numbers of a run, and what could not be measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    rounds: BTreeMap<Key, Vec<f64>>,
    failures: Vec<Failure>,
}

/// Something that could not be measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Failure {
    pub(crate) workload: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) why: String,
}

/// The place of a sample: workload, case and subject.
#[derive(Clone, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) workload: &'static str,
    pub(crate) case: &'a str,
    pub(crate) subject: &'static str,
}

impl Figures {
    /// Notes what one round gave.
    pub(crate) fn add(&mut self, place: &Place<'_>, metric: Metric, value: f64) {
        let Place { workload, case, subject } = *place;
        let key = Key { workload, case: case.to_owned(), subject, metric };
        self.rounds.entry(key).or_default().push(value);
    }

    /// Notes that something could not be measured.
    pub(crate) fn failed(&mut self, workload: &'static str, subject: &'static str, why: &anyhow::Error) {
        self.failures.push(Failure { workload, subject, why: format!("{why:#}") });
    }

    /// What could not be measured.
    pub(crate) fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// All numbers, each with its rounds.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Key, &[f64])> {
        self.rounds.iter().map(|(key, rounds)| (key, rounds.as_slice()))
    }

    /// The rounds of one number.
    pub(crate) fn rounds(&self, place: &Place<'_>, metric: Metric) -> Option<&[f64]> {
        let Place { workload, case, subject } = *place;
        let key = Key { workload, case: case.to_owned(), subject, metric };
        self.rounds.get(&key).map(Vec::as_slice)
    }

    /// The median of one number.
    pub(crate) fn median(&self, place: &Place<'_>, metric: Metric) -> Option<f64> {
        self.rounds(place, metric).and_then(median)
    }

    /// The median of the ratios that two numbers had in the same rounds.
    pub(crate) fn ratio(&self, of: &Place<'_>, to: &Place<'_>, metric: Metric) -> Option<f64> {
        let (of, to) = (self.rounds(of, metric)?, self.rounds(to, metric)?);
        let ratios: Vec<f64> =
            of.iter().zip(to).filter(|(_, to)| **to > 0.0).map(|(of, to)| of / to).collect();
        median(&ratios)
    }
}

/// The middle one of some numbers; of an even count the mean of the middle two.
pub(crate) fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(sorted[middle]),
        _ => Some(sorted[middle - 1].midpoint(sorted[middle])),
    }
}

/// How long things took: a histogram of microseconds, exact to three digits.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Histogram::new(3)?))
    }

    pub(crate) fn record(&mut self, took: Duration) {
        // It grows as it must, so that nothing is out of range.
        let _ = self.0.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    pub(crate) fn join(&mut self, other: &Self) {
        // Both grow as they must, so that nothing is out of range.
        let _ = self.0.add(&other.0);
    }

    /// In milliseconds: so many in 100 were faster.
    pub(crate) fn at(&self, percent: f64) -> f64 {
        self.0.value_at_percentile(percent) as f64 / 1e3
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }
}
