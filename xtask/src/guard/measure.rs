//! Runs the paths under callgrind, and reads what its harness tells of them.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::report::{RELEASED, announce, cargo};

/// Turns of the processes that a count is the difference of.
const FEWER: u64 = 50;
const MORE: u64 = 100;

/// How many instructions each process executed, by path and turns.
#[derive(Debug, Default)]
pub(super) struct Measured(HashMap<(String, u64), u64>);

impl Measured {
    /// Instructions of a turn.
    pub(super) fn turn(&self, path: &str) -> Result<u64> {
        self.beyond_fewer(path, MORE)
    }

    /// Instructions of a turn in a build in which the path takes `percent` more. It takes half as many turns more.
    pub(super) fn heavier_turn(&self, path: &str, percent: u64) -> Result<u64> {
        self.beyond_fewer(path, MORE + percent * (MORE - FEWER) / 100)
    }

    fn beyond_fewer(&self, path: &str, turns: u64) -> Result<u64> {
        let all = |turns| {
            let counted = self.0.get(&(path.to_owned(), turns)).copied();
            counted.with_context(|| format!("{path} was not counted at {turns} turns"))
        };
        let (more, fewer) = (all(turns)?, all(FEWER)?);
        ensure!(more > fewer, "{path} does no more in {turns} turns than in {FEWER}");
        Ok((more - fewer) / (MORE - FEWER))
    }

    /// Reads a line of the harness: a process, named by path and turns, and its instructions.
    fn read(&mut self, line: &str) -> Result<()> {
        let told: Value = serde_json::from_str(line).context("the harness told no JSON")?;
        let text = |field: &str| told[field].as_str().with_context(|| format!("the harness told no {field}"));
        let turns = text("id")?.strip_prefix("turns_").and_then(|turns| turns.parse().ok());
        let turns = turns.context("the harness told no number of turns")?;
        let total = "/profiles/0/data/total/metrics/Ir/values/new";
        let instructions =
            told.pointer(total).and_then(Value::as_u64).context("the harness told no count")?;
        self.0.insert((text("function_name")?.to_owned(), turns), instructions);
        Ok(())
    }
}

/// Builds the paths and counts them all; what the harness says meanwhile is shown.
pub(super) fn measure(root: &Path) -> Result<Measured> {
    let mut command = cargo(root, ["bench", "--locked"]);
    command.args(RELEASED).args(["--bench", "guard"]);
    command.args(["--", "--output-format=json"]).stdout(Stdio::piped());
    announce(&command);
    let output = command.spawn()?.wait_with_output()?;
    ensure!(output.status.success(), "the paths could not be counted");
    let mut measured = Measured::default();
    for line in String::from_utf8(output.stdout)?.lines() {
        measured.read(line)?;
    }
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(path: &str, turns: u64, instructions: u64) -> String {
        let total = format!(r#"{{"metrics":{{"Ir":{{"values":{{"new":{instructions},"old":1}}}}}}}}"#);
        let profiles = format!(r#"[{{"data":{{"parts":[],"total":{total}}},"tool":"Callgrind"}}]"#);
        format!(r#"{{"function_name":"{path}","id":"turns_{turns}","profiles":{profiles}}}"#)
    }

    fn measured(lines: &[String]) -> Measured {
        let mut measured = Measured::default();
        lines.iter().for_each(|line| measured.read(line).expect("a line of the harness"));
        measured
    }

    #[test]
    fn a_turn_is_what_more_of_them_take_beyond_fewer() {
        let ready = 7_000;
        let lines = [50, 100, 102, 103].map(|turns| line("send", turns, ready + 100 * turns));
        let measured = measured(&lines);
        assert_eq!(measured.turn("send").expect("a count"), 100);
        assert_eq!(measured.heavier_turn("send", 4).expect("a count"), 104);
        assert_eq!(measured.heavier_turn("send", 6).expect("a count"), 106);
    }

    #[test]
    fn a_path_that_was_not_counted_or_does_nothing_is_an_error() {
        let measured = measured(&[line("idle", 50, 9), line("idle", 100, 9), line("half", 50, 9)]);
        let said = |path| measured.turn(path).expect_err("no count").to_string();
        assert_eq!(said("idle"), "idle does no more in 100 turns than in 50");
        assert_eq!(said("half"), "half was not counted at 100 turns");
        assert_eq!(said("gone"), "gone was not counted at 100 turns");
        assert!(Measured::default().read("{}").is_err(), "a line that tells nothing");
    }
}
