//! `cargo xtask fuzz`: guesses at what reads the bytes of people who may mean ill, guided by which code each guess reaches.
//!
//! A target is a file of `fuzz/fuzz_targets`, and its corpus, from which guessing starts, a folder of `fuzz/corpus`. What is
//! found on the way goes to `fuzz/found`, a crash to `fuzz/artifacts`; neither is under version control.

mod coverage;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::machine::{self, CARGO_FUZZ, LLVM_TOOLS};
use crate::report::{Report, Tally, announce, cargo};

/// Every target.
const TARGETS: [&str; 4] = ["jwt", "agora", "session", "frames"];

/// Within how many seconds a planted bug is to be found.
const PLANTED_FOUND_S: u64 = 60;
/// What a planted bug says, in `crates/snug-api/src/fuzzing`.
const PLANTED: &str = "the planted bug";

/// What is to be fuzzed, and how.
#[derive(clap::Args)]
pub(crate) struct Ask {
    /// The targets; all of them where none is named.
    targets: Vec<String>,
    /// How long each is fuzzed.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Plant a bug in each, which must be found within 60 seconds.
    #[arg(long, conflicts_with = "coverage")]
    planted: bool,
    /// Say how much of the parsers the corpus reaches, instead of fuzzing them.
    #[arg(long)]
    coverage: bool,
}

/// Fuzzes targets one after the other. The last line counts those that held.
pub(crate) fn fuzz(root: &Path, ask: &Ask) -> Result<ExitCode> {
    let mut report = Report::default();
    if ask.coverage {
        machine::provide(&[&LLVM_TOOLS])?;
        coverage::check(root, &mut report)?;
        return Ok(report.close(&[]));
    }
    machine::provide(&[&CARGO_FUZZ])?;
    if let Some(unknown) = ask.targets.iter().find(|target| !TARGETS.contains(&target.as_str())) {
        bail!("there is no target {unknown}, but {}", TARGETS.join(", "));
    }
    let asked = |target: &&&str| ask.targets.is_empty() || ask.targets.iter().any(|it| it == **target);
    for target in TARGETS.iter().filter(asked) {
        if ask.planted {
            let tally = if finds_the_planted_bug(root, target)? { Tally::PASSED } else { Tally::FAILED };
            report.add(&format!("the planted bug of {target}"), tally);
        } else {
            report.check(&mut run(root, target, ask.seconds, false)?);
        }
    }
    Ok(report.close(&[]))
}

/// The command that fuzzes a target for so long. Nothing here is `unsafe`, so that no sanitizer is needed, nor a compiler
/// other than the stable one.
fn run(root: &Path, target: &str, seconds: u64, planted: bool) -> Result<Command> {
    // What was found by a target with a bug is no start for one without.
    let found = format!("fuzz/found/{target}{}", if planted { "-planted" } else { "" });
    fs::create_dir_all(root.join(&found)).with_context(|| format!("{found} cannot be made"))?;
    let mut command = cargo(root, ["fuzz", "run", "--sanitizer", "none", "--codegen-units", "16"]);
    if planted {
        command.args(["--features", "planted"]);
    }
    command.args([target, &found, &format!("fuzz/corpus/{target}"), "--", "-dict=fuzz/words.dict"]);
    command.args([&format!("-max_total_time={seconds}"), "-max_len=10000", "-timeout=10"]);
    command.args(["-print_final_stats=1"]);
    Ok(command)
}

/// Whether the bug that is planted in a target is found in time; and prints how long that took.
fn finds_the_planted_bug(root: &Path, target: &str) -> Result<bool> {
    // Building it takes no part of its time.
    let build =
        ["fuzz", "build", "--sanitizer", "none", "--codegen-units", "16", "--features", "planted", target];
    let mut build = cargo(root, build);
    announce(&build);
    if !build.status()?.success() {
        bail!("the target {target} cannot be built");
    }
    let mut command = run(root, target, PLANTED_FOUND_S, true)?;
    announce(&command);
    let started = Instant::now();
    let output = command.stdin(Stdio::null()).output().context("cargo-fuzz cannot be run")?;
    let found = !output.status.success() && String::from_utf8_lossy(&output.stderr).contains(PLANTED);
    let seconds = started.elapsed().as_secs_f64();
    println!("{target}: {} after {seconds:.1} s", if found { "found" } else { "NOT found" });
    Ok(found)
}
