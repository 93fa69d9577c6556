//! `cargo xtask test`: everything that a plain machine can check, on both backends.

use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use snug_rig::{Postgres, PostgresOptions};
use tempfile::TempDir;

use crate::generated::UPDATE;
use crate::guard;
use crate::machine::{self, CLIPPY, GUNGRAUN_RUNNER, POSTGRESQL, RUSTFMT, VALGRIND};
use crate::report::{Report, cargo};
use crate::tidy;

/// How many tests of a binary run at once, to the test harness.
const THREADS: &str = "RUST_TEST_THREADS";
/// That many for each core: most wait for a disk most of the time.
const TESTS_PER_CORE: usize = 2;
/// A file system in memory, as Linux has it.
const MEMORY: &str = "/dev/shm";
/// What it must have free, for the tests.
const ROOM_BYTES: u64 = 4 << 30;
/// What is left to CI, in the words of the last lines that are printed.
const LEFT_TO_CI: &[&str] = &[
    "Left to CI (`cargo xtask ci`): licences of the dependencies; the published vectors and the replays of real",
    "conversations, which need shared data; power cuts, which need root and FUSE; and what Snug is measured beside,",
    "which needs ejabberd and NATS.",
];

/// Installs what is missing, then runs every check and test, whichever fails on the way. The last line counts them.
pub(crate) fn test(root: &Path) -> Result<ExitCode> {
    machine::provide(&[&RUSTFMT, &CLIPPY, &POSTGRESQL, &VALGRIND, &GUNGRAUN_RUNNER])?;
    let mut report = Report::default();
    report.check(&mut cargo(root, ["fmt", "--all", "--check"]));
    tidy::check_all(root, &mut report)?;
    // With all features, or what is left to CI would not be looked at.
    let lint = ["clippy", "--locked", "--workspace", "--all-targets", "--all-features"];
    report.check(cargo(root, lint).args(["--", "--deny", "warnings"]));
    let scratch = scratch()?;
    let options =
        PostgresOptions { data_folder: Some(scratch.path().join("postgres")), ..Default::default() };
    let postgres = Postgres::start(options).context("PostgreSQL does not start")?;
    // Builds the binaries too, which tests of other packages start: a package with integration tests has its own built.
    let mut tests = cargo_test(root);
    tests
        .arg("--workspace")
        .env("SNUG_TEST_POSTGRES", postgres.url("postgres"))
        .env("TMPDIR", scratch.path());
    report.tests(&mut tests);
    guard::check(root, &mut report);
    Ok(report.close(LEFT_TO_CI))
}

/// A folder for what the tests write: in memory, where that has room, for on a disk they do little but wait for it. That what was said to
/// be stored survives is tested on disks of its own, whose power is cut.
fn scratch() -> Result<TempDir> {
    let roomy = rustix::fs::statvfs(MEMORY).is_ok_and(|it| it.f_bavail * it.f_frsize >= ROOM_BYTES);
    let parent = if roomy { PathBuf::from(MEMORY) } else { std::env::temp_dir() };
    let scratch = tempfile::Builder::new().prefix("snug-test-").tempdir_in(parent)?;
    // PostgreSQL runs as another user, and has folders of its own in it.
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o711))?;
    Ok(scratch)
}

/// A `cargo test` that judges, and does not write what it judges.
pub(crate) fn cargo_test(root: &Path) -> Command {
    let mut command = cargo(root, ["test", "--locked", "--no-fail-fast"]);
    command.env_remove(UPDATE).env("INSTA_UPDATE", "no");
    if std::env::var_os(THREADS).is_none() {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        command.env(THREADS, (cores * TESTS_PER_CORE).to_string());
    }
    command
}
