//! `cargo xtask guard`: the instructions that the hot paths take, compared with those in `guard.toml`.
//!
//! Time varies from run to run by more than what one wants to see; the count of instructions hardly does. What is counted,
//! and how, stands in `crates/snug-core/benches/guard`.

mod counts;
mod measure;
mod tools;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

pub(crate) use counts::{Counts, FILE};

use crate::machine::{self, GUNGRAUN_RUNNER, VALGRIND};
use crate::report::{Report, Tally};
use counts::grouped;
use measure::Measured;

/// A rise above this fails.
const RISE_PERCENT_MAX: u64 = 5;
/// What the guard lets pass, and what it must find, in every run: both stand in for a build that is that much heavier.
const LET_PASS_PERCENT: u64 = 4;
const FOUND_PERCENT: u64 = 6;

/// A path that is guarded.
pub(crate) struct Guarded {
    pub(crate) name: &'static str,
    /// What one turn of it is.
    pub(crate) turn: &'static str,
}

/// The paths, as the bench names them.
pub(crate) const PATHS: &[Guarded] = &[
    Guarded { name: "decide", turn: "100 decisions on a client that sends a message" },
    Guarded { name: "seal", turn: "10 messages sealed, with the MACs of their drafts" },
    Guarded { name: "encode", turn: "10 messages written as a push and as an answer" },
    Guarded { name: "append", turn: "32 messages appended in one commit of SQLite" },
    Guarded { name: "deliver", turn: "a frame queued for 500 sessions and taken from their queues" },
    Guarded { name: "sync", turn: "50 missed messages read from SQLite, opened and written as an answer" },
];

/// What `cargo xtask guard` can be asked.
#[derive(clap::Args)]
pub(crate) struct Ask {
    /// Write the counts of now into guard.toml, for this reason: of PATHS, or of those that moved by over 5 percent.
    #[arg(long, value_name = "REASON", conflicts_with = "heavier")]
    accept: Option<String>,
    /// Judge a build in which every path takes 6 percent more: to see the guard fail.
    #[arg(long)]
    heavier: bool,
    /// The paths whose counts to accept.
    #[arg(requires = "accept")]
    paths: Vec<String>,
}

/// Counts, and compares or accepts.
pub(crate) fn guard(root: &Path, ask: &Ask) -> Result<ExitCode> {
    machine::provide(&[&VALGRIND, &GUNGRAUN_RUNNER])?;
    let measured = measure::measure(root)?;
    if let Some(reason) = &ask.accept {
        return accept(root, &measured, reason, &ask.paths);
    }
    let mut report = Report::default();
    compare(root, &measured, ask.heavier.then_some(FOUND_PERCENT), &mut report)?;
    Ok(report.close(&[]))
}

/// Counts and compares as a part of the tests; that it cannot count is a failure too.
pub(crate) fn check(root: &Path, report: &mut Report) {
    if let Err(error) = compare_and_prove(root, report) {
        println!("guard: {error:#}");
        report.add("guard", Tally::FAILED);
    }
}

/// Compares; then shows, path by path, that a heavier build would have been found.
fn compare_and_prove(root: &Path, report: &mut Report) -> Result<()> {
    let measured = measure::measure(root)?;
    compare(root, &measured, None, report)?;
    for path in PATHS {
        let now = measured.turn(path.name)?;
        let verdict =
            |percent| Ok::<_, anyhow::Error>(judge(now, measured.heavier_turn(path.name, percent)?));
        let (passed, found) = (verdict(LET_PASS_PERCENT)?, verdict(FOUND_PERCENT)?);
        let sound = passed != Verdict::Rose && found == Verdict::Rose;
        if !sound {
            println!("guard: {} is too unsteady to tell 4 percent from 6", path.name);
        }
        report.add(&format!("guard: tell 4 percent from 6: {}", path.name), tally(sound));
    }
    Ok(())
}

