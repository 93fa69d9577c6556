//! The table that is printed, and the same as JSON.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::Run;
use super::figures::{Failure, Figures, Key, Place, median};
use super::goals::{self, GOALS, Verdict};
use super::machine::Machine;
use crate::cli::Workload;

/// What a run of the benchmark has to say.
#[derive(Serialize)]
pub(super) struct Report {
    machine: Machine,
    rounds: u32,
    divided_by: u32,
    figures: Vec<Figure>,
    goals: Vec<Verdict>,
    /// Why the run says nothing, where it does.
    void: Option<String>,
    failures: Vec<Failure>,
}

/// A number, with the rounds it comes from.
#[derive(Serialize)]
struct Figure {
    #[serde(flatten)]
    key: Key,
    median: f64,
    /// The median of its ratios to the floor's in the same rounds.
    to_floor: Option<f64>,
    rounds: Vec<f64>,
}

/// What a workload is called.
pub(super) fn title(workload: Workload) -> &'static str {
    match workload {
        Workload::W1 => "W1 durable sends",
        Workload::W2 => "W2 fan-out to those online",
        Workload::W2b => "W2b fan-out in conversations of many who are offline",
        Workload::W3 => "W3 idle sockets",
        Workload::W4 => "W4 connecting and resuming",
        Workload::W5 => "W5 a page of history",
        Workload::W6 => "W6 a storm of clients after a kill",
        Workload::W7 => "W7 what people do, mixed",
        Workload::W8 => "W8 one conversation saturates",
        Workload::W9 => "W9 readers that stop reading",
    }
}

impl Report {
    pub(super) fn new(run: &Run) -> Self {
        let figures = &run.figures;
        let workloads: BTreeSet<&str> = figures.all().map(|(key, _)| key.workload).collect();
        let held = !run.args.without_goals;
        let goals = GOALS.iter().filter(|goal| held && workloads.contains(goal.workload));
        Self {
            machine: Machine::this(),
            rounds: run.args.rounds,
            divided_by: run.args.divide,
            figures: figures.all().filter_map(|(key, rounds)| figure(figures, key, rounds)).collect(),
            goals: goals.map(|goal| goal.verdict(figures)).collect(),
            void: goals::void(figures, run.args.target.backend).filter(|_| held),
            failures: figures.failures().to_vec(),
        }
    }

    /// Whether everything was measured, and every "must" is met.
    pub(super) fn is_met(&self) -> bool {
        self.void.is_none() && self.failures.is_empty() && self.goals.iter().all(Verdict::is_met)
    }
}

fn figure(figures: &Figures, key: &Key, rounds: &[f64]) -> Option<Figure> {
    let own = Place { workload: key.workload, case: &key.case, subject: key.subject };
    let floor = Place { subject: "floor", ..own.clone() };
    let to_floor = (key.subject != "floor").then(|| figures.ratio(&own, &floor, key.metric)).flatten();
    Some(Figure { key: key.clone(), median: median(rounds)?, to_floor, rounds: rounds.to_vec() })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {} rounds, amounts divided by {}", self.machine, self.rounds, self.divided_by)?;
        let mut heading = ("", "");
        for figure in &self.figures {
            let Key { workload, case, subject, metric } = &figure.key;
            if heading != (*workload, case.as_str()) {
                heading = (workload, case);
                writeln!(f, "\n{workload} {case}")?;
            }
            write!(f, "  {subject:<12}{:<20}{:>12}", metric.heading(), shown(figure.median))?;
            match figure.to_floor {
                Some(ratio) => writeln!(f, "{:>10}", format!("{ratio:.2}x"))?,
                None => writeln!(f)?,
            }
        }
        writeln!(
            f,
            "\n{:<6}{:<26}{:<18}{:<26}{:>9}{:>9}{:>9}",
            "goal", "", "", "against", "now", "must", "aim"
        )?;
        for goal in &self.goals {
            let now = goal.now.map_or("missing".to_owned(), shown);
            let Verdict { workload, case, metric, against, must, aim, .. } = goal;
            writeln!(
                f,
                "{workload:<6}{case:<26}{:<18}{against:<26}{now:>9}{:>9}{:>9}{}",
                metric.heading(),
                shown(*must),
                shown(*aim),
                if goal.is_met() { "" } else { "  not met" }
            )?;
        }
        for Failure { workload, subject, why } in &self.failures {
            writeln!(f, "failed: {workload} of {subject}: {why}")?;
        }
        if let Some(why) = &self.void {
            writeln!(f, "VOID: {why}")?;
        }
        let met = self.goals.iter().filter(|goal| goal.is_met()).count();
        write!(f, "{met} goals met, {} not met, {} failed rows", self.goals.len() - met, self.failures.len())
    }
}

/// Three digits that matter.
fn shown(number: f64) -> String {
    match number.abs() {
        0.0 => "0".to_owned(),
        large if large >= 100.0 => format!("{number:.0}"),
        middle if middle >= 10.0 => format!("{number:.1}"),
        small if small >= 0.1 => format!("{number:.2}"),
        _ => format!("{number:.4}"),
    }
}
