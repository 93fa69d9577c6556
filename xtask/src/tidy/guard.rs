//! Every count of the guard has its reason, and each that ever changed got a new one in the same commit.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Tree;
use crate::guard::{Counts, FILE};

pub(super) fn check(tree: &Tree) -> Result<Vec<String>> {
    let now = Counts::parse(&tree.text(FILE)?)?;
    let mut findings = now.findings();
    let mut newer = now;
    for commit in git(&tree.root, &["log", "--format=%H", "--", FILE])?.lines() {
        let older = Counts::parse(&git(&tree.root, &["show", &format!("{commit}:{FILE}")])?)?;
        findings.extend(newer.changed_without_reason(&older));
        newer = older;
    }
    Ok(findings)
}

/// What git prints. The file's history reaches as far back as the clone.
fn git(root: &Path, arguments: &[&str]) -> Result<String> {
    let output =
        Command::new("git").current_dir(root).args(arguments).output().context("git cannot be run")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {}: {}", arguments.join(" "), said.trim());
    String::from_utf8(output.stdout).context("git printed what is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::PATHS;

    /// A tree whose file has `count` everywhere, for `reason`.
    fn write(root: &Path, count: u64, reason: &str) {
        let entry = |name| format!("[{name}]\ninstructions = {count}\nreason = \"{reason}\"\n");
        let text: String = PATHS.iter().map(|path| entry(path.name)).collect();
        std::fs::write(root.join(FILE), text).expect("a file");
    }

    fn commit(root: &Path) {
        for arguments in [
            &["add", "--all"][..],
            &["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "--message", "m"],
        ] {
            git(root, arguments).expect("git works");
        }
    }

    #[test]
    fn a_count_that_changed_without_a_reason_is_found_now_and_later() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path();
        git(root, &["init", "--quiet"]).expect("a repository");
        std::fs::write(root.join("README"), "").expect("a file");
        commit(root);
        let found = || check(&Tree::open(root).expect("a tree")).expect("a check").len();
        write(root, 100, "The first count.");
        assert_eq!(found(), 0, "before it is committed");
        commit(root);
        write(root, 110, "It looks twice.");
        assert_eq!(found(), 0, "with a reason");
        commit(root);
        write(root, 120, "It looks twice.");
        assert_eq!(found(), PATHS.len(), "before it is committed");
        commit(root);
        assert_eq!(found(), PATHS.len(), "in the last commit");
        write(root, 130, "It looks at more.");
        commit(root);
        assert_eq!(found(), PATHS.len(), "in an earlier one");
    }
}
