//! The server, and the operator's commands. Wiring only: configuration in, running server out.
//!
//! What this crate makes impossible to break: nothing is opened, and no port, before the configuration was read strictly and
//! everything that must not be was refused.

mod cli;
mod commands;
mod config;
#[cfg(feature = "controls")]
mod controls;
mod files;
mod logs;
mod parts;
mod refusals;
mod serve;
mod tls;
mod version;

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use clap::Parser;
use mimalloc::MiMalloc;

use crate::{
    cli::{AuditCommand, Cli, Command, RegionCommand},
    config::{Config, DEFAULTS},
};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How long tasks may take that nobody waits for any more.
const LEFTOVERS_WAIT: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("snug: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(Cli { flags, command }: &Cli) -> Result<ExitCode> {
    match command {
        Command::Version => {
            println!("snug {}, built at {}", version::VERSION, version::written(version::built_at()))
        }
        Command::Token(sign) => commands::tokens::run(sign)?,
        Command::SignMessage(sign) => commands::signed::run(sign)?,
        Command::Config(show) if show.defaults => print!("{DEFAULTS}"),
        Command::Config(_) => {
            let settings = config::settings(flags)?;
            Config::of(&settings)?;
            print!("{}", config::shown(&settings));
        }
        Command::Audit(AuditCommand::Receipt(receipts)) => {
            return Ok(sound(commands::audit::receipts(receipts)?));
        }
        Command::Audit(AuditCommand::Verify(verify)) => return Ok(sound(commands::audit::verify(verify)?)),
        command => return with_store(&Config::of(&config::settings(flags)?)?, command),
    }
    Ok(ExitCode::SUCCESS)
}

/// How a command ends that has found so much that is wrong.
fn sound(found: usize) -> ExitCode {
    if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Does what needs the stores, on a runtime of its own.
fn with_store(config: &Config, command: &Command) -> Result<ExitCode> {
    logs::start(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot start")?;
    let done = runtime.block_on(async {
        match command {
            Command::Serve => serve::serve(config).await?,
            Command::App(command) => commands::apps::run(config, command).await?,
            Command::Key(command) => commands::keys::run(config, command).await?,
            Command::Keys(command) => commands::rotate::run(config, command).await?,
            Command::Region(RegionCommand::Report(report)) => {
                commands::regions::report(config, report).await?
            }
            Command::Audit(command) => return Ok(sound(commands::audit::run(config, command).await?)),
            Command::Check => return Ok(sound(commands::check::run(config).await?)),
            Command::Backup(backup) => commands::backup::back_up(config, backup).await?,
            Command::Restore(restore) => commands::backup::restore(config, restore).await?,
            Command::AcceptClock => commands::clock::run(config).await?,
            Command::Config(_) | Command::Token(_) | Command::SignMessage(_) | Command::Version => {}
        }
        Ok(ExitCode::SUCCESS)
    });
    // The last hold on the stores goes with the last task: then they are closed.
    runtime.shutdown_timeout(LEFTOVERS_WAIT);
    done
}
