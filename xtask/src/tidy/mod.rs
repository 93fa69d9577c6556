//! `cargo xtask tidy`: the rules of this tree that no compiler checks.
//!
//! A check is a function from the tree to its findings, each a sentence that says where to look. A check without
//! findings has passed. What a check decides is a pure function over text, so that its tests can show it fail.

mod arrows;
mod conformance;
mod floors;
mod forbidden;
mod generated;
mod graph;
mod guard;
mod paths;
mod reasons;
mod refusals;
mod rust;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::report::{Report, Tally};

/// A rule: its name, and the function that finds where the tree breaks it.
type Check = (&'static str, fn(&Tree) -> Result<Vec<String>>);

const CHECKS: &[Check] = &[
    ("arrows between crates", arrows::check),
    ("one cryptographic library", graph::check),
    ("security floors", floors::check),
    ("reasons of dependencies", reasons::check),
    ("conformance list", conformance::check),
    ("generated files", generated::check),
    ("reasons of the guard's counts", guard::check),
    ("refusal list", refusals::check),
    ("paths in documents", paths::check),
    ("no stubs, skips or sleeps", forbidden::check),
];

/// Runs every check, and prints the counts as the last line.
pub(crate) fn tidy(root: &Path) -> Result<ExitCode> {
    let mut report = Report::default();
    check_all(root, &mut report)?;
    Ok(report.close(&[]))
}

/// Runs every check and counts it in `report`. Fails only where the tree itself cannot be listed.
pub(crate) fn check_all(root: &Path, report: &mut Report) -> Result<()> {
    let tree = Tree::open(root)?;
    println!("\n$ cargo xtask tidy");
    for (name, check) in CHECKS {
        let findings = check(&tree).unwrap_or_else(|error| vec![format!("{error:#}")]);
        println!("tidy: {name}: {}", if findings.is_empty() { "ok" } else { "FAILED" });
        for finding in &findings {
            println!("    {finding}");
        }
        report.add(&format!("tidy: {name}"), if findings.is_empty() { Tally::PASSED } else { Tally::FAILED });
    }
    Ok(())
}

/// The files of the project: those under version control, and new ones that are not ignored.
pub(crate) struct Tree {
    root: PathBuf,
    /// Relative to the root, with `/`, sorted.
    files: Vec<String>,
}

impl Tree {
    fn open(root: &Path) -> Result<Self> {
        let listed = Command::new("git")
            .current_dir(root)
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()
            .context("git cannot be run")?;
        ensure!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr).trim());
        let listed = String::from_utf8(listed.stdout).context("a file's name is not UTF-8")?;
        let mut files: Vec<String> = listed.split_terminator('\0').map(str::to_owned).collect();
        // A file that was deleted and not yet committed is still listed.
        files.retain(|file| root.join(file).is_file());
        files.sort();
        files.dedup();
        Ok(Self { root: root.to_path_buf(), files })
    }

    /// The files whose name ends in `suffix`.
    fn with_suffix(&self, suffix: &str) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str).filter(move |file| file.ends_with(suffix))
    }

    /// Whether `path` is a file of the project, or a folder that holds one.
    fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.files.iter().any(|file| file == path || file.starts_with(&folder))
    }

    /// Whether a file of this name lies in any folder.
    fn has_named(&self, name: &str) -> bool {
        self.files.iter().any(|file| file.rsplit('/').next() == Some(name))
    }

    /// The tokens of all Rust files below `folder`, which ends in `/`.
    fn tokens_below(&self, folder: &str) -> Result<Vec<rust::Token>> {
        let mut tokens = Vec::new();
        for file in self.with_suffix(".rs").filter(|file| file.starts_with(folder)) {
            tokens.extend(rust::tokens(&self.text(file)?).with_context(|| file.to_owned())?);
        }
        Ok(tokens)
    }

    fn text(&self, file: &str) -> Result<String> {
        std::fs::read_to_string(self.root.join(file)).with_context(|| format!("{file} cannot be read"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_lists_what_is_tracked_or_new_and_not_what_is_ignored_or_gone() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path();
        let git = |arguments: &[&str]| {
            let done = Command::new("git").current_dir(path).args(arguments).status().expect("git runs");
            assert!(done.success(), "git {arguments:?}");
        };
        git(&["init", "--quiet"]);
        for (file, text) in
            [(".gitignore", "ignored"), ("ignored", ""), ("gone", ""), ("src/kept.rs", "fn f() {}")]
        {
            let file = path.join(file);
            std::fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
            std::fs::write(file, text).expect("a file");
        }
        git(&["add", "--all"]);
        std::fs::remove_file(path.join("gone")).expect("the file was there");
        std::fs::write(path.join("new.md"), "").expect("a file");

        let tree = Tree::open(path).expect("a tree");
        assert_eq!(tree.files, [".gitignore", "new.md", "src/kept.rs"]);
        assert_eq!(tree.with_suffix(".rs").collect::<Vec<_>>(), ["src/kept.rs"]);
        assert!(tree.has("src") && tree.has("src/") && tree.has("src/kept.rs"));
        assert!(tree.has_named("kept.rs") && !tree.has_named("ept.rs") && !tree.has_named("src"));
        assert!(!tree.has("sr") && !tree.has("ignored") && !tree.has("gone"));
        assert_eq!(tree.text("src/kept.rs").expect("text"), "fn f() {}");
    }
}
