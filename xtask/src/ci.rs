//! `cargo xtask ci`: what `cargo xtask test` leaves to CI.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::machine::{self, BUILDERS, CARGO_DENY, EJABBERD, NATS, POSTGRESQL};
use crate::report::{RELEASED, Report, cargo};
use crate::test;

/// Where the data lies that is not part of the project, relative to its root, unless `SNUG_SHARED` says otherwise.
const SHARED: &str = "../shared";

/// Tests that need root, /dev/fuse, the shared data or servers that only they need, as arguments of `cargo test`. One
/// command builds them all, for of each choice of packages Cargo builds the dependencies anew: those of `cargo xtask test`
/// serve this one.
const TESTS: &[&str] = &[
    "--workspace",
    "--features",
    "snug-api/shared,snug-core/vendors,snug-rig/power,snug/power,snug-load/peers",
    "--test",
    "shared",
    "--test",
    "vendors",
    "--test",
    "power",
    "--test",
    "peers",
];

/// Replays, as arguments of `snug-load replay`, each with as many events of the log as CI's time allows.
const REPLAYS: &[&[&str]] = &[
    &["--spawn", "--backend", "sqlite", "--limit", "40000", "--sockets", "500"],
    &["--spawn", "--backend", "sqlite", "--limit", "20000", "--sockets", "500", "--kills", "10"],
    &["--spawn", "--backend", "postgres", "--limit", "20000", "--sockets", "500", "--kills", "10"],
];

/// Small runs of the benchmark, as arguments of `snug-load bench`: that all of it works, on each backend and with all peers.
const BENCHES: &[&[&str]] = &[&["--backend", "sqlite"], &["--backend", "postgres", "--without-peers"]];

/// Runs what needs shared data, root, FUSE, other servers or more time. The last line counts what passed and failed.
pub(crate) fn ci(root: &Path) -> Result<ExitCode> {
    let shared = std::env::var_os("SNUG_SHARED").map_or_else(|| root.join(SHARED), Into::into);
    let shared = shared.canonicalize().with_context(|| format!("the shared data, {}", shared.display()))?;
    machine::provide(&[&CARGO_DENY, &POSTGRESQL, &NATS, &EJABBERD, &BUILDERS])?;
    let mut report = Report::default();
    report.check(&mut cargo(root, ["deny", "--locked", "check", "licenses", "bans", "sources"]));
    report.tests(test::cargo_test(root).args(TESTS).env("SNUG_SHARED", &shared));
    replay(root, &shared, &mut report)?;
    bench(root, &mut report);
    Ok(report.close(&[]))
}

/// Replays real conversations, without and with kills.
fn replay(root: &Path, shared: &Path, report: &mut Report) -> Result<()> {
    let log = shared.join("data/ubuntu-irc.ndjson.gz");
    ensure!(log.is_file(), "{} is missing", log.display());
    report.check(cargo(root, ["build", "--locked", "--release"]).args(RELEASED));
    for arguments in REPLAYS {
        let mut replay = Command::new(root.join("target/release/snug-load"));
        report.check(replay.current_dir(root).arg("replay").arg(&log).args(*arguments));
    }
    Ok(())
}

/// Runs the benchmark with a hundredth of its work, for its failures alone.
fn bench(root: &Path, report: &mut Report) {
    for arguments in BENCHES {
        let mut bench = Command::new(root.join("target/release/snug-load"));
        bench.current_dir(root).args([
            "bench",
            "--spawn",
            "--without-goals",
            "--rounds",
            "1",
            "--divide",
            "100",
        ]);
        report.check(bench.args(*arguments));
    }
}
