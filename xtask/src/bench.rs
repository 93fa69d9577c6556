//! `cargo xtask bench`: what things cost, printed for a person to read.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::report::{Report, cargo};

/// Benchmarks: package and name.
const BENCHES: &[(&str, &str)] = &[("snug", "hello")];

/// Runs every benchmark, built as for a release.
pub(crate) fn bench(root: &Path) -> Result<ExitCode> {
    let mut report = Report::default();
    for (package, name) in BENCHES {
        report.check(&mut cargo(root, ["bench", "--locked", "--package", package, "--bench", name]));
    }
    Ok(report.close(&[]))
}
