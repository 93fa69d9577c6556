//! The load and replay tool.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use snug_load::bench;
use snug_load::cli::{Cli, Command, ReplayArgs};
use snug_load::replay::replay;
use snug_load::verify::verify;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let clean = match Cli::parse().command {
        Command::Replay(args) => replay_and_report(&args).await?,
        Command::Verify(args) => {
            let verdict = verify(&args).await?;
            println!("{verdict}");
            verdict.findings.is_clean()
        }
        Command::Bench(args) => bench::bench(&args).await?,
        Command::Floor(args) => {
            bench::floor::serve(&args).await?;
            true
        }
    };
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn replay_and_report(args: &ReplayArgs) -> Result<bool> {
    let report = replay(args).await?;
    if let Some(path) = &args.json {
        let json = serde_json::to_vec_pretty(&report).context("encoding the report")?;
        std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{report}");
    Ok(report.is_clean())
}
