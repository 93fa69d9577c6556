//! What a run has to show: each goal is a figure with what it is held against.

use serde::Serialize;

use super::figures::{Figures, Metric, Place};
use crate::cli::Backend;

/// Against what a figure is held.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Against {
    /// Nothing: the figure itself.
    Itself,
    /// The same figure of another subject, or of what the machine gives, in the same rounds.
    Subject(&'static str),
    /// The same figure of Snug in another case of the workload, in the same rounds.
    Case(&'static str),
}

/// A goal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    pub(crate) workload: &'static str,
    pub(crate) case: &'static str,
    pub(crate) metric: Metric,
    pub(crate) against: Against,
    /// What must not be exceeded.
    pub(crate) must: f64,
    /// What is aimed at.
    pub(crate) aim: f64,
}

const fn goal(
    workload: &'static str,
    case: &'static str,
    metric: Metric,
    against: Against,
    must: f64,
    aim: f64,
) -> Goal {
    Goal { workload, case, metric, against, must, aim }
}

/// All goals.
pub(crate) const GOALS: &[Goal] = &[
    goal("W1", "S=32", Metric::CpuUs, Against::Subject("floor"), 2.0, 1.4),
    goal("W1", "S=32", Metric::CpuUs, Against::Subject("nats"), 1.4, 1.0),
    goal("W1", "S=32", Metric::CpuUs, Against::Subject("ejabberd"), 0.04, 0.024),
    goal("W1", "S=32", Metric::WrittenKb, Against::Itself, 10.0, 4.0),
    goal("W1", "S=32", Metric::Syncs, Against::Itself, 0.15, 0.15),
    goal("W1", "S=32", Metric::AckP50Ms, Against::Subject("floor"), 2.0, 1.3),
    goal("W1", "S=32", Metric::AckP99Ms, Against::Subject("floor"), 2.0, 1.3),
    goal("W1", "S=1", Metric::AckP50Ms, Against::Subject("fdatasync"), 3.0, 2.0),
    goal("W1", "S=32 at 1e6", Metric::CpuUs, Against::Case("S=32"), 1.1, 1.0),
    goal("W2", "500, single", Metric::CpuUs, Against::Subject("send loop"), 1.3, 1.0),
    goal("W2", "500, bursts of 32", Metric::CpuUs, Against::Itself, 0.8, 0.4),
    goal("W2", "500, single at 1e6", Metric::CpuUs, Against::Case("500, single"), 1.1, 1.0),
    goal("W2b", "100,000", Metric::CpuUs, Against::Case("100"), 1.5, 1.1),
    goal("W3", "15,000 beyond 5,000", Metric::MemoryKb, Against::Itself, 10.0, 4.0),
    goal("W4", "hello, cold, 100,000", Metric::Rows, Against::Case("hello, cold, 30"), 1.1, 1.0),
    goal("W4", "hello, cold, 100,000", Metric::AnswerBytes, Against::Case("hello, cold, 30"), 1.1, 1.0),
    goal("W4", "hello, cold, 100,000", Metric::CpuUs, Against::Case("hello, cold, 30"), 1.5, 1.1),
    goal("W4", "hello, warm, 100,000", Metric::Rows, Against::Case("hello, warm, 30"), 1.1, 1.0),
    goal("W4", "hello, warm, 100,000", Metric::AnswerBytes, Against::Case("hello, warm, 30"), 1.1, 1.0),
    goal("W4", "hello, warm, 100,000", Metric::CpuUs, Against::Case("hello, warm, 30"), 1.5, 1.1),
    goal("W4", "resume 0, cold, 100,000", Metric::Rows, Against::Case("resume 0, cold, 30"), 1.1, 1.0),
    goal("W4", "resume 0, cold, 100,000", Metric::AnswerBytes, Against::Case("resume 0, cold, 30"), 1.1, 1.0),
    goal("W4", "resume 0, cold, 100,000", Metric::CpuUs, Against::Case("resume 0, cold, 30"), 1.5, 1.1),
    goal("W4", "resume 0, warm, 100,000", Metric::Rows, Against::Case("resume 0, warm, 30"), 1.1, 1.0),
    goal("W4", "resume 0, warm, 100,000", Metric::AnswerBytes, Against::Case("resume 0, warm, 30"), 1.1, 1.0),
    goal("W4", "resume 0, warm, 100,000", Metric::CpuUs, Against::Case("resume 0, warm, 30"), 1.5, 1.1),
    goal("W4", "resume 5, cold, 100,000", Metric::Rows, Against::Case("resume 5, cold, 30"), 1.1, 1.0),
    goal("W4", "resume 5, cold, 100,000", Metric::AnswerBytes, Against::Case("resume 5, cold, 30"), 1.1, 1.0),
    goal("W4", "resume 5, cold, 100,000", Metric::CpuUs, Against::Case("resume 5, cold, 30"), 1.5, 1.1),
    goal("W4", "resume 5, warm, 100,000", Metric::Rows, Against::Case("resume 5, warm, 30"), 1.1, 1.0),
    goal("W4", "resume 5, warm, 100,000", Metric::AnswerBytes, Against::Case("resume 5, warm, 30"), 1.1, 1.0),
    goal("W4", "resume 5, warm, 100,000", Metric::CpuUs, Against::Case("resume 5, warm, 30"), 1.5, 1.1),
    goal("W4", "resume 500, cold, 100,000", Metric::Rows, Against::Case("resume 500, cold, 1,000"), 1.1, 1.0),
    goal(
        "W4",
        "resume 500, cold, 100,000",
        Metric::AnswerBytes,
        Against::Case("resume 500, cold, 1,000"),
        1.1,
        1.0,
    ),
    goal(
        "W4",
        "resume 500, cold, 100,000",
        Metric::CpuUs,
        Against::Case("resume 500, cold, 1,000"),
        1.5,
        1.1,
    ),
    goal("W4", "resume 500, warm, 100,000", Metric::Rows, Against::Case("resume 500, warm, 1,000"), 1.1, 1.0),
    goal(
        "W4",
        "resume 500, warm, 100,000",
        Metric::AnswerBytes,
        Against::Case("resume 500, warm, 1,000"),
        1.1,
        1.0,
    ),
    goal(
        "W4",
        "resume 500, warm, 100,000",
        Metric::CpuUs,
        Against::Case("resume 500, warm, 1,000"),
        1.5,
        1.1,
    ),
    goal("W5", "largest, REST", Metric::CpuUs, Against::Case("10,000, REST"), 1.3, 1.1),
    goal("W5", "largest, REST", Metric::AnswerP99Ms, Against::Itself, 5.0, 5.0),
    goal("W5", "largest, socket", Metric::CpuUs, Against::Case("10,000, socket"), 1.3, 1.1),
    goal("W5", "largest, socket", Metric::CpuUs, Against::Itself, f64::INFINITY, 150.0),
    goal("W5", "largest, socket", Metric::AnswerP99Ms, Against::Itself, 5.0, 5.0),
    goal("W6", "1,000", Metric::CpuUs, Against::Itself, 1_000.0, 300.0),
    goal("W6", "1,000", Metric::Faults, Against::Itself, 0.0, 0.0),
    goal("W6", "5,000", Metric::CpuUs, Against::Itself, 1_000.0, 300.0),
    goal("W6", "5,000", Metric::Faults, Against::Itself, 0.0, 0.0),
    goal("W6", "5,000", Metric::Seconds, Against::Itself, 15.0, 15.0),
    goal("W8", "quiet ones beside it", Metric::AckP99Ms, Against::Case("quiet ones alone"), 2.0, 1.3),
    goal("W8", "quiet ones beside it", Metric::DeliveryP99Ms, Against::Case("quiet ones alone"), 2.0, 1.3),
    goal("W9", "a tenth stops", Metric::AckP99Ms, Against::Case("all read"), 2.0, 1.3),
    goal("W9", "a tenth stops", Metric::DeliveryP99Ms, Against::Case("all read"), 2.0, 1.3),
    goal("W9", "a tenth stops", Metric::Faults, Against::Itself, 0.0, 0.0),
];