/// Prints each path's count beside that of the file, and counts in `report` whether it rose.
fn compare(root: &Path, measured: &Measured, heavier: Option<u64>, report: &mut Report) -> Result<()> {
    let counts = read(root)?;
    println!("\n{:<8} {:>12} {:>12} {:>8}", "path", FILE, "now", "change");
    let mut rose = Vec::new();
    for path in PATHS {
        let before = counts.paths.get(path.name).with_context(|| format!("{FILE} has no {}", path.name))?;
        let now = match heavier {
            None => measured.turn(path.name)?,
            Some(percent) => measured.heavier_turn(path.name, percent)?,
        };
        let verdict = judge(before.instructions, now);
        let change = change_percent(before.instructions, now);
        let (shown, shown_now) = (grouped(before.instructions, ','), grouped(now, ','));
        println!("{:<8} {shown:>12} {shown_now:>12} {change:>+7.2}%  {}", path.name, verdict.word());
        if verdict == Verdict::Rose {
            rose.push(path.name);
        }
        report.add(&format!("guard: {}", path.name), tally(verdict != Verdict::Rose));
    }
    let differences = tools::differences(&counts.counted_with, &tools::here()?);
    explain(&rose, &differences);
    Ok(())
}

/// Says what to do about paths that rose, and what may be at the bottom of it.
fn explain(rose: &[&str], differences: &[String]) {
    for difference in differences {
        println!("guard: {difference}");
    }
    if rose.is_empty() {
        return;
    }
    let names = rose.join(" ");
    println!(
        "guard: a turn of {names} takes over {RISE_PERCENT_MAX} percent more instructions than {FILE} says."
    );
    if !differences.is_empty() {
        println!(
            "guard: that may be the tools': count the commit before with them. If it rose there too, accept it."
        );
    }
    println!(
        "guard: take back what it costs; or, if it is worth that, run this, and commit {FILE} with the change:"
    );
    println!("    cargo xtask guard --accept \"<why, in a sentence>\" {names}");
}

/// Writes counts of now into the file.
fn accept(root: &Path, measured: &Measured, reason: &str, named: &[String]) -> Result<ExitCode> {
    if let Some(unknown) = named.iter().find(|name| PATHS.iter().all(|path| path.name != **name)) {
        bail!("there is no path {unknown}");
    }
    let mut counts = read(root)?;
    let here = tools::here()?;
    // Counts of one file are comparable: other tools count everything anew.
    let all = counts.counted_with != here;
    let mut accepted = 0;
    for path in PATHS {
        let now = measured.turn(path.name)?;
        let moved = |before| judge(before, now) != Verdict::Kept;
        let wanted = named.iter().any(|name| name == path.name)
            || named.is_empty()
                && counts.paths.get(path.name).is_none_or(|before| moved(before.instructions));
        if all || wanted {
            counts.accept(path.name, now, reason)?;
            println!("{}: {} instructions a turn", path.name, grouped(now, ','));
            accepted += 1;
        }
    }
    ensure!(accepted > 0, "no path moved by over {RISE_PERCENT_MAX} percent: name those to accept");
    counts.counted_with = here;
    std::fs::write(root.join(FILE), counts.print()).with_context(|| format!("{FILE} cannot be written"))?;
    println!("{FILE} is written; commit it with what changed the counts.");
    Ok(ExitCode::SUCCESS)
}

/// The file; at the very first there is none.
fn read(root: &Path) -> Result<Counts> {
    match std::fs::read_to_string(root.join(FILE)) {
        Ok(text) => Counts::parse(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Counts::default()),
        Err(error) => Err(error).with_context(|| format!("{FILE} cannot be read")),
    }
}

/// What became of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Kept,
    Rose,
    /// Not a failure; accepted, what was won is guarded too.
    Fell,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Kept => "ok",
            Self::Rose => "ROSE",
            Self::Fell => "fell: accept it, so that it stays",
        }
    }
}

fn judge(before: u64, now: u64) -> Verdict {
    if now * 100 > before * (100 + RISE_PERCENT_MAX) {
        Verdict::Rose
    } else if now * 100 < before * (100 - RISE_PERCENT_MAX) {
        Verdict::Fell
    } else {
        Verdict::Kept
    }
}

fn change_percent(before: u64, now: u64) -> f64 {
    (now as f64 / before as f64 - 1.0) * 100.0
}

fn tally(passed: bool) -> Tally {
    if passed { Tally::PASSED } else { Tally::FAILED }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rise_above_5_percent_is_one_and_a_lesser_is_none() {
        for (now, verdict) in [
            (1_060, Verdict::Rose),
            (1_051, Verdict::Rose),
            (1_050, Verdict::Kept),
            (1_040, Verdict::Kept),
            (1_000, Verdict::Kept),
            (950, Verdict::Kept),
            (949, Verdict::Fell),
        ] {
            assert_eq!(judge(1_000, now), verdict, "{now}");
        }
    }
}
