//! `cargo xtask ci`: what `cargo xtask test` leaves to CI.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::machine::{self, CARGO_DENY};
use crate::report::{Report, cargo};

/// Runs what needs shared data, root, FUSE or more time. The last line counts what passed and failed.
pub(crate) fn ci(root: &Path) -> Result<ExitCode> {
    machine::provide(&[&CARGO_DENY])?;
    let mut report = Report::default();
    report.check(&mut cargo(root, ["deny", "--locked", "check", "licenses", "bans", "sources"]));
    Ok(report.close(&[]))
}
