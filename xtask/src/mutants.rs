//! `cargo xtask mutants`: breaks the code that decides who may do what, and that says who somebody is, a function or an
//! operator at a time, and runs the tests that must notice.
//!
//! `.cargo/mutants.toml` says which files; `mutants.toml` which mutants live on because they change nothing, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::machine::{self, CARGO_MUTANTS};
use crate::report::{Report, Tally, announce, cargo};

/// Mutants, and the tests that must notice them.
struct Pass {
    /// Arguments that choose the mutants.
    mutants: &'static [&'static str],
    /// The package whose tests notice them, by its one binary of tests at its boundary.
    tests: &'static str,
    /// Arguments of that binary: which tests have to do with what is broken. The fewer there are, the sooner it is done.
    chosen: &'static [&'static str],
}

/// Together they break all that `.cargo/mutants.toml` names.
const PASSES: &[Pass] = &[
    Pass { mutants: &["--package", "snug-model"], tests: "snug-model", chosen: &["policy::"] },
    Pass {
        mutants: &["--package", "snug-core", "--exclude", "crates/snug-core/src/verify.rs"],
        tests: "snug-core",
        chosen: &["credentials::", "jws::", "key_sets::"],
    },
    // Access tokens come by a socket or a request, so that the tests of those see what is wrong with them. What verifies
    // them reads what one store keeps as what the other does.
    Pass {
        mutants: &[
            "--package",
            "snug-core",
            "--exclude",
            "crates/snug-core/src/jws/*.rs",
            "--exclude",
            "crates/snug-core/src/credentials/*.rs",
        ],
        tests: "snug-api",
        chosen: &["--skip", "postgres", "tokens::", "token_keys::", "issuers::", "door::"],
    },
];

/// Mutants that change nothing that anybody could see: each by its name, without its line, and the reason.
#[derive(Deserialize)]
struct Known {
    equivalent: BTreeMap<String, String>,
}

/// What became of mutants.
#[derive(Default)]
struct Outcome {
    tried: u64,
    caught: u64,
    timed_out: u64,
    /// Those that do not compile, and so are none.
    unviable: u64,
    survivors: BTreeSet<String>,
}

/// Tries every mutant, prints what became of them, and fails for one that lives on without a reason.
pub(crate) fn mutants(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    machine::provide(&[&CARGO_MUTANTS])?;
    let known = fs::read_to_string(root.join("mutants.toml")).context("mutants.toml cannot be read")?;
    let known: Known = toml::from_str(&known).context("mutants.toml")?;
    let mut report = Report::default();
    let mut all = Outcome::default();
    for (number, pass) in PASSES.iter().enumerate() {
        let folder = root.join("target/mutants").join(number.to_string());
        if let Some(outcomes) = pass.run(root, &folder, arguments)? {
            all.add(&outcomes)?;
        }
    }
    ensure!(all.tried > 0, "no mutant is of that name");
    println!(
        "\n{} mutants tried: {} caught, {} timed out, {} without a sense, {} live on",
        all.tried,
        all.caught,
        all.timed_out,
        all.unviable,
        all.survivors.len()
    );
    report.add("mutants", Tally { passed: all.caught + all.timed_out, failed: 0 });
    for survivor in &all.survivors {
        match known.equivalent.get(survivor) {
            Some(reason) => {
                println!("{survivor}: {reason}");
                report.add(survivor, Tally::PASSED);
            }
            None => report.add(survivor, Tally::FAILED),
        }
    }
    Ok(report.close(&[]))
}

impl Pass {
    /// Tries its mutants, as far as `arguments` choose them: what cargo-mutants says became of them, if there are any.
    fn run(&self, root: &Path, folder: &Path, arguments: &[String]) -> Result<Option<Value>> {
        // What an earlier run left there is not this one's.
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        let mut command =
            cargo(root, ["mutants", "--cargo-arg=--test=it", "--test-package", self.tests, "--output"]);
        command.arg(folder).args(self.mutants).args(arguments).args(["--", "--"]).args(self.chosen);
        // They share what they are built from; one is tried at a time.
        command.env("CARGO_TARGET_DIR", root.join("target/mutants/target"));
        // Each is built anew: what was not touched is kept, and nobody debugs one.
        command.env("CARGO_INCREMENTAL", "1").env("CARGO_PROFILE_DEV_DEBUG", "0");
        announce(&command);
        let status = command.status().context("cargo-mutants cannot be run")?;
        // With these it says that a mutant lives on, that one went on for ever, or that the tests fail by themselves: whoever
        // asked judges that.
        ensure!(
            matches!(status.code(), Some(0 | 2 | 3 | 4)),
            "the mutants for {} were not tried",
            self.tests
        );
        let outcomes = folder.join("mutants.out/outcomes.json");
        if !outcomes.exists() {
            return Ok(None);
        }
        Ok(Some(serde_json::from_str(&fs::read_to_string(outcomes)?)?))
    }
}

impl Outcome {
    /// Adds the file in which cargo-mutants says what became of mutants.
    fn add(&mut self, outcomes: &Value) -> Result<()> {
        let all = outcomes["outcomes"].as_array().context("cargo-mutants lists no outcomes")?;
        for outcome in all {
            let Some(name) = outcome["scenario"]["Mutant"]["name"].as_str() else {
                ensure!(outcome["summary"] == "Success", "the tests fail where nothing is broken");
                continue;
            };
            self.tried += 1;
            match outcome["summary"].as_str() {
                Some("CaughtMutant") => self.caught += 1,
                Some("Timeout") => self.timed_out += 1,
                Some("Unviable") => self.unviable += 1,
                _ => drop(self.survivors.insert(without_place(name))),
            }
        }
        Ok(())
    }
}

/// The name of a mutant without its line and column, which move: `src/a.rs:3:5: replace f` is `src/a.rs: replace f`.
fn without_place(name: &str) -> String {
    match name.split_once(": ") {
        Some((place, what)) => format!("{}: {what}", place.split(':').next().unwrap_or_default()),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(summaries: &[(&str, &str)]) -> Value {
        let mutant = |(name, summary): &(&str, &str)| serde_json::json!({ "scenario": { "Mutant": { "name": name } }, "summary": summary });
        let baseline = serde_json::json!({ "scenario": "Baseline", "summary": "Success" });
        let all: Vec<Value> = [baseline].into_iter().chain(summaries.iter().map(mutant)).collect();
        serde_json::json!({ "outcomes": all })
    }

    #[test]
    fn what_is_neither_caught_nor_senseless_lives_on() {
        let mut all = Outcome::default();
        let summaries = [
            ("a.rs:1:2: replace f", "CaughtMutant"),
            ("a.rs:2:2: replace g", "Timeout"),
            ("a.rs:3:2: replace h", "Unviable"),
            ("a.rs:4:2: replace i -> bool with true", "MissedMutant"),
        ];
        all.add(&outcomes(&summaries)).expect("outcomes");
        assert_eq!((all.tried, all.caught, all.timed_out, all.unviable), (4, 1, 1, 1));
        assert_eq!(all.survivors, ["a.rs: replace i -> bool with true".to_owned()].into());
    }

    #[test]
    fn tests_that_fail_by_themselves_prove_nothing() {
        let failed = serde_json::json!({ "outcomes": [{ "scenario": "Baseline", "summary": "Failure" }] });
        assert!(Outcome::default().add(&failed).is_err());
    }
}
