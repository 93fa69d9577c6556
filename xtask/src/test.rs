//! `cargo xtask test`: everything that a plain machine can check, on both backends.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::machine::{self, CLIPPY, RUSTFMT};
use crate::report::{Report, cargo};
use crate::tidy;

/// What is left to CI, in the words of the last lines that are printed.
const LEFT_TO_CI: &[&str] = &["Left to CI (`cargo xtask ci`): licences of the dependencies."];

/// Installs what is missing, then runs every check and test, whichever fails on the way. The last line counts them.
pub(crate) fn test(root: &Path) -> Result<ExitCode> {
    machine::provide(&[&RUSTFMT, &CLIPPY])?;
    let mut report = Report::default();
    report.check(&mut cargo(root, ["fmt", "--all", "--check"]));
    tidy::check_all(root, &mut report)?;
    let lint = ["clippy", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    report.check(&mut cargo(root, lint));
    report.tests(&mut cargo(root, ["test", "--locked", "--workspace", "--no-fail-fast"]));
    Ok(report.close(LEFT_TO_CI))
}
