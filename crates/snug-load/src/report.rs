//! What a replay did and found: for a reader, and as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::findings::Findings;
use crate::log::Kind;

/// A number for each kind of line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Lines that are messages.
    pub message: u64,
    /// Lines that are actions.
    pub action: u64,
    /// Lines that are joins.
    pub join: u64,
    /// Lines that are leaves.
    pub leave: u64,
    /// Lines that are renames.
    pub rename: u64,
    /// Lines that are notices.
    pub notice: u64,
}

impl Counts {
    /// Counts lines by their kind.
    pub fn of(kinds: impl IntoIterator<Item = Kind>) -> Self {
        let mut counts = Self::default();
        kinds.into_iter().for_each(|kind| *counts.get_mut(kind) += 1);
        counts
    }

    /// The number of one kind.
    pub fn get(&self, kind: Kind) -> u64 {
        let mut counts = *self;
        *counts.get_mut(kind)
    }

    /// The number of one kind, to be changed.
    pub fn get_mut(&mut self, kind: Kind) -> &mut u64 {
        match kind {
            Kind::Message => &mut self.message,
            Kind::Action => &mut self.action,
            Kind::Join => &mut self.join,
            Kind::Leave => &mut self.leave,
            Kind::Rename => &mut self.rename,
            Kind::Notice => &mut self.notice,
        }
    }

    /// The numbers of all kinds together.
    pub fn total(&self) -> u64 {
        Kind::ALL.into_iter().map(|kind| self.get(kind)).sum()
    }

    /// The numbers of the kinds that become messages.
    pub fn messages(&self) -> u64 {
        Kind::ALL.into_iter().filter(|kind| kind.is_message()).map(|kind| self.get(kind)).sum()
    }
}

/// What a replay did and found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The seed of every choice; the same seed makes the same ones.
    pub seed: u64,
    /// Conversations replayed.
    pub conversations: u64,
    /// The file of acknowledgements.
    pub acks: String,
    /// Lines read from the file.
    pub in_file: Counts,
    /// Lines whose every act was acknowledged.
    pub sent: Counts,
    /// Messages that the server acknowledged.
    pub acknowledged: u64,
    /// Readers that were checked to the end.
    pub readers: u64,
    /// Sessions of writers who were checked up to where they went.
    pub writers: u64,
    /// Sockets that were open at the same time, at most.
    pub sockets: u64,
    /// Connections that the replay dropped on purpose.
    pub drops: u64,
    /// Connections that ended otherwise, such as when the server was killed: how many of each close code and reason.
    pub breaks: BTreeMap<String, u64>,
    /// Changes that readers got by push, their own messages included.
    pub pushed: u64,
    /// Changes that were not pushed to a reader while it was away or behind.
    pub missed: u64,
    /// Changes that readers got by sync instead of by push.
    pub recovered: u64,
    /// Changes that readers got by their first sync.
    pub caught_up: u64,
    /// Requests that were made again because their answer did not come.
    pub repeated: u64,
    /// Times that the server, or its database, was killed.
    pub kills: u64,
    /// Those of them that found unanswered sends.
    pub kills_with_unanswered: u64,
    /// How long the replay took.
    pub seconds: f64,
    /// How long sends waited for their answer, in milliseconds.
    pub latency: Latency,
    /// What is not as it should be.
    pub findings: Findings,
}

/// How long something took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Latency {
    /// Half were faster.
    pub p50_ms: f64,
    /// 99 in 100 were faster.
    pub p99_ms: f64,
    /// The slowest.
    pub max_ms: f64,
}

impl Report {
    /// Whether everything in the file was sent, and every reader saw it as it is.
    pub fn is_clean(&self) -> bool {
        self.findings.is_clean() && self.sent == self.in_file && self.acknowledged == self.in_file.messages()
    }
}

/// The last line is meant for programs too.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, {} conversations, {:.1} s", self.seed, self.conversations, self.seconds)?;
        writeln!(f, "{:<10}{:>12}{:>12}", "events", "in the file", "sent")?;
        for kind in Kind::ALL {
            writeln!(f, "{:<10}{:>12}{:>12}", kind.word(), self.in_file.get(kind), self.sent.get(kind))?;
        }
        writeln!(f, "{:<10}{:>12}{:>12}", "all", self.in_file.total(), self.sent.total())?;
        let Latency { p50_ms, p99_ms, max_ms } = self.latency;
        writeln!(
            f,
            "answers to sends: half within {p50_ms:.1} ms, 99 % within {p99_ms:.1} ms, all within {max_ms:.0} ms"
        )?;
        writeln!(f, "sockets: {} open at most", self.sockets)?;
        writeln!(f, "readers: {} to the end, {} writers up to where they went", self.readers, self.writers)?;
        let broken: u64 = self.breaks.values().sum();
        writeln!(f, "drops: {}, and {broken} connections that broke", self.drops)?;
        for (closed, times) in &self.breaks {
            writeln!(f, "- closed {closed}: {times}")?;
        }
        writeln!(f, "kills: {}, of which {} found unanswered sends", self.kills, self.kills_with_unanswered)?;
        writeln!(f, "requests made again: {}", self.repeated)?;
        writeln!(f, "events by push: {}, by a first sync: {}", self.pushed, self.caught_up)?;
        writeln!(f, "pushes missed: {}", self.missed)?;
        writeln!(f, "events that sync recovered: {}", self.recovered)?;
        writeln!(f, "acknowledgements: {}", self.acks)?;
        for told in &self.findings.told {
            writeln!(f, "- {told}")?;
        }
        write!(f, "{} acknowledged, {}", self.acknowledged, self.findings)
    }
}
