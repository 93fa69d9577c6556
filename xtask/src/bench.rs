//! `cargo xtask bench`: Snug measured beside floors and peers, as a release is built.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::machine::{self, EJABBERD, NATS, POSTGRESQL};
use crate::report::{RELEASED, announce, cargo};

/// Builds what is needed, and runs `snug-load bench` against a server that it starts; `arguments` are passed on to it.
pub(crate) fn bench(root: &Path, arguments: &[String]) -> Result<ExitCode> {
    machine::provide(&[&POSTGRESQL, &NATS, &EJABBERD])?;
    let built = run(cargo(root, ["build", "--locked", "--release"]).args(RELEASED))?;
    ensure!(built, "it does not build");
    let mut bench = Command::new(root.join("target/release/snug-load"));
    let met = run(bench.current_dir(root).args(["bench", "--spawn"]).args(arguments))?;
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run(command: &mut Command) -> Result<bool> {
    let name = announce(command);
    Ok(command.status().with_context(|| format!("cannot start {name}"))?.success())
}