/// How near a goal is.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdict {
    pub(crate) workload: &'static str,
    pub(crate) case: &'static str,
    pub(crate) metric: Metric,
    pub(crate) against: String,
    pub(crate) now: Option<f64>,
    pub(crate) must: f64,
    pub(crate) aim: f64,
}

impl Verdict {
    /// Whether it was measured, and is not above what it must not exceed.
    pub(crate) fn is_met(&self) -> bool {
        self.now.is_some_and(|now| now <= self.must)
    }
}

impl Goal {
    /// Holds what was measured against it.
    pub(crate) fn verdict(&self, figures: &Figures) -> Verdict {
        let Self { workload, case, metric, must, aim, .. } = *self;
        let snug = Place { workload, case, subject: "snug" };
        let (against, now) = match self.against {
            Against::Itself => (String::new(), figures.median(&snug, metric)),
            Against::Subject(subject) => {
                let other = Place { subject, ..snug.clone() };
                (subject.to_owned(), figures.ratio(&snug, &other, metric))
            }
            Against::Case(case) => {
                let other = Place { case, ..snug.clone() };
                (case.to_owned(), figures.ratio(&snug, &other, metric))
            }
        };
        Verdict { workload, case, metric, against, now, must, aim }
    }
}

/// What a floor costs on the machine that the goals were set on, with 32 senders in W1.
struct Reference {
    /// Processor time of a message with its 32 deliveries, in microseconds.
    cpu_us: f64,
    /// The median acknowledgement, in milliseconds.
    ack_ms: f64,
}

impl Reference {
    /// That of the floor on a database. PostgreSQL's is the median of five rounds on a machine that did nothing else, scaled to the
    /// send and the sync below; its own processes are counted in it.
    fn of(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self { cpu_us: 33.0, ack_ms: 1.25 },
            Backend::Postgres => Self { cpu_us: 29.0, ack_ms: 0.85 },
        }
    }
}

/// What that machine gave: processor time of a `send`, and the median of an `fdatasync`.
const REFERENCE_SEND_US: f64 = 4.5;
const REFERENCE_SYNC_MS: f64 = 0.1;

/// How much slower than its reference, scaled by what the machine gives, a floor may be that others are compared with.
const FLOOR_SLOWER_MAX: f64 = 1.25;

/// Why the run is void: its floor was slower than it can be, so that a ratio to it flatters.
pub(crate) fn void(figures: &Figures, backend: Backend) -> Option<String> {
    let reference = Reference::of(backend);
    let of = |subject, metric| figures.median(&Place { workload: "W1", case: "S=32", subject }, metric);
    let send = of("send loop", Metric::CpuUs)? / REFERENCE_SEND_US;
    let sync = of("fdatasync", Metric::AckP50Ms)? / REFERENCE_SYNC_MS;
    let cpu = of("floor", Metric::CpuUs)? / (reference.cpu_us * send);
    // Where the disk is faster than the processor, the wait is for the processor.
    let ack = of("floor", Metric::AckP50Ms)? / (reference.ack_ms * send.max(sync));
    let slow = |what: &str, times: f64| {
        (times > FLOOR_SLOWER_MAX).then(|| {
            format!("the floor's {what} was {times:.2} times its reference, scaled by what the machine gave; at most {FLOOR_SLOWER_MAX} is a floor")
        })
    };
    slow("processor time", cpu).or_else(|| slow("acknowledgement", ack))
}
