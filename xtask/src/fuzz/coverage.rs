//! How much of the parsers the corpus of the fuzzer reaches, as the tests replay it: by the compiler's own instrumentation.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine;
use crate::report::{Report, Tally, announce, cargo};
use anyhow::{Context, Result, ensure};

/// What the targets parse by: a file, and functions in it that read nothing of what a client sends (they write or describe), or
/// what only an issuer does, and do not count.
const PARSERS: &[(&str, &[&str])] = &[
    ("crates/snug-core/src/jws/mod.rs", &["sign_hs256"]),
    ("crates/snug-core/src/credentials/agora.rs", &[]),
    ("crates/snug-core/src/credentials/hmac.rs", &[]),
    ("crates/snug-core/src/credentials/jws.rs", &[]),
    ("crates/snug-core/src/credentials/stream.rs", &[]),
    ("crates/snug-core/src/credentials/talkjs.rs", &[]),
    ("crates/snug-core/src/credentials/twilio.rs", &[]),
    ("crates/snug-wire/src/claims.rs", &[]),
    ("crates/snug-wire/src/foreign.rs", &[]),
    ("crates/snug-wire/src/jose.rs", &["jwk_set"]),
    ("crates/snug-wire/src/json/mod.rs", &["parse_or_empty"]),
    ("crates/snug-wire/src/json/source.rs", &[]),
    ("crates/snug-wire/src/json/tree.rs", &[]),
    ("crates/snug-wire/src/query.rs", &[]),
    ("crates/snug-wire/src/signed.rs", &[]),
    ("crates/snug-wire/src/socket/requests.rs", &["schemas_by_op", "schemas", "schema", "frame_schema"]),
    ("crates/snug-api/src/socket/frames.rs", &["read_out"]),
];

/// How many percent of the lines of each must be reached.
const PERCENT_MIN: f64 = 95.0;

/// Replays the corpus, and prints how many lines of each parser that reached.
pub(super) fn check(root: &Path, report: &mut Report) -> Result<()> {
    let folder = root.join("target/coverage");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("the last coverage cannot be removed")?;
    }
    fs::create_dir_all(&folder)?;
    let mut replay = cargo(root, ["test", "--locked", "--package", "snug-api", "--test", "it", "corpus::"]);
    // Only what is ours is instrumented, so that no dependency is built again.
    replay.env("RUSTC_WORKSPACE_WRAPPER", root.join("xtask/src/fuzz/instrument.sh"));
    replay.env("CARGO_INCREMENTAL", "0").env("LLVM_PROFILE_FILE", folder.join("%p.profraw"));
    announce(&replay);
    let replayed = replay.output().context("the corpus cannot be replayed")?;
    let said = String::from_utf8_lossy(&replayed.stderr);
    ensure!(replayed.status.success(), "the corpus does not replay:\n{said}");
    // `Running tests/it/main.rs (target/debug/deps/it-…)`
    let running = |line: &'_ str| line.trim_start().starts_with("Running ");
    let program = said.lines().find(|line| running(line)).and_then(|line| line.split_once('('));
    let program = program.and_then(|(_, program)| program.strip_suffix(')'));
    let program = root.join(program.context("cargo does not say what it ran")?);
    let counts = export(&folder, &program)?;
    let percent = |reached: usize, all: usize| reached as f64 * 100.0 / all as f64;
    let (mut all, mut all_reached, mut is_enough) = (0, 0, true);
    for (file, without) in PARSERS {
        let source = fs::read_to_string(root.join(file)).with_context(|| (*file).to_owned())?;
        let others = lines_of(&source, without);
        let lines: BTreeMap<usize, bool> =
            reached(&counts, file).into_iter().filter(|(line, _)| !others.contains(line)).collect();
        let missed: Vec<_> = lines.iter().filter(|(_, reached)| !**reached).map(|(line, _)| line).collect();
        let reached = lines.len() - missed.len();
        println!("{file}: {reached} of {} lines; not {missed:?}", lines.len());
        // A file of which nothing is known is not enough either.
        is_enough &= percent(reached, lines.len()) >= PERCENT_MIN;
        all += lines.len();
        all_reached += reached;
    }
    println!("{all_reached} of {all} lines, {:.1} %", percent(all_reached, all));
    report.add("coverage of the parsers", if is_enough { Tally::PASSED } else { Tally::FAILED });
    Ok(())
}

/// What the replay left, in the format of lcov.
fn export(folder: &Path, program: &Path) -> Result<String> {
    let profiles: Vec<PathBuf> = fs::read_dir(folder)?.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
    let merged = folder.join("merged.profdata");
    let merge = Command::new(machine::llvm_tool("llvm-profdata")?)
        .args(["merge", "--sparse", "--output"])
        .arg(&merged)
        .args(&profiles)
        .status()?;
    ensure!(merge.success(), "llvm-profdata cannot merge what the replay left");
    let export = Command::new(machine::llvm_tool("llvm-cov")?)
        .args(["export", "--format=lcov", "--instr-profile"])
        .arg(&merged)
        .arg(program)
        .output()?;
    ensure!(export.status.success(), "llvm-cov: {}", String::from_utf8_lossy(&export.stderr));
    String::from_utf8(export.stdout).context("llvm-cov printed no text")
}

/// The lines of a file that are code, and whether each was reached: `SF:<file>`, and then `DA:<line>,<count>` for each.
fn reached(lcov: &str, file: &str) -> BTreeMap<usize, bool> {
    let mut lines = BTreeMap::new();
    let mut inside = false;
    for line in lcov.lines() {
        if let Some(name) = line.strip_prefix("SF:") {
            inside = name.ends_with(file);
        }
        let Some((line, count)) = line.strip_prefix("DA:").and_then(|data| data.split_once(',')) else {
            continue;
        };
        if let Ok(line) = line.parse()
            && inside
        {
            // It stands there once for each program that it is part of.
            *lines.entry(line).or_default() |= count != "0";
        }
    }
    lines
}

/// The lines of these functions, counted from 1: each ends at the brace that stands as far in as it begins.
fn lines_of(source: &str, functions: &[&str]) -> BTreeSet<usize> {
    let mut lines = BTreeSet::new();
    let mut end: Option<String> = None;
    for (number, line) in source.lines().enumerate() {
        let named =
            |name: &&str| line.contains(&format!("fn {name}(")) || line.contains(&format!("fn {name}<"));
        if end.is_none() && functions.iter().any(named) {
            let indent = &line[..line.len() - line.trim_start().len()];
            end = Some(format!("{indent}}}"));
        }
        if end.is_some() {
            lines.insert(number + 1);
        }
        if end.as_deref() == Some(line) {
            end = None;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_ends_where_it_began() {
        let source =
            "fn a() {\n}\nimpl B {\n    fn c<T>() {\n        {\n        }\n    }\n    fn d() {\n    }\n}\n";
        assert_eq!(lines_of(source, &["c"]), [4, 5, 6, 7].into());
        assert_eq!(lines_of(source, &["a", "d"]), [1, 2, 8, 9].into());
        assert!(lines_of(source, &["e"]).is_empty());
    }

    #[test]
    fn a_line_is_reached_that_any_program_reached() {
        let lcov =
            "SF:/x/a.rs\nDA:1,0\nDA:2,5\nend_of_record\nSF:/x/b.rs\nDA:1,1\nSF:/x/a.rs\nDA:1,2\nDA:3,0\n";
        assert_eq!(reached(lcov, "a.rs"), [(1, true), (2, true), (3, false)].into());
    }
}
