//! What a comparison found, counted as the last line of a report counts it.

use std::fmt;

use serde::Serialize;

/// How many findings are also told in words; the rest are only counted.
const TOLD_MAX: usize = 20;

/// Everything that is not as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// Messages that a reader should hold and does not.
    pub lost: u64,
    /// Messages or changes that a reader got twice.
    pub duplicated: u64,
    /// Messages or changes at another place than their own.
    pub reordered: u64,
    /// Numbers that are missing between two that a reader got.
    pub gaps: u64,
    /// Whatever else differs: text, author, reply, attributes, membership.
    pub differences: u64,
    /// The first findings, in words.
    pub told: Vec<String>,
}

/// Which count a finding belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// See [`Findings::lost`].
    Lost,
    /// See [`Findings::duplicated`].
    Duplicated,
    /// See [`Findings::reordered`].
    Reordered,
    /// See [`Findings::gaps`].
    Gap,
    /// See [`Findings::differences`].
    Difference,
}

impl Findings {
    /// Counts one finding, and keeps its words if it is among the first.
    pub fn add(&mut self, fault: Fault, words: impl FnOnce() -> String) {
        let count = match fault {
            Fault::Lost => &mut self.lost,
            Fault::Duplicated => &mut self.duplicated,
            Fault::Reordered => &mut self.reordered,
            Fault::Gap => &mut self.gaps,
            Fault::Difference => &mut self.differences,
        };
        *count += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push(words());
        }
    }

    /// Adds the findings of another comparison.
    pub fn merge(&mut self, other: Findings) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.gaps += other.gaps;
        self.differences += other.differences;
        let room = TOLD_MAX.saturating_sub(self.told.len());
        self.told.extend(other.told.into_iter().take(room));
    }

    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        [self.lost, self.duplicated, self.reordered, self.gaps, self.differences] == [0; 5]
    }
}

/// The tail of a report's last line.
impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} lost, {} duplicated, {} reordered, {} gaps, {} differences",
            self.lost, self.duplicated, self.reordered, self.gaps, self.differences
        )
    }
}
