//! The command line.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Replays real conversations through a Snug server, and checks that nothing is lost, doubled or reordered.
#[derive(Debug, Parser)]
#[command(name = "snug-load", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Replays a log as its people, and compares what every reader saw with it. Exits 1 where anything differs.
    Replay(ReplayArgs),
    /// Checks the acknowledgements of an earlier replay against a server. Exits 1 where anything differs.
    Verify(VerifyArgs),
}

/// What `replay` takes.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// The log: a JSON object a line, plain or gzipped.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Which server.
    #[command(flatten)]
    pub target: TargetArgs,
    /// How many sockets are to be open at once, at least, where the log has that many people.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..=20_000))]
    pub sockets: u64,
    /// How many events to replay, from the beginning of the file; all without it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// How often the server is killed with SIGKILL while sends are unanswered, and started again. With PostgreSQL it is
    /// the database every other time.
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "server")]
    pub kills: u64,
    /// Decides who reads, who drops when, when the server is killed, and the ids of messages. Printed in the report.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,
    /// The file that acknowledgements are added to, for `verify`. Without it one in the folder of temporary files, named
    /// by the app; the report says where.
    #[arg(long, value_name = "FILE")]
    pub acks: Option<PathBuf>,
    /// A file that the report is written to as JSON too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Which server.
#[derive(Debug, Clone, Args)]
pub struct TargetArgs {
    /// Start a server of our own on a free port, with its data in a temporary folder.
    #[arg(long, conflicts_with_all = ["server", "KeyArgs"], required_unless_present = "server")]
    pub spawn: bool,
    /// Where the server that is started keeps its data; for PostgreSQL a private one is started too.
    #[arg(long, value_enum, default_value_t = Backend::Sqlite, conflicts_with = "server")]
    pub backend: Backend,
    /// Use this running server.
    #[arg(long, value_name = "URL", requires = "KeyArgs")]
    pub server: Option<String>,
    /// With which key.
    #[command(flatten)]
    pub key: KeyArgs,
    /// The app to use, where the key does not tell it.
    #[arg(long, value_name = "APP", requires = "server")]
    pub app: Option<String>,
}

/// What `verify` takes.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// The file of acknowledgements that `replay` wrote.
    #[arg(long, value_name = "FILE")]
    pub acks: PathBuf,
    /// The server to hold to them.
    #[arg(long, value_name = "URL", requires = "KeyArgs")]
    pub server: String,
    /// With which key.
    #[command(flatten)]
    pub key: KeyArgs,
}

/// An API key.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub struct KeyArgs {
    /// An API key of the app, sk_…; others on the machine can see it while this runs, so rather use --key-file.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A file that holds the API key.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl KeyArgs {
    /// The key that was named.
    ///
    /// # Errors
    /// That none was, or that its file cannot be read.
    pub fn read(&self) -> Result<String> {
        match (&self.key, &self.key_file) {
            (Some(key), _) => Ok(key.clone()),
            (None, Some(file)) => {
                let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
                Ok(text.trim().to_owned())
            }
            (None, None) => bail!("name an API key by --key or --key-file"),
        }
    }
}

/// Where a server keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// In an embedded database.
    Sqlite,
    /// In PostgreSQL.
    Postgres,
}
