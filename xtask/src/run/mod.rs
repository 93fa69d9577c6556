//! `cargo xtask run`: a server to try, with an app and two people in it, and commands to paste.

mod demo;
mod http;

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};

use self::demo::Demo;
use crate::report::{announce, cargo};

/// Where the server listens.
const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8484);

/// Where its data lies, in the folder of the workspace.
const DATA: &str = "snug-data";

/// How often it is asked whether it is ready.
const READY_INTERVAL: Duration = Duration::from_millis(20);

/// Builds, serves and explains, until the server ends or a signal says so.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    build(root, &["--package", "snug"])?;
    build(root, &["--package", "snug-client", "--example", "talk"])?;
    ensure!(TcpStream::connect(ADDRESS).is_err(), "something already listens on {ADDRESS}");
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve(root))
}

/// Builds what tests are built with too, with optimised dependencies: soon there, and fast enough to try.
fn build(root: &Path, what: &[&str]) -> Result<()> {
    let mut command = cargo(root, ["build", "--locked"]);
    let line = announce(command.args(what));
    ensure!(command.status()?.success(), "`{line}` failed");
    Ok(())
}

async fn serve(root: &Path) -> Result<ExitCode> {
    // From here on a signal is taken by us, and the server is told to stop in order.
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut server = tokio::process::Command::from(snug(root))
        .arg("serve")
        // A group of its own: what is typed on the terminal interrupts us alone, and the server hears of it once.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .context("the server cannot be started")?;
    until_ready(&mut server).await?;
    let demo = Demo::open(root, ADDRESS)?;
    println!("{}", demo.explained());
    tokio::select! {
        status = server.wait() => bail!("the server ended by itself: {}", status?),
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    stop(&mut server).await
}

/// The binary with the configuration of this server.
fn snug(root: &Path) -> Command {
    let mut command = Command::new(root.join("target/debug/snug"));
    command.current_dir(root).env("SNUG_LISTEN", ADDRESS.to_string()).env("SNUG_DATA_DIR", data(root));
    command
}

fn data(root: &Path) -> PathBuf {
    root.join(DATA)
}

async fn until_ready(server: &mut Child) -> Result<()> {
    while !http::get(ADDRESS, "/readyz").is_ok_and(|answer| answer.status == 200) {
        if let Some(status) = server.try_wait()? {
            bail!("the server does not start: {status}");
        }
        tokio::time::sleep(READY_INTERVAL).await;
    }
    Ok(())
}

/// Has the server stop as a supervisor would.
async fn stop(server: &mut Child) -> Result<ExitCode> {
    let pid = server.id().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
    if let Some(pid) = pid {
        kill_process(pid, Signal::TERM).context("the server cannot be stopped")?;
    }
    let status = server.wait().await?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
