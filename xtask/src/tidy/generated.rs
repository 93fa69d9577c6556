//! Every generated file is there, and a test compares it. That it is up to date is that test's to say.

use anyhow::{Context, Result};

use super::{Tree, rust};
use crate::generated::{GENERATED, Generated, UPDATE};

pub(super) fn check(tree: &Tree) -> Result<Vec<String>> {
    let mut writers = Vec::new();
    for file in tree.with_suffix(".rs").filter(|file| !file.starts_with("xtask/")) {
        if writes_files(&tree.text(file)?).with_context(|| file.to_owned())? {
            writers.push(file);
        }
    }
    Ok(findings(GENERATED, &writers, |path| tree.has(path), |path| tree.text(path).unwrap_or_default()))
}

/// Whether a test writes what it compares when the variable asks for it.
fn writes_files(source: &str) -> Result<bool> {
    // Most files do not hold the word at all, and need not be cut into tokens.
    if !source.contains(UPDATE) {
        return Ok(false);
    }
    Ok(!rust::lines_with(&rust::tokens(source)?, &format!("\"{UPDATE}\"")).is_empty())
}

/// `writers` are the tests that write files; each must be on the list, and each on the list must be one.
fn findings(
    list: &[Generated],
    writers: &[&str],
    has: impl Fn(&str) -> bool,
    text: impl Fn(&str) -> String,
) -> Vec<String> {
    let mut findings = Vec::new();
    for Generated { file, compared_by, test, .. } in list {
        let name = file.rsplit('/').next().unwrap_or(file);
        if !has(file) {
            findings.push(format!("{file} is missing: `cargo xtask generate` writes it"));
        }
        let source = text(compared_by);
        let compared = source.contains(name) && source.contains(&format!("fn {test}()"));
        if !writers.contains(compared_by) || !compared {
            findings.push(format!("{compared_by} does not compare {file}, or cannot write it by {UPDATE}"));
        }
    }
    for writer in
        writers.iter().filter(|writer| list.iter().all(|generated| generated.compared_by != **writer))
    {
        findings.push(format!("{writer} writes a file that xtask/src/generated.rs does not list"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[Generated] = &[Generated {
        file: "docs/api.json",
        package: "api",
        compared_by: "api/tests/document.rs",
        test: "same",
    }];

    fn found(writers: &[&str], files: &[&str], source: &str) -> Vec<String> {
        findings(LIST, writers, |path| files.contains(&path), |_| source.to_owned())
    }

    #[test]
    fn a_listed_file_must_be_there_and_compared() {
        let (writers, source) =
            (["api/tests/document.rs"], "fn same() { include_str!(\"../docs/api.json\") }");
        assert_eq!(found(&writers, &["docs/api.json"], source), [""; 0]);
        let missing = "docs/api.json is missing: `cargo xtask generate` writes it";
        assert_eq!(found(&writers, &[], source), [missing]);
        let stray = "api/tests/document.rs does not compare docs/api.json, or cannot write it by SNUG_UPDATE";
        assert_eq!(found(&writers, &["docs/api.json"], "fn other() {}"), [stray]);
        assert_eq!(found(&[], &["docs/api.json"], source), [stray]);
        assert_eq!(found(&writers, &["docs/api.json"], "fn another() { \"api.json\" }"), [stray]);
    }

    #[test]
    fn a_test_that_writes_an_unlisted_file_is_found() {
        let writers = ["api/tests/document.rs", "core/tests/table.rs"];
        let unlisted = "core/tests/table.rs writes a file that xtask/src/generated.rs does not list";
        assert_eq!(found(&writers, &["docs/api.json"], "fn same() { \"api.json\" }"), [unlisted]);
    }

    #[test]
    fn a_writer_is_told_by_its_code_and_not_by_its_comments() {
        assert!(writes_files("fn f() { std::env::var_os(\"SNUG_UPDATE\"); }").expect("Rust"));
        assert!(!writes_files("//! Run with SNUG_UPDATE=1.\nfn f() {}").expect("Rust"));
    }
}
